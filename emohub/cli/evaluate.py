"""``emohub evaluate``: measure a model on a split of a corpus."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from emohub.cli.app import app, messages, output
from emohub.cli.options import DataDir, Format
from emohub.cli.progress import progress
from emohub.cli.tables import interval_range, results_table

if TYPE_CHECKING:
    from emohub.record import EvalRecord


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model under models/, a folder, a run, or a Hub id.")],
    corpus: Annotated[str, typer.Option(help="A corpus by name, or the path of its declaration (TOML).")],
    split: Annotated[Literal["train", "validation", "test"], typer.Option(help="The split to measure on.")] = "test",
    data_dir: DataDir = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where eval.json and predictions.parquet go; by default the folder of the run, "
            "or runs/evaluations/MODEL-CORPUS-SPLIT."
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind the 95% intervals.")] = 9999,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    format_: Format = "table",
) -> None:
    """Measure MODEL on a split of a corpus, with 95% intervals, and record it in eval.json.

    Example: `emohub evaluate minilm-emotion --corpus emotion --split test`
    """
    from emohub.evaluate import evaluate as measure
    from emohub.layout import EVAL_FILE, PREDICTIONS_FILE
    from emohub.recipe import load_corpus

    declared = load_corpus(corpus)
    folder = output_dir or _default_folder(model, declared.name, split)
    with progress() as report:
        record = measure(
            model,
            declared,
            split,
            data_dir=data_dir,
            output_dir=folder,
            resamples=resamples,
            seed=seed,
            on_progress=partial(report, "Classifying"),
        )
    if format_ == "json":
        typer.echo(record.model_dump_json(indent=2))
    else:
        show_evaluation(record)
    messages.print(f"Wrote {folder / EVAL_FILE} and {PREDICTIONS_FILE}", highlight=False, markup=False, soft_wrap=True)


def _default_folder(model: str, corpus: str, split: str) -> Path:
    from emohub.layout import CHECKPOINT_FOLDER, RUN_FILE, find_model

    found = find_model(model)
    if found is not None and found.name == CHECKPOINT_FOLDER and (found.parent / RUN_FILE).is_file():
        return found.parent
    name = model.strip("/").replace("/", "--") if found is None else found.resolve().name
    return Path("runs", "evaluations", f"{name}-{corpus}-{split}")


def show_evaluation(record: "EvalRecord") -> None:
    """Every figure of an evaluation, in tables."""
    output.print(f"[bold]{escape(record.model.id)}[/] on {escape(record.corpus)}, {record.split}", highlight=False)
    output.print(
        f"{record.data.rows:,} rows ({record.data.truncated:,} truncated), "
        f"{record.seconds:.1f} s, {record.texts_per_second:,.0f} texts/s",
        highlight=False,
    )
    output.print(_metrics_table(record))
    output.print(_label_table(record))
    output.print(_confusion_table(record))


def _metrics_table(record: "EvalRecord") -> Table:
    table = results_table("Metrics", ["Metric"], ["Value", f"{record.intervals.level:.0%} interval"])
    for name, interval in record.metrics.items():
        table.add_row(name, f"{interval.value:.4f}", interval_range(interval))
    return table


def _label_table(record: "EvalRecord") -> Table:
    numbers = ["Precision", "Recall", "F1", "F1 interval", "Support", "Predicted"]
    table = results_table("Labels", ["Label"], numbers)
    for row in record.per_label:
        table.add_row(
            escape(row.label),
            *(f"{interval.value:.4f}" for interval in (row.precision, row.recall, row.f1)),
            interval_range(row.f1),
            f"{row.support:,}",
            f"{row.predicted:,}",
        )
    return table


def _confusion_table(record: "EvalRecord") -> Table:
    table = results_table("Confusion matrix", ["True / predicted"], record.labels)
    for label, counts in zip(record.labels, record.confusion_matrix, strict=True):
        table.add_row(escape(label), *(f"{count:,}" for count in counts))
    return table
