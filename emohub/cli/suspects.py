"""``emohub data suspects``: rows that are probably mislabelled, as a table to look through."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from emohub.cli.app import messages, output
from emohub.cli.options import DataDir, Format, Settings
from emohub.cli.progress import progress
from emohub.cli.tables import results_table
from emohub.cli.train import parse_settings

if TYPE_CHECKING:
    from emohub.suspects import Suspects

SHOWN = 10
"""Rows that the terminal shows; the file has all."""
_SHOWN_CHARACTERS = 60


def suspects(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or a model's name under cards/.")],
    split: Annotated[Literal["train", "validation", "test"], typer.Option(help="The split to judge.")] = "train",
    folds: Annotated[
        int, typer.Option(min=2, help="Parts of the train split, each judged by a model trained on the others.")
    ] = 5,
    corpus: Annotated[
        str | None, typer.Option(help="The run's corpus, by name or declaration (TOML), where it consists of files.")
    ] = None,
    base_model: Annotated[
        str | None, typer.Option(help="Hub id or folder of the run's base model, where its record leads to none.")
    ] = None,
    data_dir: DataDir = None,
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="CSV, JSONL or parquet file; SPLIT.csv in --work-dir by default."
        ),
    ] = None,
    work_dir: Annotated[
        Path | None, typer.Option(help="Where the folds are trained; runs/suspects-RUN_ID when not given.")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Optimizer steps of each fold, instead of the run's.")
    ] = None,
    settings: Settings = None,
    format_: Format = "table",
) -> None:
    """Rank the rows of a split whose label is probably wrong, by confident learning (cleanlab).

    Each row is judged by a model that was not trained on it: for the train split by cross-validation with the run's
    recipe, which takes about as long as FOLDS runs and goes on where it was killed; else by the run's own model. A
    suspect is no proof: read the text before changing its label.

    Example: `emohub data suspects runs/my-run --data-dir data`

    Example: `emohub data suspects minilm-emotion --split test --output suspects.csv`
    """
    overrides = parse_settings(settings or [])

    from emohub.data import table_suffix
    from emohub.layout import RUN_FILE, find_records, project_root
    from emohub.recipe import load_corpus
    from emohub.record import RunRecord, check_writable
    from emohub.suspects import find_suspects

    declared = None if corpus is None else load_corpus(corpus)
    records = find_records(run)
    if records is not None:
        run_id = RunRecord.load(records / RUN_FILE).run_id
        work_dir = work_dir or project_root() / "runs" / f"suspects-{run_id}"
        output_file = output_file or work_dir / f"{split}.csv"
        table_suffix(output_file)
        check_writable(output_file.parent)
    with progress() as report:
        found = find_suspects(
            run,
            split=split,
            corpus=declared,
            folds=folds,
            base_model=base_model,
            data_dir=data_dir,
            work_dir=work_dir,
            max_steps=max_steps,
            overrides=overrides,
            on_progress=report,
        )
    assert output_file is not None  # without records nothing was found
    found.save(output_file)
    if format_ == "json":
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, indent=2))
    else:
        _show(found)
    messages.print(f"Wrote {len(found.ranked):,} rows to {output_file}", highlight=False, markup=False, soft_wrap=True)


def _show(found: "Suspects") -> None:
    output.print(
        f"[bold]{escape(found.corpus)}[/], {found.split}: {len(found.ranked):,} of {found.rows:,} rows are suspect, "
        f"judged by {escape(found.basis)}.",
        highlight=False,
    )
    if not found.ranked:
        return
    changes = results_table("Labels", ["Label", "Suggested"], ["Rows"])
    for (label, suggested), rows in Counter((each.label, each.suggested_label) for each in found.ranked).most_common():
        changes.add_row(escape(label), escape(suggested), f"{rows:,}")
    output.print(changes)
    table = results_table("Most suspicious rows", ["Text", "Label", "Suggested"], ["Row", "Probability\nof the label"])
    for suspect in found.ranked[:SHOWN]:
        text = suspect.text if len(suspect.text) <= _SHOWN_CHARACTERS else f"{suspect.text[: _SHOWN_CHARACTERS - 1]}…"
        cells = (escape(text), escape(suspect.label), escape(suspect.suggested_label))
        table.add_row(*cells, f"{suspect.row:,}", f"{suspect.self_confidence:.4f}")
    output.print(table)
    output.print("A suspect is no proof: read the text before changing its label.", style="dim")
