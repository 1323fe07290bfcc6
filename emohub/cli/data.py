"""``emohub data …``: what is wrong with labelled texts."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from emohub.cli.app import app, output
from emohub.cli.options import DataDir, Format
from emohub.cli.suspects import suspects
from emohub.cli.tables import results_table
from emohub.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from emohub.data import Audit, RawSplit
    from emohub.recipe import Corpus
    from emohub.record import Finding

data_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Look for what is wrong with labelled texts.\n\nExample: `emohub data audit emotion`",
)
app.add_typer(data_app, name="data")


@data_app.command("audit")
def audit_data(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS|FILE",
            help="A corpus by name or declaration (TOML), or CSV, JSONL and parquet files, each of them a split.",
        ),
    ],
    data_dir: DataDir = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Count tokens as this model does: a folder, a run, or a Hub id."),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens that texts are cut to; by default what the --tokenizer's model reads."),
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column of the files with the texts.  [default: text]")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Column of the files with the labels.  [default: label]")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="ISO 639-1 code of a language that the files are in; can be repeated."),
    ] = None,
    format_: Format = "table",
) -> None:
    """List every fault of a corpus, or of files of your own, with counts and row numbers.

    Errors are what training would refuse: missing texts and labels, unknown labels, broken encodings. Warnings are what
    it would record: repeated texts, texts with different labels or in two splits, unbalanced labels, texts that are
    cut, traces of a wrong encoding, texts that are likely in another language. With errors the exit code is 1.

    Example: `emohub data audit emotion --tokenizer minilm-emotion --max-length 64`

    Example: `emohub data audit train.csv test.csv --text-column review --label-column stars --language en`
    """
    from emohub.data import audit

    if max_length is not None and tokenizer is None:
        raise UsageError("--max-length counts tokens", "say whose with --tokenizer MODEL")
    corpus, splits = _read(sources, data_dir, text_column, label_column, language)
    lengths = None
    if tokenizer is not None:
        lengths, max_length = _token_lengths(tokenizer, splits, max_length)
    found = audit(corpus, splits, lengths=lengths, max_length=max_length)
    if format_ == "json":
        typer.echo(json.dumps({"source": corpus.title, **found.as_values()}, ensure_ascii=False, indent=2))
    else:
        _show(corpus.title, found)
    if found.errors:
        raise typer.Exit(1)


def _read(
    sources: Sequence[str],
    data_dir: Path | None,
    text_column: str | None,
    label_column: str | None,
    language: Sequence[str] | None,
) -> "tuple[Corpus, dict[str, RawSplit]]":
    """The corpus that is named, or made of the files that are, with its rows."""
    from emohub.data import read_raw_corpus, read_raw_files
    from emohub.data.table import SUFFIXES
    from emohub.recipe import load_corpus

    for code in language or ():
        if re.fullmatch("[a-z]{2,3}", code) is None:
            raise UsageError(f"{code!r} is no language code", "give one of ISO 639-1, such as en")
    if all(Path(source).suffix.lower() in SUFFIXES for source in sources):
        return read_raw_files(
            [Path(source).expanduser() for source in sources],
            text_column=text_column or "text",
            label_column=label_column or "label",
            language=language or (),
        )
    if len(sources) > 1:
        raise UsageError(f"{' '.join(sources)} is more than one corpus", "name one corpus, or files alone")
    if text_column or label_column or language:
        raise UsageError(
            "columns and languages are options of files", f"leave them out: the corpus {sources[0]} declares its own"
        )
    corpus = load_corpus(sources[0])
    return corpus, read_raw_corpus(corpus, data_dir=data_dir)


def _token_lengths(
    model: str, splits: "dict[str, RawSplit]", max_length: int | None
) -> "tuple[dict[str, npt.NDArray[np.int64]], int]":
    """Tokens of every row, and the length that texts are cut to."""
    from emohub.inference import find_checkpoint
    from emohub.tokenizing import load_tokenizer, tokenize

    tokenizer = load_tokenizer(find_checkpoint(model).folder)
    limit = max_length or int(tokenizer.model_max_length)
    return {name: tokenize(tokenizer, split.tokenizable, limit).lengths for name, split in splits.items()}, limit


def _show(title: str, found: "Audit") -> None:
    output.print(f"[bold]{escape(title)}[/]", highlight=False)
    output.print(_labels_table(found))
    if any(split.lengths for split in found.splits.values()):
        output.print(_lengths_table(found))
    output.print(_checks_table(found))
    if found.shared:
        output.print(_shared_table(found))
    output.print()
    for finding in found.errors:
        _show_finding("bold red", "Error", finding)
    for finding in found.warnings:
        _show_finding("bold yellow", "Warning", finding)
    if not found.errors and not found.warnings:
        output.print("Nothing was found.")


def _labels_table(found: "Audit") -> Table:
    table = results_table("Rows", ["Label"], list(found.splits))
    for label in next(iter(found.splits.values())).labels:
        counts = ((split.labels[label], split.rows) for split in found.splits.values())
        table.add_row(escape(label), *(f"{n:,} {n / max(rows, 1):6.1%}" for n, rows in counts))
    table.add_row("all", *(f"{split.rows:,} {'':6}" for split in found.splits.values()), style="bold")
    return table


def _lengths_table(found: "Audit") -> Table:
    from emohub.data.audit import LENGTH_QUANTILES

    table = results_table("Tokens of a text", ["Split"], [*LENGTH_QUANTILES, f"cut at {found.max_length:,}"])
    for name, split in found.splits.items():
        if split.lengths and split.cut is not None:
            table.add_row(escape(name), *(f"{tokens:,}" for tokens in split.lengths.values()), f"{split.cut:,}")
    return table


def _checks_table(found: "Audit") -> Table:
    from emohub.data import CHECKS

    table = results_table("Checks", ["Looked for"], list(found.splits))
    table.add_column("Rows, such as", overflow="fold")
    for check in CHECKS:
        counts = {name: split.counts[check.key] for name, split in found.splits.items()}
        cells = ["–" if count is None else f"{count.count:,}" for count in counts.values()]
        rows = [f"{name} {', '.join(map(str, count.rows))}" for name, count in counts.items() if count and count.rows]
        style = {"error": "red", "warning": "yellow"}[check.severity] if rows else ""
        table.add_row(escape(check.title), *cells, escape("; ".join(rows)), style=style)
    return table


def _shared_table(found: "Audit") -> Table:
    table = results_table("Texts in two splits", ["Splits"], ["Texts", "With different labels"])
    table.add_column("Rows, such as", overflow="fold")
    for pair in found.shared:
        rows = ", ".join(f"{first}/{second}" for first, second in pair.rows)
        table.add_row(escape(f"{pair.first}/{pair.second}"), f"{pair.texts:,}", f"{pair.differing:,}", rows)
    return table


def _show_finding(style: str, level: str, finding: "Finding") -> None:
    output.print(
        f"[{style}]{level}:[/] {escape(finding.message)}; {escape(finding.remedy)}.", highlight=False, soft_wrap=True
    )


data_app.command("suspects")(suspects)
