"""Dates in a column of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

_MONTH_CHARS = len("2025-03")


@dataclass(frozen=True)
class Dates:
    """The day of each row, where there is one."""

    days: tuple[date | None, ...]
    missing: int
    """Rows that hold nothing."""
    unreadable: int
    """Rows that hold something else than a date."""
    first_unreadable: int | None
    """Number of the first of them, from 1."""


def read_dates(values: Sequence[object]) -> Dates:
    """The days that values stand for: dates, times, and texts in ISO 8601 such as ``2025-03-31`` or ``2025-03``,
    also with a time in ``UTC`` as databases write it.

    A time counts for the day that it names in its own time zone. Nothing is guessed: what could be read in two ways,
    such as ``3/4/2025``, is unreadable.
    """
    days = [read_date(value) for value in values]
    blank = [value is None or (isinstance(value, str) and not value.strip()) for value in values]
    unreadable = [
        row for row, (day, empty) in enumerate(zip(days, blank, strict=True), start=1) if not empty and day is None
    ]
    return Dates(tuple(days), sum(blank), len(unreadable), unreadable[0] if unreadable else None)


def read_date(value: object) -> date | None:
    """One value as :func:`read_dates` reads it; None when it is no date."""
    if isinstance(value, datetime):
        return date(value.year, value.month, value.day)
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip().removesuffix(" UTC")
    if len(text) == _MONTH_CHARS and text[4:5] == "-" and text[5:].isdecimal():
        text = f"{text}-01"
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None
