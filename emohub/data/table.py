"""Tables in CSV, JSONL and parquet files: read as they stand, and written with nothing lost."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features

from emohub.errors import DataError, UsageError
from emohub.record import write_atomically

SUFFIXES = (".csv", ".jsonl", ".parquet")


class Absent(Enum):
    """Marks a key that a JSONL line does not have, which is not the same as a null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

_UNREADABLE = (ValueError, OverflowError, KeyError)
"""What pyarrow raises for bytes that are no text, moments beyond the calendar, and unknown time zones."""
_BATCH_ROWS = 8
"""Rows of a parquet file that are decoded before their size is looked at."""


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
            row = next(row for row, scalar in enumerate(values, start=1) if not _is_readable(scalar))
            remedy = "save the texts as UTF-8" if isinstance(error, ValueError) else "correct it, or drop the column"
            raise DataError(f"{self.source}, row {row}: {column!r} cannot be read ({error})", remedy) from None
        return decoded

    def texts(self, column: str) -> list[str]:
        """The texts of one column.

        Raises:
            DataError: there is no such column, or a value is empty or no text; the message names its row.
        """
        values = self.values(column)
        for row, value in enumerate(values, start=1):
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
        return Table({**self.columns, **columns}, self.source, self.label_names)


def read_table(path: Path, *, keep_damage: bool = False) -> Table:
    """Read a table; the kind of file is told by its extension, ``.csv``, ``.jsonl`` or ``.parquet``.

    CSV (RFC 4180, UTF-8 with or without a byte order mark, first line the header) keeps every cell as the string that
    it is. Blank lines hold no row and are skipped. ``keep_damage`` lets through what is no valid Unicode, for who wants
    to count it: bytes that are not UTF-8, as ``Table.values`` does, and escaped halves of surrogate pairs.

    Raises:
        UsageError: the extension is none of these.
        DataError: the file cannot be read, is not UTF-8, or is not well-formed; the message names the line.
    """
    table_suffix(path)
    return parse_table(read_bytes(path), path, keep_damage=keep_damage)


def parse_table(data: bytes, path: Path, *, keep_damage: bool = False, limits: TableLimits | None = None) -> Table:
    """The table that a file's bytes hold; ``path`` is its name, for its kind and for messages. Else as ``read_table``.

    Raises:
        UsageError: the extension is none of a table's.
        DataError: the bytes are no well-formed table of that kind, or the table is beyond ``limits``.
    """
    suffix = table_suffix(path)
    if suffix == ".parquet":
        return _read_parquet(data, path, limits)
    text = data.decode("utf-8-sig", errors="surrogateescape") if keep_damage else utf8_text(data, path)
    return _read_csv(text, path, limits) if suffix == ".csv" else _read_jsonl(text, path, keep_damage, limits)


def write_table(path: Path, table: Table) -> None:
    """Write a table whole or not at all; the kind of file is told by its extension.

    From CSV to CSV every cell stays as it is. In CSV a value that is no string is written as JSON, and a null or absent
    one as an empty cell; in parquet an absent value becomes a null. Of a parquet file dates and times are
    written in ISO 8601, and exact numbers with all of their digits, in JSONL as strings.

    Raises:
        UsageError: the extension is none of ``.csv``, ``.jsonl`` and ``.parquet``.
        DataError: a column holds values that this kind of file cannot hold.
        RecordError: the folder cannot be written; nothing half-written is left.
    """
    data = table_bytes(table, path)
    write_atomically(path, lambda temporary: temporary.write_bytes(data))


def table_bytes(table: Table, path: Path) -> bytes:
    """What ``write_table`` writes into the file ``path``.

    Raises:
        UsageError: the extension is none of a table's.
        DataError: a column holds values that this kind of file cannot hold.
    """
    encode = {".csv": _csv_bytes, ".jsonl": _jsonl_bytes, ".parquet": _parquet_bytes}[table_suffix(path)]
    try:
        return encode(table)
    except (TypeError, OverflowError, pa.ArrowException) as error:
        raise DataError(f"{path.name} cannot hold the values ({error})", "write another kind of file") from None


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


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", "check the path and its permissions") from None


def utf8_text(data: bytes, path: Path) -> str:
    """The text of a file's bytes, with or without a byte order mark.

    Raises:
        DataError: they are not UTF-8; the message names the line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line} is not UTF-8", "save the file as UTF-8") from None


def _read_csv(text: str, path: Path, limits: TableLimits | None) -> Table:
    # Without strict, a quote that is never closed would swallow the rest of the file in silence.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise DataError(f"{path} has no header", "give a file whose first line names its columns")
        if limits:
            limits.check(columns=len(header))
        _refuse_repeated(header, path)
        rows = []
        for row in reader:
            if row and len(row) != len(header):
                raise DataError(
                    f"{path}, line {reader.line_num}: the row has {len(row)} cells, the header {len(header)}",
                    "separate cells with commas, and put those that contain commas in double quotes",
                )
            if row:
                rows.append(row)
            if limits:
                limits.check(rows=len(rows))
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}", "correct the quotes of this row") from None
    columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in header)
    return Table(dict(zip(header, columns, strict=True)), str(path))


def _read_jsonl(text: str, path: Path, keep_damage: bool, limits: TableLimits | None) -> Table:
    columns: dict[str, list[Any]] = {}
    rows = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            # JSON can escape half of a surrogate pair, which no text holds.
            json.dumps(values, ensure_ascii=False).encode(errors="surrogatepass" if keep_damage else "strict")
        except UnicodeEncodeError:
            raise DataError(f"{path}, line {number}: half of a surrogate pair", "correct the \\u escape") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number} is not JSON ({error})", "write one JSON object a line") from None
        if not isinstance(values, dict):
            raise DataError(f"{path}, line {number} is not a JSON object", "write one JSON object a line")
        if limits:
            limits.check(rows=rows + 1, columns=len(columns.keys() | values.keys()))
        for name, value in values.items():
            columns.setdefault(name, [ABSENT] * rows).append(value)
        rows += 1
        for column in columns.values():
            if len(column) < rows:
                column.append(ABSENT)
    return Table(columns, str(path))


def _read_parquet(data: bytes, path: Path, limits: TableLimits | None) -> Table:
    try:
        # From a buffer: given a path, pyarrow would also turn folder names such as "fold=1" into columns.
        file = pq.ParquetFile(pa.BufferReader(data))
        if limits:
            _check_size(file, limits)
        arrow = file.read()
        stated = b"huggingface" in (arrow.schema.metadata or {})
        features = Features.from_arrow_schema(arrow.schema) if stated else {}
    # The last three come of features whose statement in the file is damaged.
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path} is not a readable parquet file ({error})", "make the file again") from None
    _refuse_repeated(arrow.column_names, path)
    return Table(dict(zip(arrow.column_names, arrow.columns, strict=True)), str(path), stated_label_names(features))


def _check_size(file: pq.ParquetFile, limits: TableLimits) -> None:
    """Decode a parquet file piece by piece, so that one that grows beyond the limits never is in memory whole."""
    meta = file.metadata
    limits.check(rows=meta.num_rows, columns=meta.num_columns)
    limits.check(decoded_bytes=sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups)))
    for declared in file.schema_arrow:
        if pa.types.is_nested(declared.type) and "dictionary<" in str(declared.type):
            raise DataError(f"{declared.name!r} packs its values in a way that hides their size", "write them plainly")
    size = 0
    for batch in file.iter_batches(_BATCH_ROWS):
        for column in batch.columns:
            size += (column.dictionary_decode() if pa.types.is_dictionary(column.type) else column).nbytes
            limits.check(decoded_bytes=size)


def stated_label_names(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The label names that a dataset's own features state, by column."""
    return {
        name: tuple(map(str, feature.names)) for name, feature in features.items() if isinstance(feature, ClassLabel)
    }


def _is_readable(scalar: Any) -> bool:
    try:
        scalar.as_py()
    except _UNREADABLE:
        return False
    return True


def _refuse_repeated(names: Sequence[str], path: Path) -> None:
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise DataError(f"{path} has two columns {repeated!r}", "give each column its own name")


class _Lines(list[str]):
    """Collects the rows of a ``csv.writer``, each ended with a line feed alone.

    The writer must be told CRLF all the same: it quotes a carriage return inside a cell only if one ends the row.
    """

    def write(self, row: str) -> None:
        self.append(row.removesuffix("\r\n") + "\n")


def _csv_bytes(table: Table) -> bytes:
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(table.columns)
    columns = ([_cell(value) for value in table.values(name)] for name in table.columns)
    writer.writerows(zip(*columns, strict=True))
    return "".join(lines).encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, date | time | Decimal):
        return str(_json(value))
    return json.dumps(value, ensure_ascii=False, default=_json)


def _json(value: Any) -> str:
    """A date, a time or an exact number of a parquet file, where JSON has none."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__} has no form in JSON")


def _jsonl_bytes(table: Table) -> bytes:
    arrow = {name: table.values(name) for name, values in table.columns.items() if isinstance(values, pa.ChunkedArray)}
    lines = []
    for row in zip(*{**table.columns, **arrow}.values(), strict=True):
        values = {name: value for name, value in zip(table.columns, row, strict=True) if value is not ABSENT}
        lines.append(json.dumps(values, ensure_ascii=False, default=_json) + "\n")
    return "".join(lines).encode()


def _parquet_bytes(table: Table) -> bytes:
    arrays = {}
    for name, values in table.columns.items():
        absent = isinstance(values, Sequence) and ABSENT in values
        arrays[name] = pa.array(table.values(name)) if absent else values
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded
