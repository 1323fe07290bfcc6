"""Which columns of a table hold what."""

from dataclasses import dataclass

from emohub.batch.dates import read_date
from emohub.data import Table
from emohub.errors import DataError

_SAMPLE = 200
"""Rows from the start that are looked at."""
_TEXT_NAMES = ("text", "review", "comment", "message", "feedback", "sentence", "tweet", "content", "body")
_DATE_SHARE = 0.8
"""Share of a column's filled cells that are dates, from which it is a column of dates."""
_MOST_GROUPS = 12
"""Different values up to which a column is taken for one of groups."""


@dataclass(frozen=True)
class ColumnGuess:
    """A proposal, which a person may correct."""

    text: str
    date: str | None
    group: str | None


def guess_columns(table: Table) -> ColumnGuess | None:
    """Columns that look like texts, dates and groups, from the first rows; None where no column holds a string.

    The texts are in a column with a usual name, else in the one with the longest strings.
    """
    samples = {name: _sample(table, name) for name in table.columns}
    strings = {name: sum(map(len, found)) / len(found) for name in samples if (found := _strings(samples[name]))}
    if not strings:
        return None
    named = {name.strip().lower(): name for name in reversed(strings)}
    text = next((named[name] for name in _TEXT_NAMES if name in named), None)
    text = text or max(strings, key=lambda name: strings[name])
    others = [name for name in table.columns if name != text]
    date = next((name for name in others if _holds_dates(samples[name])), None)
    group = next((name for name in others if name != date and _holds_groups(samples[name])), None)
    return ColumnGuess(text, date, group)


def _sample(table: Table, name: str) -> list[object]:
    """The first values of a column; none of one that cannot be read."""
    try:
        return Table({name: table.columns[name][:_SAMPLE]}).values(name, keep_damage=True)
    except DataError:
        return []


def _strings(values: list[object]) -> list[str]:
    return [value for value in values if isinstance(value, str) and value.strip()]


def _holds_dates(values: list[object]) -> bool:
    filled = [value for value in values if value is not None and value != ""]
    return bool(filled) and sum(read_date(value) is not None for value in filled) >= _DATE_SHARE * len(filled)


def _holds_groups(values: list[object]) -> bool:
    words = _strings(values)
    return 2 <= len(set(words)) <= min(_MOST_GROUPS, len(words) // 2)
