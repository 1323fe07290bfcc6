"""The run folder: one run's at a time, resumable until it is finished, and finished when it has its ``run.json``.

```
run.json              written last
checkpoint/           the exported model
learning_curves.png
masked_lm/            the folder of the first stage's run, where a recipe has one
logs/                 what TensorBoard reads, where it was asked for
resume/               while it is unfinished: what the run is of, checkpoints to go on from, and what teachers answered
```
"""

import fcntl
import json
import re
import shutil
from pathlib import Path
from typing import Any, Self, TextIO

from emohub.errors import TrainingError
from emohub.layout import (
    ANSWERS_FILE,
    LOGS_FOLDER,
    MASKED_LM_FOLDER,
    RESUME_FOLDER,
    RUN_FILE,
    STARTED_FILE,
    STEP_PREFIX,
)
from emohub.record import write_atomically
from emohub.train.accelerator import agreed
from emohub.train.checkpoints import find_checkpoint

_LOCK = "lock"
_OWN = re.compile(rf"{_LOCK}|\.?(?:{re.escape(STARTED_FILE)}|{re.escape(ANSWERS_FILE)}).*|\.?{STEP_PREFIX}\d{{8}}.*")
"""Names in ``resume/``. A folder of that name that holds anything else is somebody's papers, and is left alone."""


class RunFolder:
    """A run's folder; enter it before any work is done for the run, and leave it with the work saved or undone.

    Entering raises :class:`TrainingError` where the folder holds a finished run or something else, where another
    process is at work in it, and where it cannot be written. Other processes of the same run do nothing here.
    """

    def __init__(self, path: Path, *, is_writer: bool, resume: bool = True, whole: Path | None = None) -> None:
        """``resume`` False discards an unfinished run; ``whole`` is the folder of the run that this is a stage of."""
        self.path, self.is_writer, self.resume = path, is_writer, resume
        self.whole = whole or path
        self._made = False
        self._lock: TextIO | None = None

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are written to and gone on from."""
        return self.path / RESUME_FOLDER

    def __enter__(self) -> Self:
        agreed(self._claim)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the folder free; what never got as far as a checkpoint leaves nothing behind."""
        if not self.is_writer:
            return
        if (self.path / RUN_FILE).is_file() or find_checkpoint(self.checkpoints) is None:
            shutil.rmtree(self.checkpoints, ignore_errors=True)
        if self._made and self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()
        if self._lock is not None:
            self._lock.close()

    def start(self, run: dict[str, Any]) -> dict[str, Any]:
        """Write down what this run is, or find that it is the one that was begun here; returns what stands there.

        ``run`` holds ``run_id``, ``recipe``, which only explains, and whatever must be the same in a run that goes on:
        the digest of the recipe among it.

        Raises:
            TrainingError: an unfinished run that differs is here; the message says in what.
        """
        path = self.checkpoints / STARTED_FILE
        if path.is_file():
            begun = self._begun(path)
            asked = {**json.loads(json.dumps(run)), "run_id": begun.get("run_id")}
            if {**begun, "recipe": None} == {**asked, "recipe": None}:
                return begun
            explained = _differences({**begun, "digest": None}, {**asked, "digest": None})
            raise TrainingError(
                f"{self.path} holds an unfinished run of something else ({'; '.join(explained)})",
                "give the settings that it was begun with, or --no-resume to discard it, or another --output-dir",
            )
        self._discard()  # checkpoints of which nobody knows what they are of
        write_atomically(path, lambda temporary: temporary.write_text(json.dumps(run, indent=1), encoding="utf-8"))
        return run

    def _begun(self, path: Path) -> dict[str, Any]:
        """What the run in this folder was begun as."""
        try:
            begun: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return {**begun, "run_id": str(begun["run_id"])}
        except (OSError, ValueError, TypeError, KeyError):
            raise TrainingError(
                f"{path} is damaged, and nothing else says what the unfinished run beside it is of",
                "give --no-resume to discard it, or another --output-dir",
            ) from None

    def _claim(self) -> None:
        try:
            if self.whole != self.path and not self.resume and (self.path / RUN_FILE).is_file():
                shutil.rmtree(self.path)  # a finished stage of an unfinished run
            self._refuse_foreign()
            self._made = not self.path.exists()
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self._lock = (self.checkpoints / _LOCK).open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            assert self._lock is not None
            self._lock.close()
            raise TrainingError(
                f"another process is training in {self.path}", "wait for it, or name another --output-dir"
            ) from None
        except OSError as error:
            raise TrainingError(
                f"the run folder {self.path} cannot be made ({error.strerror})",
                "choose a writable place with --output-dir",
            ) from None
        if not self.resume:
            self._discard()

    def _refuse_foreign(self) -> None:
        if (self.path / RUN_FILE).exists():
            raise TrainingError(f"the run folder {self.path} holds a finished run", "name another with --output-dir")
        if self.path.exists() and not self.path.is_dir():
            raise TrainingError(f"{self.path} is a file and no folder", "name another with --output-dir")
        if self.path.exists() and not _is_unfinished_or_empty(self.path):
            raise TrainingError(f"the run folder {self.path} exists and is not empty", "name another with --output-dir")

    def _discard(self) -> None:
        """Remove what an unfinished run has left; what it is of goes last, so that half of it is never gone on with."""
        for each in sorted(self.checkpoints.iterdir(), key=lambda each: each.name == STARTED_FILE):
            if each.name != _LOCK:
                shutil.rmtree(each) if each.is_dir() else each.unlink()


def _is_unfinished_or_empty(folder: Path) -> bool:
    resume = folder / RESUME_FOLDER
    kept = [each.name for each in resume.iterdir()] if resume.is_dir() else []
    if _LOCK in kept:
        return all(_OWN.fullmatch(name) for name in kept)
    return not kept and all(each.name in (MASKED_LM_FOLDER, LOGS_FOLDER, RESUME_FOLDER) for each in folder.iterdir())


def _differences(begun: Any, asked: Any, key: str = "") -> list[str]:
    """What two nested values differ in, as ``key: one there, other now``."""
    if isinstance(begun, dict) and isinstance(asked, dict):
        keys = list(dict.fromkeys([*begun, *asked]))
        return [
            difference
            for each in keys
            if begun.get(each) != asked.get(each)
            for difference in _differences(begun.get(each), asked.get(each), f"{key}.{each}".lstrip("."))
        ]
    return [f"{key}: {json.dumps(begun)} there, {json.dumps(asked)} now"]
