"""``emohub evaluate``: measure a model on a split of a corpus, or how robust it is."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from emohub.cli.app import app, messages, output
from emohub.cli.options import DataDir, Format
from emohub.cli.progress import progress
from emohub.cli.robustness_display import show_robustness
from emohub.cli.tables import interval_range, results_table

if TYPE_CHECKING:
    from emohub.recipe import Corpus
    from emohub.record import EvalRecord


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model under models/, a folder, a run, or a Hub id.")],
    corpus: Annotated[
        str | None,
        typer.Option(
            help="A corpus by name, or the path of its declaration (TOML); that of the model's run by default."
        ),
    ] = None,
    suite: Annotated[
        Literal["metrics", "robustness"],
        typer.Option(help="Accuracy, F1 and so on; or answers to changed texts and made sentences (robustness.json)."),
    ] = "metrics",
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="The split to measure on; by default test, and validation for robustness."),
    ] = None,
    data_dir: DataDir = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where eval.json and predictions.parquet go; by default the folder of the run, "
            "or runs/evaluations/MODEL-CORPUS-SPLIT. robustness.json goes beside run.json, where there is one."
        ),
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(help="TOML file with made sentences of your own, for robustness.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind the 95% intervals.")] = 9999,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap, and of what robustness draws.")] = 0,
    format_: Format = "table",
) -> None:
    """Measure MODEL on a split of a corpus, with 95% intervals, and record it in eval.json.

    With --suite robustness it records in robustness.json how MODEL answers the texts of a split after changes that
    should not matter (letter case, typos, emoji, tags, punctuation), sentences made for its labels, negated ones, the
    same sentences about different people, and texts that are about something else.

    Example: `emohub evaluate minilm-emotion --corpus emotion --split test`
    """
    from emohub.errors import UsageError
    from emohub.layout import EVAL_FILE, PREDICTIONS_FILE, ROBUSTNESS_FILE

    if templates is not None and suite != "robustness":
        raise UsageError("--templates belongs to the robustness suite", "add --suite robustness, or leave it out")
    declared = _corpus(model, corpus)
    measure: Callable[..., Any]
    show: Callable[[Any], None]
    if suite == "robustness":
        from emohub.robustness import measure_robustness

        measure, show, written = partial(measure_robustness, templates=templates), show_robustness, ROBUSTNESS_FILE
        where, beside = split or "validation", _beside_records(model, declared.name)
    else:
        from emohub.evaluate import evaluate as measure_metrics

        measure, show, written = measure_metrics, show_evaluation, f"{EVAL_FILE} and {PREDICTIONS_FILE}"
        where, beside = split or "test", None
    folder = output_dir or beside or _default_folder(model, declared.name, where)
    with progress() as report:
        record: Any = measure(
            model,
            declared,
            where,
            data_dir=data_dir,
            output_dir=folder,
            resamples=resamples,
            seed=seed,
            on_progress=partial(report, "Classifying"),
        )
    if format_ == "json":
        typer.echo(record.model_dump_json(indent=2))
    else:
        show(record)
    messages.print(f"Wrote {folder / written}", highlight=False, markup=False, soft_wrap=True)


def _corpus(model: str, name: str | None) -> "Corpus":
    """The corpus that is named, else the one that the model's run was trained on."""
    from emohub.errors import UsageError
    from emohub.layout import find_records
    from emohub.recipe import load_corpus

    if name is not None:
        return load_corpus(name)
    records = find_records(model)
    if records is None:
        raise UsageError(f"no run says which corpus {model} was trained on", "name it with --corpus")
    return _corpus_of(records)


def _corpus_of(records: Path) -> "Corpus":
    from emohub.layout import RUN_FILE
    from emohub.recipe import Recipe
    from emohub.record import RunRecord

    return Recipe.from_values(RunRecord.load(records / RUN_FILE).recipe, "the recipe in the run record").corpus


def _beside_records(model: str, corpus: str) -> Path | None:
    """The folder of the model's records, when they are of the same corpus."""
    from emohub.layout import find_records

    records = find_records(model)
    return records if records is not None and _corpus_of(records).name == corpus else None


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
    if record.uncalibrated is not None:
        error, loss = record.uncalibrated.expected_calibration_error, record.uncalibrated.log_loss
        without = f"expected_calibration_error {error:.4f}, log_loss {loss:.4f}"
        output.print(f"Without the temperature that calibrates it: {without}", highlight=False)
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
