"""What a classifier makes of texts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """What a classifier makes of one text."""

    text: str
    labels: tuple[str, ...]
    """Label names, in the model's order."""
    probabilities: tuple[float, ...]
    """One for each label, in the same order; they sum to 1."""
    label: str
    """The most probable label; the first one of a tie."""
    tokens: int
    """Tokens of the whole text, special ones included."""
    max_length: int
    """Tokens that the model reads; the rest of a longer text is ignored."""
    truncated: bool
    """True when the model did not read the whole text."""
    seconds: float
    """Wall time, tokenizing included; that of all texts that were computed together."""
    read_chars: int | None = None
    """Characters, from the start, that the model read of a text that was cut; None where it read the whole text."""
    answered_by: str | None = None
    """Id of the model that answered, where a cascade was asked; None where a single model was."""


@dataclass(frozen=True)
class Answers:
    """What a classifier makes of n texts, in their order."""

    probabilities: NDArray[np.float32]
    """Shape ``(n, n_labels)``; each row sums to 1."""
    tokens: NDArray[np.int64]
    """Tokens of each whole text, special ones included; shape ``(n,)``."""
