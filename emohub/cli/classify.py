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
from emohub.errors import UsageError

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
    escape_formulas: Annotated[
        bool,
        typer.Option(
            "--escape-formulas",
            help="In a written CSV file, put an apostrophe before cells that a spreadsheet runs as formulas.",
        ),
    ] = False,
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
    if escape_formulas and (output_file is None or output_file.suffix.lower() != ".csv"):
        raise UsageError("--escape-formulas is for CSV files", "leave it out, or give --output a name in .csv")
    if input_file is not None and output_file is not None:
        _classify_file(model, input_file, column, output_file, escape_formulas)
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


def _classify_file(model: str, input_file: Path, column: str, output_file: Path, escape_formulas: bool) -> None:
    from emohub.batch import answer_file, check_file
    from emohub.data import TableFile, TableOutline
    from emohub.inference import Classifier
    from emohub.record import check_writable
    from emohub.steps import run_steps

    # Whatever can be refused is refused before the first text is classified.
    if output_file.exists() and input_file.exists() and output_file.samefile(input_file):
        raise UsageError(f"--output would overwrite the input {input_file}", "give the output another name")
    outline = TableOutline(output_file)
    if output_file.is_dir():
        raise UsageError(f"--output {output_file} is a folder", "give the name of a file")
    check_writable(output_file.parent)
    with TableFile(input_file) as asked, progress() as report:
        checking = check_file(asked, column, outline)
        run_steps(checking, lambda share: report("Checking (%)", round(100 * share), 100))
        classifier = Classifier.from_pretrained(model)
        answering = answer_file(classifier, asked, column, outline, escape_formulas=escape_formulas)
        answers = run_steps(answering, lambda step: report("Classifying", step.done, step.total))
    messages.print(
        f"Wrote {answers.rows:,} rows to {output_file}; {answers.truncated:,} texts were longer than the "
        f"{answers.max_length:,} tokens that the model reads",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
