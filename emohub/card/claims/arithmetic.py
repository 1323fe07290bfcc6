"""What printed figures leave possible: steps per epoch, rows, shares of whole rows, bounds of F1."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor

from emohub.card.claims.claims import Figure, Row

_EPOCH_DECIMALS = 2
"""Trainers round epochs to two decimals at least, and leave zeros at the end out."""
_MOST_ROWS = 20_000
"""Above 10,000 rows every share of four decimals is possible."""
_CHANCE = 0.01
"""How probable it may be that figures fit a number of rows by accident."""


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included."""

    low: float
    high: float

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high

    @property
    def whole(self) -> str:
        """For people."""
        return f"{self.low:,.0f}" if self.low == self.high else f"{self.low:,.0f} to {self.high:,.0f}"


def batches_per_epoch(rows: Sequence[Row], accumulation: int = 1) -> Range | None:
    """Batches in an epoch, as whole numbers that all rows allow; None when no row has both an epoch and a step.

    A printed epoch stands for all epochs that are rounded to it. Where every row ends a whole epoch, the steps are
    counted exactly. With accumulation an epoch's last step can be cut short or dropped, which leaves a step of play.
    The range is empty (``low > high``) when no number fits all rows.
    """
    known = [(row.step, row.epoch) for row in rows if row.step and row.epoch is not None and row.epoch.value > 0]
    if not known:
        return None
    exact = {step / epoch.value for step, epoch in known}
    if accumulation == 1 and all(epoch.value.is_integer() for _, epoch in known) and len(exact) == 1:
        (steps,) = exact
        if steps.is_integer():
            return Range(steps, steps)
    decimals = max(_EPOCH_DECIMALS, *(epoch.decimals for _, epoch in known))
    half = 0.5 * 10.0**-decimals * (1 + 1e-9)
    play = 0 if accumulation == 1 else 1
    low = max(step / (epoch.value + half) for step, epoch in known) - play
    high = min(step / (epoch.value - half) if epoch.value > half else float("inf") for step, epoch in known) + play
    return Range(ceil(low * accumulation), floor(high * accumulation))


def rows_of(batches: Range, batch_size: int) -> Range:
    """Rows of a split that make so many batches, the last of which may be smaller."""
    return Range((batches.low - 1) * batch_size + 1, batches.high * batch_size)


def is_share_of(figure: Figure, rows: int) -> bool:
    """Whether a whole number of ``rows`` gives a share that is printed as ``figure``."""
    return abs(round(figure.value * rows) / rows - figure.value) <= figure.half * (1 + 1e-9)


def fewest_rows(figures: Iterable[Figure]) -> int | None:
    """The smallest number of rows of which every figure is a share; None when that may be an accident.

    A share that is printed to d decimals fits n rows by accident with a probability of about n / 10^d. The number is
    returned only when it is improbable (at most 1%) that any number up to it fits all the different figures so.
    """
    different = list({figure.value: figure for figure in figures if figure.value not in (0, 1)}.values())
    if not different:
        return None
    chance = 0.0
    for rows in range(1, _MOST_ROWS + 1):
        accident = 1.0
        for figure in different:
            accident *= min(1.0, 2 * figure.half * rows)
        chance += accident
        if chance > _CHANCE:
            return None
        if all(is_share_of(figure, rows) for figure in different):
            return rows
    return None


def f1_bounds(precision: Figure, recall: Figure, average: str | None) -> Range:
    """What F1 can be, given precision and recall of the same average, each anywhere within its rounding.

    For one label, and for micro averages, F1 is the harmonic mean of the two. The harmonic mean is concave, so that by
    Jensen's inequality a mean of labels' F1 (macro, weighted or not stated) is at most the harmonic mean of the means.
    It is at least precision + recall - 1, because that holds for each label: with s = p + r and pr >= s - 1,
    2pr/s >= 2(s - 1)/s >= s - 1.
    """
    least = [max(0.0, figure.value - figure.half) for figure in (precision, recall)]
    most = [min(1.0, figure.value + figure.half) for figure in (precision, recall)]
    low = harmonic_mean(*least) if average in ("binary", "micro") else max(0.0, sum(least) - 1)
    return Range(low, harmonic_mean(*most))


def weighted_f1_bounds(accuracy: Figure) -> Range:
    """What the F1 that is weighted by support can be, given the accuracy a: between 2a²/(1 + a) and 2a/(1 + a).

    With the shares w of the true labels, q of the predicted ones and t of the right rows, weighted F1 is the sum of
    2wt/(w + q). From below: by the Cauchy-Schwarz inequality it is at least 2a² / sum(t + tq/w), and t <= w makes that
    sum a + 1 at most. From above: precision is at most 1, so that F1 is at most 2r/(1 + r), which is concave in the
    recall r, whose weighted mean is the accuracy.
    """
    low, high = max(0.0, accuracy.value - accuracy.half), min(1.0, accuracy.value + accuracy.half)
    return Range(2 * low**2 / (1 + low), 2 * high / (1 + high))


def harmonic_mean(first: float, second: float) -> float:
    """2ab / (a + b); 0 for two zeros."""
    return 2 * first * second / (first + second) if first + second else 0.0
