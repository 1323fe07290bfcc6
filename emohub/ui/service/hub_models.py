"""Models of the Hub that visitors add: which ones they may, how large, and how many stay."""

import re
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from emohub.errors import BusyError, ModelError, RecordError, UsageError
from emohub.inference import Classifier
from emohub.inference.download import checkpoint_of, fetch_public_model, find_public_model
from emohub.layout import PUBLISH_FILE
from emohub.record import PublicationRecord
from emohub.ui.service.limits import MAX_DOWNLOADS, MAX_HUB_MODEL_BYTES, MAX_HUB_MODELS

_PATTERN = re.compile(r"(?P<owner>[\w][\w.-]{0,95})/(?P<name>\*|[\w][\w.-]{0,95})", re.ASCII)


class AllowList:
    """Hub ids that visitors may add: ``OWNER/NAME``, or ``OWNER/*`` for all of an owner. Case does not count."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Raises:
        UsageError: a pattern is of neither form.
        """
        self.patterns = tuple(dict.fromkeys(patterns))
        for pattern in self.patterns:
            if not _PATTERN.fullmatch(pattern):
                raise UsageError(f"{pattern!r} names no model of the Hub", "write OWNER/NAME, or OWNER/* for all of it")
        self._allowed = {pattern.casefold() for pattern in self.patterns}

    def checked(self, repo_id: object) -> str:
        """The id without surrounding space.

        Raises:
            UsageError: it is not the id of a model, or not on the list.
        """
        match = _PATTERN.fullmatch(repo_id.strip()) if isinstance(repo_id, str) else None
        if match is None or match["name"] == "*":
            raise UsageError("this is not the id of a model on the Hub", "write it as OWNER/NAME")
        if self._allowed.isdisjoint({match[0].casefold(), f"{match['owner']}/*".casefold()}):
            listed = f"choose from {', '.join(self.patterns)}" if self.patterns else "ask who runs it"
            raise UsageError(f"{match[0]} is not among the models that may be added to this page", listed)
        return match[0]


def published_models(cards_dir: Path) -> tuple[str, ...]:
    """The Hub ids that the models of these records were published under for everybody; a damaged record names none."""
    found = []
    for path in sorted(cards_dir.glob(f"*/{PUBLISH_FILE}")):
        with suppress(RecordError):
            record = PublicationRecord.load(path)
            found += [] if record.private else [record.repo_id]
    return tuple(found)


@dataclass(frozen=True)
class Transfer:
    """How far a download is."""

    id: str
    done: int
    """Bytes that have arrived."""
    total: int
    """Bytes in all."""


@dataclass(frozen=True)
class _Kept:
    classifier: Classifier
    folder: Path


class HubModels:
    """Classifiers from the Hub by their ids, the least recently used of which make room for new ones.

    They lie in a folder of their own, which goes with the process. The models that the page was started with are
    not among them and never make room.
    """

    def __init__(
        self, allowed: AllowList, *, max_models: int = MAX_HUB_MODELS, max_bytes: int = MAX_HUB_MODEL_BYTES
    ) -> None:
        self.allowed = allowed
        self._max_models, self._max_bytes = max_models, max_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._downloads = threading.BoundedSemaphore(MAX_DOWNLOADS)
        self._root: str | None = None

    def add(self, repo_id: object) -> Iterator[Transfer]:
        """Fetch and load a model, and tell from time to time how far the download is.

        Whoever stops asking stops it, and nothing of it is kept.

        Raises:
            UsageError: it may not be added.
            ModelError: it is too large or no classifier that can be read, or the Hub cannot be reached.
            BusyError: too many downloads are under way.
        """
        id = self.allowed.checked(repo_id)
        if self._use(id) is not None:
            return
        if not self._downloads.acquire(blocking=False):
            raise BusyError(f"{MAX_DOWNLOADS} models are being fetched already", "try again in a minute")
        folder = self._new_folder()
        try:
            model = find_public_model(id)
            if model.size > self._max_bytes:
                raise ModelError(
                    f"{id} has {model.size / 1e6:,.0f} MB, and the page takes models up to "
                    f"{self._max_bytes / 1e6:,.0f} MB",
                    "choose a smaller model, or start the page with this one",
                )
            for done in fetch_public_model(model, folder):
                yield Transfer(id, done, model.size)
            self._keep(id, _Kept(Classifier.of(checkpoint_of(model, folder)), folder))
        finally:
            self._downloads.release()
            if folder not in self._folders():
                shutil.rmtree(folder, ignore_errors=True)

    def get(self, id: str) -> Classifier:
        """A model that was added.

        Raises:
            UsageError: it made room for others, or was never added.
        """
        classifier = self._use(id)
        if classifier is None:
            raise UsageError(f"{id} is no longer loaded here", "add it again")
        return classifier

    def _use(self, id: str) -> Classifier | None:
        with self._lock:
            if id not in self._kept:
                return None
            self._kept.move_to_end(id)
            return self._kept[id].classifier

    def _keep(self, id: str, new: _Kept) -> None:
        with self._lock:
            if id in self._kept:  # somebody else was faster
                return
            self._kept[id] = new
            while len(self._kept) > self._max_models:
                _, oldest = self._kept.popitem(last=False)
                shutil.rmtree(oldest.folder, ignore_errors=True)

    def _folders(self) -> set[Path]:
        with self._lock:
            return {kept.folder for kept in self._kept.values()}

    def _new_folder(self) -> Path:
        with self._lock:
            if self._root is None:
                self._root = tempfile.mkdtemp(prefix="emohub-hub-models-")
                weakref.finalize(self, shutil.rmtree, self._root, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self._root))
