"""Uploaded files: checked, read into a table, and deleted as soon as they were read."""

import json
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gradio.utils import get_upload_folder

from emohub.data import Table, TableLimits, parse_table, table_suffix
from emohub.errors import BusyError, DataError, UsageError
from emohub.ui.service.limits import MAX_COLUMNS, MAX_DECODED_BYTES, MAX_FILE_BYTES, MAX_ROWS

TABLE_LIMITS = TableLimits(rows=MAX_ROWS, columns=MAX_COLUMNS, decoded_bytes=MAX_DECODED_BYTES)
_SAMPLES = Path(__file__).parent.parent / "samples"
_NAME_CHARS = 80
"""Characters of a file's name that messages show."""


def take_upload(value: object) -> Table:
    """The table in an uploaded file, which is gone afterwards, whatever comes of it.

    ``value`` is what Gradio hands on for a file: a mapping with ``path``, and the name that it had as ``orig_name``.

    Raises:
        UsageError: it is no uploaded file, or none of CSV, JSONL and parquet.
        DataError: it is too large, has no rows, or cannot be read; messages call it by its own name.
    """
    path, name = _uploaded(value)
    try:
        table_suffix(name)
        data = _read(path, name)
    finally:
        _delete(path)
    table = parse_table(data, name, limits=TABLE_LIMITS)
    if not len(table):
        raise DataError(f"{name} has no rows", "give a file with at least one")
    return table


def take_rows(rows: object) -> Table:
    """The table that rows make, each a mapping of a column's name to a JSON value.

    Raises:
        UsageError: they are no list.
        DataError: there are none or too many, or one is no mapping.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes) or not rows:
        raise UsageError("there are no rows", "send a list of objects, or a file")
    lines = "\n".join(json.dumps(row) for row in rows)
    return parse_table(lines.encode(), Path("rows.jsonl"), limits=TABLE_LIMITS)


def sample_table(name: str) -> Table:
    """A made-up table that comes with the page."""
    return parse_table((_SAMPLES / name).read_bytes(), Path(name), limits=TABLE_LIMITS)


class HeldTable:
    """What a visitor's session holds of a table, until it ends or is given another, or others need the room."""

    def __init__(self, tables: "HeldTables") -> None:
        self._tables = tables

    @property
    def table(self) -> Table:
        """The table.

        Raises:
            BusyError: it made room for those of others.
        """
        return self._tables.use(self).table

    @property
    def result(self) -> object:
        """What was made of it last, which goes with it.

        Raises:
            BusyError: as :attr:`table`.
        """
        return self._tables.use(self).result

    @result.setter
    def result(self, result: object) -> None:
        self._tables.use(self).result = result


@dataclass
class _Kept:
    table: Table
    result: object = None


class HeldTables:
    """The tables that sessions hold; the least recently used make room for new ones.

    Whoever opens many can so not keep others from opening one.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._mutex = threading.Lock()
        self._order: deque[weakref.ref[HeldTable]] = deque()
        self._held: weakref.WeakKeyDictionary[HeldTable, _Kept] = weakref.WeakKeyDictionary()

    def hold(self, table: Table) -> HeldTable:
        """A table to keep in a session."""
        held = HeldTable(self)
        with self._mutex:
            self._held[held] = _Kept(table)
            self._touch(held)
            while len(self._held) > self._most:
                oldest = self._order.popleft()()
                if oldest is not None:
                    self._held.pop(oldest, None)
        return held

    def use(self, held: HeldTable) -> _Kept:
        """What is held; see :attr:`HeldTable.table`."""
        with self._mutex:
            kept = self._held.get(held)
            if kept is None:
                raise BusyError("too many files are open, and this one had to go", "open it again")
            self._touch(held)
            return kept

    def _touch(self, held: HeldTable) -> None:
        """Put it last in the order, from which those go that nobody holds any more."""
        self._order = deque(each for each in self._order if each() not in (None, held))
        self._order.append(weakref.ref(held))


def _uploaded(value: object) -> tuple[Path, Path]:
    """Where the file lies, which must be where uploads are put, and the name that it had with who sent it."""
    given = value.get("path") if isinstance(value, dict) else None
    if not isinstance(given, str):
        raise UsageError("no file was uploaded", "choose one")
    try:
        path = Path(given).resolve()
        inside = path.is_relative_to(Path(get_upload_folder()).resolve()) and path.is_file()
    except (OSError, ValueError, RuntimeError):  # a name that no file can have, or a loop of links
        inside = False
    if not inside:
        raise UsageError("the uploaded file is no longer there", "choose it again")
    original = value.get("orig_name") if isinstance(value, dict) else None
    name = Path(original).name if isinstance(original, str) and Path(original).name else path.name
    return path, Path(name[-_NAME_CHARS:])


def _read(path: Path, name: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError:
        raise DataError(f"{name} cannot be read", "choose it again") from None
    if len(data) > MAX_FILE_BYTES:
        raise DataError(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MiB", "split it")
    return data


def _delete(path: Path) -> None:
    """Delete the file, and the folder that Gradio made for it alone."""
    with suppress(OSError):  # somebody who uploaded the same file at the same moment may have been first
        path.unlink()
        path.parent.rmdir()
