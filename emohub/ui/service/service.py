"""What the page and its API may ask of the models: checked input, a bounded line."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from emohub.errors import BusyError
from emohub.inference import Classifier, Prediction, check_text
from emohub.ui.service.checks import checked_name, checked_text
from emohub.ui.service.limits import MAX_HELD_TABLES, MAX_LONG_JOBS, MAX_PASS_TEXTS, MAX_WAITING
from emohub.ui.service.line import Compute, Line, classify_many, unless_gone
from emohub.ui.service.long_jobs import LongJobs
from emohub.ui.service.store import ModelStore
from emohub.ui.service.turns import Turns
from emohub.ui.service.uploads import HeldTables


class Service:
    """Answers for anyone who asks, however they reach it: arguments are untrusted and checked here.

    One forward pass is computed at a time, since torch uses every core for it; whoever computes holds ``computing``,
    and takes turns. Single texts go through a line that ``max_waiting`` may stand in; what else is short holds a thread
    of the server while it waits, and ``max_requests`` may. One more is turned away at once.
    """

    def __init__(
        self,
        store: ModelStore,
        *,
        max_requests: int,
        max_waiting: int = MAX_WAITING,
        compute: Compute = classify_many,
    ) -> None:
        """``compute`` is where texts are classified, by default in this process."""
        self.store = store
        self.computing = Turns()
        self.tables = HeldTables(most=MAX_HELD_TABLES)
        self.long_jobs = LongJobs(self.computing, most=MAX_LONG_JOBS)
        self._line = Line(self.computing, most=MAX_PASS_TEXTS, compute=compute)
        self._max_requests, self._max_waiting = max_requests, max_waiting
        self._places = threading.BoundedSemaphore(max_requests)
        self._standing = threading.BoundedSemaphore(max_waiting)

    async def answer(self, text: object, model: object) -> Prediction:
        """What one model makes of one text; as :meth:`classify`, for handlers that wait without a thread.

        Raises:
            UsageError: the text is empty or too long, or there is no such model.
            ModelError: the model cannot be loaded.
            BusyError: too many texts wait already, or the client hung up.
        """
        checked, name = _checked_question(text, model)
        with _holding(self._standing, self._max_waiting):
            return await unless_gone(self._line.join(await self._classifier(name), checked))

    def classify(self, text: object, model: object) -> Prediction:
        """What one model makes of one text.

        Raises:
            UsageError: the text is empty or too long, or there is no such model.
            ModelError: the model cannot be loaded.
            BusyError: too many requests wait already.
        """
        checked, name = _checked_question(text, model)
        with self.place():
            return self._line.join(self.store.get(name), checked).result()

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among the requests that hold a thread, for as long as the request is served.

        Raises:
            BusyError: there is none.
        """
        with _holding(self._places, self._max_requests):
            yield

    async def _classifier(self, name: str) -> Classifier:
        loading = self.store.begin(name)
        # Others may wait for the same model: who leaves must not take it from them.
        return loading.result() if loading.done() else await asyncio.shield(asyncio.wrap_future(loading))


def _checked_question(text: object, model: object) -> tuple[str, str]:
    checked = checked_text(text)
    check_text(checked)
    return checked, checked_name(model)


@contextmanager
def _holding(places: threading.BoundedSemaphore, count: int) -> Iterator[None]:
    if not places.acquire(blocking=False):
        raise BusyError(f"{count} requests are being served already", "try again in a few seconds")
    try:
        yield
    finally:
        places.release()
