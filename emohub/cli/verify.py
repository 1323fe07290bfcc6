"""``emohub verify``: hold a model against its own card."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from emohub.cli.app import app, messages, output
from emohub.cli.options import DataDir, Format
from emohub.cli.progress import progress
from emohub.cli.tables import results_table
from emohub.errors import UsageError
from emohub.layout import VERIFY_FILE, find_records

if TYPE_CHECKING:
    from emohub.verify import CheckedClaim, Verification


@app.command()
def verify(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Hub id, a model under models/, a folder, or a run.")],
    corpus: Annotated[
        str | None,
        typer.Option(help="What the card's dataset is: a corpus by name, or the path of its declaration (TOML)."),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch of a Hub id.")] = None,
    data_dir: DataDir = None,
    texts: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Files that a masked language model learned from, where its author used some; repeatable.",
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples behind the 95% intervals.")] = 9999,
    save: Annotated[
        bool,
        typer.Option("--save", help="Keep the result as verify.json beside the records, where the page finds it."),
    ] = False,
    save_to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the result in this file, for a model without records here."),
    ] = None,
    format_: Format = "table",
) -> None:
    """Measure MODEL again on the splits that its card names, and say which of the card's figures hold.

    Each figure is reproduced, differs (by how much, and whether that is beyond the 95% interval), or cannot be checked
    (why). Exits with 0 when at least one was reproduced and none differs, else with 1. Only safetensors weights are
    loaded, and no code of the repository runs.

    Example: `emohub verify ada/minilm-emotion`

    Example: `emohub verify ada/minilm-emotion --save`
    """
    from emohub.recipe import load_corpus
    from emohub.record import check_writable
    from emohub.verify import verify as hold

    if save and save_to:
        raise UsageError("--save and --save-to are different places for the result", "give one of them")
    declared = None if corpus is None else load_corpus(corpus)
    kept = save_to or (_beside_records(model) if save else None)
    if kept is not None:
        check_writable(kept.parent)
    with progress() as report:
        found = hold(
            model,
            revision=revision,
            corpus=declared,
            data_dir=data_dir,
            texts=texts or (),
            resamples=resamples,
            on_progress=report,
        )
    if format_ == "json":
        typer.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False))
    else:
        _show(found)
    if kept is not None:
        found.record().save(kept)
        messages.print(f"Kept in {kept}", highlight=False, markup=False, soft_wrap=True)
    if not found.holds:
        raise typer.Exit(1)


def _beside_records(model: str) -> Path:
    """Where the page looks for it: in the folder of the records that have the model's name.

    Raises:
        UsageError: there are none.
    """
    folder = find_records(model)
    if folder is None:
        raise UsageError(f"there are no records of {model!r} here to put it beside", "name a file with --save-to")
    return folder / VERIFY_FILE


def _plain(found: "Verification") -> dict[str, object]:
    """A verification as JSON shows it."""
    return {
        "model": found.model.model_dump(),
        "claims": [_plain_claim(checked) for checked in found.claims],
        "weights_named": found.weights_named,
        "notes": found.notes,
        "holds": found.holds,
    }


def _plain_claim(checked: "CheckedClaim") -> dict[str, object]:
    return {
        **dataclasses.asdict(checked.claim),
        "outcome": checked.outcome,
        "reason": checked.reason,
        "measured": None if checked.measured is None else checked.measured.model_dump(),
    }


def _show(found: "Verification") -> None:
    revision = f" at {found.model.revision[:12]}" if found.model.revision else ""
    table = results_table(
        f"{found.model.id}{revision}", ["Metric", "Dataset", "Split", "Outcome"], ["Claimed", "Measured"]
    )
    for checked in found.claims:
        claim, value = checked.claim, checked.claim.value
        outcome = checked.outcome + (f": {checked.reason}" if checked.reason else "")
        table.add_row(
            escape(claim.metric),
            escape(claim.dataset),
            escape(claim.split or "–"),
            escape(outcome),
            f"{value:.4f}" if isinstance(value, int | float) else escape(str(value)),
            "–" if checked.measured is None else f"{checked.measured.value:.4f}",
        )
    output.print(table)
    for note in found.notes:
        output.print(f"Note: {note}.", highlight=False, markup=False)
    if found.weights_named is not None:
        output.print(
            f"The weights are {'' if found.weights_named else 'not '}those that the card names.", highlight=False
        )
