"""Tables written to CSV, JSONL and parquet files with nothing lost: whole, or a block of rows at a time."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from emohub.data.table import ABSENT, Table, table_suffix
from emohub.errors import DataError
from emohub.record import write_atomically

_GROUP_ROWS = 2**16
_GROUP_BYTES = 16 * 2**20
"""Rows, and bytes of their values, that are gathered for one row group of a parquet file."""


class TableOutline:
    """What must be known of a whole table before its first row can be written, gathered from its blocks."""

    def __init__(self, path: Path) -> None:
        """``path`` is the file to write.

        Raises:
            UsageError: its extension is none of a table's.
        """
        self.path = path
        self.rows = 0
        self.types: dict[str, pa.DataType] = {}
        """The columns in order, and what they are in a parquet file; null where another kind of file is written."""
        self._suffix = table_suffix(path)

    def add(self, block: Table) -> None:
        """Take up the next rows.

        Raises:
            DataError: the file cannot hold their values, or not together with those before them.
        """
        with _refusing(self.path):
            if self._suffix == ".parquet":
                self.types = _unified(self.types, column_types(block))
                with pq.ParquetWriter(pa.BufferOutputStream(), _schema(self.types)):
                    pass
            else:
                _ENCODE[self._suffix](block)
                self.types |= dict.fromkeys(block.columns, pa.null())
        self.rows += len(block)


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
    types = dict.fromkeys(table.columns, pa.null())
    if table_suffix(path) == ".parquet":
        with _refusing(path):
            types = column_types(table)
    file = io.BytesIO()
    with table_writer(file, path, types) as write:
        write(table)
    return file.getvalue()


@contextmanager
def table_writer(file: BinaryIO, path: Path, types: Mapping[str, pa.DataType]) -> Iterator[Callable[[Table], None]]:
    """A function that writes the next rows into ``file``; ``types`` are the columns, as ``TableOutline`` has them.

    ``path`` is what the file is called, for its kind and for messages. A column that a block lacks is absent in it.

    Raises:
        DataError: the file cannot hold the values.
    """
    if table_suffix(path) == ".parquet":
        with _refusing(path), _parquet_writer(file, types) as write:
            yield write
        return
    encode = _ENCODE[table_suffix(path)]
    if table_suffix(path) == ".csv":
        file.write(_csv_lines([list(types)]))

    def write_rows(block: Table) -> None:
        with _refusing(path):
            file.write(encode(_with_all(block, types)))

    yield write_rows


def column_types(table: Table) -> dict[str, pa.DataType]:
    """What each column is in a parquet file.

    Raises:
        pa.ArrowException, TypeError, OverflowError: one is nothing that such a file can hold.
    """
    return {name: _array(table, name).type for name in table.columns}


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except (TypeError, OverflowError, pa.ArrowException) as error:
        raise DataError(f"{path.name} cannot hold the values ({error})", "write another kind of file") from None


def _with_all(block: Table, names: Mapping[str, Any]) -> Table:
    """The block with its columns in the order of ``names``, absent values in those that it lacks."""
    absent = [ABSENT] * len(block)
    return Table({name: block.columns.get(name, absent) for name in names}, block.source, first_row=block.first_row)


class _Lines(list[str]):
    """Collects the rows of a ``csv.writer``, each ended with a line feed alone.

    The writer must be told CRLF all the same: it quotes a carriage return inside a cell only if one ends the row.
    """

    def write(self, row: str) -> None:
        self.append(row.removesuffix("\r\n") + "\n")


def _csv_lines(rows: Sequence[Sequence[str]]) -> bytes:
    lines = _Lines()
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return "".join(lines).encode()


def _csv_bytes(table: Table) -> bytes:
    columns = ([_cell(value) for value in table.values(name)] for name in table.columns)
    return _csv_lines(list(zip(*columns, strict=True)))


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


_ENCODE: dict[str, Callable[[Table], bytes]] = {".csv": _csv_bytes, ".jsonl": _jsonl_bytes}
"""The rows of a table in each kind of text."""


@contextmanager
def _parquet_writer(file: BinaryIO, types: Mapping[str, pa.DataType]) -> Iterator[Callable[[Table], None]]:
    schema = _schema(types)
    held: list[pa.Table] = []

    def write_group() -> None:
        writer.write_table(pa.concat_tables(held))
        held.clear()

    def write(block: Table) -> None:
        held.append(pa.table([_array(block, name, kind) for name, kind in types.items()], schema=schema))
        if sum(map(len, held)) >= _GROUP_ROWS or sum(part.nbytes for part in held) >= _GROUP_BYTES:
            write_group()

    with pq.ParquetWriter(file, schema) as writer:
        yield write
        if held:
            write_group()


def _array(table: Table, name: str, kind: pa.DataType | None = None) -> Any:
    """A column for a parquet file, of the given type, or of the one that suits its values."""
    values = table.columns.get(name)
    if isinstance(values, pa.ChunkedArray):
        return values
    if values is None:
        return pa.nulls(len(table), kind)
    absent = isinstance(values, Sequence) and ABSENT in values
    return pa.array(table.values(name) if absent else values, kind)


def _schema(types: Mapping[str, pa.DataType]) -> pa.Schema:
    return pa.schema(list(types.items()))


def _unified(types: Mapping[str, pa.DataType], more: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Types for the values of both: of whole numbers and fractions, of structures with other keys, of nulls and any."""
    schema = pa.unify_schemas([_schema(types), _schema(more)], promote_options="permissive")
    return dict(zip(schema.names, schema.types, strict=True))
