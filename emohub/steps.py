"""Work in steps: for who shows how far it is, stops it, or lets others compute in between."""

from collections.abc import Callable, Generator
from typing import TypeVar

Step = TypeVar("Step")
Shown = TypeVar("Shown")
Outcome = TypeVar("Outcome")


def run_steps(steps: Generator[Step, None, Outcome], on_step: Callable[[Step], None] | None = None) -> Outcome:
    """Take every step, show each to ``on_step``, and return what comes of them; an error in between ends the work."""
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            if on_step is not None:
                on_step(step)
    finally:
        steps.close()


def map_steps(steps: Generator[Step, None, Outcome], shown: Callable[[Step], Shown]) -> Generator[Shown, None, Outcome]:
    """The same work with each of its steps put another way."""
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            yield shown(step)
    finally:
        steps.close()
