"""Sequence classifiers: loading, saving, and the one way that anything here classifies a text."""

from emohub.inference.checkpoint import BaseModel, Checkpoint, find_checkpoint, load_for_training, save_pretrained
from emohub.inference.classifier import MAX_TEXT_CHARS, Classifier, Prediction

__all__ = [
    "MAX_TEXT_CHARS",
    "BaseModel",
    "Checkpoint",
    "Classifier",
    "Prediction",
    "find_checkpoint",
    "load_for_training",
    "save_pretrained",
]
