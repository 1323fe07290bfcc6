"""What stands between the network and Gradio: limits on what comes in, headers on what goes out."""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from emohub.data import table_suffix
from emohub.errors import UsageError
from emohub.ui import strings
from emohub.ui.discretion import print_place
from emohub.ui.rates import RateLimit, client_of
from emohub.ui.service.limits import MAX_BODY_BYTES, MAX_FILE_BYTES, MAX_UPLOADED_BYTES
from emohub.ui.service.line import CLIENT_GONE

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
"""As ASGI defines them: https://asgi.readthedocs.io/en/latest/specs/www.html"""

UPLOAD = "/gradio_api/upload"
MULTIPART_BYTES = 64 * 2**10
"""What a form may add to the file in it."""
BODY_SECONDS = 60
"""Time in which a request must have arrived, so that nobody holds many of them open by sending slowly."""
UPLOAD_SECONDS = 600
"""The same for a file."""
_LEAST_FILE_BYTES = 64 * 2**10
"""What even an empty file is counted as: files take room by their number too."""
CLOSED = (
    *("proxy=", "component_server", "process_recording", "stream/", "custom_component", "dev/", "run-history"),
    *("vibe", "undo-vibe", "profiling", "deep_link"),
)
"""Routes of Gradio that this page never needs, below ``/gradio_api/``: some fetch, some run programs."""
FRAMES = "'self' https://huggingface.co https://*.huggingface.co https://*.hf.space"
"""Who may show the page in a frame: the Hub does so with a Space."""
POLICY = "; ".join(
    (
        "default-src 'self'",
        # Gradio compiles its templates and the js= of events in the browser, hence 'unsafe-eval'. A script that
        # somebody smuggles into the document has no nonce, and a handler in an attribute cannot have one: none runs.
        "script-src 'self' 'unsafe-eval' 'nonce-{nonce}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'none'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        f"frame-ancestors {FRAMES}",
    )
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # the address can hold a text
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Guard:
    """ASGI middleware around the whole page, its API and its MCP server."""

    def __init__(self, app: Application, *, rate_limit: RateLimit | None = None, behind_proxy: bool = False) -> None:
        """``behind_proxy`` says that every request comes through a proxy that names the client, as on a Space."""
        self._app, self._rate_limit, self._behind_proxy = app, rate_limit, behind_proxy

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._serve(scope, receive, answer)
        except Exception:  # of whatever kind: its message may quote a text, and the server would log it
            print_place()
            await answer.refuse(500, strings.server.UNFORESEEN, {})

    async def _serve(self, scope: MutableMapping[str, Any], receive: Receive, answer: "_Answer") -> None:
        route = scope["path"].removeprefix(scope.get("root_path", ""))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, route, headers)
        if refusal is not None:
            await answer.refuse(*refusal)
        elif scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, answer)
        elif route.rstrip("/") == UPLOAD:
            await _upload(self._app, scope, receive, answer)
        else:
            await _ask(self._app, scope, receive, answer)

    def _refusal(self, scope: MutableMapping[str, Any], route: str, headers: dict[str, str]) -> "Refusal | None":
        """Why a request is not even looked at; None when it is."""
        below = route.lstrip("/").removeprefix("gradio_api/")
        if below.startswith(CLOSED) or route.startswith("/monitoring"):
            return 404, strings.server.CLOSED_ROUTE, {}
        limit = MAX_FILE_BYTES + MULTIPART_BYTES if route.rstrip("/") == UPLOAD else MAX_BODY_BYTES
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            return 413, too_large(limit), {}
        if self._rate_limit is not None and scope["method"] == "POST":
            peer = scope.get("client") or ("unknown", 0)
            wait = self._rate_limit.wait(client_of(peer[0], headers, behind_proxy=self._behind_proxy))
            if wait:
                return 429, strings.server.TOO_MANY_REQUESTS.format(seconds=wait), {"retry-after": str(wait)}
        return None


Refusal = tuple[int, str, dict[str, str]]
"""Status, one sentence, more headers."""


def too_large(limit: int) -> str:
    """What is said to a body of more than ``limit`` bytes."""
    return strings.server.TOO_LARGE.format(megabytes=limit // 2**20)


class _Answer:
    """``send`` with the headers that every answer carries; after a refusal nothing more is sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""
        self._nonce = secrets.token_urlsafe(16)
        self._begun = False
        self.refused = False

    async def __call__(self, message: Message) -> None:
        if self.refused:
            return
        if message.get("status") == 422:  # FastAPI would repeat what was sent, with a list of its faults
            await self.refuse(422, strings.server.MALFORMED, {})
        else:
            await self._pass(message)

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {**HEADERS, "content-security-policy": POLICY.format(nonce=self._nonce)}
            present = [(name, value) for name, value in message["headers"] if name.decode("latin-1").lower() not in own]
            message["headers"] = [*present, *((name.encode(), value.encode()) for name, value in own.items())]
            if _is_page(message):
                self._start = message
                return
            self._begun = True
        elif self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            message = await self._begin_page()
        await self._send(message)

    async def _begin_page(self) -> Message:
        """Give the page's own scripts the nonce. What they hold is JSON without a ``<``, so no other is among them."""
        assert self._start is not None
        body = self._body.replace(b"<script", b'<script nonce="%s"' % self._nonce.encode())
        headers = [(name, value) for name, value in self._start["headers"] if name != b"content-length"]
        start, self._start, self._begun = self._start, None, True
        await self._send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        return {"type": "http.response.body", "body": body}

    async def refuse(self, status: int, sentence: str, headers: dict[str, str]) -> None:
        """Answer with one sentence, in the form that Gradio's clients show; an answer that has begun just ends."""
        self.refused = True
        if self._begun:
            return
        self._start = None
        body = json.dumps({"error": sentence, "detail": sentence}).encode()
        own = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        fields = [(name.encode(), value.encode()) for name, value in own.items()]
        await self._pass({"type": "http.response.start", "status": status, "headers": fields})
        await self._pass({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.lower().startswith(b"text/html") for name, value in start["headers"]
    )


async def _ask(app: Application, scope: MutableMapping[str, Any], receive: Receive, answer: _Answer) -> None:
    """Read a request within the limit, then serve it, and notice when who sent it hangs up."""
    body = bytearray()
    more = True
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS
    while more:
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            await answer.refuse(408, strings.server.TOO_SLOW, {"connection": "close"})
            return
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            await answer.refuse(413, too_large(MAX_BODY_BYTES), {"connection": "close"})
            return
        more = message.get("more_body", False)
    gone = asyncio.Event()
    pending = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replay() -> Message:
        if pending:
            return pending.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    CLIENT_GONE.set(gone)
    watching = asyncio.ensure_future(watch())
    try:
        await app(scope, replay, answer)
    finally:
        watching.cancel()


async def _upload(app: Application, scope: MutableMapping[str, Any], receive: Receive, answer: _Answer) -> None:
    """Let files in that could be tables, within the limits of one file and of all that lie here."""
    if await asyncio.to_thread(_bytes_below, Path(get_upload_folder())) > MAX_UPLOADED_BYTES:
        await answer.refuse(503, strings.server.UPLOADS_FULL, {"retry-after": "600"})
        return
    limit, read, more = MAX_FILE_BYTES + MULTIPART_BYTES, 0, True
    deadline = asyncio.get_running_loop().time() + UPLOAD_SECONDS
    gone = False
    said: list[Message] = []

    async def counted() -> Message:
        nonlocal read, more, gone
        try:
            async with asyncio.timeout_at(deadline if more else None):
                message = await receive()
        except TimeoutError:
            await answer.refuse(408, strings.server.TOO_SLOW, {"connection": "close"})
            return {"type": "http.disconnect"}
        read += len(message.get("body", b""))
        more, gone = message.get("more_body", False), message["type"] == "http.disconnect"
        if read > limit:
            await answer.refuse(413, too_large(limit), {"connection": "close"})
            return {"type": "http.disconnect"}
        return message

    async def keep(message: Message) -> None:
        said.append(message)

    try:
        await app(scope, counted, keep)
    except Exception:
        if not (answer.refused or gone):  # else it is Gradio's word for the connection that was closed on it
            raise
    try:
        _check_files(said)
    except UsageError as error:
        await answer.refuse(415, str(error), {})
    for message in said:
        await answer(message)


def _check_files(said: list[Message]) -> None:
    """See that the files that were taken could be tables; else all of them are deleted again.

    Raises:
        UsageError: one of them could not.
    """
    status = next((message["status"] for message in said if "status" in message), 500)
    body = b"".join(message.get("body", b"") for message in said)
    files = [Path(name) for name in json.loads(body)] if status == 200 else []
    try:
        for file in files:
            table_suffix(file)
    except UsageError:
        for file in files:
            with suppress(OSError):
                file.unlink()
                file.parent.rmdir()
        raise


def _bytes_below(folder: Path) -> int:
    """What uploads take, without those that broke off: of them Gradio forgets the part that came."""
    for part in folder.glob("tmp*"):
        with suppress(OSError):
            if part.is_file() and time.time() - part.stat().st_mtime > UPLOAD_SECONDS:
                part.unlink()
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # it may be deleted meanwhile
            total += max(path.stat().st_size, _LEAST_FILE_BYTES) if path.is_file() else 0
    return total
