"""Checkpoints that a killed run goes on from: written under another name, sealed by a manifest, then renamed.

A folder ``step-00000120`` is whole or it is not there. Its manifest holds the SHA-256 of every file in it, so that a
damaged one is recognised, and then the one before is used.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import gather_object
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from emohub.errors import TrainingError
from emohub.layout import STEP_PREFIX
from emohub.record import sha256_file

KEEP = 2
"""Checkpoints that are kept: the newest, and the one before it in case the newest is damaged."""
_MANIFEST = "manifest.json"
_PROGRESS = "progress.json"
_BEST = "best.safetensors"
_WRITE_ERRORS = (OSError, RuntimeError, SafetensorError)
"""What a full disk raises: Python, torch and safetensors each have their own."""


def save_checkpoint(
    accelerator: Accelerator,
    folder: Path,
    step: int,
    progress: dict[str, Any],
    best_weights: dict[str, Tensor],
) -> None:
    """Write the state of all processes after ``step`` into ``folder``; every process calls this.

    ``progress`` is what JSON can hold; ``best_weights`` are the weights that would be exported now.

    Raises:
        TrainingError: it cannot be written; nothing half-written is left, and the checkpoint before it stays.
    """
    final = folder / f"{STEP_PREFIX}{step:08d}"
    writing = folder / f".{final.name}.writing"

    def make() -> None:
        shutil.rmtree(writing, ignore_errors=True)
        writing.mkdir(parents=True)

    def seal() -> None:
        if best_weights:
            save_file(best_weights, writing / _BEST)
        (writing / _PROGRESS).write_text(json.dumps(progress), encoding="utf-8")
        _seal(writing)
        shutil.rmtree(final, ignore_errors=True)  # of a damaged one, which was not resumed from
        writing.rename(final)
        _sync(folder)

    try:
        failure = (
            _failure(accelerator.is_main_process, make)
            or _failure(True, lambda: _save_state(accelerator, writing))
            or _failure(accelerator.is_main_process, seal)
        )
    finally:
        if accelerator.is_main_process:
            shutil.rmtree(writing, ignore_errors=True)
    if failure is not None:
        before = newest_step(folder)
        gone_on = f"it goes on from step {before}" if before else "it starts anew"
        raise TrainingError(
            f"the checkpoint of step {step} cannot be written to {folder} ({failure})",
            f"free some space and give the same command again: {gone_on}",
        ) from None
    if accelerator.is_main_process:
        kept = [each for each in _folders(folder) if each.name <= final.name][-KEEP:]
        for old in _folders(folder):
            if old not in kept:  # a later one is damaged, or this run would have gone on from it
                shutil.rmtree(old, ignore_errors=True)
    accelerator.wait_for_everyone()


def _save_state(accelerator: Accelerator, folder: Path) -> None:
    """Accelerate's own files. It warns of tied weights, which a language model's head always has, each time."""
    logger = logging.getLogger("accelerate.utils.other")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        accelerator.save_state(str(folder))
    finally:
        logger.setLevel(level)


def _failure(acts: bool, work: Callable[[], object]) -> str | None:
    """Why ``work`` failed on a process that ``acts``; None when it did on none. All processes wait here for all."""
    reason = None
    try:
        if acts:
            work()
    except _WRITE_ERRORS as error:
        reason = _reason(error)
    return next(filter(None, gather_object([reason])), None)


def find_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint in ``folder`` that is whole; None when there is none."""
    return next((each for each in reversed(_folders(folder)) if _is_whole(each)), None)


def load_checkpoint(accelerator: Accelerator, checkpoint: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Put weights, optimizer and random generators back, and return progress and best weights; every process calls it.

    Raises:
        TrainingError: the files are whole and still cannot be loaded, as with other versions of the libraries.
    """
    try:
        accelerator.load_state(str(checkpoint))
        progress: dict[str, Any] = json.loads((checkpoint / _PROGRESS).read_text(encoding="utf-8"))
        best = checkpoint / _BEST
        return progress, load_file(best) if best.is_file() else {}
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
        raise TrainingError(
            f"the checkpoint {checkpoint} cannot be loaded ({_reason(error)})",
            "give --no-resume to train anew, or install the versions that wrote it",
        ) from None


def newest_step(folder: Path) -> int | None:
    """The step of the newest whole checkpoint; None when there is none."""
    found = find_checkpoint(folder)
    return None if found is None else int(found.name.removeprefix(STEP_PREFIX))


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{STEP_PREFIX}*") if path.is_dir())


def _seal(folder: Path) -> None:
    """Write the manifest, once all files have reached the disk."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        _sync(path)
    digests = {str(path.relative_to(folder)): sha256_file(path) for path in files}
    (folder / _MANIFEST).write_text(json.dumps(digests, indent=1), encoding="utf-8")
    _sync(folder / _MANIFEST)


def _is_whole(folder: Path) -> bool:
    """Whether every file is there as it was when the checkpoint was sealed."""
    try:
        digests = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        return bool(digests) and all(sha256_file(folder / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, AttributeError):
        return False


def _sync(path: Path) -> None:
    """Wait until the disk has it: a checkpoint must outlive a loss of power too."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: Exception) -> str:
    """The first line of what went wrong; for an operating system error its own words."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (words.splitlines() or [type(error).__name__])[0].rstrip(". ")
