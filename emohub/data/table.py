"""Tables: columns of equal length, as they came out of a file and go into one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import pyarrow as pa

from emohub.errors import DataError, UsageError

SUFFIXES = (".csv", ".jsonl", ".parquet")


class Absent(Enum):
    """Marks a key that a JSONL line does not have, which is not the same as a null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

_UNREADABLE = (ValueError, OverflowError, KeyError)
"""What pyarrow raises for bytes that are no text, moments beyond the calendar, and unknown time zones."""


@dataclass(frozen=True)
class TableLimits:
    """How large a table may be that comes from somebody unknown; it is left as soon as it is seen to be larger."""

    rows: int
    columns: int
    decoded_bytes: int
    """Of a parquet file, whose few bytes may stand for many."""

    def check(self, *, rows: int = 0, columns: int = 0, decoded_bytes: int = 0) -> None:
        """Refuse what is beyond a limit.

        Raises:
            DataError: it is.
        """
        if rows > self.rows:
            raise DataError(f"the file has more than {self.rows:,} rows", "split it")
        if columns > self.columns:
            raise DataError(f"the file has more than {self.columns:,} columns", "leave out those that are not needed")
        if decoded_bytes > self.decoded_bytes:
            raise DataError(f"the file holds more than {self.decoded_bytes / 2**20:,.0f} MiB of values", "split it")


@dataclass(frozen=True)
class Table:
    """Columns of equal length, in order."""

    columns: Mapping[str, Sequence[Any] | npt.NDArray[Any] | pa.ChunkedArray]
    """Values by column name: strings from CSV, JSON values (or ``ABSENT``) from JSONL, Arrow arrays from parquet."""
    source: str = "the table"
    """Where it was read from, for error messages."""
    label_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names behind the integers of a column, where the data itself states them (a datasets ``ClassLabel``)."""
    first_row: int = 1
    """Number of its first row: more than 1 for a block of a table that is read in parts."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def values(self, column: str, *, keep_damage: bool = False) -> list[Any]:
        """The values of one column as Python objects; a key that a JSONL line lacks is None.

        With ``keep_damage`` a byte that is not UTF-8 becomes half of a surrogate pair (PEP 383) instead of an error.

        Raises:
            DataError: there is no such column, or a value in it cannot be read: a text that is not UTF-8, a date
                after the year 9999, a time zone that nobody knows; the message names the row.
        """
        if column not in self.columns:
            raise DataError(
                f"{self.source} has no column {column!r}",
                f"name one that it has: {', '.join(map(repr, self.columns)) or 'none'}",
            )
        values = self.columns[column]
        if not isinstance(values, pa.ChunkedArray):
            return [None if value is ABSENT else value for value in values]
        try:
            decoded: list[Any] = values.to_pylist()
        except _UNREADABLE as error:
            if keep_damage and values.type in (pa.string(), pa.large_string()):
                encoded = values.cast(pa.large_binary()).to_pylist()
                return [None if value is None else value.decode(errors="surrogateescape") for value in encoded]
            row = next(row for row, scalar in enumerate(values, self.first_row) if not _is_readable(scalar))
            remedy = "save the texts as UTF-8" if isinstance(error, ValueError) else "correct it, or drop the column"
            raise DataError(f"{self.source}, row {row}: {column!r} cannot be read ({error})", remedy) from None
        return decoded

    def texts(self, column: str) -> list[str]:
        """The texts of one column.

        Raises:
            DataError: there is no such column, or a value is empty or no text; the message names its row.
        """
        values = self.values(column)
        for row, value in enumerate(values, self.first_row):
            if not isinstance(value, str) or not value.strip():
                problem = "is empty" if value is None or isinstance(value, str) else f"is no text but {value!r:.40}"
                raise DataError(
                    f"{self.source}, row {row}: {column!r} {problem}", "give every row a text, or leave the row out"
                )
        return values

    def with_columns(self, columns: Mapping[str, Sequence[Any]]) -> "Table":
        """This table with more columns after its own.

        Raises:
            UsageError: a column of that name is there already, or the lengths differ.
        """
        for name, values in columns.items():
            if name in self.columns:
                raise UsageError(f"{self.source} has a column {name!r} already", "rename it in the input")
            if self.columns and len(values) != len(self):
                raise UsageError(
                    f"column {name!r} has {len(values)} values for {len(self)} rows", "give one value for each row"
                )
        return replace(self, columns={**self.columns, **columns})


def table_suffix(path: Path) -> str:
    """The extension of a table file, in lower case.

    Raises:
        UsageError: it is none of ``SUFFIXES``.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{path.name} is not a kind of table that can be used", f"give a file in {', '.join(SUFFIXES)}"
        )
    return suffix


def _is_readable(scalar: Any) -> bool:
    try:
        scalar.as_py()
    except _UNREADABLE:
        return False
    return True
