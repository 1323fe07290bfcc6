"""The Hub as the publisher sees it: a few questions and one commit; every failure says what happened and what to do.

No token ever stands in a message, and no error keeps a request, which would hold one.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

import httpx2
from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi, constants, get_session, get_token
from huggingface_hub.errors import OfflineModeIsEnabled

from emohub import __version__
from emohub.errors import PublishError
from emohub.publish.files import PlannedFile

Answer = TypeVar("Answer")

FAILURES = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
)
"""What the client raises: refusals and broken connections, Xet's ``ConnectionError`` among them; an answer that is no
JSON, lacks what it should hold or has another shape; metadata that the Hub finds invalid; and its wrapper around a
failed LFS upload."""

TIMEOUT = httpx2.Timeout(120, connect=10)
"""Seconds; the client itself waits for ever."""

AGAIN = "run the same command again: it goes on where it stopped"
REMEDIES = {
    400: "correct what it names, render the card again with `emohub card`, and run the same command again",
    401: "log in with `hf auth login`, or set HF_TOKEN to a token that is valid",
    402: "free storage, or choose a plan that allows this, at https://huggingface.co/settings/billing",
    403: "use a token with write access to the repository's owner, or propose the change with --create-pr",
    404: "check --repo-id, and that the token may see the repository",
    409: f"another change is under way; wait a moment and {AGAIN}",
    412: "the repository changed in the meantime: look at its last commit, then run the same command again",
    413: "a file is larger than the Hub takes here; publish a smaller model",
}


class Unanswered(PublishError):
    """No answer came that says whether the request was carried out."""


@dataclass(frozen=True)
class Account:
    """Whose token it is."""

    name: str
    organizations: tuple[str, ...]
    read_only: bool


@dataclass(frozen=True)
class Remote:
    """A repository at one commit."""

    id: str
    private: bool
    head: str
    """Commit hash."""
    git_oids: dict[str, str | None]
    """Git's id of each file, by path."""
    sha256: dict[str, str]
    """SHA-256 of each file that is kept as a large file, by path."""

    def holds(self, file: PlannedFile) -> bool:
        """Whether the repository has exactly this file."""
        if file.path in self.sha256:
            return self.sha256[file.path] == file.sha256
        return file.path in self.git_oids and self.git_oids[file.path] == file.git_oid


class Hub:
    """A logged-in client."""

    def __init__(self, api: HfApi) -> None:
        self._api = api

    @classmethod
    def connect(cls) -> Self:
        """A client with the token from the places where ``huggingface_hub`` keeps it.

        Raises:
            PublishError: there is no token, or it holds characters that no token has.
        """
        api = HfApi(token=find_token(), library_name="emohub", library_version=__version__)
        if not api.token:
            raise PublishError(
                "there is no usable Hugging Face token",
                "log in with `hf auth login`, or set HF_TOKEN to a token with write access",
            )
        return cls(api)

    def account(self) -> Account:
        """Whom the token belongs to, and what it may do."""

        def call() -> Account:
            answer = self._api.whoami()
            return Account(
                name=answer["name"],
                organizations=tuple(organization["name"] for organization in answer.get("orgs", [])),
                read_only=answer.get("auth", {}).get("accessToken", {}).get("role") == "read",
            )

        return self._ask("tell whose token this is", call)

    def create_repo(self, repo_id: str, *, private: bool) -> None:
        """Make the repository if it does not exist; one that exists keeps its visibility."""
        self._ask(
            f"create the repository {repo_id}",
            lambda: self._api.create_repo(repo_id, private=True if private else None, exist_ok=True),
        )

    def read(self, repo_id: str, revision: str | None = None) -> Remote:
        """The repository and the files in it."""
        info = self._ask(
            f"show the repository {repo_id}",
            lambda: self._api.model_info(repo_id, revision=revision, files_metadata=True),
        )
        siblings = info.siblings or []
        return Remote(
            id=info.id,
            private=info.private is True,
            head=info.sha or "",
            git_oids={file.rfilename: file.blob_id for file in siblings},
            sha256={file.rfilename: file.lfs.sha256 for file in siblings if file.lfs is not None},
        )

    def upload(self, repo_id: str, files: Sequence[PlannedFile], *, create_pr: bool) -> list[CommitOperationAdd]:
        """Send the content of the large files, which no commit holds yet.

        Raises:
            PublishError: the Hub refused, or a file changed since the plan was made.
        """

        def call() -> list[CommitOperationAdd]:
            operations = [CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=file.source) for file in files]
            self._api.preupload_lfs_files(repo_id, operations, create_pr=create_pr, free_memory=False)
            return operations

        operations = self._ask(f"take the files for {repo_id}", call)
        for file, operation in zip(files, operations, strict=True):
            if operation.upload_info.sha256.hex() != file.sha256:
                raise PublishError(f"{file.path} changed while it was uploaded", "run the same command again")
        return operations

    def commit(
        self, repo_id: str, operations: Sequence[CommitOperationAdd], message: str, *, parent: str, create_pr: bool
    ) -> tuple[CommitInfo, tuple[str, ...]]:
        """Make one commit on top of ``parent``, or a pull request with it; also what the Hub finds odd in the card."""

        def call() -> tuple[CommitInfo, tuple[str, ...]]:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                commit = self._api.create_commit(
                    repo_id, operations, commit_message=message, parent_commit=parent, create_pr=create_pr
                )
            return commit, tuple(str(warning.message) for warning in caught if warning.category is UserWarning)

        return self._ask(f"commit to {repo_id}", call)

    def ask(self, request: str, call: Callable[[HfApi], Answer], remedies: Mapping[int, str] = REMEDIES) -> Answer:
        """What the Hub answers to a call; ``request`` says it in words, for the sentence of an error.

        Raises:
            PublishError: the Hub refused, with the remedy for its status, or did not answer.
        """
        return _attempt(request, lambda: call(self._api), self._api, remedies)

    def _ask(self, request: str, call: Callable[[], Answer]) -> Answer:
        return _attempt(request, call, self._api)


@contextmanager
def bounded_waits(timeout: httpx2.Timeout = TIMEOUT) -> Iterator[None]:
    """Give the shared HTTP client a timeout for a while."""
    client = get_session()
    before, client.timeout = client.timeout, timeout
    try:
        yield
    finally:
        client.timeout = before


def find_token() -> str | None:
    """The token from the places where ``huggingface_hub`` keeps it; None when there is none, or none that is usable."""
    token = _attempt("give a token", get_token)
    usable = token is not None and token.strip().isascii() and token.strip().isprintable()
    return token.strip() if token is not None and usable else None


def _attempt(
    request: str, call: Callable[[], Answer], api: HfApi | None = None, remedies: Mapping[int, str] = REMEDIES
) -> Answer:
    """The answer to ``call``, or a PublishError that says why the Hub did not do what was requested."""
    failure: BaseException
    try:
        return call()
    except FAILURES as error:
        failure = _explain(error, request, str(api.token) if api else "", remedies)
    except KeyboardInterrupt:
        failure = KeyboardInterrupt()
    # Raised out here it has no context: the error above holds the request, and the request holds the token.
    raise failure


def _explain(error: Exception, request: str, token: str, remedies: Mapping[int, str]) -> PublishError:
    # Behind a wrapper around a failed upload, or around metadata that the Hub finds invalid, stands the answer itself.
    if (
        _status(error) is None
        and isinstance(error, RuntimeError | ValueError)
        and isinstance(error.__cause__, Exception)
    ):
        error = error.__cause__
    status = _status(error)
    if status is None:
        return _explain_silence(error, request, token)
    if status >= 500:
        return Unanswered(f"the Hub failed to {request} ({status})", f"wait a minute, then {AGAIN}")
    said = _clean(getattr(error, "server_message", None) or "", token)
    cause = f"the Hub refused to {request} ({status}{': ' if said else ''}{said})"
    if status == 429:
        response = getattr(error, "response", None)
        seconds = "" if response is None else response.headers.get("Retry-After", "")
        return PublishError(
            cause, f"wait {f'{seconds} seconds' if seconds.isdigit() else 'a few minutes'}, then {AGAIN}"
        )
    return PublishError(cause, remedies.get(status, AGAIN))


def _explain_silence(error: Exception, request: str, token: str) -> PublishError:
    """A failure without a status: no answer, or one that is not the Hub's."""
    if isinstance(error, OfflineModeIsEnabled):
        return PublishError(f"the Hub was not asked to {request}: HF_HUB_OFFLINE is set", "unset it")
    if isinstance(error, httpx2.TimeoutException):
        return Unanswered(f"the Hub took too long to {request}", AGAIN)
    if isinstance(error, OSError) and error.filename is not None:
        return PublishError(f"{error.filename} cannot be read ({error.strerror})", AGAIN)
    if isinstance(error, httpx2.HTTPError | OSError):
        return Unanswered(
            f"the connection to {constants.ENDPOINT} failed when it was asked to {request}",
            f"check the network and HF_ENDPOINT, then {AGAIN}",
        )
    said = f"it has no {error}" if isinstance(error, KeyError) else _clean(str(error), token)
    return Unanswered(
        f"the answer to the request to {request} is not one of a Hub ({said})",
        f"check HF_ENDPOINT ({constants.ENDPOINT}), and that no proxy is in the way, then {AGAIN}",
    )


def _status(error: Exception) -> int | None:
    """HTTP status of a refusal; Xet's client gives it only in words."""
    response = getattr(error, "response", None)
    if isinstance(response, httpx2.Response):
        return response.status_code
    match = re.search(r"HTTP status \w+ error \((\d{3})", str(error)) if isinstance(error, ConnectionError) else None
    return int(match[1]) if match else None


def _clean(text: str, token: str) -> str:
    """The first line of a message from outside, short, and without the token."""
    lines = (text.replace(token, "[token]") if token else text).strip().splitlines()
    return lines[0][:200].rstrip(". ") if lines else ""
