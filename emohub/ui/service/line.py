"""The waiting line of single texts: those that wait for the same model are computed in one forward pass."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from emohub.errors import BusyError
from emohub.inference import Classifier, Prediction
from emohub.ui.service.turns import Turns

CLIENT_GONE: ContextVar[asyncio.Event | None] = ContextVar("CLIENT_GONE", default=None)
"""Set once whoever sent the request that is being served has hung up; None where nobody watches."""

IDLE_SECONDS = 30
"""After this time without a text the thread that computes ends. It is kept for a while, since OpenMP has workers of
its own for each thread that computes, and makes them anew for a new one."""

Answer = TypeVar("Answer")
Compute = Callable[[Classifier, list[str]], list[Prediction]]


def classify_many(classifier: Classifier, texts: list[str]) -> list[Prediction]:
    """One forward pass, in this process."""
    return classifier.classify_many(texts)


@dataclass(frozen=True, eq=False)
class _Waiting:
    classifier: Classifier
    text: str
    answer: "Future[Prediction]" = field(default_factory=Future)


class Line:
    """Texts that wait to be classified, and one thread that takes as many as wait for the same model at once.

    Nothing waits for company: a text that comes while nothing is computed is computed at once, by itself. Those that
    come meanwhile go together next. How many may wait is for those to say who let texts join.
    """

    def __init__(self, computing: Turns, *, most: int, compute: Compute = classify_many) -> None:
        """``most`` is the number of texts in one forward pass."""
        self._computing, self._compute, self._most = computing, compute, most
        self._arrival = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._working = False

    def join(self, classifier: Classifier, text: str) -> "Future[Prediction]":
        """Put a text at the end of the line; cancelling what comes back takes it out again."""
        waiting = _Waiting(classifier, text)
        with self._arrival:
            self._waiting.append(waiting)
            self._arrival.notify()
            start, self._working = not self._working, True
        if start:
            threading.Thread(target=self._work, name="line", daemon=True).start()
        return waiting.answer

    def _work(self) -> None:
        while group := self._next():
            with self._computing:
                if wanted := [each for each in group if each.answer.set_running_or_notify_cancel()]:
                    self._answer(wanted)

    def _next(self) -> list[_Waiting]:
        """The first in line, and those behind that wait for the same model; nobody when nobody came for a while."""
        with self._arrival:
            while not (waiting := [each for each in self._waiting if not each.answer.cancelled()]):
                self._waiting = waiting
                if not self._arrival.wait(IDLE_SECONDS) and not self._waiting:
                    self._working = False
                    return []
            model = waiting[0].classifier
            group = [each for each in waiting if each.classifier is model][: self._most]
            self._waiting = [each for each in waiting if each not in group]
            return group

    def _answer(self, group: list[_Waiting]) -> None:
        try:
            predictions = self._compute(group[0].classifier, [each.text for each in group])
        except Exception as error:  # whatever it is, somebody waits for it
            if len(group) == 1:
                group[0].answer.set_exception(error)
            for each in group if len(group) > 1 else ():  # one is at fault, and the others must not suffer for it
                self._answer([each])
        else:
            for each, prediction in zip(group, predictions, strict=True):
                each.answer.set_result(prediction)


async def unless_gone(answer: "Future[Answer]") -> Answer:
    """Wait for what others compute, and give it up when nobody waits for it any more.

    Raises:
        BusyError: the client hung up.
    """
    here, gone = asyncio.wrap_future(answer), CLIENT_GONE.get()
    if gone is None:
        return await here
    hanging_up = asyncio.ensure_future(gone.wait())
    try:
        await asyncio.wait((here, hanging_up), return_when=asyncio.FIRST_COMPLETED)
        if not here.done():
            raise BusyError("the client hung up", "ask again")
        return here.result()
    finally:
        here.cancel()
        hanging_up.cancel()
