"""What the page and its API may ask of the models: checked input, a bounded line."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from emohub.compare import TextComparison, compare_text
from emohub.errors import BusyError
from emohub.inference import Prediction
from emohub.ui.service.checks import checked_name, checked_names, checked_text
from emohub.ui.service.store import ModelStore


class Service:
    """Answers for anyone who asks, however they reach it: arguments are untrusted and checked here.

    One text is computed at a time, since torch uses every core for it; ``max_requests`` may wait, and one more is
    turned away at once.
    """

    def __init__(self, store: ModelStore, *, max_requests: int) -> None:
        self.store = store
        self._max_requests = max_requests
        self._places = threading.BoundedSemaphore(max_requests)
        self.computing = threading.Lock()

    def classify(self, text: object, model: object) -> Prediction:
        """What one model makes of one text.

        Raises:
            UsageError: the text is empty or too long, or there is no such model.
            ModelError: the model cannot be loaded.
            BusyError: too many requests wait already.
        """
        checked = checked_text(text)
        with self.place():
            classifier = self.store.get(checked_name(model))
            with self.computing:
                return classifier.classify(checked)

    def compare(self, text: object, models: object) -> TextComparison:
        """What several models make of one text.

        Raises:
            UsageError: the text is empty or too long, no model was named, or one of them does not exist.
            ModelError: a model cannot be loaded.
            BusyError: too many requests wait already.
        """
        checked = checked_text(text)
        names = checked_names(models)
        with self.place():
            classifiers = {name: self.store.get(name) for name in names}
            with self.computing:
                return compare_text(classifiers, checked)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the line, for as long as the request is served."""
        if not self._places.acquire(blocking=False):
            raise BusyError(f"{self._max_requests} requests are being served already", "try again in a few seconds")
        try:
            yield
        finally:
            self._places.release()
