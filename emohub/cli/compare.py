"""``emohub compare``: several models on one text or several, on a labelled split, or on a labelled file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from emohub.cli.app import app, output
from emohub.cli.options import DataDir, Engine, Format
from emohub.cli.progress import progress
from emohub.cli.tables import interval_range, results_table
from emohub.errors import UsageError
from emohub.labels import label_key

if TYPE_CHECKING:
    from emohub.compare import SideBySide, Slicing, TextComparison, TextsComparison
    from emohub.inference import Classifier, EngineName, Prediction

SHOWN_DISAGREEMENTS = 10


@app.command()
def compare(
    models_and_text: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL MODEL TEXT", help="Two models or more; then the text, unless there is a file or a corpus."
        ),
    ],
    texts_file: Annotated[
        Path | None, typer.Option("--texts", metavar="FILE", help="A file with one text on each line, instead of TEXT.")
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(help="A corpus by name, or the path of its declaration: compare on labelled data.")
    ] = None,
    split: Annotated[Literal["train", "validation", "test"], typer.Option(help="The split of the corpus.")] = "test",
    data_dir: DataDir = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="CSV, JSONL or parquet file with labelled texts.")
    ] = None,
    column: Annotated[str, typer.Option(help="Column of the file that holds the texts.")] = "text",
    label_column: Annotated[str, typer.Option(help="Column of the file that holds the labels, by name.")] = "label",
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", metavar="COLUMN", help="Column of the file to cut the rows by; may be repeated."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind the 95% intervals.")] = 9999,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    engine: Engine = "auto",
    format_: Format = "table",
) -> None:
    """Show what several models make of one text or several, or test them against each other on labelled data.

    Labels are matched by name. Of several texts, those that the models disagree on come first. On labelled data, each
    pair gets the exact McNemar test with Holm's correction, and the rows are cut by length, by label, and by each
    --slice.

    Example: `emohub compare minilm-emotion minilm-sst2 "What a day!"`

    Example: `emohub compare minilm-emotion minilm-tweet-emotion --texts reviews.txt`

    Example: `emohub compare minilm-emotion runs/my-run --corpus emotion --split validation`

    Example: `emohub compare minilm-emotion minilm-tweet-emotion --input mine.csv --label-column feeling --slice source`
    """
    if sum(source is not None for source in (corpus, input_file, texts_file)) > 1:
        raise UsageError("--corpus, --input and --texts are different sources of texts", "give one of them")
    models = _models(models_and_text, only_models=bool(corpus or input_file or texts_file))
    if slices and not input_file:
        raise UsageError("--slice names a column of a file", "give the file with --input")

    from emohub.compare import (
        SideBySide,
        TextComparison,
        compare_corpus,
        compare_labelled,
        compare_text,
        compare_texts,
    )

    comparison: TextComparison | TextsComparison | SideBySide
    if corpus:
        from emohub.recipe import load_corpus

        declared = load_corpus(corpus)
        with progress() as report:
            comparison = compare_corpus(
                _load(models, engine),
                declared,
                split,
                data_dir=data_dir,
                resamples=resamples,
                seed=seed,
                on_progress=report,
            )
    elif input_file:
        from emohub.data import read_table

        table = read_table(input_file)
        with progress() as report:
            comparison = compare_labelled(
                _load(models, engine),
                table,
                column,
                label_column,
                slice_columns=slices or (),
                resamples=resamples,
                seed=seed,
                on_progress=report,
            )
    elif texts_file:
        from emohub.data import read_lines

        texts = read_lines(texts_file)
        comparison = compare_texts(_load(models, engine), texts)
    else:
        comparison = compare_text(_load(models, engine), models_and_text[-1])
    if format_ == "json":
        typer.echo(comparison.model_dump_json(indent=2))
    elif isinstance(comparison, SideBySide):
        _show_side_by_side(comparison)
    elif isinstance(comparison, TextComparison):
        _show_text(comparison)
    else:
        _show_texts(comparison)


def _models(models_and_text: Sequence[str], only_models: bool) -> Sequence[str]:
    from emohub.layout import shipped_cascades, shipped_models

    if not only_models and models_and_text[-1] in {**shipped_models(), **shipped_cascades()}:
        raise UsageError(
            f"the last argument, {models_and_text[-1]!r}, is a model and no text",
            "add a text, --texts FILE, --corpus NAME or --input FILE",
        )
    models = models_and_text if only_models else models_and_text[:-1]
    if len(models) < 2:
        raise UsageError(
            "a comparison needs two models or more",
            'write emohub compare MODEL MODEL "text", or give --texts FILE, --corpus NAME or --input FILE',
        )
    return models


def _load(models: Sequence[str], engine: "EngineName") -> "dict[str, Classifier]":
    """Each model loaded once; one that is named again is listed again, as ``NAME (2)``."""
    from emohub.inference import Classifier

    loaded = {model: Classifier.from_pretrained(model, engine=engine) for model in dict.fromkeys(models)}
    named: dict[str, Classifier] = {}
    for position, model in enumerate(models):
        earlier = models[:position].count(model)
        named[f"{model} ({earlier + 1})" if earlier else model] = loaded[model]
    return named


def _head(name: str, prediction: "Prediction") -> str:
    """A model's name, with what is to be known of its answer."""
    notes = [f"by {prediction.answered_by}"] if prediction.answered_by else []
    notes += ["truncated"] if prediction.truncated else []
    return f"{name} ({', '.join(notes)})" if notes else name


def _show_text(comparison: "TextComparison") -> None:
    predictions = comparison.predictions
    heads = [_head(name, prediction) for name, prediction in predictions.items()]
    table = results_table("Probabilities", ["Label"], heads)
    for position, label in enumerate(comparison.labels):
        cells = []
        for name, prediction in predictions.items():
            probability = comparison.table[name][position]
            chosen = label_key(label) == label_key(prediction.label)
            shown = "–" if probability is None else f"{probability:.4f}"
            cells.append(f"[bold]> {shown}[/]" if chosen else shown)
        table.add_row(escape(label), *cells)
    output.print(table)
    output.print("> the model's answer   – a label that it does not know", style="dim", highlight=False)
    if comparison.agree:
        output.print(f"All models answer {escape(next(iter(predictions.values())).label)}.", highlight=False)
    for pair in comparison.pairs:
        if pair.relation == "disagree":
            output.print(
                f"[bold]Disagreement[/]: {escape(pair.first)} answers {escape(predictions[pair.first].label)}, "
                f"{escape(pair.second)} answers {escape(predictions[pair.second].label)}.",
                highlight=False,
            )
    if any(pair.relation == "not comparable" for pair in comparison.pairs):
        output.print("Some answers cannot be held against each other: a model lacks the other's label.")


def _show_texts(compared: "TextsComparison") -> None:
    table = results_table("Furthest apart first", ["Text", *compared.models], ["Apart"])
    for text in compared.texts:
        answers = [
            f"{escape(prediction.label)} {max(prediction.probabilities):.4f}"
            for prediction in text.comparison.predictions.values()
        ]
        said = [f"[bold]{answer}[/]" for answer in answers] if text.disagree else answers
        table.add_row(escape(text.comparison.text), *said, "–" if text.distance is None else f"{text.distance:.4f}")
    output.print(table)
    output.print(
        f"The models disagree on {compared.disagreements:,} of {len(compared.texts):,} texts.", highlight=False
    )
    output.print("Apart: the largest difference between two models' probabilities of one label", style="dim")


def _show_side_by_side(comparison: "SideBySide") -> None:
    output.print(
        f"{_data(comparison)}: {comparison.rows:,} rows, the models agree on {comparison.agreement:.1%}",
        highlight=False,
    )
    output.print(_models_table(comparison))
    for reason in comparison.unaligned.values():
        output.print(f"Not measured: {escape(reason)}.", highlight=False)
    if comparison.pairs:
        output.print(_pairs_table(comparison))
    for slicing in comparison.slicings:
        output.print(_slices_table(slicing))
    if comparison.disagreements:
        output.print(_disagreements_table(comparison))
        hidden = len(comparison.disagreements) - SHOWN_DISAGREEMENTS
        if hidden > 0:
            output.print(f"{hidden:,} more rows differ; --format json lists all of them.", style="dim", highlight=False)


def _data(comparison: "SideBySide") -> str:
    """Where the rows are from, as markup."""
    from emohub.compare import CorpusComparison, LabelledComparison

    if isinstance(comparison, CorpusComparison):
        return f"[bold]{escape(comparison.corpus)}[/], {comparison.split}"
    left_out = comparison.left_out if isinstance(comparison, LabelledComparison) else 0
    return f"[bold]{escape(comparison.source)}[/]" + (f", {left_out:,} left out" if left_out else "")


def _models_table(comparison: "SideBySide") -> Table:
    interval_head = f"{comparison.intervals.level:.0%} interval"
    table = results_table("Models", ["Model"], ["Accuracy", interval_head, "Macro F1", interval_head])
    for name, measured in comparison.models.items():
        cells = ["–"] * 4
        if measured is not None:
            cells = [
                cell
                for interval in (measured.accuracy, measured.macro_f1)
                for cell in (f"{interval.value:.4f}", interval_range(interval))
            ]
        table.add_row(escape(name), *cells)
    return table


def _slices_table(slicing: "Slicing") -> Table:
    names = list(slicing.gaps)
    table = results_table(f"Accuracy by {slicing.by}", [slicing.by.capitalize()], ["Rows", *names])
    for part in slicing.slices:
        cells = (f"{share.value:.4f}\n{interval_range(share)}" for share in part.accuracy.values())
        table.add_row(escape(part.value), f"{part.rows:,}", *cells)
    table.add_row("Gap", "", *("–" if gap is None else f"{gap:.4f}" for gap in slicing.gaps.values()))
    return table


def _pairs_table(comparison: "SideBySide") -> Table:
    title = "Pairs: exact McNemar test, Holm's correction"
    table = results_table(title, ["Pair"], ["Right alone", "Both wrong", "Accuracy difference", "p", "p (Holm)"])
    for pair in comparison.pairs:
        table.add_row(
            f"{escape(pair.first)}\n{escape(pair.second)}",
            f"{pair.only_first_right:,}\n{pair.only_second_right:,}",
            f"{pair.both_wrong:,}",
            f"{pair.difference.value:+.4f}\n{pair.difference.low:+.4f} to {pair.difference.high:+.4f}",
            f"{pair.p_value:.2g}",
            f"{pair.p_holm:.2g}",
        )
    return table


def _disagreements_table(comparison: "SideBySide") -> Table:
    shown = comparison.disagreements[:SHOWN_DISAGREEMENTS]
    table = results_table("Where they differ", ["Row", "Text", "True", *shown[0].predicted], [])
    for row in shown:
        answers = (
            escape(answer) if answer == row.label else f"[bold]{escape(answer)}[/]" for answer in row.predicted.values()
        )
        table.add_row(str(row.row), escape(row.text), escape(row.label), *answers)
    return table
