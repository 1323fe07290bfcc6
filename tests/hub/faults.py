"""What can go wrong with a request."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.hub.messages import Request


@dataclass
class Fault:
    """Makes matching requests fail: the ``nth`` one, and the ``times - 1`` after it.

    ``status`` answers with it; None closes the connection. ``lost`` handles the request before it fails, as when an
    answer is lost. ``half`` resets the connection in the middle of the request's body. ``slow`` handles the request
    and answers only when the client has stopped waiting. ``action`` runs instead of failing, for what happens on the
    Hub between two requests.
    """

    method: str
    path: str
    status: int | None = None
    nth: int = 1
    times: int = 1
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    half: bool = False
    slow: bool = False
    action: Callable[[], object] | None = None
    seen: int = 0

    def strikes(self, request: Request) -> bool:
        if request.method != self.method or not re.search(self.path, request.path):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times
