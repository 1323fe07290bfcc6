"""``emohub train``: a recipe becomes a trained, measured checkpoint."""

import json
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from emohub.cli.app import app, messages, output
from emohub.cli.tables import results_table
from emohub.errors import UsageError
from emohub.layout import project_root
from emohub.recipe import load_recipe

if TYPE_CHECKING:
    from emohub.recipe import Recipe
    from emohub.record import RunRecord
    from emohub.train import Progress


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a built-in recipe, or path of a TOML file.", metavar="RECIPE")],
    base_model: Annotated[
        str | None, typer.Option(help="Hub id or folder to start from, instead of the recipe's.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with the corpus as parquet files, instead of the Hub.")
    ] = None,
    texts: Annotated[
        list[Path] | None,
        typer.Option(help="Text file (one text a line) or table for the masked_lm stage; may be repeated."),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(help="Run folder to make, or with an unfinished run to go on with; runs/<run id> when not given."),
    ] = None,
    stage: Annotated[
        Literal["masked_lm", "classification"] | None,
        typer.Option(help="The only stage to run of a recipe that has two."),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Stop each stage after so many optimizer steps; the schedule is made for them."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a recipe key for this run; may be repeated."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on with an unfinished run in --output-dir, or discard it.")
    ] = True,
    checkpoint_minutes: Annotated[
        float, typer.Option(min=0, help="Write a checkpoint to go on from whenever so many minutes have passed.")
    ] = 10.0,
    auto_batch: Annotated[
        bool,
        typer.Option(
            "--auto-batch/--no-auto-batch",
            help="When memory runs out, halve the per-device batch and double the accumulation.",
        ),
    ] = True,
    log_with: Annotated[
        Literal["tensorboard", "trackio", "wandb"] | None,
        typer.Option(help="Tracker that gets every step's figures; each is an extra of emohub."),
    ] = None,
    progress: Annotated[
        Literal["bar", "json", "quiet"],
        typer.Option(help="A bar, one JSON object a line on standard output, or the run folder alone at the end."),
    ] = "bar",
) -> None:
    """Train as a recipe says; the run folder gets `checkpoint/`, `run.json` and `learning_curves.png`.

    Ctrl-C or SIGTERM finishes the step and saves; the same command with `--output-dir` goes on.

    Example: `emohub train minilm-emotion --data-dir data --set num_train_epochs=1`

    On several processes: `accelerate launch -m emohub.train minilm-emotion`
    """
    overrides = parse_settings(settings or [])
    declared = load_recipe(recipe)
    from emohub.train import train as run

    folder = output_dir
    display = {"bar": TrainingBar, "json": JsonLines, "quiet": Quiet}[progress](declared)
    with display:
        record = run(
            declared,
            stage=stage,
            base_model=base_model,
            data_dir=data_dir,
            texts=texts or (),
            output_dir=folder,
            max_steps=max_steps,
            overrides=overrides,
            resume=resume,
            checkpoint_minutes=checkpoint_minutes,
            auto_batch=auto_batch,
            log_with=log_with,
            on_progress=display.update,
        )
    if display.used:  # the main process alone reports
        display.finish(record, folder or project_root() / "runs" / record.run_id)


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """``key=value`` pairs as a dictionary; values are read as TOML, and as plain text where that fails.

    Raises:
        UsageError: a pair has no ``=``.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {setting!r} is no KEY=VALUE", "write for example --set learning_rate=1e-4")
        try:
            values[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = text
    return values


class Quiet:
    """Says where the run is when it is done, and nothing before."""

    def __init__(self, recipe: "Recipe") -> None:
        self.recipe = recipe
        self.used = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left behind."""

    def update(self, progress: "Progress") -> None:  # noqa: ARG002 - it is quiet
        """Take note that this process is the one that reports."""
        self.used = True

    def finish(self, record: "RunRecord", folder: Path) -> None:  # noqa: ARG002 - the folder holds it
        """The run folder."""
        typer.echo(folder)


class JsonLines(Quiet):
    """One JSON object a line on standard output, for programs: each step, then the end."""

    def update(self, progress: "Progress") -> None:
        """A step: everything that is known of it."""
        super().update(progress)
        values = {each.name: getattr(progress, each.name) for each in fields(progress)}
        values["row"] = progress.row and progress.row.model_dump(mode="json")
        values["findings"] = [finding.model_dump(mode="json") for finding in progress.findings]
        typer.echo(json.dumps({"event": "step", **values}))

    def finish(self, record: "RunRecord", folder: Path) -> None:
        """Where the run is and what was exported."""
        exported = record.exported.model_dump(mode="json")
        typer.echo(json.dumps({"event": "finished", "folder": str(folder), "exported": exported}))


class TrainingBar(Quiet):
    """A progress bar with loss, rate, padding and time left, and a line for each evaluation and each finding."""

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(recipe)
        self.bar = ProgressBar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f} · {task.fields[rate]:.0f}/s · {task.fields[padding]:.0%} padding"),
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
        super().update(progress)
        figures: dict[str, Any] = {
            "loss": progress.loss,
            "rate": progress.samples_per_second,
            "padding": progress.padding_share,
        }
        if progress.stage not in self.tasks:
            self.tasks[progress.stage] = self.bar.add_task(progress.stage, total=progress.total_steps, **figures)
        self.bar.update(self.tasks[progress.stage], completed=progress.step, **figures)
        if progress.row is not None:
            row = progress.row
            shown = " · ".join(f"{name} {row.metrics[name]:.4f}" for name in shown_metrics(self.recipe, progress.stage))
            self._say(
                f"epoch {row.epoch:.2f} · step {row.step} · training loss {row.training_loss:.4f} · "
                f"validation loss {row.validation_loss:.4f}{' · ' if shown else ''}{shown}"
            )
        for finding in progress.findings:
            self._say(
                f"[yellow]Noticed at step {progress.step}:[/] {escape(finding.message)} {escape(finding.remedy)}."
            )

    def finish(self, record: "RunRecord", folder: Path) -> None:
        """The results and what was noticed before the first step, and what to do next."""
        show_run(record, shown_metrics(self.recipe, record.stage), folder)

    def _say(self, line: str) -> None:
        messages.print(line, highlight=False, soft_wrap=True)


def shown_metrics(recipe: "Recipe", stage: str) -> tuple[str, ...]:
    """The metrics that a stage's results table shows."""
    return recipe.evaluation.metrics if stage == "classification" else ("perplexity",)


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
    for finding in record.findings:
        when = "in the data" if finding.kind == "data" else f"at step {finding.step}"
        output.print(f"Noticed {when}: {escape(finding.message)} {escape(finding.remedy)}.", soft_wrap=True)
    output.print(
        f"Exported step {record.exported.step} ({record.exported.rule}) in {record.exported.dtype}, "
        f"{record.exported.size_bytes / 1e6:.1f} MB, to {folder}",
        soft_wrap=True,
    )
    if record.stage == "masked_lm":
        output.print(
            f"Next: emohub train {record.recipe['name']} --stage classification --base-model {folder}", soft_wrap=True
        )
        return
    output.print(
        f"Next: emohub evaluate {folder} --corpus {record.recipe['corpus']['name']} --split test", soft_wrap=True
    )
