"""A request, the answer to it, and the two ways of answering with content or a refusal."""

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request, as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """An answer; a body that is no bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        extra = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.reply = Reply(status, {"error": message}, extra | headers)


def byte_range(request: Request, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a ``Range`` header; None when there is none."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    return None if match is None else (int(match[1]), min(int(match[2]) + 1 if match[2] else size, size))


def content_reply(request: Request, content: bytes) -> Reply:
    """The whole content, or the range of it that was asked for."""
    limits = byte_range(request, len(content))
    if limits is None:
        return Reply(body=content, headers={"Accept-Ranges": "bytes"})
    start, end = limits
    return Reply(206, content[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"})
