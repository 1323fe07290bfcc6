"""How often each label was given: in all, over time, and by group."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emohub.batch.answers import TableAnswers
from emohub.batch.dates import Dates

TimeUnit = Literal["day", "week", "month", "year", "decade", "century"]

_LONGEST: dict[TimeUnit, int] = {"day": 31, "week": 26 * 7, "month": 5 * 366, "year": 60 * 366, "decade": 600 * 366}
"""Days up to which a range is cut into periods of this length; a longer one is cut into centuries."""


@dataclass(frozen=True)
class Counted:
    """The answers to some of the rows."""

    counts: tuple[int, ...]
    """How many got each label, in the model's order."""

    @property
    def total(self) -> int:
        """Rows, at least 1."""
        return sum(self.counts)

    @property
    def shares(self) -> tuple[float, ...]:
        """Of each label; they sum to 1."""
        return tuple(count / self.total for count in self.counts)


@dataclass(frozen=True)
class Group(Counted):
    """The answers of one group."""

    name: str


@dataclass(frozen=True)
class Groups:
    """The answers by group, the largest group first."""

    groups: tuple[Group, ...]
    without: Counted | None
    """Rows that name no group."""
    others: Counted | None
    """The smaller groups together."""
    pooled: int
    """How many groups ``others`` holds."""


@dataclass(frozen=True)
class Period(Counted):
    """The answers of one period."""

    start: date
    end: date
    """The first day after it."""


@dataclass(frozen=True)
class Periods:
    """The answers over time, earliest first; a period without rows is left out."""

    unit: TimeUnit
    periods: tuple[Period, ...]


def count_labels(answers: TableAnswers) -> Counted:
    """The answers of all rows."""
    return Counted(_counts(answers.predicted, len(answers.labels)))


def count_by_group(answers: TableAnswers, names: Sequence[str], *, most: int = 8) -> Groups:
    """The answers by group, for the ``most`` frequent ones, and the rest together.

    ``names`` has one for each row of the table, empty where there is none; case and spaces do not count.

    Raises:
        ValueError: there is not one name for each row.
    """
    names = [" ".join(name.split()) for _, name in zip(range(len(answers.asked.table)), names, strict=True)]
    spelling: dict[str, str] = {}
    for name in names:
        spelling.setdefault(name.casefold(), name)
    keys = [names[row].casefold() for row in answers.asked.rows.tolist()]
    sizes = Counter(key for key in keys if key)
    ranked = [key for key, _ in sizes.most_common()]
    if len(ranked) <= most + 1:  # to pool one group would save nothing
        most = len(ranked)
    shown, rest = ranked[:most], set(ranked[most:])
    predicted, labels = answers.predicted, len(answers.labels)

    def counts(wanted: set[str]) -> tuple[int, ...]:
        return _counts(predicted[np.array([key in wanted for key in keys], bool)], labels)

    return Groups(
        groups=tuple(Group(counts({key}), spelling[key]) for key in shown),
        without=Counted(counts({""})) if "" in keys else None,
        others=Counted(counts(rest)) if rest else None,
        pooled=len(rest),
    )


def count_by_period(answers: TableAnswers, dates: Dates) -> Periods | None:
    """The answers over time, in days, weeks from Monday, months or longer periods, whichever suits the range.

    ``dates`` has one for each row of the table. None when no row with a text has a date.
    """
    dated = [
        (day, label)
        for row, label in zip(answers.asked.rows.tolist(), answers.predicted.tolist(), strict=True)
        if (day := dates.days[row]) is not None
    ]
    if not dated:
        return None
    span = (max(dated)[0] - min(dated)[0]).days + 1
    unit: TimeUnit = next((unit for unit, longest in _LONGEST.items() if span <= longest), "century")
    found: dict[date, list[int]] = {}
    for day, label in dated:
        found.setdefault(_start(day, unit), []).append(label)
    return Periods(
        unit,
        tuple(
            Period(_counts(np.array(labels), len(answers.labels)), start, _next_start(start, unit))
            for start, labels in sorted(found.items())
        ),
    )


def _counts(labels: NDArray[np.int64], count: int) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=count).tolist())


def _start(day: date, unit: TimeUnit) -> date:
    if unit == "week":
        return date.fromordinal(max(1, day.toordinal() - day.weekday()))
    if unit == "month":
        return day.replace(day=1)
    if unit == "day":
        return day
    years = {"year": 1, "decade": 10, "century": 100}[unit]
    return date(max(1, day.year - day.year % years), 1, 1)


def _next_start(start: date, unit: TimeUnit) -> date:
    days = {"day": 1, "week": 7, "month": 31, "year": 366, "decade": 3653, "century": 36_525}[unit]
    try:
        return _start(start + timedelta(days), unit)
    except OverflowError:  # the calendar ends with the year 9999
        return date.max
