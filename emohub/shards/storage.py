"""Folders of this machine, of S3 and of the Hub, reached in one way: through pyarrow's file systems."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import httpx2
import pyarrow as pa
from pyarrow import fs

from emohub.data.table import SUFFIXES
from emohub.errors import DataError, UsageError
from emohub.record import write_atomically

HUB = "hf://"
"""What addresses of the Hub begin with."""
_WILDCARDS = "*[?"
_WILDCARDS_OF_ADDRESSES = "*["
"""A question mark begins the options of an address, such as S3's ``?region=eu-central-1``."""


@dataclass(frozen=True)
class Stored:
    """A file as it is now."""

    name: str
    """Below its folder, with slashes."""
    size: int
    """Bytes."""
    stamp: str
    """Another one when the content is another: the hash that the Hub gives it, else when it was written."""


@dataclass(frozen=True)
class Folder:
    """A folder by its address, which may hold credentials: what people see is :attr:`shown`."""

    address: str
    """``s3://BUCKET/FOLDER``, ``hf://datasets/OWNER/NAME``, ``file:///FOLDER``, or a path of this machine."""
    files: fs.FileSystem
    path: str
    """What the file system calls the folder."""

    @property
    def local(self) -> Path | None:
        """The folder itself, where it is one of this machine."""
        return Path(self.path) if isinstance(self.files, fs.LocalFileSystem) else None

    @property
    def shown(self) -> str:
        """The address without credentials and options."""
        scheme, separator, _ = self.address.partition("://")
        return f"{scheme}://{self.path}" if separator and self.local is None else self.path

    def list(self) -> list[Stored]:
        """Every file below the folder, by name; none where there is no folder."""
        with _reaching(self.shown):
            if self.address.startswith(HUB):
                self.files.handler.fs.invalidate_cache()  # it would repeat what it said before
            found = self.files.get_file_info(fs.FileSelector(self.path, allow_not_found=True, recursive=True))
        below = [info for info in found if info.type == fs.FileType.File]
        return sorted((self._stored(info) for info in below), key=lambda stored: stored.name)

    def read(self, name: str) -> bytes:
        """The content of a small file."""
        with _reaching(self.shown_file(name)), self.files.open_input_stream(self._path(name)) as stream:
            content: bytes = stream.read()
            return content

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, whole or not at all."""
        self.place(name, lambda file: file.write_bytes(content))

    @contextmanager
    def as_local(self, name: str) -> Iterator[Path]:
        """The file on this machine: itself, or a copy for as long as it is used."""
        if self.local is not None:
            yield self.local / name
            return
        with tempfile.TemporaryDirectory(prefix="emohub-") as folder:
            copy = Path(folder) / PurePosixPath(name).name
            with _reaching(self.shown_file(name)):
                fs.copy_files(self._path(name), str(copy), self.files, fs.LocalFileSystem())
            yield copy

    def place(self, name: str, write: Callable[[Path], object]) -> None:
        """Let ``write`` fill a file of this machine, which then appears under ``name``, whole or not at all.

        Raises:
            DataError: the folder cannot be reached or written.
            RecordError: the same, for a folder of this machine.
        """
        if self.local is not None:
            write_atomically(self.local / name, write)
            return
        with tempfile.TemporaryDirectory(prefix="emohub-") as folder:
            written = Path(folder) / PurePosixPath(name).name
            write(written)
            # A stream of Python's would be closed, and so be kept, when an exception ends it half-way.
            with _reaching(self.shown_file(name)):
                fs.copy_files(str(written), self._path(name), fs.LocalFileSystem(), self.files)

    def clear(self, name: str) -> None:
        """Delete what a process left behind that ended while it wrote the file."""
        if self.local is not None:
            place = self.local / name
            for left in place.parent.glob(f".*{escape(place.name)}.*"):
                left.unlink(missing_ok=True)

    def shown_file(self, name: str) -> str:
        """The address of one of its files, as people see it."""
        return f"{self.shown}/{name}"

    def _path(self, name: str) -> str:
        return f"{self.path}/{name}"

    def _stored(self, info: fs.FileInfo) -> Stored:
        stamp = str(info.mtime_ns)
        if self.address.startswith(HUB):
            stamp = str(self.files.handler.fs.info(info.path)["blob_id"])
        return Stored(info.path.removeprefix(self.path).lstrip("/"), info.size, stamp)


def open_folder(address: str) -> Folder:
    """The folder at an address, which need not exist.

    Raises:
        UsageError: there is no file system for the address.
    """
    if "://" not in address:
        return Folder(address, fs.LocalFileSystem(), Path(address).expanduser().resolve().as_posix())
    try:
        files, path = fs.FileSystem.from_uri(address)
    except (pa.ArrowException, OSError, ValueError, ImportError):
        scheme = urlsplit(address).scheme
        raise UsageError(
            f"there is no file system for an address of this form ({scheme}://)",
            "give a folder, s3://BUCKET/FOLDER, or hf://datasets/OWNER/NAME",
        ) from None
    return Folder(address, files, path.rstrip("/"))


def find_shards(address: str) -> tuple[Folder, list[Stored]]:
    """The files with tables that an address stands for, and the folder that their names begin at.

    ``address`` is a folder, a file, or a pattern: ``*`` stands for any part of a name, ``**`` for any folders. Names
    that begin with a point or an underscore are left out, as Hive and Spark leave them out, and of a folder all that
    is no table.

    Raises:
        UsageError: there is no file system for the address.
        DataError: it cannot be reached, or there are no such files.
    """
    folder, pattern = _split(address)
    shards = [stored for stored in folder.list() if _matches(PurePosixPath(stored.name).parts, pattern)]
    if not shards:
        raise DataError(
            f"{folder.shown_file('/'.join(pattern))} stands for no file in {', '.join(SUFFIXES)}",
            "give a folder that holds some, a file, or a pattern such as 'data/*.parquet'",
        )
    return folder, shards


def open_target(address: str, source: Folder) -> Folder:
    """The folder for the answers to shards of ``source``.

    Raises:
        UsageError: it lies in ``source``, where answers would be taken for shards, is a file, or is on the Hub.
    """
    if address.startswith(HUB):
        raise UsageError(
            "--output cannot be on the Hub, where every file would be a commit of its own",
            "give a folder or s3://BUCKET/FOLDER, and upload it with hf upload",
        )
    target = open_folder(address)
    if type(target.files) is type(source.files) and f"{target.path}/".startswith(f"{source.path}/"):
        raise UsageError(f"--output lies in the folder of the input, {source.shown}", "give a folder beside it")
    if target.local is not None and target.local.is_file():
        raise UsageError(f"--output {target.shown} is a file", "give the name of a folder: every shard gets its own")
    return target


def _split(address: str) -> tuple[Folder, Sequence[str]]:
    """The folder before the first part of an address that is a pattern, or before a file; and the pattern."""
    is_path = "://" not in address
    base, question, options = (address, "", "") if is_path else address.partition("?")
    wildcards = _WILDCARDS if is_path else _WILDCARDS_OF_ADDRESSES
    parts = base.split("/")
    first = next((index for index, part in enumerate(parts) if set(part) & set(wildcards)), len(parts))
    if is_path and Path(address).expanduser().exists():
        first = len(parts)  # a name that looks like a pattern
    if first < len(parts):
        before = "/".join(parts[:first]) or ("/" if base.startswith("/") else ".")
        return open_folder(before + question + options), parts[first:]
    folder = open_folder(address)
    with _reaching(folder.shown):
        info = folder.files.get_file_info(folder.path)
    if info.type != fs.FileType.File:
        return folder, ("**",)
    name = PurePosixPath(folder.path).name
    return open_folder(base.rstrip("/").removesuffix(name) + question + options), (name,)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a pattern stands for the table of this name."""
    hidden = any(part.startswith((".", "_")) for part in parts)
    return not hidden and parts[-1].lower().endswith(SUFFIXES) and _fits(parts, pattern)


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return len(pattern) == 1 or any(_fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


@contextmanager
def _reaching(shown: str) -> Iterator[None]:
    try:
        yield
    except httpx2.HTTPError as error:  # its text can hold a token
        raise DataError(
            f"{shown} cannot be reached ({type(error).__name__})", "check the address, the network and who is logged in"
        ) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
        raise DataError(f"{shown} cannot be reached ({reason})", "check the address and the rights to it") from None
