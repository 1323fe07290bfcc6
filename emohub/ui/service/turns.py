"""One computation at a time, in the order in which they were asked for."""

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A lock that goes to whoever has waited longest.

    Python's own lock may go to the thread that has just released it, so that a job of many chunks would let nobody in.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._mutex:
            if not self._taken:
                self._taken = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()  # it stays taken, by the next
            else:
                self._taken = False
