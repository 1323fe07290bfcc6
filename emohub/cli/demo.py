"""``emohub demo``: the page."""

import os
from pathlib import Path
from typing import Annotated

import typer

from emohub.cli.app import app
from emohub.cli.options import Engine
from emohub.errors import UsageError
from emohub.layout import CHECKPOINT_FOLDER, find_model, served_models


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
    auth: Annotated[
        str | None,
        typer.Option(
            metavar="USER:PASSWORD|@FILE",
            envvar="EMOHUB_AUTH",
            help="Who may enter; a file holds one USER:PASSWORD a line. The command line is seen by every user of the "
            "machine, a file or EMOHUB_AUTH is not.",
        ),
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Open the page to the internet through a tunnel of gradio.live as well.")
    ] = False,
    mcp: Annotated[
        bool, typer.Option("--mcp", envvar="EMOHUB_MCP", help="Serve the API to language models too, over MCP.")
    ] = False,
    rate_limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            envvar="EMOHUB_RATE_LIMIT",
            help="Requests a minute that one client may send; 0 is no limit. Default: 0, and on a Space 240.",
        ),
    ] = None,
    lazy: Annotated[
        bool,
        typer.Option(
            "--lazy",
            envvar="EMOHUB_LAZY",
            help="Load a model when it is first asked for, rather than all of them in the background.",
        ),
    ] = False,
    engine: Engine = "auto",
    allow_model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OWNER/NAME|OWNER/*",
            envvar="EMOHUB_ALLOW_MODEL",
            help="A Hub model, or all of an owner, that a visitor may add to the page; repeat it for more.",
        ),
    ] = None,
    feedback: Annotated[
        str | None,
        typer.Option(
            metavar="local|FILE|OWNER/NAME",
            envvar="EMOHUB_FEEDBACK",
            help="Keep what visitors say about answers: in your user's data folder, a file, or a dataset on the Hub.",
        ),
    ] = None,
) -> None:
    """Serve the page: classify a text, compare models on it, see what was measured, read the cards.

    It needs no network. The models are loaded in the background; Ctrl-C stops the page.

    Example: `emohub demo --port 8080`

    Example: `emohub demo --models minilm-emotion --models runs/my-run`
    """
    served = served_models() if models is None else named_models(models)
    users = None if auth is None else read_auth(auth)

    # Torch's threads would spin while they wait for the next step, on the cores that everything else runs on. It is
    # read when torch is loaded, which is with the first model.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from emohub.ui import build_demo, launch

    page = build_demo(served, allowed_models=tuple(allow_model or ()), feedback=feedback, engine=engine)
    launch(
        page,
        host=host,
        port=port,
        mcp=mcp,
        share=share,
        auth=users,
        rate_limit=rate_limit,
        warm_up=not lazy,
    )


def read_auth(value: str) -> list[tuple[str, str]]:
    """Users and their passwords from ``USER:PASSWORD``, or from the lines of ``@FILE``.

    Raises:
        UsageError: the file cannot be read, or a line is not of that form. Neither is repeated in the message.
    """
    lines = [value]
    if value.startswith("@"):
        try:
            lines = [line for line in Path(value[1:]).read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"the file of --auth cannot be read ({type(error).__name__})", "give @ and the path of a text file"
            ) from None
    users = [line.strip().partition(":") for line in lines]
    if not users or not all(user and password for user, _, password in users):
        raise UsageError("--auth names no user with a password", "write USER:PASSWORD, or a file with one a line")
    return [(user, password) for user, _, password in users]


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
