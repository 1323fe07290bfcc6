"""Models: loading, saving, and the one way that anything here classifies a text."""

from emohub.inference.attribution import PathGradients
from emohub.inference.checkpoint import (
    BaseModel,
    Checkpoint,
    find_checkpoint,
    load_for_training,
    recompute_activations,
    save_pretrained,
)
from emohub.inference.chunks import text_chunks
from emohub.inference.classifier import MAX_TEXT_CHARS, Classifier, Prediction, check_text
from emohub.inference.masked_lm import load_for_masked_lm, load_masked_lm, masked_lm_logits
from emohub.steps import run_steps

__all__ = [
    "MAX_TEXT_CHARS",
    "BaseModel",
    "Checkpoint",
    "Classifier",
    "PathGradients",
    "Prediction",
    "check_text",
    "find_checkpoint",
    "load_for_masked_lm",
    "load_for_training",
    "load_masked_lm",
    "masked_lm_logits",
    "recompute_activations",
    "run_steps",
    "save_pretrained",
    "text_chunks",
]
