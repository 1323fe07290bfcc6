"""How sure a measured value is: bootstrap over rows; closed forms for a share, and for two, paired or not."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import NormalDist

import numpy as np

from emohub.errors import DataError
from emohub.metrics.calibration import binned, row_losses
from emohub.metrics.checks import Floats, Ids, Numbers, check_probabilities
from emohub.metrics.classification import averages, label_scores
from emohub.steps import run_steps

CHUNK_ENTRIES = 1 << 20
"""Row numbers drawn at a time: some 30 MB, whatever the number of resamples."""


@dataclass(frozen=True)
class BootstrapResult:
    """Percentile intervals at ``level`` from ``resamples`` resamples of the rows."""

    level: float
    resamples: int
    seed: int
    metrics: dict[str, tuple[float, float]]
    """(low, high) of each name in ``METRICS``, of ``log_loss`` and of ``expected_calibration_error``."""
    per_label: dict[str, Floats]
    """(low, high) of ``precision``, ``recall`` and ``f1`` of every label: shape (k, 2) each."""


def bootstrap_intervals(
    references: Numbers,
    probabilities: Numbers,
    *,
    resamples: int = 9999,
    level: float = 0.95,
    seed: int = 0,
    num_bins: int = 15,
    num_averaged: int | None = None,
) -> BootstrapResult:
    """Percentile bootstrap intervals of every published value (Efron and Tibshirani 1993, chapter 13).

    Rows are drawn with replacement, each resample as large as the data, and each value is computed on every resample.
    A prediction is the label with the highest probability, the first one on a tie. The expected calibration error of
    resamples is biased upwards, so that its interval can lie above the measured value.

    ``num_averaged`` is how many labels there are results of and averages over, the first ones; by default all. Where a
    classifier knows more labels than the data, the data's come first and the others count as wrong answers alone.

    Raises:
        DataError: lengths differ, an id is out of range, a row is no distribution, or a setting is out of range.
    """
    return run_steps(
        bootstrap_steps(
            references,
            probabilities,
            resamples=resamples,
            level=level,
            seed=seed,
            num_bins=num_bins,
            num_averaged=num_averaged,
        )
    )


def bootstrap_steps(
    references: Numbers,
    probabilities: Numbers,
    *,
    resamples: int = 9999,
    level: float = 0.95,
    seed: int = 0,
    num_bins: int = 15,
    num_averaged: int | None = None,
) -> Generator[int, None, BootstrapResult]:
    """:func:`bootstrap_intervals` for who shows how far it is, or lets others compute in between.

    Yields the resamples done so far, and returns the result.
    """
    references, probabilities = check_probabilities(references, probabilities)
    if resamples < 1 or not 0 < level < 1:
        raise DataError(f"resamples is {resamples} and level {level}", "give at least 1, and a level between 0 and 1")

    # Everything is a function of sums over rows. So a resample is a vector that says how often each row was drawn, and
    # one matrix product gives the sums of a whole chunk of resamples.
    k = probabilities.shape[1]
    predictions = probabilities.argmax(axis=1)
    confidence, right, bins = binned(references, probabilities, num_bins)
    features = np.concatenate(
        [
            _one_hot(references, k) * right[:, None],
            _one_hot(references, k),
            _one_hot(predictions, k),
            _one_hot(bins, num_bins) * (confidence - right)[:, None],
            row_losses(references, probabilities)[:, None],
        ],
        axis=1,
    )
    n = len(references)
    chunks: list[Floats] = []
    for rows in resampled_rows(n, resamples, seed):
        chunks.append(_draw_counts(rows, n) @ features)
        yield sum(map(len, chunks))
    *counts, gaps, losses = np.split(np.concatenate(chunks), [k, 2 * k, 3 * k, 3 * k + num_bins], axis=1)
    hits, support, predicted = (count[:, :num_averaged] for count in counts)

    values = averages(hits, support, predicted)
    values["log_loss"] = losses[:, 0] / n
    values["expected_calibration_error"] = np.abs(gaps).sum(axis=1) / n
    tails = [(1 - level) / 2, (1 + level) / 2]
    quantiles = {name: np.quantile(value, tails) for name, value in values.items()}
    return BootstrapResult(
        level=level,
        resamples=resamples,
        seed=seed,
        metrics={name: (float(low), float(high)) for name, (low, high) in quantiles.items()},
        per_label={
            name: np.quantile(value, tails, axis=0).T for name, value in label_scores(hits, support, predicted).items()
        },
    )


def resampled_rows(n: int, resamples: int, seed: int) -> Iterator[Ids]:
    """Row numbers of bootstrap resamples, in chunks of shape (c, n) with at most ``CHUNK_ENTRIES`` entries (or c = 1).

    The numbers depend on ``n`` and ``seed`` alone, not on how they are cut into chunks.
    """
    generator = np.random.default_rng(seed)
    chunk = max(1, CHUNK_ENTRIES // n)
    for start in range(0, resamples, chunk):
        yield generator.integers(0, n, size=(min(chunk, resamples - start), n))


def wilson_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval, without continuity correction, for a share of ``successes`` out of ``n`` (Wilson 1927).

    Raises:
        DataError: ``n`` is not positive, ``successes`` is not within it, or ``level`` not between 0 and 1.
    """
    if not 0 <= successes <= n or n < 1 or not 0 < level < 1:
        raise DataError(
            f"there are {successes} successes out of {n} at the level {level}",
            "give 0 <= successes <= n with n > 0, and a level between 0 and 1",
        )
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    scale = 1 + z**2 / n
    middle = (share + z**2 / (2 * n)) / scale
    half = z * sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / scale
    # At the ends the bound is exactly 0 or 1, where rounding would leave 1e-17 of a difference.
    return (0.0 if successes == 0 else middle - half, 1.0 if successes == n else middle + half)


def newcombe_interval(
    successes: int, n: int, other_successes: int, other_n: int, level: float = 0.95
) -> tuple[float, float]:
    """Interval of the difference of two independent shares, the first less the other.

    Newcombe's hybrid score interval without continuity correction (Newcombe 1998, method 10): each bound joins the
    distances of the two shares to the ends of their Wilson intervals as the sides of a right triangle.

    Raises:
        DataError: as :func:`wilson_interval`.
    """
    low, high = wilson_interval(successes, n, level)
    other_low, other_high = wilson_interval(other_successes, other_n, level)
    share, other = successes / n, other_successes / other_n
    difference = share - other
    return difference - hypot(share - low, other_high - other), difference + hypot(high - share, other - other_low)


def paired_interval(lost: int, won: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of the difference of two shares of the same ``n`` rows, the second less the first.

    ``lost`` rows succeed only the first time and ``won`` only the second. It is the Wald interval of matched pairs with
    one row added to each of the two counts (Bonett and Price 2012), which keeps its level where few rows differ.

    Raises:
        DataError: a count is negative, both are more than ``n``, or ``level`` is not between 0 and 1.
    """
    if min(lost, won) < 0 or lost + won > n or n < 1 or not 0 < level < 1:
        raise DataError(
            f"there are {lost} rows lost and {won} won out of {n} at the level {level}",
            "give numbers of rows, zero or more and together at most n, and a level between 0 and 1",
        )
    z = NormalDist().inv_cdf((1 + level) / 2)
    first, second = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    half = z * sqrt((first + second - (second - first) ** 2) / (n + 2))
    return max(-1.0, second - first - half), min(1.0, second - first + half)


def mean_interval(values: Numbers, *, resamples: int = 9999, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of ``values``, shape ``(n,)`` with n > 0."""
    numbers = np.asarray(values, dtype=np.float64)
    means = [numbers[rows].mean(axis=1) for rows in resampled_rows(len(numbers), resamples, seed)]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _one_hot(ids: Ids, size: int) -> Floats:
    return np.eye(size)[ids]


def _draw_counts(rows: Ids, n: int) -> Floats:
    """How often each of ``n`` rows stands in each resample: (c, n) row numbers to (c, n) counts."""
    c = len(rows)
    offsets = n * np.arange(c)[:, None]
    return np.bincount((rows + offsets).ravel(), minlength=c * n).reshape(c, n).astype(np.float64)
