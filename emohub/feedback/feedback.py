"""Where feedback is kept: a file of the user's, or a dataset on the Hub with a file here that loses nothing."""

import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from emohub.errors import UsageError
from emohub.feedback.dataset import DatasetUploads
from emohub.feedback.file import FeedbackFile
from emohub.feedback.row import FeedbackRow

LOCAL = "local"
"""What stands for the file in the user's own data folder."""
_FILE = "feedback.jsonl"
_DATASET = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


class Feedback:
    """The file that rows go to, and the dataset that gets a copy of it, where one was named."""

    def __init__(self, file: FeedbackFile, uploads: DatasetUploads | None = None) -> None:
        self.file, self.uploads = file, uploads

    @property
    def dataset(self) -> str | None:
        """Id of the dataset on the Hub; None where rows stay on this machine."""
        return None if self.uploads is None else self.uploads.repo_id

    @property
    def path(self) -> str:
        """The file, as it may be shown: from the home folder on where it lies in it."""
        try:
            return str(Path("~") / self.file.path.absolute().relative_to(Path.home()))
        except (ValueError, RuntimeError):
            return self.file.path.name

    def start(self) -> None:
        """Begin to copy to the Hub, in the background; what an earlier process left is sent first."""
        if self.uploads is not None:
            self.uploads.start()

    def add(self, row: FeedbackRow) -> None:
        """Keep a row.

        Raises:
            UsageError: the same was said before.
            RecordError: the file is full, or cannot be written.
        """
        self.file.add(row)

    def withdraw(self, row_id: str) -> None:
        """Delete a row; in a dataset the next copy is without it, and its history keeps what was.

        Raises:
            UsageError: there is no such row.
            RecordError: the file cannot be written.
        """
        self.file.withdraw(row_id)


def open_feedback(place: str, environment: Mapping[str, str] = os.environ) -> Feedback:
    """Feedback kept at ``place``: ``local``, the path of a ``.jsonl`` file, or ``OWNER/NAME``, a dataset on the Hub.

    Nothing is written or asked of the Hub before a row comes, or before it is started.

    Raises:
        UsageError: it is none of those.
    """
    folder = data_folder(environment) / "feedback"
    if place == LOCAL:
        return Feedback(FeedbackFile(folder / _FILE))
    if place.endswith(".jsonl"):
        return Feedback(FeedbackFile(_expanded(place)))
    if not _DATASET.fullmatch(place):
        raise UsageError(
            "--feedback names no place to keep feedback in",
            f"write {LOCAL}, a path that ends in .jsonl, or OWNER/NAME of a dataset on the Hub",
        )
    copied = folder / place.replace("/", "--")
    return Feedback(FeedbackFile(_own_file(copied)), DatasetUploads(place, copied))


def _expanded(place: str) -> Path:
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise UsageError(f"--feedback names a home folder that there is not, {place}", "write the whole path") from None


def data_folder(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where this platform keeps a user's data: the XDG folder, macOS' Application Support, Windows' AppData."""
    home = Path.home()
    if platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        given = Path(environment.get("XDG_DATA_HOME") or "")
        base = given if given.is_absolute() else home / ".local" / "share"  # as the specification has it
    return base / "emohub"


def _own_file(folder: Path) -> Path:
    """The file to go on with; a machine that starts from nothing must not replace what another one sent."""
    try:
        begun = sorted(folder.glob("feedback-*.jsonl"))
    except OSError:
        begun = []
    return begun[-1] if begun else folder / f"feedback-{secrets.token_hex(8)}.jsonl"
