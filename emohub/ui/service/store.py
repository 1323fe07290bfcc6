"""The models that are served: each loaded when it is first asked for."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

from emohub.errors import EmohubError, ModelError, UsageError
from emohub.inference import Classifier


class ModelStore:
    """Classifiers by name, each loaded when it is first asked for, and only once whoever asks."""

    def __init__(
        self, models: Mapping[str, str | Path], load: Callable[[str | Path], Classifier] = Classifier.from_pretrained
    ) -> None:
        self._sources = dict(models)
        self._load = load
        self._mutex = threading.Lock()
        self._models: dict[str, Future[Classifier]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order given."""
        return tuple(self._sources)

    def get(self, name: str) -> Classifier:
        """The classifier of that name, once it is there.

        Raises:
            UsageError: there is none.
            ModelError: it cannot be loaded; the next call tries again.
        """
        return self.begin(name).result()

    def begin(self, name: str) -> "Future[Classifier]":
        """The classifier of that name, now or later; it is loaded in a thread of its own, beside others.

        Raises:
            UsageError: there is none.
        """
        if name not in self._sources:
            raise UsageError(f"there is no model {name!r} here", f"choose one of {', '.join(self._sources)}")
        with self._mutex:
            model = self._models.get(name)
            if model is None or (model.done() and model.exception() is not None):
                model = self._models[name] = Future()
                threading.Thread(target=self._fulfil, args=(name, model), name=f"load {name}", daemon=True).start()
            return model

    @property
    def loading(self) -> tuple[str, ...]:
        """The models that somebody waits for, or that are warmed up."""
        return tuple(name for name, model in self._begun.items() if not model.done())

    @property
    def failures(self) -> dict[str, BaseException]:
        """Why models could not be loaded when that was last tried."""
        ended = {name: model.exception() for name, model in self._begun.items() if model.done()}
        return {name: error for name, error in ended.items() if error is not None}

    @property
    def _begun(self) -> "dict[str, Future[Classifier]]":
        with self._mutex:
            return dict(self._models)

    def warm_up(self) -> None:
        """Begin to load every model, so that the first answer is fast; one that fails does not stop the others."""
        for name in self.names:
            self.begin(name)

    def _fulfil(self, name: str, model: "Future[Classifier]") -> None:
        try:
            model.set_result(self._load(self._sources[name]))
        except EmohubError as error:
            model.set_exception(_without_place(error, str(self._sources[name]), name))
        except Exception as error:  # whoever asked gets it, whatever it is
            model.set_exception(error)


def _without_place(error: EmohubError, source: str, name: str) -> EmohubError:
    """The error with the model's name where it tells in which folder of this machine the model lies."""
    cause, remedy = error.cause, error.remedy
    for place in sorted({str(Path(source).absolute()), str(Path(source).resolve())}, key=len, reverse=True):
        cause, remedy = cause.replace(place, name), remedy.replace(place, name)
    return error if (cause, remedy) == (error.cause, error.remedy) else ModelError(cause, remedy)
