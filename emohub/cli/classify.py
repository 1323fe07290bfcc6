"""``emohub classify``: one text, or every row of a file."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table as Grid

from emohub.cli.app import app, messages, output
from emohub.cli.progress import progress
from emohub.errors import DataError, UsageError

if TYPE_CHECKING:
    from emohub.inference import Prediction

BAR_WIDTH = 30


@app.command()
def classify(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model under models/, a folder, a run, or a Hub id.")],
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The text, unless --input gives a file of them.")
    ] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="CSV, JSONL or parquet file with one text a row.")
    ] = None,
    column: Annotated[str, typer.Option(help="Column of the file that holds the texts.")] = "text",
    output_file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="CSV, JSONL or parquet file to write.")
    ] = None,
    format_: Annotated[Literal["table", "json"], typer.Option("--format", help="How one text is answered.")] = "table",
) -> None:
    """Show the probability of every label, for TEXT or for each row of a file.

    The written file has the rows and columns of the read one, as they stood, then `label` and a column
    `probability_LABEL` for each label of the model. Where a column of one of these names is there already, all of the
    new ones start with `emohub_`.

    Example: `emohub classify minilm-emotion "I can't stop smiling"`

    Example: `emohub classify minilm-sst2 --input reviews.csv --column review --output labelled.csv`
    """
    if (text is None) == (input_file is None):
        raise UsageError("classify takes either a text or --input FILE", 'write emohub classify MODEL "text"')
    if (input_file is None) != (output_file is None):
        raise UsageError("--input and --output belong together", "give both of them, or a text")
    if input_file is not None and output_file is not None:
        _classify_file(model, input_file, column, output_file)
    elif text is not None:
        from emohub.inference import Classifier

        prediction = Classifier.from_pretrained(model).classify(text)
        if format_ == "json":
            typer.echo(json.dumps(asdict(prediction), ensure_ascii=False, indent=2))
        else:
            _show(prediction)
        _note_truncated(prediction)


def _show(prediction: "Prediction") -> None:
    grid = Grid.grid(padding=(0, 2))
    for label, probability in sorted(
        zip(prediction.labels, prediction.probabilities, strict=True), key=lambda pair: -pair[1]
    ):
        style = "bold" if label == prediction.label else ""
        bar = ProgressBar(total=1, completed=probability, width=BAR_WIDTH)
        grid.add_row(f"{escape(label)}", f"{probability:.4f}", bar, style=style)
    output.print(grid)
    messages.print(f"{prediction.tokens} tokens, {1000 * prediction.seconds:.0f} ms", style="dim", highlight=False)


def _note_truncated(prediction: "Prediction") -> None:
    if prediction.truncated:
        messages.print(
            f"Note: the text has {prediction.tokens:,} tokens; the model read the first {prediction.max_length:,}.",
            highlight=False,
        )


def _classify_file(model: str, input_file: Path, column: str, output_file: Path) -> None:
    from emohub.data import read_table, table_suffix, write_table
    from emohub.inference import MAX_TEXT_CHARS, Classifier
    from emohub.record import check_writable

    # Whatever can be refused is refused before the first text is classified.
    if output_file.exists() and output_file.samefile(input_file):
        raise UsageError(f"--output would overwrite the input {input_file}", "give the output another name")
    table_suffix(output_file)
    check_writable(output_file.parent)
    table = read_table(input_file)
    texts = table.texts(column)
    for row, text in enumerate(texts, start=1):
        if len(text) > MAX_TEXT_CHARS:
            raise DataError(
                f"{table.source}, row {row}: {column!r} has {len(text):,} characters, the limit is {MAX_TEXT_CHARS:,}",
                "shorten it, or leave the row out",
            )
    classifier = Classifier.from_pretrained(model)

    with progress() as report:
        probabilities = classifier.predict_proba(
            texts, on_progress=lambda done: report("Classifying", done, len(texts))
        )
    answers: dict[str, list[object]] = {"label": [classifier.labels[index] for index in probabilities.argmax(axis=1)]}
    for index, label in enumerate(classifier.labels):
        # Through the shortest decimal that is this float32: a wider type would show digits that are not there.
        answers[f"probability_{label}"] = probabilities[:, index].astype(str).astype(float).tolist()
    if not answers.keys().isdisjoint(table.columns):
        answers = {f"emohub_{name}": values for name, values in answers.items()}
    write_table(output_file, table.with_columns(answers))

    truncated = int((classifier.count_tokens(texts) > classifier.max_length).sum())
    messages.print(
        f"Wrote {len(texts):,} rows to {output_file}; {truncated:,} texts were longer than the "
        f"{classifier.max_length:,} tokens that the model reads",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
