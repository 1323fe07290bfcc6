"""The pictures that a card shows, and how each can be told to be of its records."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emohub import layout
from emohub.pictures import (
    calibration_digest,
    confusion_digest,
    draw_calibration,
    draw_confusion_matrix,
    draw_learning_curves,
    shown_digest,
)
from emohub.record import EvalRecord, RunRecord


@dataclass(frozen=True)
class Picture:
    """A picture as the records of a folder give it."""

    name: str
    """Name of its file."""
    digest: str
    """What the file says that it shows; see ``pictures.read_digest``."""
    draw: Callable[[Path], None]
    """Draws it into a file."""


def pictures_of(folder: Path) -> tuple[Picture, ...]:
    """The pictures that the card of a folder shows; none where there is no run.

    Raises:
        RecordError: a record is damaged, or that of the evaluation is missing.
    """
    if not (folder / layout.RUN_FILE).is_file():
        return ()
    run = RunRecord.load(folder / layout.RUN_FILE)
    curves = Picture(layout.LEARNING_CURVES_FILE, shown_digest(run), partial(draw_learning_curves, run))
    if run.stage == "masked_lm":
        return (curves,)
    evaluation = EvalRecord.load(folder / layout.EVAL_FILE)
    return (
        curves,
        Picture(layout.CONFUSION_MATRIX_FILE, confusion_digest(evaluation), partial(draw_confusion_matrix, evaluation)),
        Picture(layout.CALIBRATION_FILE, calibration_digest(evaluation), partial(draw_calibration, evaluation)),
    )
