"""``emohub train``: a recipe becomes a trained, measured checkpoint."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from emohub.cli.app import app, messages, output
from emohub.cli.tables import results_table
from emohub.errors import UsageError
from emohub.recipe import load_recipe

if TYPE_CHECKING:
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
    output_dir: Annotated[Path | None, typer.Option(help="Run folder to make; runs/<run id> when not given.")] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many optimizer steps; the schedule is made for them.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a recipe key for this run; may be repeated."),
    ] = None,
) -> None:
    """Fine-tune as a recipe says; the run folder gets `checkpoint/` and `run.json`.

    Example: `emohub train minilm-emotion --data-dir data --set num_train_epochs=1`

    On several processes: `accelerate launch -m emohub.train minilm-emotion`
    """
    overrides = parse_settings(settings or [])
    declared = load_recipe(recipe)

    from emohub.train import train as run

    display = TrainingDisplay(declared.evaluation.metrics)
    with display.bar:
        record = run(
            declared,
            base_model=base_model,
            data_dir=data_dir,
            output_dir=output_dir,
            max_steps=max_steps,
            overrides=overrides,
            on_progress=display.update,
        )
    if display.used:  # the main process alone reports
        show_run(record, declared.evaluation.metrics, output_dir or Path("runs") / record.run_id)


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


class TrainingDisplay:
    """A progress bar with loss, rate and time left, and a line for each evaluation."""

    def __init__(self, metrics: tuple[str, ...]) -> None:
        self.metrics = metrics
        self.used = False
        self.bar = ProgressBar(
            TextColumn("training"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f} · {task.fields[rate]:.0f} texts/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=messages,
        )
        self.task = self.bar.add_task("training", total=None, loss=float("nan"), rate=0.0, visible=False)

    def update(self, progress: "Progress") -> None:
        """Show where the run is."""
        self.used = True
        self.bar.update(
            self.task,
            completed=progress.step,
            total=progress.total_steps,
            loss=progress.loss,
            rate=progress.samples_per_second,
            visible=True,
        )
        if progress.row is not None:
            row = progress.row
            figures = " · ".join(f"{name} {row.metrics[name]:.4f}" for name in self.metrics)
            messages.print(
                f"epoch {row.epoch:.2f} · step {row.step} · training loss {row.training_loss:.4f} · "
                f"validation loss {row.validation_loss:.4f} · {figures}",
                highlight=False,
                soft_wrap=True,
            )


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
        f"{record.exported.size_bytes / 1e6:.1f} MB, to {folder}",
        soft_wrap=True,
    )
    output.print(
        f"Next: emohub evaluate {folder} --corpus {record.recipe['corpus']['name']} --split test", soft_wrap=True
    )
