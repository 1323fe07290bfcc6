"""The API over MCP: the same endpoints, as tools that a language model can use."""

import base64
import functools
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import gradio as gr
from gradio.mcp import Client

MCP_PATH = "/gradio_api/mcp"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def answer_in_json(demo: gr.Blocks) -> None:
    """Let every tool of a page that is being served answer, and in JSON; Gradio would write Python's own notation.

    A file stays the link that Gradio makes of it.
    """
    server = demo.mcp_server_obj
    if demo.auth:
        server._get_or_create_client = functools.cache(functools.partial(_own_client, demo))
    links = server.postprocess_output_data

    def answers(data: list[Any], root_url: str) -> list[Any]:
        return [piece for value in data for piece in _pieces(value, root_url)]

    def _pieces(value: Any, root_url: str) -> list[Any]:
        if isinstance(value, dict) and "path" in value and "meta" in value:
            return list(links([value], root_url))
        return [server.types.TextContent(type="text", text=json.dumps(value, ensure_ascii=False))]

    server.postprocess_output_data = answers


def _own_client(demo: gr.Blocks) -> Client:
    """What Gradio runs the tools with that are long jobs: a client of the page itself, which has to log in as well.

    Gradio's own does not; whoever it answers for has come through the :class:`McpDoor`.
    """
    return Client(
        demo.local_url,
        auth=demo.auth[0],
        download_files=False,
        verbose=False,
        analytics_enabled=False,
        ssl_verify=False,
        _skip_components=False,
        headers={"x-gradio-user": "mcp"},
    )


class McpDoor:
    """ASGI middleware: over MCP only those get in who get into the page too, by HTTP's basic authentication.

    Gradio asks for a password at the page and at the API, and at this path it does not. ``auth`` is empty where anyone
    may enter.
    """

    def __init__(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], *, auth: Sequence[tuple[str, str]]
    ) -> None:
        self._app = app
        self._keys = [b"Basic " + base64.b64encode(f"{user}:{password}".encode()) for user, password in auth]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] != "http" or MCP_PATH not in scope["path"] or self._lets_in(scope["headers"]):
            await self._app(scope, receive, send)
            return
        sentence = b"this page asks for a name and a password; send them as the header Authorization: Basic"
        headers = [(b"www-authenticate", b'Basic realm="emohub"'), (b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": sentence})

    def _lets_in(self, headers: Sequence[tuple[bytes, bytes]]) -> bool:
        if not self._keys:
            return True
        shown = next((value for name, value in headers if name.lower() == b"authorization"), b"")
        return any(secrets.compare_digest(shown, key) for key in self._keys)
