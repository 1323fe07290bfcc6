"""The short way to an endpoint: the same answers as Gradio's own route gives, and no call there that is not plain."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from emohub.errors import UsageError
from emohub.ui.api.endpoint import Refusal
from emohub.ui.quick import Quick
from tests.browsing import Site

RUN = "/gradio_api/run/double"
JSON = ((b"content-type", b"application/json; charset=utf-8"),)
TEXT = "i am so happy today with my friend"
TIMES = {"seconds", "duration", "average_duration"}
BODIES = [
    json.dumps({"data": data}).encode()
    for data in (
        [TEXT, "feelings"],
        [" ünï 😀 \x00 ", "moods"],
        ["", "feelings"],
        ["x" * 100_001, "feelings"],
        [TEXT, "nobody"],
        [TEXT, None],
        [7, "feelings"],
        [["a"], {"b": 1}],
        ["half \ud800", "feelings"],
        [TEXT],
        [],
        [TEXT, "feelings", 1],
        [{"path": "http://203.0.113.7/a.csv", "meta": {"_type": "gradio.FileData"}}, "feelings"],
        {"text": TEXT, "model": "feelings"},
        None,
    )
]
BODIES += [b"", b"{", b"[]", b"\xff", b'{"data": [NaN, 1]}', b"[" * 100_000]
BODIES += [
    json.dumps({"data": [TEXT, "feelings"], **more}).encode()
    for more in ({"session_hash": "abc"}, {"fn_index": 0}, {"batched": True}, {"event_data": {}}, {"other": 1})
]


async def double(number: Any) -> int:
    if number == "bad":
        raise Refusal(UsageError("it is bad", "send another"))
    return 2 * int(number)


async def gradio(_: Any, receive: Any, send: Any) -> None:
    """Stands for the page behind: says what it read."""
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"gradio " + body})


def ask(
    *pieces: bytes,
    path: str = RUN,
    method: str = "POST",
    headers: Any = JSON,
    answer: Callable[[Any], Awaitable[Any]] = double,
) -> tuple[int, bytes]:
    """Status and body of the answer to a request that comes in pieces."""
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(Quick(gradio, answers={"double": answer})(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


def test_a_plain_call_never_reaches_gradio() -> None:
    status, body = ask(b'{"data"', b": [21]}")
    assert status == 200
    said = json.loads(body)
    assert said.pop("duration") == said.pop("average_duration") >= 0
    assert said == {
        "data": [42],
        "is_generating": False,
        "render_config": None,
        "changed_state_ids": [],
        "used_cache": None,
    }


def test_a_refusal_is_told_as_gradio_does() -> None:
    status, body = ask(b'{"data": ["bad"]}')
    assert (status, json.loads(body)["error"]) == (500, "it is bad; send another.")


@pytest.mark.parametrize(
    ("body", "how"),
    [
        (b'{"data": [1, 2]}', {}),
        (b'{"data": [{"path": "a"}]}', {}),
        (b'{"data": [1], "session_hash": "a"}', {}),
        (b"{", {}),
        (b'{"data": ["no number"]}', {}),  # an error that nobody foresaw
        (b'{"data": [1]}', {"path": "/gradio_api/call/double"}),
        (b'{"data": [1]}', {"path": "/gradio_api/run/other"}),
        (b'{"data": [1]}', {"method": "PUT"}),
        (b'{"data": [1]}', {"headers": ()}),
        (b'{"data": [1]}', {"headers": ((b"content-type", b"text/plain"),)}),
    ],
)
def test_whatever_else_comes_is_gradios(body: bytes, how: dict[str, Any]) -> None:
    assert ask(body, **how) == (200, b"gradio " + body)


def test_who_hangs_up_while_asking_gets_no_answer() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def never(*_: Any) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": RUN, "headers": JSON}
    asyncio.run(Quick(never, answers={"double": never})(scope, receive, never))


@pytest.mark.parametrize("body", BODIES)
def test_both_ways_say_the_same(site: Site, body: bytes) -> None:
    # With a slash at the end it is Gradio's own route.
    quick, own = (said(f"{site.url}gradio_api/run/classify{end}", body) for end in ("", "/"))
    assert quick == own


def said(url: str, body: bytes) -> tuple[int, str | None, Any]:
    """Status, type and decoded body, without what differs from call to call."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers["Content-Type"], untimed(json.load(response))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], untimed(json.load(error))


def untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: untimed(each) for name, each in value.items() if name not in TIMES}
    return [untimed(each) for each in value] if isinstance(value, list) else value
