"""``emohub demo``: the page."""

from pathlib import Path
from typing import Annotated

import typer

from emohub.cli.app import app
from emohub.errors import UsageError
from emohub.layout import CHECKPOINT_FOLDER, find_model, shipped_models


@app.command()
def demo(
    models: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR|ID",
            help="A model to serve: a folder, a run, or a Hub id; repeat it for more. Default: models/.",
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: HOST, GRADIO_SERVER_NAME, or 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port to listen on. Default: PORT, GRADIO_SERVER_PORT, or 7860."),
    ] = None,
) -> None:
    """Serve the page: classify a text, compare models on it, see what was measured, read the cards.

    It needs no network. A model is loaded when it is first used; Ctrl-C stops the page.

    Example: `emohub demo --port 8080`

    Example: `emohub demo --models minilm-emotion --models runs/my-run`
    """
    served = shipped_models() if models is None else named_models(models)

    from emohub.ui import build_demo, launch

    launch(build_demo(served), host=host, port=port)


def named_models(models: list[str]) -> dict[str, str]:
    """The models by the name that the page shows: a local one by its folder, unless another is called the same.

    Raises:
        UsageError: one is neither a local model nor a Hub id.
    """
    named: dict[str, str] = {}
    for model in models:
        folder = find_model(model)
        if folder is None and "/" not in model:
            raise UsageError(
                f"there is no model {model!r}", "give a folder, a run, a model under models/, or a Hub id as OWNER/NAME"
            )
        name = model if folder is None else _folder_name(folder)
        named[model if name in named else name] = model
    return named


def _folder_name(folder: Path) -> str:
    resolved = folder.resolve()
    return resolved.parent.name if resolved.name == CHECKPOINT_FOLDER else resolved.name
