"""A folder of feedback, copied to a dataset on the Hub every few minutes for as long as the process runs."""

import sys
import threading
from pathlib import Path

import httpx2
from huggingface_hub import CommitScheduler, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError

from emohub import __version__

FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError)
"""What the client raises when it cannot ask, or is refused."""


class DatasetUploads:
    """Copies of a folder's rows, one commit for all that is new; what cannot be sent now is sent later.

    The rows lie in the folder all the time, so that a Hub that is away, or a process that ends, loses none.
    """

    def __init__(self, repo_id: str, folder: Path, *, minutes: float = 5) -> None:
        self.repo_id = repo_id
        self._folder = folder
        self._minutes = minutes
        self._stopped = threading.Event()
        self._scheduler: CommitScheduler | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Find or make the dataset, which is private where it is new, and copy to it from then on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._connect, name="feedback", daemon=True)
            self._thread.start()

    def send(self) -> bool:
        """Copy now what is new; whether the dataset has every row then."""
        if self._scheduler is None:
            return False
        try:
            self._scheduler.trigger().result()
        except FAILURES:
            return False
        return True

    def stop(self) -> None:
        """Copy no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        if self._scheduler is not None:
            self._scheduler.stop()

    def _connect(self) -> None:
        while not self._stopped.is_set():
            try:
                self._scheduler = CommitScheduler(
                    repo_id=self.repo_id,
                    repo_type="dataset",
                    folder_path=self._folder,
                    every=self._minutes,
                    allow_patterns="*.jsonl",
                    private=True,
                    hf_api=HfApi(token=usable_token() or False, library_name="emohub", library_version=__version__),
                )
            except FAILURES as error:
                print(f"Feedback waits on this machine: {self.repo_id} {_reason(error)}.", file=sys.stderr, flush=True)
                self._stopped.wait(self._minutes * 60)
            else:
                return


def usable_token() -> str | None:
    """The token from where the Hub's client keeps it; one that no header can hold would be shown by the error."""
    token = (get_token() or "").strip()
    return token if token and token.isascii() and token.isprintable() else None


def _reason(error: Exception) -> str:
    """Only the kind of the error: its text can hold the token."""
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    return f"cannot be written (HTTP status {status})" if status else f"is out of reach ({type(error).__name__})"
