"""``emohub card``: write a model's card from its records, or check that it is current."""

from typing import Annotated

import typer

from emohub.cli.app import app, messages


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
) -> None:
    """Write the README.md of RUN from its run.json and eval.json, and draw the learning curves that it shows.

    For the masked-LM stage of a run (RUN/masked_lm) its run.json suffices. For a recipe without records it is a page
    with what others report of that model.

    Example: `emohub card minilm-emotion --check`
    """
    from emohub.card import card_folder, check_card, write_card

    folder = card_folder(run)
    if check:
        messages.print(
            f"{check_card(folder, repo_id=repo_id)} is current", highlight=False, markup=False, soft_wrap=True
        )
    else:
        messages.print(f"Wrote {write_card(folder, repo_id=repo_id)}", highlight=False, markup=False, soft_wrap=True)
