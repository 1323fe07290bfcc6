"""``emohub cascade``: two models that answer as one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from emohub.cli.app import app, messages, output
from emohub.cli.options import DataDir, Format
from emohub.cli.progress import progress
from emohub.cli.tables import interval_range, results_table

if TYPE_CHECKING:
    from emohub.record import Interval
    from emohub.record.cascade import CascadePoint, CascadeRecord

_SHOWN_SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Shares of the texts that the table shows the curve at, beside its ends and the choice."""


@app.command()
def cascade(
    small: Annotated[str, typer.Argument(metavar="SMALL", help="The model that answers where it is sure.")],
    large: Annotated[str, typer.Argument(metavar="LARGE", help="The model that answers the rest.")],
    corpus: Annotated[str, typer.Option(help="A corpus by name, or the path of its declaration (TOML).")],
    data_dir: DataDir = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(help="The folder that becomes the cascade; by default runs/SMALL-LARGE."),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(min=0, max=1, help="Accuracy that may be lost, at the far end of a 95% interval."),
    ] = 0.005,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind the 95% intervals.")] = 9999,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    format_: Format = "table",
) -> None:
    """Make a cascade of two models: the small one answers where it is sure, the large one the rest.

    Every threshold of sureness is tried on the validation split; the cheapest is kept at which the cascade is not less
    accurate than the large model by more than the margin. The folder can then be named wherever a model can.

    Example: `emohub cascade tiny-emotion minilm-emotion --corpus emotion --output-dir models/emotion-cascade`
    """
    from emohub.cascade import make_cascade
    from emohub.layout import CASCADE_FILE, CASCADE_PICTURE_FILE
    from emohub.recipe import load_corpus

    declared = load_corpus(corpus)
    folder = output_dir or Path("runs", f"{_name(small)}-{_name(large)}")
    with progress() as report:
        record = make_cascade(
            small,
            large,
            declared,
            data_dir=data_dir,
            output_dir=folder,
            margin=margin,
            resamples=resamples,
            seed=seed,
            on_progress=report,
        )
    if format_ == "json":
        typer.echo(record.model_dump_json(indent=2))
    else:
        show_cascade(record)
    messages.print(
        f"Wrote {folder / CASCADE_FILE} and {CASCADE_PICTURE_FILE}", highlight=False, markup=False, soft_wrap=True
    )


def _name(model: str) -> str:
    """A model's name as a part of a folder's."""
    from emohub.layout import CHECKPOINT_FOLDER, find_model

    found = find_model(model)
    if found is None:
        return model.strip("/").replace("/", "--")
    folder = found.resolve()
    return folder.parent.name if folder.name == CHECKPOINT_FOLDER else folder.name


def show_cascade(record: "CascadeRecord") -> None:
    """Print the three models' figures, the curve at a few shares, and what the choice means."""
    small, large = record.small.model.id, record.large.model.id
    output.print(
        f"[bold]{escape(small)}[/], then [bold]{escape(large)}[/], on {escape(record.corpus)}, {record.split} split: "
        f"{record.data.rows:,} rows",
        highlight=False,
        soft_wrap=True,
    )
    models = results_table("Models", ["Model"], ["Accuracy", "Interval", "Macro F1", "Multiply-adds"])
    for name, metrics, cost in (
        (f"{small} alone", record.small.metrics, record.small.multiply_adds),
        (f"{large} alone", record.large.metrics, record.large.multiply_adds),
        ("the cascade", record.metrics, record.chosen.multiply_adds),
    ):
        models.add_row(escape(name), *_figures(metrics), _millions(cost))
    output.print(models)
    columns = ["Threshold", "Accuracy", "Macro F1", "Loss", "At most", "Multiply-adds"]
    curve = results_table(f"Texts that {large} answers, by threshold", ["Share"], columns)
    for point in _shown(record):
        style = "bold" if point == record.chosen else ""
        curve.add_row(
            f"{'> ' if point == record.chosen else ''}{point.share:.1%}",
            f"{point.threshold:.4f}",
            f"{point.accuracy.value:.4f}",
            f"{point.macro_f1:.4f}",
            f"{0 - point.difference.value:.4f}",
            f"{0 - point.difference.low:.4f}",
            _millions(point.multiply_adds),
            style=style,
        )
    output.print(curve)
    output.print(_verdict(record), highlight=False, markup=False, soft_wrap=True)


def _figures(metrics: "dict[str, Interval]") -> tuple[str, str, str]:
    accuracy, macro_f1 = metrics["accuracy"], metrics["macro_f1"]
    return f"{accuracy.value:.4f}", interval_range(accuracy), f"{macro_f1.value:.4f}"


def _millions(cost: float | None) -> str:
    return "–" if cost is None else f"{cost / 1e6:,.1f} M"


def _shown(record: "CascadeRecord") -> "list[CascadePoint]":
    """The ends of the curve, the choice, and the points next above a few shares; by share, none twice."""
    points = [record.points[0], record.chosen, record.points[-1]]
    points += [next(point for point in record.points if point.share >= share) for share in _SHOWN_SHARES]
    return sorted({point.asked: point for point in points}.values(), key=lambda point: point.asked)


def _verdict(record: "CascadeRecord") -> str:
    """What comes of the choice, in a sentence."""
    small, large, chosen = record.small.model.id, record.large.model.id, record.chosen
    if chosen.asked == 0:
        return f"{small} alone is within {record.margin:.4f} of {large}: nothing is left for {large} to answer."
    if chosen.asked == record.data.rows:
        return f"No threshold is sure to stay within {record.margin:.4f} of {large}: {large} answers all."
    saves = record.saves
    cost = "" if saves is None else f", with {abs(saves):.0%} {'fewer' if saves >= 0 else 'more'} multiply-adds"
    return (
        f"{small} answers {1 - chosen.share:.1%} of the texts, {large} the other {chosen.share:.1%}{cost}. "
        "The threshold was chosen on this split: measure the cascade on test."
    )
