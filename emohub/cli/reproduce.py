"""``emohub reproduce``: a documented recipe, trained here and held against its document."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from emohub.cli.app import app, output
from emohub.cli.options import BaseModel, DataDir, Format, RecipeName, Settings, Texts
from emohub.cli.progress import progress
from emohub.cli.tables import results_table
from emohub.cli.train import parse_settings
from emohub.cli.training_display import TrainingBar

if TYPE_CHECKING:
    from emohub.reproduce import ComparedFigure, Reproduction


@app.command()
def reproduce(
    recipe: RecipeName,
    base_model: BaseModel = None,
    data_dir: DataDir = None,
    texts: Texts = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            help="Run folder: a finished run in it is taken as it is, an unfinished one goes on; "
            "runs/RECIPE-reproduction when not given."
        ),
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many optimizer steps; then nothing can be judged.")
    ] = None,
    settings: Settings = None,
    split: Annotated[
        Literal["validation", "test"],
        typer.Option(help="Split to measure the export on; documented figures come from that of the training."),
    ] = "validation",
    format_: Format = "table",
) -> None:
    """Train a documented recipe, measure it, and compare with every documented figure; see `reproduction.json`.

    Example: `emohub reproduce bert-tiny-emotion --base-model models/minilm-emotion`
    """
    from emohub.recipe import load_recipe

    overrides = parse_settings(settings or [])
    declared = load_recipe(recipe)

    from emohub.reproduce import reproduce as run

    display = TrainingBar(declared)
    with display, progress() as report:
        found = run(
            declared,
            base_model=base_model,
            data_dir=data_dir,
            texts=texts or (),
            output_dir=output_dir,
            max_steps=max_steps,
            overrides=overrides,
            split=split,
            on_progress=display.update,
            on_evaluation=partial(report, "Classifying"),
        )
    if format_ == "json":
        typer.echo(found.model_dump_json(indent=2))
    else:
        show_reproduction(found)


def show_reproduction(found: "Reproduction") -> None:
    """Every documented figure beside ours, what differs in this run, what is inferred, and the rule."""
    table = results_table(
        f"{found.documented_name}: documented, and measured here",
        ["Where", "Figure", "Verdict"],
        ["Docu-\nmented", "Measured", "Differ-\nence", "95% interval of\nthe difference"],
    )
    shown = None
    for figure in found.figures:
        place = _place(figure)
        if place != shown and shown is not None:
            table.add_section()
        table.add_row(
            "" if place == shown else escape(place),
            escape(figure.measured_as),
            figure.verdict,
            f"{figure.documented:.4f}",
            f"{figure.measured:.4f}",
            f"{figure.difference:+.4f}",
            "–" if figure.interval is None else f"{figure.interval[0]:+.4f} to {figure.interval[1]:+.4f}",
        )
        shown = place
    output.print(table)
    reasons = dict.fromkeys(f"Cannot be judged: {figure.reason}." for figure in found.figures if figure.reason)
    measured_on = f"The export was measured on the {found.data.rows:,} rows of {found.split}."
    _list("About this run", [measured_on, *found.caveats, *reasons])
    _list("What is inferred about the document", [note.text for note in found.notes if note.inferred])
    output.print(f"\n[bold]Rule[/]\n{escape(found.rule)}", highlight=False)


def _place(figure: "ComparedFigure") -> str:
    same = figure.documented_at == figure.measured_at
    return figure.documented_at if same else f"{figure.documented_at}:\n{figure.measured_at}"


def _list(title: str, lines: list[str]) -> None:
    output.print(f"\n[bold]{title}[/]")
    for line in lines:
        output.print(f"- {escape(line)}", highlight=False)
