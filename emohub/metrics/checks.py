"""What the measures accept; everything else is refused with its row."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emohub.errors import DataError

Ids = NDArray[np.int64]
"""Label ids, shape (n,)."""
Floats = NDArray[np.float64]
Numbers = NDArray[Any]
"""An array that a caller gave, not checked yet."""

SUM_TOLERANCE = 1e-3
"""How far the probabilities of a row may add up to something else than one; single precision stays far below."""


def check_ids(ids: Numbers, num_labels: int, what: str) -> Ids:
    """``ids`` as int64 of shape (n,), with n > 0 and each in ``range(num_labels)``; ``what`` names them in errors."""
    ids = np.asarray(ids)
    if ids.ndim != 1 or ids.size == 0:
        raise DataError(f"{what} have the shape {ids.shape}", "give one label id per row, and at least one row")
    if ids.dtype.kind not in "iu":
        raise DataError(f"{what} are of the type {ids.dtype}", "give label ids as whole numbers")
    outside = (ids < 0) | (ids >= num_labels)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(
            f"{what} hold the label id {ids[row]} in row {row}", f"give ids from 0 to {num_labels - 1} for these labels"
        )
    return ids.astype(np.int64, copy=False)


def check_pair(references: Numbers, predictions: Numbers, num_labels: int) -> tuple[Ids, Ids]:
    """Both as checked label ids of the same length."""
    references = check_ids(references, num_labels, "references")
    predictions = check_ids(predictions, num_labels, "predictions")
    _check_lengths(len(references), len(predictions), "predictions")
    return references, predictions


def check_probabilities(references: Numbers, probabilities: Numbers) -> tuple[Ids, Numbers]:
    """``references`` as checked label ids, ``probabilities`` as floats of shape (n, k), each row adding up to one."""
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] == 0 or probabilities.dtype.kind not in "fiu":
        raise DataError(
            f"probabilities are of the type {probabilities.dtype} and the shape {probabilities.shape}",
            "give numbers with one row per text and one column per label",
        )
    if probabilities.dtype.kind != "f":
        probabilities = probabilities.astype(np.float64)
    references = check_ids(references, probabilities.shape[1], "references")
    _check_lengths(len(references), len(probabilities), "probabilities")
    total = probabilities.sum(axis=1, dtype=np.float64)
    # Written so that a NaN, which compares as false, is found too.
    wrong = ~((probabilities >= 0).all(axis=1) & (np.abs(total - 1) <= SUM_TOLERANCE))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"probabilities of row {row} are no distribution (they add up to {total[row]:.6g})",
            "give softmax outputs, not logits: no negative number, no NaN, and a sum of 1",
        )
    return references, probabilities


def _check_lengths(rows: int, others: int, what: str) -> None:
    if rows != others:
        raise DataError(f"there are {rows} references and {others} {what}", "give one of each for every row")
