"""What follows from trials: each technique against what it shall be better than, on the same seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan, cos, pi, sin, sqrt
from statistics import mean, stdev
from typing import Literal

from benchmarks.trials import Trial
from emohub.errors import RecordError
from emohub.runs import LOWER_IS_BETTER as LOWER_IN_RUNS

LOWER_IS_BETTER = (*LOWER_IN_RUNS, "log_loss", "expected_calibration_error")
LEAST_SEEDS = 3
"""Seeds that both must have been trained from before anything is said."""
LEVEL = 0.95
RULE = f"""\
A technique and what it is held against are trained from the same seeds, at least {LEAST_SEEDS}. The differences, one \
a seed, have a mean and a {LEVEL:.0%} t interval: mean ± t · (standard deviation / √seeds), t with one degree of \
freedom less than seeds. The technique is **kept** when the whole interval is on the better side of zero, it **hurts** \
when it is on the worse side, and otherwise it is **no help**: whatever difference there is cannot be told from that \
between seeds."""

Verdict = Literal["kept", "no help", "hurts", "too few seeds"]


@dataclass(frozen=True)
class Comparison:
    """One technique against another, in the figure that decides."""

    technique: str
    against: str
    own: tuple[Trial, ...]
    """Those whose seeds both have, by seed."""
    others: tuple[Trial, ...]
    """Of the other technique, on the same seeds."""

    @property
    def metric(self) -> str:
        """The figure."""
        return self.own[0].metric

    @property
    def differences(self) -> list[float]:
        """Own less other, seed by seed."""
        return [own.figure - other.figure for own, other in zip(self.own, self.others, strict=True)]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the mean difference; None for less than two seeds."""
        return t_interval(self.differences) if len(self.own) > 1 else None

    @property
    def cost(self) -> float | None:
        """Its training time over the other's; None where nothing was trained."""
        own, other = (sum(trial.seconds for trial in trials) for trials in (self.own, self.others))
        return own / other if own and other else None

    @property
    def verdict(self) -> Verdict:
        """By :data:`RULE`."""
        if len(self.own) < LEAST_SEEDS or self.interval is None:
            return "too few seeds"
        low, high = self.interval
        if self.metric in LOWER_IS_BETTER:
            low, high = -high, -low
        return "kept" if low > 0 else "hurts" if high < 0 else "no help"


def compare(technique: Sequence[Trial], everything: Sequence[Trial]) -> Comparison | None:
    """Hold the trials of one technique against what they name; None for a baseline, and where no seed is common.

    Raises:
        RecordError: what they name was never tried, or measured otherwise.
    """
    first = technique[0]
    if first.against is None:
        return None
    others = {
        trial.seed: trial for trial in everything if (trial.recipe, trial.technique) == (first.recipe, first.against)
    }
    if not others:
        raise RecordError(
            f"{first.technique} of {first.recipe} is held against {first.against}, which has no trial",
            "add its trials, or correct the name",
        )
    other = next(iter(others.values()))
    if (other.split, other.metric) != (first.split, first.metric):
        raise RecordError(
            f"{first.technique} of {first.recipe} was measured by {first.metric} on {first.split}, and "
            f"{other.technique} by {other.metric} on {other.split}",
            "measure both in the same way",
        )
    common = sorted((trial for trial in technique if trial.seed in others), key=lambda trial: trial.seed)
    if not common:
        return None
    return Comparison(first.technique, first.against, tuple(common), tuple(others[trial.seed] for trial in common))


def t_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The interval of the mean of two values or more that are drawn from a normal distribution."""
    half = t_quantile(level, len(values) - 1) * stdev(values) / sqrt(len(values))
    return mean(values) - half, mean(values) + half


def t_quantile(level: float, freedom: int) -> float:
    """The t with ``level`` of Student's distribution between -t and t; the two sides hold the rest."""
    low, high = 0.0, 1.0
    while t_between(high, freedom) < level:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_between(middle, freedom) < level else (low, middle)
    return high


def t_between(t: float, freedom: int) -> float:
    """The share of Student's distribution between -t and t, for a whole number of degrees of freedom.

    Abramowitz and Stegun 1964, 26.7.3 and 26.7.4.
    """
    angle = atan(t / sqrt(freedom))
    odd = freedom % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for place in range(2 + odd, freedom + 1, 2):
        total += term
        term *= (place - 1) / place * cos(angle) ** 2
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
