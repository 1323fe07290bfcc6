"""An append-only file of feedback, one JSON object a line, that several processes may write at once."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import ValidationError

from emohub.errors import RecordError, UsageError
from emohub.feedback.row import FeedbackRow

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        """Wait for the lock of an open file; it goes when the file is closed."""
        fcntl.flock(handle, fcntl.LOCK_EX)


MAX_BYTES = 50 * 2**20
"""Size from which a file takes no more rows, so that nobody can fill the disk through the page."""
_OWN = 0o600
"""What people wrote is for the user who keeps it."""


class FeedbackFile:
    """Rows in a file. Every change holds a lock, which other processes and threads respect."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._said: set[tuple[str, str, str]] = set()
        self._inode, self._learnt = -1, 0
        """Which file those are of, and up to which byte."""

    def add(self, row: FeedbackRow) -> None:
        """Append a row; it is on the disk when this returns.

        Raises:
            UsageError: the same was said before.
            RecordError: the file is full, or cannot be written.
        """
        line = f"{row.model_dump_json()}\n".encode()
        with self._locked():
            content = self._learn()
            if row.said in self._said:
                raise UsageError("this was sent already", "send something else, or take the first row back")
            if self._learnt + len(line) > MAX_BYTES:
                raise RecordError("the file of the feedback is full", "tell whoever serves this page")
            torn = content and not content.endswith(b"\n")  # by a process that was killed while it wrote
            self._append(b"\n" + line if torn else line)

    def withdraw(self, row_id: str) -> None:
        """Delete the row of that id; the file is replaced whole.

        Raises:
            UsageError: it has none.
            RecordError: the file cannot be written.
        """
        with self._locked():
            lines = self._read().splitlines(keepends=True)
            kept = [line for line in lines if (row := _row_of(line)) is None or row.id != row_id]
            if len(kept) == len(lines):
                raise UsageError("there is no row with this id here", "check it, or ask whoever serves this page")
            replacement = self.path.with_suffix(".new")
            with _open(replacement, "wb") as file:
                file.write(b"".join(kept))
                file.flush()
                os.fsync(file.fileno())
            replacement.replace(self.path)
            self._touch()

    def rows(self) -> list[FeedbackRow]:
        """Every whole row, oldest first; a line that is none is passed over.

        Raises:
            RecordError: the file cannot be read.
        """
        with self._locked():
            return [row for line in self._read().splitlines() if (row := _row_of(line)) is not None]

    def _learn(self) -> bytes:
        """Take in what was written since, here or by another process; returns those bytes' end."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._said, self._inode, self._learnt = set(), -1, 0
            return b""
        if found.st_ino != self._inode or found.st_size < self._learnt:
            self._said, self._inode, self._learnt = set(), found.st_ino, 0
        with self.path.open("rb") as file:
            file.seek(max(0, self._learnt - 1))
            content = file.read()
        self._said |= {row.said for line in content.splitlines() if (row := _row_of(line)) is not None}
        self._learnt = found.st_size
        return content

    def _append(self, content: bytes) -> None:
        with _open(self.path, "ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._touch()

    def _touch(self) -> None:
        """Note the time of a change; the Hub's client knows by it what is new, and the disk's own clock is coarse."""
        now = time.time_ns()
        os.utime(self.path, ns=(now, now))

    def _read(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _open(self.path.with_suffix(".lock"), "ab") as lock:
                _lock(lock.fileno())
                yield
        except OSError as error:
            raise RecordError(
                f"the file of the feedback cannot be used ({error.strerror or type(error).__name__})",
                "tell whoever serves this page, who can choose another with --feedback",
            ) from None


def _row_of(line: bytes) -> FeedbackRow | None:
    try:
        return FeedbackRow.model_validate_json(line)
    except ValidationError:
        return None


def _open(path: Path, mode: Literal["ab", "wb"]) -> BinaryIO:
    """Open a file that is nobody else's from the moment that it is made."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, _OWN))
