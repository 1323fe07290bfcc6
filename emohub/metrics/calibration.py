"""Whether probabilities mean what they say: log loss, calibration error, and the temperature that mends them."""

from dataclasses import dataclass

import numpy as np

from emohub.errors import DataError
from emohub.metrics.checks import Floats, Ids, Numbers, check_probabilities

TEMPERATURES = (0.1, 10.0)
"""The lowest and the highest temperature that is fitted."""
_HALVINGS = 64
"""Of the interval between their inverses: more than a float64 has digits for."""


@dataclass(frozen=True)
class Bin:
    """The predictions whose confidence, the highest probability, lies in ``(lower, upper]``."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    """Mean confidence; None when the bin is empty."""
    accuracy: float | None
    """Share that is right; None when the bin is empty."""


def log_loss(references: Numbers, probabilities: Numbers) -> float:
    """Mean of ``-log(probability of the true label)``, in nats, as scikit-learn computes it.

    A probability is clipped at the machine epsilon of the array's type, so that one text cannot make the mean infinite.

    Raises:
        DataError: lengths differ, an id is out of range, or a row is no distribution.
    """
    return float(row_losses(*check_probabilities(references, probabilities)).mean())


def calibration_bins(references: Numbers, probabilities: Numbers, num_bins: int = 15) -> list[Bin]:
    """Mean confidence against accuracy in ``num_bins`` bins of equal width over (0, 1].

    Raises:
        DataError: lengths differ, an id is out of range, a row is no distribution, or there is no bin.
    """
    references, probabilities = check_probabilities(references, probabilities)
    confidence, right, bins = binned(references, probabilities, num_bins)
    counts = np.bincount(bins, minlength=num_bins)
    filled = np.maximum(counts, 1)
    mean_confidence = np.bincount(bins, confidence, num_bins) / filled
    accuracy = np.bincount(bins, right, num_bins) / filled
    return [
        Bin(
            lower=index / num_bins,
            upper=(index + 1) / num_bins,
            count=int(count),
            confidence=float(mean_confidence[index]) if count else None,
            accuracy=float(accuracy[index]) if count else None,
        )
        for index, count in enumerate(counts)
    ]


def expected_calibration_error(references: Numbers, probabilities: Numbers, num_bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over the bins, weighted by their counts (Guo et al. 2017); 0 is best.

    Raises:
        DataError: lengths differ, an id is out of range, a row is no distribution, or there is no bin.
    """
    references, probabilities = check_probabilities(references, probabilities)
    confidence, right, bins = binned(references, probabilities, num_bins)
    return float(np.abs(np.bincount(bins, confidence - right, num_bins)).sum() / len(references))


def fit_temperature(references: Numbers, probabilities: Numbers) -> float:
    """The temperature to divide logits by for the lowest log loss (Guo et al. 2017, section 4.2).

    The logarithms of probabilities are logits, but for a constant in each row that changes nothing. The loss is convex
    in the inverse of the temperature, so its slope, which halving an interval brings to zero, has one zero at most.

    It is kept within :data:`TEMPERATURES`: the loss of answers that are all right falls with the temperature down to 0,
    and that of answers worse than chance has no lowest point either. Where no temperature changes anything, it is 1.

    Raises:
        DataError: lengths differ, an id is out of range, or a row is no distribution.
    """
    references, probabilities = check_probabilities(references, probabilities)
    logits = _logits(probabilities)
    true = logits[np.arange(len(references)), references]

    def slope(inverse: float) -> float:
        return float(((_softmax(inverse * logits) * logits).sum(axis=1) - true).mean())

    coldest, hottest = TEMPERATURES
    low, high = 1 / hottest, 1 / coldest
    if slope(low) >= 0:
        return 1.0 if slope(high) <= 0 else hottest
    if slope(high) <= 0:
        return coldest
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return 2 / (low + high)


def at_temperature(probabilities: Numbers, temperature: float) -> Numbers:
    """The probabilities, in their own type, if their logits were divided by ``temperature``.

    They are the powers by its inverse, shared out anew. ``1 / temperature`` undoes it. A probability of 0 counts as the
    smallest number of its type. The order within a row stays.

    Raises:
        DataError: the temperature is not a positive number.
    """
    if not 0 < temperature < np.inf:
        raise DataError(f"the temperature is {temperature}", "give a positive number")
    changed: Numbers = _softmax(_logits(probabilities) / temperature).astype(probabilities.dtype)
    return changed


def _logits(probabilities: Numbers) -> Floats:
    """Logarithms, the highest of each row moved to 0."""
    smallest = float(np.finfo(probabilities.dtype).smallest_subnormal)
    logarithms: Floats = np.log(np.maximum(probabilities.astype(np.float64), smallest))
    logits: Floats = logarithms - logarithms.max(axis=1, keepdims=True)
    return logits


def _softmax(logits: Floats) -> Floats:
    powers: Floats = np.exp(logits)
    probabilities: Floats = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def row_losses(references: Ids, probabilities: Numbers) -> Floats:
    """Log loss of each row, shape (n,), from checked input."""
    epsilon = np.finfo(probabilities.dtype).eps
    true = probabilities[np.arange(len(references)), references].astype(np.float64)
    return -np.log(np.clip(true, epsilon, 1 - epsilon))


def binned(references: Ids, probabilities: Numbers, num_bins: int) -> tuple[Floats, Floats, Ids]:
    """Confidence, rightness (0 or 1) and bin of each row, shape (n,) each, from checked input."""
    if num_bins < 1:
        raise DataError(f"num_bins is {num_bins}", "give at least one bin")
    confidence = np.minimum(probabilities.max(axis=1).astype(np.float64), 1.0)
    right = (probabilities.argmax(axis=1) == references).astype(np.float64)
    inner_edges = np.arange(1, num_bins) / num_bins
    return confidence, right, np.searchsorted(inner_edges, confidence, side="left")
