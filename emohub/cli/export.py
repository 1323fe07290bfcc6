"""``emohub export``: a model in a format for other runtimes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from emohub.cli.app import app, messages, output
from emohub.cli.options import DataDir
from emohub.cli.progress import progress
from emohub.cli.tables import results_table

if TYPE_CHECKING:
    from emohub.record import ExportRecord


@app.command()
def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model under models/, a folder, or a run.")],
    format_: Annotated[Literal["onnx"], typer.Option("--format", help="The format.")] = "onnx",  # noqa: ARG001 - one yet
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write a smaller and faster file whose weights are integers.")
    ] = False,
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="CSV, JSONL or parquet file with texts to check the answers on. Without it they are the run's "
            "validation texts, or made sentences where there are none.",
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of the file that holds the texts.")] = "text",
    data_dir: DataDir = None,
) -> None:
    """Write a model as ONNX files into its folder, for ONNX Runtime and for Transformers.js in a browser.

    `onnx/model.onnx` holds the weights in float32, `onnx/model_quantized.onnx` integers of eight bits;
    `onnx/export.json` says which weights they were made from. No file gets its name before its probabilities were held
    against the original's. `emohub publish` sends the folder along.

    Example: `emohub export minilm-emotion --format onnx --int8`

    Example: `emohub classify minilm-emotion --engine onnx-int8 "I can't stop smiling"`
    """
    from emohub.export import export as write
    from emohub.export import texts_of_file, texts_of_run

    compared = texts_of_run(model, data_dir) if input_ is None else texts_of_file(input_, column)
    with progress() as report:
        record = write(model, int8=int8, compared=compared, on_progress=report)
    _show(record)


def _show(record: "ExportRecord") -> None:
    table = results_table(
        f"{record.model.id} in other formats", ["File", "Weights"], ["MB", "Same label", "Largest difference"]
    )
    for file in record.files:
        figures = (f"{file.size_bytes / 1e6:.1f}", f"{file.agreement:.2%}", f"{file.max_difference:.2g}")
        table.add_row(escape(file.path), file.weights, *figures)
    output.print(table)
    messages.print(
        f"Checked against the original on {record.texts:,} texts ({record.source})",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
