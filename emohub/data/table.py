"""Tables in CSV, JSONL and parquet files: read as they stand, and written with nothing lost."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from emohub.errors import DataError, UsageError
from emohub.record import write_atomically

SUFFIXES = (".csv", ".jsonl", ".parquet")


class Absent(Enum):
    """Marks a key that a JSONL line does not have, which is not the same as a null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True)
class Table:
    """Columns of equal length, in order."""

    columns: Mapping[str, Sequence[Any] | pa.ChunkedArray]
    """Values by column name: strings from CSV, JSON values (or ``ABSENT``) from JSONL, Arrow arrays from parquet."""
    source: str = "the table"
    """Name of the file, for error messages."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def values(self, column: str) -> list[Any]:
        """The values of one column as Python objects; a key that a JSONL line lacks is None.

        Raises:
            DataError: there is no such column, or its strings are not UTF-8.
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
        except UnicodeDecodeError:
            raise DataError(
                f"{self.source}, row {_first_undecodable(values)}: {column!r} is not UTF-8", "save the text as UTF-8"
            ) from None
        return decoded

    def texts(self, column: str) -> list[str]:
        """The texts of one column.

        Raises:
            DataError: there is no such column, or a value is empty or no text; the message names its row.
        """
        values = self.values(column)
        for row, value in enumerate(values, start=1):
            if not isinstance(value, str) or not value.strip():
                problem = "is empty" if value is None or isinstance(value, str) else f"is not text but {value!r:.40}"
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
        return Table({**self.columns, **columns}, self.source)


def read_table(path: Path) -> Table:
    """Read a table; the kind of file is told by its extension, ``.csv``, ``.jsonl`` or ``.parquet``.

    CSV (RFC 4180, UTF-8 with or without a byte order mark, first line the header) keeps every cell as the string that
    it is. Blank lines between rows hold no row and are skipped.

    Raises:
        UsageError: the extension is none of these.
        DataError: the file cannot be read, is not UTF-8, or is not well-formed; the message names the line.
    """
    read = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}[table_suffix(path)]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", "check the path and its permissions") from None
    return Table(read(data, path), path.name)


def write_table(path: Path, table: Table) -> None:
    """Write a table whole or not at all; the kind of file is told by its extension.

    Between CSV files, cells come out as they went in. In CSV a value that is no string is written as JSON, a null or
    absent one as an empty cell; in parquet an absent value becomes a null.

    Raises:
        UsageError: the extension is none of ``.csv``, ``.jsonl`` and ``.parquet``.
        DataError: a column holds values that this kind of file cannot hold.
        RecordError: the folder cannot be written; nothing half-written is left.
    """
    suffix = table_suffix(path)
    if suffix == ".parquet":
        arrow = _arrow(table)
        write_atomically(path, lambda temporary: pq.write_table(arrow, temporary))
    else:
        try:
            text = _csv_text(table) if suffix == ".csv" else _jsonl_text(table)
        except TypeError as error:
            raise DataError(f"{path.name} cannot hold the table ({error})", "write a parquet file") from None
        write_atomically(path, lambda temporary: temporary.write_bytes(text.encode()))


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


def _read_csv(data: bytes, path: Path) -> dict[str, list[str]]:
    reader = csv.reader(io.StringIO(_decode(data, path), newline=""), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise DataError(f"{path} is empty", "give a file whose first line names its columns")
        _refuse_repeated(header, path)
        rows = []
        for row in reader:
            if row and len(row) != len(header):
                raise DataError(
                    f"{path}, line {reader.line_num}: {len(row)} cells where the header has {len(header)}",
                    "put cells that contain commas in double quotes",
                )
            if row:
                rows.append(row)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}", "mend the quotes of this row") from None
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    return {name: list(column) for name, column in zip(header, columns, strict=True)}


def _read_jsonl(data: bytes, path: Path) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    rows = 0
    for number, line in enumerate(_decode(data, path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            # A lone surrogate can be escaped in JSON, yet is no text.
            json.dumps(values, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise DataError(f"{path}, line {number}: half of a surrogate pair", "mend the escaped character") from None
        except ValueError as error:
            raise DataError(f"{path}, line {number} is not JSON ({error})", "write one JSON object a line") from None
        if not isinstance(values, dict):
            raise DataError(f"{path}, line {number} is not a JSON object", "write one JSON object a line")
        for name, value in values.items():
            columns.setdefault(name, [ABSENT] * rows).append(value)
        rows += 1
        for column in columns.values():
            if len(column) < rows:
                column.append(ABSENT)
    return columns


def _read_parquet(data: bytes, path: Path) -> dict[str, pa.ChunkedArray]:
    try:
        arrow = pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a readable parquet file ({error})", "make the file again") from None
    _refuse_repeated(arrow.column_names, path)
    return dict(zip(arrow.column_names, arrow.columns, strict=True))


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line} is not UTF-8", "save the file as UTF-8") from None


def _refuse_repeated(names: list[str], path: Path) -> None:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path} has two columns {repeated!r}", "give each column its own name")


def _csv_text(table: Table) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(table.columns)
    writer.writerows(zip(*([_cell(value) for value in table.values(name)] for name in table.columns), strict=True))
    return file.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _jsonl_text(table: Table) -> str:
    columns = [
        table.values(name) if isinstance(values, pa.ChunkedArray) else values for name, values in table.columns.items()
    ]
    lines = []
    for row in zip(*columns, strict=True):
        values = {name: value for name, value in zip(table.columns, row, strict=True) if value is not ABSENT}
        lines.append(json.dumps(values, ensure_ascii=False) + "\n")
    return "".join(lines)


def _arrow(table: Table) -> pa.Table:
    arrays = {}
    for name, values in table.columns.items():
        try:
            arrays[name] = values if isinstance(values, pa.ChunkedArray) else pa.array(table.values(name))
        except pa.ArrowException as error:
            raise DataError(f"column {name!r} holds values of several types ({error})", "write JSONL") from None
    return pa.table(arrays)


def _first_undecodable(values: pa.ChunkedArray) -> int:
    """Row, counted from 1, of the first string that is not UTF-8."""
    for row, value in enumerate(values, start=1):
        try:
            value.as_py()
        except UnicodeDecodeError:
            return row
    raise AssertionError("the caller found one")
