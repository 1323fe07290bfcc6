"""Accuracy, and precision, recall and F1 per label and averaged, as scikit-learn defines them.

With ``hits`` the rows of a label that were given it, ``support`` the rows that carry it and ``predicted`` the rows that
were given it: precision = hits / predicted, recall = hits / support, F1 = 2 hits / (support + predicted), each 0 where
its denominator is 0. A macro average gives every label the same weight, a weighted one weighs by support. All labels
count, also those that occur in no row: the same model then has the same labels on every split.
"""

import numpy as np

from emohub.metrics.checks import Floats, Ids, Numbers, check_pair

METRICS: tuple[str, ...] = (
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "weighted_precision",
    "weighted_recall",
    "weighted_f1",
)
"""Names of the scores of :func:`classification_metrics`, in the order that tables show them."""


def classification_metrics(references: Numbers, predictions: Numbers, num_labels: int) -> dict[str, float]:
    """The scores named in ``METRICS``, each from 0 to 1.

    Raises:
        DataError: lengths differ, there are no rows, or an id is out of range.
    """
    confusion = confusion_matrix(references, predictions, num_labels)
    scores = averages(confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0))
    return {name: float(scores[name]) for name in METRICS}


def confusion_matrix(references: Numbers, predictions: Numbers, num_labels: int) -> Ids:
    """Rows counted by true label (first axis) and predicted label (second axis), shape (k, k).

    Raises:
        DataError: lengths differ, there are no rows, or an id is out of range.
    """
    references, predictions = check_pair(references, predictions, num_labels)
    cells = np.bincount(references * num_labels + predictions, minlength=num_labels**2)
    return cells.astype(np.int64, copy=False).reshape(num_labels, num_labels)


def per_label(references: Numbers, predictions: Numbers, num_labels: int) -> dict[str, Floats | Ids]:
    """Five arrays of shape (k,): ``precision``, ``recall``, ``f1``, ``support`` and ``predicted``.

    ``support`` is how many rows carry a label, ``predicted`` how many were given it.

    Raises:
        DataError: lengths differ, there are no rows, or an id is out of range.
    """
    confusion = confusion_matrix(references, predictions, num_labels)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    return {**label_scores(confusion.diagonal(), support, predicted), "support": support, "predicted": predicted}


def label_scores(hits: Numbers, support: Numbers, predicted: Numbers) -> dict[str, Floats]:
    """``precision``, ``recall`` and ``f1`` from counts of shape (..., k), in the same shape."""
    return {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, support + predicted),
    }


def averages(hits: Numbers, support: Numbers, predicted: Numbers) -> dict[str, Floats]:
    """The scores named in ``METRICS`` from counts of shape (..., k), with the last axis averaged away."""
    rows = support.sum(axis=-1)
    scores = {"accuracy": hits.sum(axis=-1) / rows}
    for name, values in label_scores(hits, support, predicted).items():
        scores[f"macro_{name}"] = values.mean(axis=-1)
        scores[f"weighted_{name}"] = (values * support).sum(axis=-1) / rows
    return scores


def _ratio(part: Numbers, whole: Numbers) -> Floats:
    """``part / whole``, and 0 where ``whole`` is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)
