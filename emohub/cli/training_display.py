"""How a run is shown while it trains and when it is done: for a person, for a program, or hardly at all."""

import json
import os
import shlex
import signal
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from emohub.cli.app import messages, output
from emohub.cli.tables import results_table

if TYPE_CHECKING:
    from emohub.recipe import Recipe
    from emohub.record import RunRecord
    from emohub.train import Progress, RangeTest


class Quiet:
    """Says where the run is when it is done, and nothing before."""

    def __init__(self, recipe: "Recipe") -> None:
        self.recipe = recipe

    def __enter__(self) -> Self:
        """Keep standard output for what is said here, to the end: trackers talk too, some as the process exits."""
        self.stdout = sys.stdout
        sys.stdout = sys.stderr
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left behind on the terminal."""

    def update(self, progress: "Progress") -> None:
        """Nothing: it is quiet."""

    def teaching(self, done: int, total: int) -> None:
        """Nothing: it is quiet."""

    def finish(self, record: "RunRecord", folder: Path) -> None:  # noqa: ARG002 - the folder holds it
        """The run folder."""
        typer.echo(folder, file=self.stdout)

    def finish_range_test(self, test: "RangeTest", folder: Path) -> None:  # noqa: ARG002 - the folder holds it
        """The folder with the figures and the picture."""
        typer.echo(folder, file=self.stdout)


class JsonLines(Quiet):
    """One JSON object a line on standard output, for programs: each step, then the end."""

    def update(self, progress: "Progress") -> None:
        """A step: everything that is known of it."""
        values = {each.name: getattr(progress, each.name) for each in fields(progress)}
        values["row"] = progress.row and progress.row.model_dump(mode="json")
        values["findings"] = [finding.model_dump(mode="json") for finding in progress.findings]
        self._tell({"event": "step", **values})

    def teaching(self, done: int, total: int) -> None:
        """How many texts the teachers have answered."""
        self._tell({"event": "teaching", "done": done, "total": total})

    def finish(self, record: "RunRecord", folder: Path) -> None:
        """Where the run is and what was exported."""
        exported = record.exported.model_dump(mode="json")
        typer.echo(json.dumps({"event": "finished", "folder": str(folder), "exported": exported}), file=self.stdout)

    def finish_range_test(self, test: "RangeTest", folder: Path) -> None:
        """Where the figures are and which rate is suggested."""
        values = {"event": "finished", "folder": str(folder), "suggestion": test.suggestion}
        typer.echo(json.dumps(values), file=self.stdout)

    def _tell(self, event: dict[str, Any]) -> None:
        try:
            typer.echo(json.dumps(event), file=self.stdout)
        except BrokenPipeError:  # nobody reads on, as behind "| head": stop as if asked to, with the step saved
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stdout.fileno())
            signal.raise_signal(signal.SIGTERM)


class TrainingBar(Quiet):
    """A progress bar with loss, rate, padding and time left, and a line for each evaluation and each finding."""

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(recipe)
        self.bar = ProgressBar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=messages,
        )
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self.bar.stop()

    def update(self, progress: "Progress") -> None:
        """Show where the run is; each stage has its own bar."""
        figures = (
            f"loss {progress.loss:.4f} · {progress.samples_per_second:.0f}/s · {progress.padding_share:.0%} padding"
        )
        self._show(progress.stage, progress.step, progress.total_steps, figures)
        if progress.row is not None:
            row = progress.row
            shown = " · ".join(f"{name} {row.metrics[name]:.4f}" for name in shown_metrics(self.recipe, progress.stage))
            self._say(
                f"epoch {row.epoch:.2f} · step {row.step} · training loss {row.training_loss:.4f} · "
                f"validation loss {row.validation_loss:.4f}{' · ' if shown else ''}{shown}"
            )
        for finding in progress.findings:
            when = "in the data" if finding.step is None else f"at step {finding.step}"
            self._say(f"[yellow]Noticed {when}:[/] {escape(finding.sentence)}")

    def teaching(self, done: int, total: int) -> None:
        """How many texts the teachers have answered."""
        self._show("teachers", done, total, "texts answered")

    def finish(self, record: "RunRecord", folder: Path) -> None:
        """The results, and what to do next."""
        show_run(record, shown_metrics(self.recipe, record.stage), folder)

    def finish_range_test(self, test: "RangeTest", folder: Path) -> None:
        """Which rate is suggested, by which rule, and where the picture is."""
        if test.suggestion is None:
            said = "No learning rate can be suggested: the loss never fell, or fell to the end."
        else:
            said = f"Try --set learning_rate={test.suggestion:.1e}"
        output.print(f"{said} ({escape(test.rule)})", highlight=False, soft_wrap=True)
        output.print(f"Look at {folder / 'range_test.png'}; all figures are in range_test.json", soft_wrap=True)

    def _show(self, name: str, done: int, total: int, figures: str) -> None:
        if name not in self.tasks:
            self.tasks[name] = self.bar.add_task(name, total=total, figures=figures)
        self.bar.update(self.tasks[name], completed=done, figures=figures)

    def _say(self, line: str) -> None:
        messages.print(line, highlight=False, soft_wrap=True)


def shown_metrics(recipe: "Recipe", stage: str) -> tuple[str, ...]:
    """The metrics that a stage's results table shows."""
    return ("perplexity",) if stage == "masked_lm" else recipe.evaluation.metrics


def show_run(record: "RunRecord", metrics: tuple[str, ...], folder: Path) -> None:
    """The results table with the exported row in bold, and what to do next."""
    columns = ["training\nloss", "epoch", "step", "validation\nloss", *(name.replace("_", "\n") for name in metrics)]
    table = results_table(f"{record.recipe['name']}: validation", [], columns)
    for row in record.history:
        exported = row.step == record.exported.step
        training_loss = "–" if row.training_loss is None else f"{row.training_loss:.4f}"
        cells = [training_loss, f"{row.epoch:.2f}", str(row.step), f"{row.validation_loss:.4f}"]
        cells += [f"{row.metrics[name]:.4f}" for name in metrics]
        table.add_row(*cells, style="bold" if exported else "")
    output.print(table)
    output.print(
        f"Exported step {record.exported.step} ({record.exported.rule}) in {record.exported.dtype}, "
        f"{record.exported.size_bytes / 1e6:.1f} MB, to {escape(str(folder))}",
        soft_wrap=True,
    )
    if (calibration := record.exported.calibration) is not None:
        before, after = calibration.before.log_loss, calibration.after.log_loss
        output.print(
            f"Calibrated by the temperature {calibration.temperature:.3g}: validation log loss {before:.4f} without it"
            f", {after:.4f} with it",
            highlight=False,
            soft_wrap=True,
        )
    if record.energy is not None:
        emitted = "" if record.energy.kg_co2e is None else f", {1000 * record.energy.kg_co2e:.3g} g CO2e"
        output.print(
            f"Energy {1000 * record.energy.kilowatt_hours:.3g} Wh{emitted} ({escape(record.energy.method)})",
            highlight=False,
            soft_wrap=True,
        )
    from emohub.recipe import list_corpora, list_recipes

    named = escape(shlex.quote(str(folder)))
    recipe, corpus = record.recipe["name"], record.recipe["corpus"]["name"]
    if record.stage == "masked_lm":
        following = "distillation" if record.recipe.get("distillation") else "classification"
        output.print(
            f"Next: emohub train {recipe if recipe in list_recipes() else 'RECIPE.toml'} --stage {following} "
            f"--base-model {named}",
            soft_wrap=True,
        )
        return
    output.print(
        f"Next: emohub evaluate {named} --corpus {corpus if corpus in list_corpora() else 'RECIPE.toml'} --split test",
        soft_wrap=True,
    )
