"""What an answer costs, whatever the machine: multiply-adds, from a model's shape."""

import json

import numpy as np
from numpy.typing import NDArray

from emohub.inference.checkpoint import Checkpoint
from emohub.layout import CONFIG_FILE

_FAMILIES = ("bert", "distilbert", "roberta")
"""Those whose layers are counted below."""
_LAYERS, _WIDTH, _INNER = (
    ("num_hidden_layers", "n_layers"),
    ("hidden_size", "dim"),
    ("intermediate_size", "hidden_dim"),
)
"""Keys of ``config.json``; DistilBERT has names of its own."""


def multiply_adds(checkpoint: Checkpoint, tokens: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Multiply-adds in the layers of a model for texts of so many ``tokens``, in their shape.

    In each layer a token takes four products with a matrix of width x width and two of width x inner width, and each
    pair of tokens two of the width. What is left out (norms, activations, pooler, head) is below a hundredth of that.
    None for a family of models whose layers are built in another way, or where the configuration does not say.
    """
    try:
        stated = json.loads((checkpoint.folder / CONFIG_FILE).read_text(encoding="utf-8"))
        if stated["model_type"] not in _FAMILIES:
            return None
        layers, width, inner = (
            int(stated[own] if own in stated else stated[other]) for own, other in (_LAYERS, _WIDTH, _INNER)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    each = tokens.astype(np.float64)
    counted: NDArray[np.float64] = layers * (each * (4 * width**2 + 2 * width * inner) + 2 * each**2 * width)
    return counted
