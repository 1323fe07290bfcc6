"""The Hub as the publisher sees it: a few questions and one commit; every failure says what happened and what to do.

What may be asked twice is asked again when no answer came, or when the Hub says to wait: every question, and every
change that leaves nothing behind when it is made a second time. The commit is not among them.
"""

import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from huggingface_hub import (
    CommitInfo,
    CommitOperationAdd,
    HfApi,
    ModelInfo,
    SpaceInfo,
    constants,
    get_session,
    get_token,
)
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from emohub import __version__
from emohub.errors import PublishError
from emohub.publish.failures import REMEDIES, WITHOUT_TOKEN, Answer, Refused, Unanswered, attempt
from emohub.publish.files import PlannedFile
from emohub.publish.waiting import LONGEST_WAIT, patience

WAITS = (1, 2, 4)
"""Seconds before what may be asked again is asked again, unless the Hub names others."""
WRITE = "repo.write"
"""Permission of a fine-grained token to change repositories, as the Hub calls it."""
WORKFLOW_TOKEN = "hf_jwt_"
"""What a token begins with that was exchanged for the identity of a CI job: it belongs to no user."""

Teller = Callable[[str], object]
"""Is told what is about to happen, or what is waited for."""


@dataclass(frozen=True)
class Account:
    """Whose token it is."""

    name: str
    organizations: tuple[str, ...]
    read_only: bool
    granted: Mapping[str, frozenset[str]] | None = None
    """Permissions of a fine-grained token, by account or repository; None when the Hub lists none."""

    def may_write(self, repo_id: str) -> bool:
        """Whether the token may change the repository, as far as the Hub says what it may do."""
        if self.read_only:
            return False
        places = (repo_id, repo_id.partition("/")[0])
        return self.granted is None or any(WRITE in self.granted.get(place, ()) for place in places)


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

    @classmethod
    def of(cls, info: ModelInfo | SpaceInfo) -> Self:
        """The repository as the Hub describes it, asked with ``files_metadata``."""
        siblings = info.siblings or []
        return cls(
            id=info.id,
            private=info.private is True,
            head=info.sha or "",
            git_oids={file.rfilename: file.blob_id for file in siblings},
            sha256={file.rfilename: file.lfs.sha256 for file in siblings if file.lfs is not None},
        )

    def holds(self, file: PlannedFile) -> bool:
        """Whether the repository has exactly this file."""
        if file.path in self.sha256:
            return self.sha256[file.path] == file.sha256
        return file.path in self.git_oids and self.git_oids[file.path] == file.git_oid

    def identity(self, path: str) -> str | None:
        """What tells the content of a file from any other; None when there is no such file."""
        return self.sha256.get(path) or self.git_oids.get(path)

    def holds_all(self, files: Sequence[PlannedFile]) -> bool:
        """Whether the repository has exactly these files, whatever else it has."""
        return all(self.holds(file) for file in files)


@dataclass(frozen=True)
class Target:
    """Where a commit goes."""

    repo_id: str
    revision: str
    """Branch."""
    parent: str
    """Hash of the branch's commit that the commit is made on top of; if it is no longer the last one, it is refused."""
    create_pr: bool
    """Whether to open a pull request for the branch instead."""

    @property
    def name(self) -> str:
        """The repository without its owner."""
        return self.repo_id.rpartition("/")[2]


@dataclass(frozen=True)
class PullRequest:
    """An open pull request."""

    number: int
    title: str
    url: str

    @property
    def revision(self) -> str:
        """Where its commits are."""
        return f"refs/pr/{self.number}"


class Hub:
    """A logged-in client."""

    def __init__(self, api: HfApi, on_wait: Teller | None = None) -> None:
        self._api = api
        self._on_wait = on_wait

    @classmethod
    def connect(cls, on_wait: Teller | None = None) -> Self:
        """A client with the token from the places where ``huggingface_hub`` keeps it.

        With ``on_wait`` what may be asked again is asked again, and ``on_wait`` is told before each pause.

        Raises:
            PublishError: there is no token, or it holds characters that no token has.
        """
        api = HfApi(token=find_token(), library_name="emohub", library_version=__version__)
        if not api.token:
            raise PublishError(
                "there is no usable Hugging Face token",
                "log in with `hf auth login`, or set HF_TOKEN to a token with write access",
            )
        return cls(api, on_wait)

    def account(self) -> Account:
        """Whom the token belongs to, and what it may do.

        That of a CI job is for the one repository that HF_OIDC_RESOURCE names, and the Hub knows no user behind it.
        """
        resource = os.environ.get("HF_OIDC_RESOURCE")
        if resource and str(self._api.token).startswith(WORKFLOW_TOKEN):
            owner = resource.rpartition("/")[0].rpartition("/")[2]
            return Account("a CI job", (owner,), read_only=False, granted={resource: frozenset({WRITE})})

        def call() -> Account:
            answer = self._api.whoami()
            token = answer.get("auth", {}).get("accessToken", {})
            return Account(
                name=answer["name"],
                organizations=tuple(organization["name"] for organization in answer.get("orgs", [])),
                read_only=token.get("role") == "read",
                granted=_granted(token) if token.get("role") == "fineGrained" else None,
            )

        return self._ask_patiently("tell whose token this is", call)

    def find(self, repo_id: str) -> "Remote | None":
        """The repository at the head of its main branch; None when there is none that the token may see."""

        def call() -> Remote | None:
            try:
                return self._read(repo_id, None)
            except RepositoryNotFoundError:
                return None

        return self._ask_patiently(f"show the repository {repo_id}", call)

    def create_repo(self, repo_id: str, *, private: bool) -> None:
        """Make the repository if it does not exist; one that exists keeps its visibility."""

        def call() -> None:
            try:
                self._api.create_repo(repo_id, private=True if private else None)
            except HfHubHTTPError as error:
                if error.response.status_code != 409:
                    raise

        self._ask_patiently(f"create the repository {repo_id}", call)

    def make_private(self, repo_id: str) -> None:
        """Hide a repository from everybody else."""
        self._ask_patiently(f"make {repo_id} private", lambda: self._api.update_repo_settings(repo_id, private=True))

    def read(self, repo_id: str, revision: str | None = None) -> Remote:
        """The repository and the files in it."""
        return self._ask_patiently(f"show the repository {repo_id}", lambda: self._read(repo_id, revision))

    def _read(self, repo_id: str, revision: str | None) -> Remote:
        return Remote.of(self._api.model_info(repo_id, revision=revision, files_metadata=True, timeout=patience()))

    def download(self, repo_id: str, path: str, commit: str) -> bytes:
        """A small file of the repository, as it was at a commit."""

        def call() -> bytes:
            headers = {"Authorization": f"Bearer {self._api.token}", "User-Agent": f"emohub/{__version__}"}
            url = f"{constants.ENDPOINT}/{repo_id}/resolve/{commit}/{path}"
            return get_session().get(url, headers=headers).raise_for_status().content

        return self._ask_patiently(f"give {path} of {repo_id}", call)

    def branches(self, repo_id: str) -> frozenset[str]:
        """Names of the branches."""
        refs = self._ask_patiently(f"list the branches of {repo_id}", lambda: self._api.list_repo_refs(repo_id))
        return frozenset(branch.name for branch in refs.branches)

    def tags(self, repo_id: str) -> dict[str, str]:
        """Commit of each tag, by its name."""
        refs = self._ask_patiently(f"list the tags of {repo_id}", lambda: self._api.list_repo_refs(repo_id))
        return {tag.name: tag.target_commit for tag in refs.tags}

    def create_branch(self, repo_id: str, branch: str) -> None:
        """Make the branch at the head of the main branch if it does not exist."""
        self._ask_patiently(
            f"create the branch {branch} of {repo_id}",
            lambda: self._api.create_branch(repo_id, branch=branch, exist_ok=True),
        )

    def create_tag(self, repo_id: str, tag: str, commit: str) -> None:
        """Give the tag to a commit, if nothing has it; see afterwards who has it."""
        self._ask_patiently(
            f"give the tag {tag} to {repo_id}",
            lambda: self._api.create_tag(repo_id, tag=tag, revision=commit, exist_ok=True),
        )

    def pull_requests(self, repo_id: str, author: str) -> tuple[PullRequest, ...]:
        """Those of the author that are open, newest first."""

        def call() -> tuple[PullRequest, ...]:
            found = self._api.get_repo_discussions(
                repo_id, author=author, discussion_type="pull_request", discussion_status="open"
            )
            return tuple(PullRequest(each.num, each.title, each.url) for each in found)

        return self._ask_patiently(f"list the pull requests of {repo_id}", call)

    def upload(self, target: Target, files: Sequence[PlannedFile]) -> list[CommitOperationAdd]:
        """Send the content of the large files, which no commit holds yet.

        Raises:
            PublishError: the Hub refused, its repository ignores a file, or one changed since the plan was made.
        """

        def call() -> list[CommitOperationAdd]:
            operations = [CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=file.source) for file in files]
            self._api.preupload_lfs_files(
                target.repo_id, operations, revision=target.revision, create_pr=target.create_pr, free_memory=False
            )
            return operations

        operations = self._ask(f"take the files for {target.repo_id}", call)
        for file, operation in zip(files, operations, strict=True):
            if operation._should_ignore:  # the client would leave it out of the commit, and say nothing
                raise PublishError(
                    f"the file .gitignore of {target.repo_id} keeps {file.path} out of its commits",
                    "take that line out of .gitignore on the Hub, then run the same command again",
                )
            if operation.upload_info.sha256.hex() != file.sha256:
                raise PublishError(f"{file.path} changed while it was uploaded", "run the same command again")
        return operations

    def commit(
        self, target: Target, operations: Sequence[CommitOperationAdd], message: str
    ) -> tuple[CommitInfo, tuple[str, ...]]:
        """Make one commit, or a pull request with it; also what the Hub finds odd in the card."""

        def call() -> tuple[CommitInfo, tuple[str, ...]]:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                commit = self._api.create_commit(
                    target.repo_id,
                    operations,
                    commit_message=message,
                    revision=target.revision,
                    parent_commit=target.parent,
                    create_pr=target.create_pr,
                )
            return commit, tuple(str(warning.message) for warning in caught if warning.category is UserWarning)

        return self._ask(f"commit to {target.repo_id}", call)

    def ask(self, request: str, call: Callable[[HfApi], Answer], remedies: Mapping[int, str] = REMEDIES) -> Answer:
        """What the Hub answers to a call; ``request`` says it in words, for the sentence of an error.

        Raises:
            PublishError: the Hub refused, with the remedy for its status, or did not answer.
        """
        return self._ask(request, lambda: call(self._api), remedies)

    def ask_patiently(
        self, request: str, call: Callable[[HfApi], Answer], remedies: Mapping[int, str] = REMEDIES
    ) -> Answer:
        """:meth:`ask` for what may be asked twice."""
        return self._ask_patiently(request, lambda: call(self._api), remedies)

    def pause(self, failure: Refused | Unanswered, seconds: int) -> None:
        """Wait as long as the Hub asks to, else ``seconds``, and say so.

        Raises:
            PublishError: the failure, when that is longer than anybody would sit and wait.
        """
        wait = failure.seconds if failure.seconds is not None else seconds
        if wait > LONGEST_WAIT or self._on_wait is None:
            raise failure
        self._on_wait(f"{failure.cause}: asking again in {wait} seconds")
        time.sleep(wait)

    def _ask(self, request: str, call: Callable[[], Answer], remedies: Mapping[int, str] = REMEDIES) -> Answer:
        return attempt(request, call, self._api, remedies)

    def _ask_patiently(
        self, request: str, call: Callable[[], Answer], remedies: Mapping[int, str] = REMEDIES
    ) -> Answer:
        for seconds in WAITS:
            try:
                return self._ask(request, call, remedies)
            except Unanswered as failure:
                self.pause(failure, seconds)
            except Refused as failure:
                if failure.status != 429:
                    raise
                self.pause(failure, seconds)
        return self._ask(request, call, remedies)


def _granted(token: Mapping[str, object]) -> Mapping[str, frozenset[str]] | None:
    """Permissions of a fine-grained token by the name of what they are for, if the Hub lists them as it always has."""
    try:
        scoped = token["fineGrained"]["scoped"]  # type: ignore[index]
        return {each["entity"]["name"]: frozenset(each["permissions"]) for each in scoped}
    except (LookupError, TypeError):
        return None


def find_token() -> str | None:
    """The token from the places where ``huggingface_hub`` keeps it; None when there is none, or none that is usable."""
    try:
        token = attempt("give a token", get_token, remedies=WITHOUT_TOKEN)
    except Unanswered:
        if os.environ.get("HF_OIDC_RESOURCE"):
            raise
        return None  # nobody was asked: the file of the stored token is no text
    usable = token is not None and token.strip().isascii() and token.strip().isprintable()
    return token.strip() if token is not None and usable else None
