"""What a small model gets right that leaves the texts of which it is unsure to a large one, at every threshold."""

from dataclasses import dataclass

import numpy as np

from emohub.errors import DataError
from emohub.metrics.checks import Floats, Ids, Numbers, check_probabilities
from emohub.metrics.classification import averages, confusion_matrix

NEVER_SURE = 1.01
"""A threshold that no probability reaches: the large model answers every text."""


@dataclass(frozen=True)
class CascadeCurve:
    """Every way of sharing n rows out between two models, from the small one alone to the large one alone.

    Row ``i`` of an array belongs to ``thresholds[i]``; there are m of them.
    """

    thresholds: Floats
    """Rising. The small model answers the rows whose highest probability reaches the threshold. Shape (m,)."""
    order: Ids
    """The rows from the least sure one on, in the order in which rising thresholds hand them over; shape (n,)."""
    asked: Ids
    """How many of them the large model answers, from 0 to n; shape (m,)."""
    right: Ids
    """Rows that are answered rightly; shape (m,)."""
    macro_f1: Floats
    """Shape (m,)."""
    only_cascade: Ids
    """Rows that are answered rightly and that the large model alone gets wrong; shape (m,)."""
    only_large: Ids
    """Rows that are answered wrongly and that the large model alone gets right; shape (m,)."""


def cascade_curve(references: Numbers, small: Numbers, large: Numbers) -> CascadeCurve:
    """Share ``references`` out at every threshold that makes a difference, given the probabilities of both models.

    A threshold lies in the middle between two rows that follow each other, so that rounding hands over neither; the
    first is 0, the last :data:`NEVER_SURE`. Rows that are equally sure are handed over together.

    Raises:
        DataError: lengths or numbers of labels differ, an id is out of range, or a row is no distribution.
    """
    references, small = check_probabilities(references, small)
    if small.shape != np.shape(large):
        raise DataError(
            f"the probabilities have the shapes {small.shape} and {np.shape(large)}",
            "give both models the same rows and labels",
        )
    _, large = check_probabilities(references, large)
    k = small.shape[1]
    confidence = small.max(axis=1).astype(np.float64)
    order = confidence.argsort(kind="stable")
    levels, counts = np.unique(confidence, return_counts=True)
    asked = np.concatenate([[0], counts.cumsum()])
    first, second = small.argmax(axis=1), large.argmax(axis=1)
    first_right, second_right = first == references, second == references

    def handed_over(change: Numbers) -> Ids:
        """The sum of ``change`` over the rows that were handed over, at each threshold."""
        sums = np.cumsum(change[order].astype(np.int64), axis=0)
        counts_at: Ids = np.concatenate([np.zeros_like(sums[:1]), sums])[asked]
        return counts_at

    support = confusion_matrix(references, first, k).sum(axis=1)
    labels = np.eye(k, dtype=np.int64)
    right = first_right.sum() + handed_over(second_right.astype(np.int64) - first_right)
    gained = (second_right.astype(np.int64) - first_right)[:, None] * labels[references]
    hits = (first_right[:, None] * labels[references]).sum(axis=0) + handed_over(gained)
    predicted = labels[first].sum(axis=0) + handed_over(labels[second] - labels[first])
    only_cascade, only_large = first_right & ~second_right, second_right & ~first_right
    return CascadeCurve(
        thresholds=np.concatenate([[0.0], _between(levels), [NEVER_SURE]]),
        order=order,
        asked=asked,
        right=right,
        macro_f1=averages(hits, np.broadcast_to(support, hits.shape), predicted)["macro_f1"],
        only_cascade=only_cascade.sum() - handed_over(only_cascade),
        only_large=only_large.sum() - handed_over(only_large),
    )


def _between(levels: Floats) -> Floats:
    """A value above each of rising ``levels`` but the last, and not above the next."""
    middle: Floats = (levels[:-1] + levels[1:]) / 2
    return np.where(middle > levels[:-1], middle, levels[1:])
