"""Serving the page: where it listens, and with what settings."""

import errno
import io
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from typing import Any

from emohub.errors import UsageError
from emohub.ui import api, strings
from emohub.ui.discretion import keep_texts_out_of_the_log
from emohub.ui.guard import Guard
from emohub.ui.outbound import fetch_nothing
from emohub.ui.page import Page
from emohub.ui.quick import Quick
from emohub.ui.rates import RateLimit
from emohub.ui.service.limits import MAX_FILE_BYTES, MAX_SESSIONS, SPACE_RATE_LIMIT
from emohub.ui.theme import STYLESHEETS, build_theme

DEFAULT_PORT = 7860


def launch(
    demo: Page,
    *,
    host: str | None = None,
    port: int | None = None,
    block: bool = True,
    mcp: bool = False,
    share: bool = False,
    auth: Sequence[tuple[str, str]] | None = None,
    rate_limit: int | None = None,
    warm_up: bool = False,
) -> str:
    """Serve ``demo`` and return its address; with ``block`` only after Ctrl-C or SIGTERM.

    ``host`` and ``port`` default to the environment; see ``address``. ``mcp`` serves the API over MCP too, ``share``
    opens a tunnel to gradio.live, and ``auth`` names who may enter and their passwords. ``rate_limit`` is the number of
    requests a minute that one client may send, 0 for any; None is a limit on a Space and none elsewhere. ``warm_up``
    loads the models in the background, from the start.

    Raises:
        UsageError: the address cannot be used, for example because the port is taken.
    """
    host, port = address(os.environ, host=host, port=port)
    _require_free(host, port)
    keep_texts_out_of_the_log()
    fetch_nothing()
    if block:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    on_space = "SPACE_ID" in os.environ
    if rate_limit is None:
        rate_limit = SPACE_RATE_LIMIT if on_space else 0
    with redirect_stdout(io.StringIO()) if share else nullcontext():  # Gradio has many words for a missing network
        _, url, _ = demo.launch(
            server_name=f"[{host}]" if ":" in host and not host.startswith("[") else host,
            server_port=port,
            theme=build_theme(),
            css_paths=list(STYLESHEETS),
            auth=list(auth) if auth else None,
            footer_links=["api"],
            run_history=False,  # it would keep every text in the browser
            share=share,
            ssr_mode=False,
            pwa=False,
            mcp_server=mcp,
            enable_monitoring=False,
            max_file_size=MAX_FILE_BYTES,
            state_session_capacity=MAX_SESSIONS,
            app_kwargs={
                "middleware": [
                    (Guard, (), guard_settings(rate_limit, on_space=on_space)),
                    (api.McpDoor, (), {"auth": auth or ()}),
                    *([] if auth else [(Quick, (), {"answers": demo.quick})]),  # Gradio knows who has logged in
                ]
            },
            quiet=True,
            prevent_thread_lock=True,
        )
    if mcp:
        api.answer_in_json(demo)
    print(strings.server.SERVING.format(url=url), flush=True)
    if share:
        print(
            strings.server.SHARED.format(url=demo.share_url) if demo.share_url else strings.server.NOT_SHARED,
            flush=True,
        )
    if warm_up:
        demo.service.store.warm_up()
    if block:
        demo.block_thread()
    return str(url)


def guard_settings(rate_limit: int, *, on_space: bool) -> dict[str, Any]:
    """How the page is guarded: ``rate_limit`` requests a minute of one client, 0 for any."""
    return {"rate_limit": RateLimit(rate_limit) if rate_limit else None, "behind_proxy": on_space}


def address(environment: Mapping[str, str], *, host: str | None = None, port: int | None = None) -> tuple[str, int]:
    """Where to listen: what was given, else HOST and PORT, else Gradio's own variables, else the default.

    The default is this machine alone, 127.0.0.1:7860, and on a Space every interface.

    Raises:
        UsageError: the port is not a number from 1 to 65535.
    """
    on_space = "SPACE_ID" in environment
    fallback = "0.0.0.0" if on_space else "127.0.0.1"
    host = host or environment.get("HOST") or environment.get("GRADIO_SERVER_NAME") or fallback
    wanted = str(port) if port is not None else environment.get("PORT") or environment.get("GRADIO_SERVER_PORT")
    wanted = wanted or str(DEFAULT_PORT)
    if not wanted.isdecimal() or not 1 <= int(wanted) <= 65535:
        raise UsageError(f"{wanted!r} is no port", "give a number from 1 to 65535")
    return host, int(wanted)


def _require_free(host: str, port: int) -> None:
    """Say why an address cannot be used; Gradio would only say that it found no port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]"), port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} is in use", "stop what uses it, or choose another with PORT") from None
        raise UsageError(
            f"{host}:{port} cannot be listened on ({error.strerror})", "choose another with HOST and PORT"
        ) from None
