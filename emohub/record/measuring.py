"""What a classifier's answers to labelled rows are worth, in a record's own terms."""

from collections.abc import Generator, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from emohub.metrics import (
    METRICS,
    BootstrapResult,
    at_temperature,
    averages,
    bootstrap_steps,
    calibration_bins,
    confusion_matrix,
    expected_calibration_error,
    label_scores,
    log_loss,
)
from emohub.recipe import Declaration
from emohub.record.calibration import Confidence
from emohub.record.evaluation import CalibrationBin, Interval, IntervalMethod, LabelResult
from emohub.steps import run_steps


class Measures(Declaration):
    """Every published number about the answers to labelled rows."""

    metrics: dict[str, Interval]
    """As in ``EvalRecord.metrics``."""
    intervals: IntervalMethod
    per_label: tuple[LabelResult, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Rows: true label, columns: predicted label, both in the order of ``per_label``."""
    other_answers: tuple[int, ...]
    """For each true label, the rows that were given a label that no row carries."""
    calibration: tuple[CalibrationBin, ...]


def measure(
    references: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
    *,
    resamples: int,
    seed: int,
) -> Measures:
    """Measure ``probabilities``, whose first columns are ``labels``; a prediction is the most probable column.

    Further columns are labels that the classifier knows and the rows do not: to answer one of them is wrong, and the
    averages are over ``labels``. Intervals are 95% percentile bootstrap intervals.

    Raises:
        DataError: lengths differ, an id is out of range, or a row is no distribution.
    """
    return run_steps(measure_steps(references, probabilities, labels, resamples=resamples, seed=seed))


def measure_steps(
    references: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
    *,
    resamples: int,
    seed: int,
) -> Generator[int, None, Measures]:
    """:func:`measure` for who lets others compute in between: yields the resamples done so far."""
    k = len(labels)
    confusion = confusion_matrix(references, probabilities.argmax(axis=1), probabilities.shape[1])
    hits, support, predicted = confusion.diagonal()[:k], confusion.sum(axis=1)[:k], confusion.sum(axis=0)[:k]
    scores = averages(hits, support, predicted)
    values = {
        **{name: float(scores[name]) for name in METRICS},
        "log_loss": log_loss(references, probabilities),
        "expected_calibration_error": expected_calibration_error(references, probabilities),
    }
    bootstrap = yield from bootstrap_steps(references, probabilities, resamples=resamples, seed=seed, num_averaged=k)
    return Measures(
        metrics={name: _interval(value, *bootstrap.metrics[name]) for name, value in values.items()},
        intervals=IntervalMethod(level=bootstrap.level, resamples=bootstrap.resamples, seed=bootstrap.seed),
        per_label=_per_label(labels, hits, support, predicted, bootstrap),
        confusion_matrix=tuple(map(tuple, confusion[:k, :k].tolist())),
        other_answers=tuple(confusion[:k, k:].sum(axis=1).tolist()),
        calibration=tuple(CalibrationBin(**asdict(part)) for part in calibration_bins(references, probabilities)),
    )


def confidence(
    references: NDArray[np.int64], probabilities: NDArray[np.float32], *, undone: float | None = None
) -> Confidence:
    """How far ``probabilities`` are from how often the answers are right.

    ``undone`` is the temperature that their model holds: then it is of the answers that it would give without.

    Raises:
        DataError: lengths differ, an id is out of range, or a row is no distribution.
    """
    if undone is not None:
        probabilities = at_temperature(probabilities, 1 / undone)
    return Confidence(
        expected_calibration_error=expected_calibration_error(references, probabilities),
        log_loss=log_loss(references, probabilities),
    )


def _per_label(
    labels: Sequence[str],
    hits: NDArray[np.int64],
    support: NDArray[np.int64],
    predicted: NDArray[np.int64],
    bootstrap: BootstrapResult,
) -> tuple[LabelResult, ...]:
    scores = label_scores(hits, support, predicted)

    def interval(name: str, label: int) -> Interval:
        return _interval(scores[name][label], *bootstrap.per_label[name][label])

    return tuple(
        LabelResult(
            label=name,
            precision=interval("precision", label),
            recall=interval("recall", label),
            f1=interval("f1", label),
            support=int(support[label]),
            predicted=int(predicted[label]),
        )
        for label, name in enumerate(labels)
    )


def _interval(value: float, low: float, high: float) -> Interval:
    return Interval(value=float(value), low=float(low), high=float(high))
