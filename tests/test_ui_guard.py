"""The guard before the page, in one process: sizes, rates, who asks, headers, and who hangs up."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from gradio.utils import get_upload_folder

from emohub.ui import guard, strings
from emohub.ui.guard import Guard
from emohub.ui.rates import MAX_CLIENTS, RateLimit, client_of
from emohub.ui.service import limits
from emohub.ui.service.line import CLIENT_GONE

RUN = "/gradio_api/run/classify"


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Reply:
    """What came back."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        (start,) = (message for message in messages if message["type"] == "http.response.start")
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(message.get("body", b"") for message in messages)

    @property
    def error(self) -> str:
        said = json.loads(self.body)
        assert said["error"] == said["detail"]
        return str(said["error"])


def ask(
    app: Any,
    path: str = RUN,
    *,
    method: str = "POST",
    chunks: tuple[bytes, ...] = (b"{}",),
    headers: dict[str, str] | None = None,
    client: str = "10.0.0.1",
) -> Reply:
    """Send one request to an ASGI application, its body in pieces."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": (client, 1),
    }
    pieces = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    pieces.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if pieces:
            return pieces.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(asyncio.wait_for(app(scope, receive, send), 60))
    return Reply(sent)


async def echo(_: Any, receive: Any, send: Any) -> None:
    """Answers with the number of bytes that it read."""
    read = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError  # as a parser does that is left in the middle
        read += len(message["body"])
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": str(read).encode()})


def test_a_body_is_handed_on_whole_up_to_the_limit() -> None:
    half = b"x" * (limits.MAX_BODY_BYTES // 2)
    assert ask(Guard(echo), chunks=(half, half)).body == str(limits.MAX_BODY_BYTES).encode()
    reply = ask(Guard(echo), chunks=(half, half, b"x"))
    assert (reply.status, reply.error) == (413, "The request is larger than 4 MiB; send less at once.")


@pytest.mark.parametrize("path", [RUN, "/gradio_api/queue/join", "/gradio_api/call/v2/x", "/login", "/gradio_api/mcp/"])
@pytest.mark.parametrize("length", [str(limits.MAX_BODY_BYTES + 1), "-1", "many"])
def test_a_body_that_says_it_is_too_large_is_not_read(path: str, length: str) -> None:
    async def never(*_: Any) -> None:
        raise AssertionError

    assert ask(Guard(never), path, headers={"content-length": length}).status == 413


def test_a_file_has_a_limit_of_its_own_and_no_more_is_read_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_FILE_BYTES", 1000)
    monkeypatch.setattr(guard, "MULTIPART_BYTES", 24)

    async def upload(scope: Any, receive: Any, send: Any) -> None:
        await echo(scope, receive, lambda _: asyncio.sleep(0))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"[]"})

    assert ask(Guard(upload), guard.UPLOAD, chunks=(b"x" * 1000, b"x" * 24)).body == b"[]"
    assert ask(Guard(upload), guard.UPLOAD, chunks=(b"x" * 1000, b"x" * 24, b"x", b"x")).status == 413
    assert ask(Guard(upload), guard.UPLOAD, headers={"content-length": "1025"}).status == 413


def test_a_file_that_is_no_table_is_deleted_and_refused(tmp_path: Path) -> None:
    files = [tmp_path / name / name for name in ("a.csv", "b.exe")]

    async def upload(_: Any, __: Any, send: Any) -> None:
        for file in files:
            file.parent.mkdir()
            file.write_text("x")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps([str(file) for file in files]).encode()})

    reply = ask(Guard(upload), guard.UPLOAD)
    assert reply.status == 415
    assert "b.exe is not a kind of table" in reply.error
    assert list(tmp_path.iterdir()) == []


def test_uploads_that_nobody_used_do_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert get_upload_folder() == str(tmp_path)
    monkeypatch.setattr(guard, "MAX_UPLOADED_BYTES", 10)
    (tmp_path / "a.csv").write_bytes(b"x" * 11)
    reply = ask(Guard(echo), guard.UPLOAD)
    assert (reply.status, reply.error) == (503, strings.server.UPLOADS_FULL)


@pytest.mark.parametrize("name", guard.CLOSED)
def test_routes_that_the_page_never_needs_are_closed(name: str) -> None:
    for method in ("GET", "POST"):
        reply = ask(Guard(echo), f"/gradio_api/{name}x", method=method)
        assert (reply.status, reply.error) == (404, strings.server.CLOSED_ROUTE)


def test_one_client_is_stopped_and_others_are_not() -> None:
    clock = Clock()
    app = Guard(echo, rate_limit=RateLimit(2, clock=clock))
    assert [ask(app).status for _ in range(3)] == [200, 200, 429]
    reply = ask(app)
    assert reply.headers["retry-after"] == "30"
    assert reply.error == "Too many requests came from your address; try again in 30 s."
    assert ask(app, client="10.0.0.2").status == 200
    assert ask(app, method="GET").status == 200  # looking at the page is not counted
    clock.now += 30
    assert [ask(app).status for _ in range(2)] == [200, 429]
    clock.now += 3600
    assert [ask(app).status for _ in range(3)] == [200, 200, 429]


def test_the_clients_that_are_remembered_are_limited() -> None:
    rates = RateLimit(1, clock=Clock())
    for number in range(MAX_CLIENTS + 100):
        assert rates.wait(str(number)) == 0
    assert len(rates._buckets) == MAX_CLIENTS
    assert rates.wait(str(MAX_CLIENTS + 99)) == 60
    assert rates.wait("0") == 0  # forgotten


@pytest.mark.parametrize(
    ("peer", "forwarded", "behind_proxy", "client"),
    [
        ("10.0.0.1", "", True, "10.0.0.1"),
        ("10.0.0.1", "8.8.8.8", False, "10.0.0.1"),
        ("10.0.0.1", "8.8.8.8", True, "8.8.8.8"),
        ("10.0.0.1", "1.1.1.1, 8.8.8.8, 10.1.2.3", True, "8.8.8.8"),  # the first is what the client claims
        ("10.0.0.1", "nonsense, 10.1.2.3", True, "10.0.0.1"),
        ("10.0.0.1", "2606:4700:1:2:3:4:5:6", True, "2606:4700:0001:0002"),
        ("::1", "", False, "0000:0000:0000:0000"),
        ("unknown", "", False, "unknown"),
    ],
)
def test_a_client_is_whom_the_last_trusted_proxy_names(
    peer: str, forwarded: str, behind_proxy: bool, client: str
) -> None:
    assert client_of(peer, {"x-forwarded-for": forwarded}, behind_proxy=behind_proxy) == client


def test_every_answer_says_what_may_run_and_scripts_of_the_page_have_its_nonce() -> None:
    page = "<script>window.config = {}</script><p>ä</p><script type=module src=a.js></script>".encode()

    async def document(_: Any, __: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(page)).encode())]
        headers.append((b"Referrer-Policy", b"unsafe-url"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page[:20], "more_body": True})
        await send({"type": "http.response.body", "body": page[20:]})

    first, second = (ask(Guard(document), "/", method="GET") for _ in range(2))
    for reply in (first, ask(Guard(echo)), ask(Guard(echo), "/monitoring")):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "same-origin"
        assert "camera=()" in reply.headers["permissions-policy"]
        rules = dict(rule.split(" ", 1) for rule in reply.headers["content-security-policy"].split("; "))
        assert rules["default-src"] == "'self'"
        assert "'unsafe-inline'" not in rules["script-src"]
        assert rules["frame-ancestors"].split() == [
            "'self'",
            "https://huggingface.co",
            "https://*.huggingface.co",
            "https://*.hf.space",
        ]
    nonces = [re.findall(r"'nonce-([\w-]+)'", reply.headers["content-security-policy"])[0] for reply in (first, second)]
    assert nonces[0] != nonces[1]
    assert re.findall(r'<script nonce="([\w-]+)"', first.body.decode()) == [nonces[0]] * 2
    assert first.body.decode().replace(f' nonce="{nonces[0]}"', "").encode() == page
    assert int(first.headers["content-length"]) == len(first.body)


def test_who_hangs_up_is_noticed_while_the_answer_is_computed() -> None:
    seen: list[bool] = []

    async def slow(_: Any, receive: Any, __: Any) -> None:
        assert (await receive())["body"] == b"question"
        gone = CLIENT_GONE.get()
        assert gone is not None
        await gone.wait()
        seen.append((await receive())["type"] == "http.disconnect")

    messages = [{"type": "http.request", "body": b"question"}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "path": RUN, "headers": [], "client": None}
    asyncio.run(asyncio.wait_for(Guard(slow)(scope, receive, receive), 60))  # type: ignore[arg-type]
    assert seen == [True]
