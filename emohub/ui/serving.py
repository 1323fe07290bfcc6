"""What the page and its API may ask of the models: checked input, models loaded once, a bounded line."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from emohub.compare import TextComparison, compare_text
from emohub.errors import BusyError, UsageError
from emohub.inference import Classifier, Prediction
from emohub.ui import strings

MAX_REQUESTS = 32
"""Requests that may be served and wait at the same time; fewer than the server has threads."""


class ModelStore:
    """Classifiers by name, each loaded when it is first asked for, and only once whoever asks."""

    def __init__(
        self, models: Mapping[str, str | Path], load: Callable[[str | Path], Classifier] = Classifier.from_pretrained
    ) -> None:
        self._sources = dict(models)
        self._load = load
        self._loaded: dict[str, Classifier] = {}
        self._locks = {name: threading.Lock() for name in models}

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order given."""
        return tuple(self._sources)

    def get(self, name: str) -> Classifier:
        """The classifier of that name.

        Raises:
            UsageError: there is none.
            ModelError: it cannot be loaded; the next call tries again.
        """
        if name not in self._sources:
            raise UsageError(f"there is no model {name!r} here", f"choose one of {', '.join(self._sources)}")
        with self._locks[name]:
            if name not in self._loaded:
                self._loaded[name] = self._load(self._sources[name])
            return self._loaded[name]


class Service:
    """Answers for anyone who asks, however they reach it: arguments are untrusted and checked here.

    One text is computed at a time, since torch uses every core for it; ``max_requests`` may wait, and one more is
    turned away at once.
    """

    def __init__(self, store: ModelStore, *, max_requests: int) -> None:
        self.store = store
        self._max_requests = max_requests
        self._places = threading.BoundedSemaphore(max_requests)
        self._computing = threading.Lock()

    def classify(self, text: object, model: object) -> Prediction:
        """What one model makes of one text.

        Raises:
            UsageError: the text is empty or too long, or there is no such model.
            ModelError: the model cannot be loaded.
            BusyError: too many requests wait already.
        """
        checked = _text(text)
        with self._place():
            classifier = self.store.get(_name(model))
            with self._computing:
                return classifier.classify(checked)

    def compare(self, text: object, models: object) -> TextComparison:
        """What several models make of one text.

        Raises:
            UsageError: the text is empty or too long, no model was named, or one of them does not exist.
            ModelError: a model cannot be loaded.
            BusyError: too many requests wait already.
        """
        checked = _text(text)
        names = _names(models)
        with self._place():
            classifiers = {name: self.store.get(name) for name in names}
            with self._computing:
                return compare_text(classifiers, checked)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """A place in the line, for as long as the request is served."""
        if not self._places.acquire(blocking=False):
            raise BusyError(f"{self._max_requests} requests are being served already", "try again in a few seconds")
        try:
            yield
        finally:
            self._places.release()


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError("the text is not a string", "send one string")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(strings.NO_MODEL_CHOSEN, "choose one")
    return value


def _names(value: object) -> list[str]:
    """Each name once, so that there are never more than the models that exist."""
    if not isinstance(value, list) or not value:
        raise UsageError(strings.NO_MODEL_CHOSEN, strings.CHOOSE_MODEL)
    return list(dict.fromkeys(_name(name) for name in value))
