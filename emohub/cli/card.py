"""``emohub card``: write a model's card from its records, or check that it is current."""

from typing import Annotated, Literal

import typer

from emohub.cli.app import app, messages
from emohub.layout import DESCRIPTION_FILE, EVAL_FILE


@app.command()
def card(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="A name under cards/, a run, a folder with records, or a documented recipe."
        ),
    ],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when the card is not current.")] = False,
    repo_id: Annotated[
        str | None, typer.Option(help="Id on the Hub (USER/NAME) that the card names and its examples load.")
    ] = None,
    unmarked: Annotated[
        Literal["refuse", "keep", "replace"],
        typer.Option(
            help="What becomes of a README.md without emohub's markers: it is refused, kept below the rendered parts, "
            "or replaced by them."
        ),
    ] = "refuse",
) -> None:
    """Write the README.md of RUN from its run.json and eval.json, and draw the pictures that it shows.

    What you write between the rendered parts of the README.md stays as it is, however often this runs. For the
    masked-LM stage of a run (RUN/masked_lm) its run.json suffices. For a recipe without records it is a page with what
    others report of that model.

    Example: `emohub card minilm-emotion --check`
    """
    from emohub.card import card_folder, check_card, write_card

    folder = card_folder(run)
    if check:
        _say(f"{check_card(folder, repo_id=repo_id)} is current")
        return
    _say(f"Wrote {write_card(folder, repo_id=repo_id, unmarked=unmarked)}")
    if (folder / EVAL_FILE).is_file() and not (folder / DESCRIPTION_FILE).is_file():
        _say(f"`emohub describe {run}` gives it examples, mistakes and speed; then render it again.")


def _say(text: str) -> None:
    messages.print(text, highlight=False, markup=False, soft_wrap=True)
