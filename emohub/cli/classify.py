"""``emohub classify``: one text, or every row of a file or of many."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table as Grid

from emohub.cli.app import app, messages, output
from emohub.cli.classify_shards import classify_shards, read_engine, stands_for_many
from emohub.cli.progress import progress
from emohub.errors import UsageError

if TYPE_CHECKING:
    from emohub.inference import EngineName, Prediction

BAR_WIDTH = 30


@app.command()
def classify(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model under models/, a folder, a run, or a Hub id.")],
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The text, unless --input gives a file of them.")
    ] = None,
    input_: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="CSV, JSONL or parquet file with one text a row. Or many of them: a folder, a pattern in quotes, "
            "s3://BUCKET/FOLDER, hf://datasets/OWNER/NAME.",
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of the file that holds the texts.")] = "text",
    output_: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="CSV, JSONL or parquet file to write. For many: a folder, or s3://BUCKET/FOLDER.",
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What computes: auto, torch (float32), torch-bf16, onnx, onnx-int8. With ray or ray,NAME many files "
            "are shared out among the processes of a Ray cluster.",
        ),
    ] = "auto",
    address: Annotated[
        str | None, typer.Option(help="Address of the Ray cluster, else RAY_ADDRESS, else this machine's processors.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of the Ray cluster, else one for each processor.")
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

    Many files are answered one by one, each into a file of its name. What is finished is kept, and the same command
    goes on with the rest.

    Example: `emohub classify minilm-emotion "I can't stop smiling"`

    Example: `emohub classify minilm-sst2 --input reviews.csv --column review --output labelled.csv`

    Example: `emohub classify minilm-sst2 --input reviews/ --output labelled/ --engine ray`
    """
    if (text is None) == (input_ is None):
        raise UsageError("classify takes either a text or --input FILE", 'write emohub classify MODEL "text"')
    if (input_ is None) != (output_ is None):
        raise UsageError("--input and --output belong together", "give both of them, or a text")
    computes, on_ray = read_engine(engine)
    many = on_ray or (input_ is not None and stands_for_many(input_))
    if escape_formulas and (many or output_ is None or not output_.lower().endswith(".csv")):
        raise UsageError("--escape-formulas is for CSV files", "leave it out, or give --output a name in .csv")
    if not on_ray and (address is not None or workers is not None):
        raise UsageError("--address and --workers are for Ray", "add --engine ray, or leave them out")
    if input_ is not None and output_ is not None:
        if many:
            classify_shards(
                model, input_, column, output_, computes, on_ray=on_ray, ray_address=address, workers=workers
            )
        else:
            _classify_file(model, Path(input_), column, Path(output_), computes, escape_formulas)
    elif on_ray:
        raise UsageError("--engine ray is for files", "give --input and --output, or leave it out")
    elif text is not None:
        from emohub.inference import Classifier

        prediction = Classifier.from_pretrained(model, engine=computes).classify(text)
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
    by = "" if prediction.answered_by is None else f", answered by {escape(prediction.answered_by)}"
    messages.print(f"{prediction.tokens} tokens, {1000 * prediction.seconds:.0f} ms{by}", style="dim", highlight=False)


def _note_truncated(prediction: "Prediction") -> None:
    if prediction.truncated:
        messages.print(
            f"Note: the text has {prediction.tokens:,} tokens; the model read the first {prediction.max_length:,}.",
            highlight=False,
        )


def _classify_file(
    model: str, input_file: Path, column: str, output_file: Path, engine: "EngineName", escape_formulas: bool
) -> None:
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
        classifier = Classifier.from_pretrained(model, engine=engine)
        answering = answer_file(classifier, asked, column, outline, escape_formulas=escape_formulas)
        answers = run_steps(answering, lambda step: report("Classifying", step.done, step.total))
    messages.print(
        f"Wrote {answers.rows:,} rows to {output_file}; {answers.truncated:,} texts were longer than the "
        f"{answers.max_length:,} tokens that the model reads",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
