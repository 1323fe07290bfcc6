"""Jobs of many steps: few at a time, and between two of its steps a job lets everybody else compute."""

import threading
from collections.abc import Generator
from typing import TypeVar

from emohub.errors import BusyError
from emohub.ui.service.turns import Turns

Step = TypeVar("Step")
Outcome = TypeVar("Outcome")


class LongJobs:
    """Runs jobs that go in steps, each step while nobody else computes."""

    def __init__(self, computing: Turns, *, most: int) -> None:
        """``computing`` is held during each step; ``most`` jobs may run at the same time."""
        self._computing = computing
        self._most = most
        self._places = threading.BoundedSemaphore(most)

    def run(self, steps: Generator[Step, None, Outcome]) -> Generator[Step, None, Outcome]:
        """The steps of a job, and what comes of them. A job that is closed half-way stops and keeps nothing.

        Raises:
            BusyError: too many jobs run already.
        """
        if not self._places.acquire(blocking=False):
            raise BusyError(f"{self._most} long jobs are running already", "try again in a minute")
        try:
            while True:
                with self._computing:
                    try:
                        step = next(steps)
                    except StopIteration as end:
                        outcome: Outcome = end.value
                        return outcome
                yield step
        finally:
            steps.close()
            self._places.release()
