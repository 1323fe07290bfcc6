"""Files that are there whole or not at all, and what their bytes are."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emohub.errors import RecordError


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(folder: Path) -> None:
    """Find out, before work that takes minutes, whether files can go into ``folder``; nothing is made or changed.

    Raises:
        RecordError: the folder, or the first that exists above it, cannot be written.
    """
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    except OSError:  # a folder above may not be searched, or the name is too long
        writable = False
    if not writable:
        raise RecordError(
            f"nothing can be written into {folder}", "choose a folder that is writable, or make this one so"
        )


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a temporary file, as :func:`new_file` does.

    Raises:
        RecordError: the folder cannot be made or written; nothing half-written is left.
    """
    with new_file(path) as temporary:
        write(temporary)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A temporary file in the same folder to fill; it is renamed to ``path`` at the end, and deleted after an error.

    Raises:
        RecordError: the folder cannot be made or written; nothing half-written is left.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise RecordError(
            f"{path} cannot be written ({error.strerror or error})",
            "choose a folder that is writable and has free space",
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
