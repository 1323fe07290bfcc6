"""``emohub runs``: what has been trained, best first, and what two runs differ in."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from emohub.cli.app import app, messages, output
from emohub.cli.tables import results_table
from emohub.errors import UsageError

if TYPE_CHECKING:
    from emohub.runs import Difference, RunsOfCorpus, UnfinishedRun

runs = typer.Typer()
app.add_typer(runs, name="runs")

Format = Annotated[Literal["table", "json"], typer.Option("--format", help="What is printed.")]


@runs.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Folder with the runs; runs/ of the project when not given.")
    ] = None,
    corpus: Annotated[str | None, typer.Option(help="Only the runs on the corpus of that name.")] = None,
    sort_by: Annotated[
        str | None,
        typer.Option(metavar="FIGURE", help="Validation figure to sort by, instead of what chose the checkpoints."),
    ] = None,
    format_: Format = "table",
) -> None:
    """List what has been trained, the best of each corpus first, and what is unfinished.

    Runs are sorted by a validation figure of the exported checkpoint, never by a test figure.

    Example: `emohub runs --corpus emotion --sort-by macro_f1`

    Example: `emohub runs diff runs/first runs/second`
    """
    if context.invoked_subcommand is not None:
        return
    from emohub import layout
    from emohub.runs import list_runs

    folder = directory or layout.project_root() / "runs"
    if directory is not None and not directory.is_dir():
        raise UsageError(f"there is no folder {directory}", "give --dir the folder that the runs are in")
    found = list_runs(folder, corpus=corpus, sort_by=sort_by)
    if format_ == "json":
        typer.echo(found.model_dump_json(indent=2))
        return
    for group in found.finished:
        _show_group(group)
    if found.unfinished:
        _show_unfinished(found.unfinished)
    for sentence in found.unreadable:
        messages.print(f"Left out: {escape(sentence)}.", highlight=False, soft_wrap=True)
    if not (found.finished or found.unfinished):
        what = f"of the corpus {corpus} " if corpus else ""
        messages.print(f"There are no runs {what}in {folder}. Make one: emohub train RECIPE", markup=False)


@runs.command()
def diff(
    first: Annotated[str, typer.Argument(help="A run folder, or a name under runs/ or cards/.", metavar="A")],
    second: Annotated[str, typer.Argument(help="The run to hold against it.", metavar="B")],
    format_: Format = "table",
) -> None:
    """Show what two finished runs differ in: recipe, data, environment, results. What they share is left out.

    Example: `emohub runs diff runs/first runs/second --format json`
    """
    from emohub.runs import diff_runs

    found = diff_runs(first, second)
    if format_ == "json":
        typer.echo(found.model_dump_json(indent=2))
        return
    sections = dict.fromkeys(each.section for each in found.differences)
    for section in sections:
        table = results_table(section.capitalize(), ["Key", first, second], [])
        for each in found.differences:
            if each.section == section:
                table.add_row(each.key, _shown(each.first), _shown(each.second) + _change(each))
        output.print(table)
    if not sections:
        output.print("The two runs do not differ.")


def _show_group(group: "RunsOfCorpus") -> None:
    figure = group.sorted_by.replace("_", " ")
    figures = [f"validation\n{figure}", *(["loss"] if group.sorted_by != "loss" else []), f"test\n{figure}"]
    table = results_table(
        f"{group.corpus}, by {figure} on validation", ["Run"], [*figures, "exported\nstep", "minutes"]
    )
    for run in group.runs:
        cells = [_figure(run.validation, group.sorted_by)]
        cells += [_figure(run.validation, "loss")] if group.sorted_by != "loss" else []
        cells += [_figure(run.test or {}, group.sorted_by), f"{run.exported_step:,} of {run.steps_run:,}"]
        table.add_row(escape(run.name), *cells, f"{run.training_seconds / 60:,.1f}")
    output.print(table)


def _show_unfinished(unfinished: "tuple[UnfinishedRun, ...]") -> None:
    table = results_table("Unfinished; the same command in the same folder goes on with it", ["Run"], ["saved at step"])
    for run in unfinished:
        table.add_row(escape(run.name), "–" if run.step is None else f"{run.step:,}")
    output.print(table)


def _figure(figures: dict[str, float], name: str) -> str:
    return f"{figures[name]:.4f}" if name in figures else "–"


def _shown(value: Any) -> str:
    """A value for a narrow column: no more digits than matter, of a fingerprint its beginning."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return escape(f"{text[:12]}…" if len(text) in (40, 64) and text.isalnum() else text)


def _change(difference: "Difference") -> str:
    """How much a result changed."""
    if difference.section != "results" or difference.change is None:
        return ""
    return f" ({difference.change:+,.0f})" if difference.change.is_integer() else f" ({difference.change:+.4f})"
