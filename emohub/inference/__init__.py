"""Models: finding them, and the one way that anything here classifies a text.

What loads and saves torch models stands in :mod:`emohub.inference.loading` and :mod:`emohub.inference.masked_lm`, which
are imported by their own names: who only classifies need not wait for all of it.
"""

from emohub.inference.answers import Answers, Prediction
from emohub.inference.cascade import Cascade
from emohub.inference.checkpoint import Checkpoint, check_is_made, find_checkpoint, is_of_this_project
from emohub.inference.classifier import MAX_TEXT_CHARS, Classifier, check_text
from emohub.inference.engine import EngineName
from emohub.steps import run_steps

__all__ = [
    "MAX_TEXT_CHARS",
    "Answers",
    "Cascade",
    "Checkpoint",
    "Classifier",
    "EngineName",
    "Prediction",
    "check_is_made",
    "check_text",
    "find_checkpoint",
    "is_of_this_project",
    "run_steps",
]
