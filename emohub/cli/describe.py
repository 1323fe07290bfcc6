"""``emohub describe``: what a card says of a model beside its results."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from emohub.cli.app import app, messages, output
from emohub.cli.options import DataDir, Format
from emohub.cli.progress import progress
from emohub.cli.tables import results_table

if TYPE_CHECKING:
    from emohub.record import DescriptionRecord


@app.command()
def describe(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a model's name under cards/.")],
    corpus: Annotated[
        str | None, typer.Option(help="The run's corpus, by name or declaration (TOML), where it consists of files.")
    ] = None,
    data_dir: DataDir = None,
    output_dir: Annotated[
        Path | None, typer.Option(help="Where description.json goes; beside run.json when not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the examples, and the texts that are timed.")] = 0,
    format_: Format = "table",
) -> None:
    """Record what a card says beside the results: examples and counts of the data, answers, mistakes, speed.

    It reads the training and the validation split; of the test split, only which texts stand in those too. Texts that
    are long, damaged or offensive, or that hold addresses, links, names with @ or telephone numbers, are not shown.

    Example: `emohub describe minilm-emotion --data-dir data`
    """
    from emohub.describe import describe as find_out
    from emohub.layout import DESCRIPTION_FILE, find_records
    from emohub.recipe import load_corpus

    declared = None if corpus is None else load_corpus(corpus)
    folder = output_dir or find_records(run)
    with progress() as report:
        record = find_out(run, corpus=declared, data_dir=data_dir, output_dir=folder, seed=seed, on_progress=report)
    if format_ == "json":
        typer.echo(record.model_dump_json(indent=2))
    else:
        show_description(record)
    assert folder is not None  # without records there was nothing to describe
    messages.print(f"Wrote {folder / DESCRIPTION_FILE}", highlight=False, markup=False, soft_wrap=True)


def show_description(record: "DescriptionRecord") -> None:
    """Print speed, an example of each label, and the most confident mistakes."""
    speed = record.speed
    output.print(f"[bold]{escape(record.model.id)}[/] on {escape(record.corpus)}", highlight=False)
    threads = f"{speed.threads} thread{'s' if speed.threads > 1 else ''}"
    output.print(
        f"{speed.median_ms:.1f} ms a text (95% take up to {speed.p95_ms:.1f} ms), "
        f"{speed.texts_per_second:,.0f} texts/s in batches, on {threads}",
        highlight=False,
        soft_wrap=True,
    )
    labels = results_table("Training texts", ["Label", "Example"], ["Rows"])
    for label in record.labels:
        labels.add_row(escape(label.label), escape(label.examples[0] if label.examples else "–"), f"{label.rows:,}")
    output.print(labels)
    mistakes = results_table(
        f"Most confident of {record.mistakes_in_all:,} mistakes on validation",
        ["Text", "Label", "Predicted"],
        ["Confidence"],
    )
    for mistake in record.mistakes:
        cells = (escape(mistake.text), escape(mistake.label), escape(mistake.predicted))
        mistakes.add_row(*cells, f"{mistake.confidence:.3f}")
    output.print(mistakes)
