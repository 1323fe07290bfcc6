"""Which words an answer rests on, how far that can be trusted, and what other words would have changed."""

from emohub.explain.attribution import (
    MAX_POINTS,
    MAX_WORDS,
    METHODS,
    TOLERANCE,
    Attribution,
    Faithfulness,
    Method,
    Path,
    Word,
    gradient_x_input,
    integrated_gradients,
    leave_one_out,
)
from emohub.explain.what_if import WhatIf, what_if
from emohub.explain.words import edit, words_of

__all__ = [
    "MAX_POINTS",
    "MAX_WORDS",
    "METHODS",
    "TOLERANCE",
    "Attribution",
    "Faithfulness",
    "Method",
    "Path",
    "WhatIf",
    "Word",
    "edit",
    "gradient_x_input",
    "integrated_gradients",
    "leave_one_out",
    "what_if",
    "words_of",
]
