"""The models that are served: each loaded when it is first asked for."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from emohub.errors import UsageError
from emohub.inference import Classifier


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
