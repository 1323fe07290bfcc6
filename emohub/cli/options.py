"""Options that several commands have, with one meaning and one wording."""

from pathlib import Path
from typing import Annotated, Literal

import typer

RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="Name of a built-in recipe, or path of a TOML file.")]
BaseModel = Annotated[str | None, typer.Option(help="Hub id or folder to start from, instead of the recipe's.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder with the corpora's parquet files, instead of the Hub.")]
Texts = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Text file (one text a line) or table for the masked_lm stage, instead of its corpus; may be repeated.",
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace a recipe key; may be repeated.")
]
Engine = Annotated[
    Literal["auto", "torch", "torch-bf16", "onnx", "onnx-int8"],
    typer.Option(help="What computes; auto is torch-bf16 where the processor multiplies in bfloat16, else torch."),
]
Format = Annotated[Literal["table", "json"], typer.Option("--format", help="What is printed.")]
