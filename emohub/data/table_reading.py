"""Tables read from CSV, JSONL and parquet files as they stand: whole, or a block of rows at a time."""

import codecs
import csv
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from emohub.data.table import ABSENT, Table, TableLimits, table_suffix
from emohub.errors import DataError

_BLOCK_ROWS = 4096
_BLOCK_BYTES = 8 * 2**20
"""Rows of a block, and bytes of the file (of a parquet file: of its values) from which a block is full."""
_LINE_CHARS = 2**26
"""A longer line is none of a table: without line ends, a whole file would be one."""
_DECODED_ROWS = 256
"""Rows of a parquet file that are decoded together for a block."""
_MEASURED_ROWS = 8
"""The same where a table is held to limits: its few bytes may stand for many."""
_DAMAGED_PARQUET = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, AttributeError)
"""The last three come of features whose statement in the file is damaged."""

Row = TypeVar("Row")


class TableFile:
    """A table in a file, read a block of rows at a time, from the start as often as it is asked for.

    Nothing of it is kept, so that it may be of any size. It is a context manager that closes the file.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; the kind of it is told by its extension.

        Raises:
            UsageError: the extension is none of a table's.
            DataError: the file cannot be read, or not twice.
        """
        self._suffix = table_suffix(path)
        self.path = path
        self.share = 0.0
        """How much of the file the blocks so far were, from 0 to 1."""
        self._file = open_bytes(path)
        if not self._file.seekable():
            self._file.close()
            raise DataError(f"{path} can be read only once", "write it to a file first")
        self._opened_as = self._version()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def check_unchanged(self) -> None:
        """See that what was read several times was the same each time.

        Raises:
            DataError: the file was written to since it was opened.
        """
        if self._version() != self._opened_as:
            raise DataError(f"{self.path} changed while it was read", "start again when it is complete")

    def blocks(self, columns: Sequence[str] = ()) -> Iterator[Table]:
        """The rows in tables of some thousands, in order; a file of no rows is one table of none.

        What a block of JSONL has as columns is ``columns``, then those that were seen so far.

        Raises:
            DataError: the file is not well-formed, or not UTF-8; the message names the line.
        """
        self._file.seek(0)
        self.share = 0.0
        if self._suffix == ".parquet":
            parquet = _open_parquet(self._file, self.path)
            for block in _parquet_blocks(parquet, self.path):
                self.share = (block.first_row - 1 + len(block)) / max(1, parquet.metadata.num_rows)
                yield block
            return
        size = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        for block in _text_blocks(self._file, self.path, columns=columns):
            self.share = self._file.tell() / max(1, size)
            yield block

    def _version(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns


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
    with open_bytes(path) as file:
        return _read_whole(file, path, keep_damage, None)


def parse_table(data: bytes, path: Path, *, limits: TableLimits | None = None) -> Table:
    """The table that a file's bytes hold; ``path`` is its name, for its kind and for messages. Else as ``read_table``.

    Raises:
        UsageError: the extension is none of a table's.
        DataError: the bytes are no well-formed table of that kind, or the table is beyond ``limits``.
    """
    return _read_whole(io.BytesIO(data), path, False, limits)


def open_bytes(path: Path) -> BinaryIO:
    """A file, open for reading.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", "check the path and its permissions") from None


def utf8_lines(file: BinaryIO, path: Path, *, newline: str = "\n", keep_damage: bool = False) -> Iterator[str]:
    """The lines of a file from its start, with what ends them, after a byte order mark if there is one.

    ``newline`` is that of ``open``. With ``keep_damage`` a byte that is not UTF-8 becomes half of a surrogate pair.

    Raises:
        DataError: the file cannot be read, or is not UTF-8, or holds a line that is too long; the message names it.
    """
    file.seek(0)
    errors = "surrogateescape" if keep_damage else "strict"
    text = io.TextIOWrapper(file, "utf-8-sig", errors=errors, newline=newline)
    number = 0
    try:
        while line := text.readline(_LINE_CHARS):
            number += 1
            if len(line) == _LINE_CHARS:
                raise DataError(
                    f"{path}, line {number} has more than {_LINE_CHARS - 1:,} characters", "put each row on a line"
                )
            yield line
    except UnicodeDecodeError:
        line_number = _first_undecodable(file)
        raise DataError(f"{path}, line {line_number} is not UTF-8", "save the file as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", "check the disk that holds it") from None
    finally:
        if not file.closed:  # by who stopped reading in between
            text.detach()


def stated_label_names(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The label names that a dataset's own features state, by column."""
    from datasets import ClassLabel  # noqa: PLC0415 - slow to import, and few files state features

    return {
        name: tuple(map(str, feature.names)) for name, feature in features.items() if isinstance(feature, ClassLabel)
    }


def _first_undecodable(file: BinaryIO) -> int:
    """Number of the line of the first byte that is not UTF-8."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    while True:
        data = file.read(_BLOCK_BYTES)
        try:
            decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            return line + error.object.count(b"\n", 0, error.start)
        line += data.count(b"\n")


def _read_whole(file: BinaryIO, path: Path, keep_damage: bool, limits: TableLimits | None) -> Table:
    if table_suffix(path) == ".parquet":
        return _read_parquet(file, path, limits)
    blocks = _text_blocks(file, path, keep_damage=keep_damage, limits=limits, rows=sys.maxsize, size=sys.maxsize)
    return next(blocks)


def _text_blocks(
    file: BinaryIO,
    path: Path,
    *,
    columns: Sequence[str] = (),
    keep_damage: bool = False,
    limits: TableLimits | None = None,
    rows: int = _BLOCK_ROWS,
    size: int = _BLOCK_BYTES,
) -> Iterator[Table]:
    """Tables of ``rows`` rows, or of ``size`` bytes of the file."""
    first_row = 1
    if path.suffix.lower() == ".csv":
        cells = _csv_rows(utf8_lines(file, path, newline="", keep_damage=keep_damage), path, limits)
        header = next(cells)
        for block in _in_blocks(cells, file, rows, size):
            values = map(list, zip(*block, strict=True)) if block else ([] for _ in header)
            yield Table(dict(zip(header, values, strict=True)), str(path), first_row=first_row)
            first_row += len(block)
        return
    names = dict.fromkeys(columns)
    objects = _jsonl_rows(utf8_lines(file, path, keep_damage=keep_damage), path, keep_damage, limits, names)
    for lines in _in_blocks(objects, file, rows, size):
        columns_so_far = {name: [line.get(name, ABSENT) for line in lines] for name in names}
        yield Table(columns_so_far, str(path), first_row=first_row)
        first_row += len(lines)


def _in_blocks(rows: Iterator[Row], file: BinaryIO, most: int, size: int) -> Iterator[list[Row]]:
    block: list[Row] = []
    first, start = True, file.tell()
    for row in rows:
        block.append(row)
        if len(block) == most or file.tell() - start >= size:
            yield block
            block, first, start = [], False, file.tell()
    if block or first:
        yield block


def _csv_rows(lines: Iterator[str], path: Path, limits: TableLimits | None) -> Iterator[list[str]]:
    """The header, then each row that is not blank."""
    # Without strict, a quote that is never closed would swallow the rest of the file in silence.
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise DataError(f"{path} has no header", "give a file whose first line names its columns")
        if limits:
            limits.check(columns=len(header))
        _refuse_repeated(header, path)
        yield header
        for number, row in enumerate(filter(None, reader), start=1):
            if len(row) != len(header):
                raise DataError(
                    f"{path}, line {reader.line_num}: the row has {len(row)} cells, the header {len(header)}",
                    "separate cells with commas, and put those that contain commas in double quotes",
                )
            if limits:
                limits.check(rows=number)
            yield row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}", "correct the quotes of this row") from None


def _jsonl_rows(
    lines: Iterator[str], path: Path, keep_damage: bool, limits: TableLimits | None, names: dict[str, None]
) -> Iterator[dict[str, Any]]:
    """The object of each line; its keys join ``names``."""
    rows = 0
    for number, line in enumerate(lines, start=1):
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
        names |= dict.fromkeys(values)
        rows += 1
        if limits:
            limits.check(rows=rows, columns=len(names))
        yield values


def _read_parquet(file: BinaryIO, path: Path, limits: TableLimits | None) -> Table:
    parquet = _open_parquet(file, path)
    try:
        if limits:
            _check_size(parquet, limits)
        return _of_arrow(parquet.read(), path)
    except _DAMAGED_PARQUET as error:
        raise _damaged(path, error) from None


def _open_parquet(file: BinaryIO, path: Path) -> pq.ParquetFile:
    try:
        # From an open file: given a path, pyarrow would also turn folder names such as "fold=1" into columns. Through
        # a buffer, so that a row group is never in memory whole.
        parquet = pq.ParquetFile(file, buffer_size=2**20, pre_buffer=False)
    except _DAMAGED_PARQUET as error:
        raise _damaged(path, error) from None
    _refuse_repeated(parquet.schema_arrow.names, path)
    return parquet


def _parquet_blocks(parquet: pq.ParquetFile, path: Path) -> Iterator[Table]:
    first_row = 1
    try:
        held = [parquet.schema_arrow.empty_table()]
        for batch in parquet.iter_batches(_DECODED_ROWS):
            held.append(pa.Table.from_batches([batch]))
            if sum(map(len, held)) >= _BLOCK_ROWS or sum(part.nbytes for part in held) >= _BLOCK_BYTES:
                yield _of_arrow(pa.concat_tables(held), path, first_row)
                first_row += sum(map(len, held))
                held = []
        if held:
            yield _of_arrow(pa.concat_tables(held), path, first_row)
    except _DAMAGED_PARQUET as error:
        raise _damaged(path, error) from None


def _of_arrow(arrow: pa.Table, path: Path, first_row: int = 1) -> Table:
    columns = dict(zip(arrow.column_names, arrow.columns, strict=True))
    return Table(columns, str(path), _stated_names(arrow.schema), first_row)


def _stated_names(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    if b"huggingface" not in (schema.metadata or {}):
        return {}
    from datasets import Features  # noqa: PLC0415 - as above

    return stated_label_names(Features.from_arrow_schema(schema))


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is not a readable parquet file ({error})", "make the file again")


def _check_size(file: pq.ParquetFile, limits: TableLimits) -> None:
    """Decode a parquet file piece by piece, so that one that grows beyond the limits never is in memory whole."""
    meta = file.metadata
    limits.check(rows=meta.num_rows, columns=meta.num_columns)
    limits.check(decoded_bytes=sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups)))
    for declared in file.schema_arrow:
        if pa.types.is_nested(declared.type) and "dictionary<" in str(declared.type):
            raise DataError(f"{declared.name!r} packs its values in a way that hides their size", "write them plainly")
    size = 0
    for batch in file.iter_batches(_MEASURED_ROWS):
        for column in batch.columns:
            size += (column.dictionary_decode() if pa.types.is_dictionary(column.type) else column).nbytes
            limits.check(decoded_bytes=size)


def _refuse_repeated(names: Sequence[str], path: Path) -> None:
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise DataError(f"{path} has two columns {repeated!r}", "give each column its own name")
