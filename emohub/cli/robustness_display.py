"""How the robustness of a model is shown in a terminal."""

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from emohub.cli.app import output
from emohub.cli.tables import interval_range, results_table

if TYPE_CHECKING:
    from emohub.record import RobustnessRecord


def show_robustness(record: "RobustnessRecord") -> None:
    """Every test with its failures; a star marks a weak spot."""
    output.print(f"[bold]{escape(record.model.id)}[/] on {escape(record.corpus)}, {record.split}", highlight=False)
    output.print(
        f"{record.texts:,} texts, answered with an accuracy of {record.accuracy.value:.4f} as they stand",
        highlight=False,
    )
    output.print(_tests_table(record))
    if record.probes:
        output.print(_probes_table(record))
    if record.unfamiliar:
        output.print(_unfamiliar_table(record))
    output.print("\n* a weak spot: surely more than 5%, by the 95% interval", highlight=False, markup=False)
    for sentence in record.left_out:
        output.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _star(weak: bool) -> str:
    return " *" if weak else ""


def _tests_table(record: "RobustnessRecord") -> Table:
    table = results_table("Tests", ["Test"], ["Texts", "Fail", "Interval", "Accuracy"])
    for test in record.tests:
        change = test.accuracy_change
        table.add_row(
            escape(f"{test.name}{_star(test.is_weak)}"),
            f"{test.texts:,}",
            f"{test.failure_rate.value:.4f}",
            interval_range(test.failure_rate),
            "–" if change is None else f"{change.value:+.4f}",
        )
    return table


def _probes_table(record: "RobustnessRecord") -> Table:
    table = results_table("The same sentences about different people", ["Group"], ["Probability", "Less the mean"])
    for probe in record.probes:
        table.add_row(f"[bold]{escape(probe.name)}[/]{_star(probe.is_weak)}", f"spread {probe.spread.value:.4f}", "")
        for group in probe.groups:
            difference = f"{group.difference.value:+.4f} ({interval_range(group.difference)})"
            table.add_row(f"  {escape(group.group)}", f"{group.probability:.4f}", difference)
    return table


def _unfamiliar_table(record: "RobustnessRecord") -> Table:
    table = results_table("Texts of another kind", ["Texts"], ["Number", "Mean confidence", "Sure"])
    table.add_row(f"{escape(record.corpus)}, {record.split}", f"{record.texts:,}", f"{record.confidence:.4f}", "–")
    for other in record.unfamiliar:
        name = escape(f"{other.name}{_star(other.is_weak)}")
        table.add_row(name, f"{other.texts:,}", f"{other.confidence.value:.4f}", f"{other.sure.value:.4f}")
    return table
