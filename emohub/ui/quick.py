"""The short way to an endpoint: Gradio's own direct route makes a session for each call, and copies the page for it."""

import inspect
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import gradio as gr
from gradio.routes import ORJSONResponse
from gradio.utils import error_payload

ROUTE = "/gradio_api/run/"

Answer = Callable[..., Awaitable[Any]]
"""An endpoint that keeps nothing between two calls, and never holds the event loop up."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Quick:
    """ASGI middleware: the plain calls of some endpoints are answered here, with what Gradio's route would say.

    A call is plain when its body is ``{"data": [...]}`` with every argument, none of them an object or a list, and
    nothing else. Any other goes on to Gradio, which knows sessions and files, and has the word on what is malformed.
    Nobody is asked for a password here: it is for pages without.
    """

    def __init__(self, app: Application, *, answers: Mapping[str, Answer]) -> None:
        """``answers`` are endpoints by their names in the API."""
        self._app = app
        self._routes = {f"{ROUTE}{name}": _Endpoint(answer) for name, answer in answers.items()}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection."""
        endpoint = self._endpoint(scope)
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        body = bytearray()
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        else:
            return  # whoever asked has gone
        arguments = endpoint.arguments(body)
        said = None if arguments is None else await endpoint.answer(arguments)
        if said is None:
            await self._app(scope, _replay(bytes(body), receive), send)
        else:
            await said(scope, receive, send)

    def _endpoint(self, scope: MutableMapping[str, Any]) -> "_Endpoint | None":
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        endpoint = self._routes.get(scope["path"].removeprefix(scope.get("root_path", "")))
        is_json = any(
            name == b"content-type" and value.split(b";")[0].strip().lower() == b"application/json"
            for name, value in scope["headers"]
        )
        return endpoint if is_json else None


class _Endpoint:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._count = len(inspect.signature(answer).parameters)
        self._calls, self._seconds = 0, 0.0

    def arguments(self, body: bytearray) -> list[Any] | None:
        """The arguments of a plain call; None where it is none."""
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(said, dict) or set(said) != {"data"}:
            return None
        data = said["data"]
        if not isinstance(data, list) or len(data) != self._count:
            return None
        return None if any(isinstance(value, dict | list) for value in data) else data

    async def answer(self, arguments: list[Any]) -> ORJSONResponse | None:
        """What Gradio would say; None for an error that nobody foresaw, which Gradio has its own way with."""
        started = time.perf_counter()
        try:
            answer = await self._answer(*arguments)
        except gr.Error as error:
            return ORJSONResponse(error_payload(error, show_error=False), 500)
        except Exception:
            return None
        seconds = time.perf_counter() - started
        self._calls, self._seconds = self._calls + 1, self._seconds + seconds
        return ORJSONResponse(
            {
                "data": [answer],
                "is_generating": False,
                "duration": seconds,
                "average_duration": self._seconds / self._calls,
                "render_config": None,
                "changed_state_ids": [],
                "used_cache": None,
            }
        )


def _replay(body: bytes, receive: Receive) -> Receive:
    """The request once more, for who reads it after this."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return first.pop() if first else await receive()

    return replayed
