"""Pictures, as PNG files that say what they show: of a training run, of a range test, and of an evaluation."""

from emohub.pictures.curves import draw_learning_curves, in_words, shown_digest, shown_metrics
from emohub.pictures.digests import DIGEST_KEY, read_digest
from emohub.pictures.drawing import Theme
from emohub.pictures.evaluation import calibration_digest, confusion_digest, draw_calibration, draw_confusion_matrix
from emohub.pictures.range_test import draw_range_test
from emohub.pictures.shares import label_shares_picture, shares_by_group_picture, shares_over_time_picture
from emohub.pictures.side_by_side import Overlap, calibration_picture, confusion_picture, overlap_picture

__all__ = [
    "DIGEST_KEY",
    "Overlap",
    "Theme",
    "calibration_digest",
    "calibration_picture",
    "confusion_digest",
    "confusion_picture",
    "draw_calibration",
    "draw_confusion_matrix",
    "draw_learning_curves",
    "draw_range_test",
    "in_words",
    "label_shares_picture",
    "overlap_picture",
    "read_digest",
    "shares_by_group_picture",
    "shares_over_time_picture",
    "shown_digest",
    "shown_metrics",
]
