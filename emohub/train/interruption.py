"""SIGTERM, a closed terminal and Ctrl-C while a run trains: the step is finished and saved first."""

import signal
import threading
from types import FrameType
from typing import Self


class Interruption:
    """While entered, remembers a SIGTERM, a SIGHUP or the first Ctrl-C; a second Ctrl-C stops at once.

    Outside the main thread, where no handler can be set, it never sees one.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """What asked the run to stop; None so far."""
        self.at_once = False
        """Whether the first signal stops at once too, because there is nothing left to be saved."""
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                if signal.getsignal(each) is not signal.SIG_IGN:  # as SIGHUP is under nohup
                    self._before[each] = signal.signal(each, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)  # type: ignore[arg-type]  # it is what signal() returned

    def _remember(self, number: int, _: FrameType | None) -> None:
        again = self.signal is signal.SIGINT and number == signal.SIGINT
        self.signal = signal.Signals(number)
        if self.at_once or again:
            raise KeyboardInterrupt
