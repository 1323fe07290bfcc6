"""The Hub: its state, who may do what, its faults, and the functions that answer for its paths."""

import re
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from tests.hub.faults import Fault
from tests.hub.messages import Refusal, Reply, Request
from tests.hub.state import Blob, Bucket, Collection, Commit, Repo, User
from tests.hub.xet_store import BadUpload, XetStore

GIT_ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
"""What a new repository on the Hub starts with, shortened; it decides which files are large."""

SPACES, DATASETS = "spaces/", "datasets/"
"""What the ids of repositories begin with that are no models, as their addresses do."""

Answer = Callable[..., Reply]
"""Takes the Hub, the request, and the named groups of its path."""
ROUTES: list[tuple[str, re.Pattern[str], Answer]] = []


def route(method: str, pattern: str) -> Callable[[Answer], Answer]:
    """Register a function for a path; named groups become arguments."""

    def register(handler: Answer) -> Answer:
        ROUTES.append((method, re.compile(pattern.replace("{repo}", r"(?P<repo>[^/]+/[^/]+)")), handler))
        return handler

    return register


def namespace_of(repo_id: str) -> str:
    """Whose repository it is."""
    return bare_id(repo_id).partition("/")[0]


def bare_id(repo_id: str) -> str:
    """OWNER/NAME, whatever kind of repository it is."""
    return repo_id.removeprefix(SPACES).removeprefix(DATASETS)


class Hub:
    """The state of the Hub, its recorded requests, and who may do what; the modules beside it answer for its paths."""

    def __init__(self) -> None:
        self.url = ""
        self.users: dict[str, User] = {}
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, Blob] = {}
        """Large files by SHA-256, whether or not a commit holds them."""
        self.xet = XetStore()
        self.buckets: dict[str, Bucket] = {}
        self.jobs: list[dict[str, Any]] = []
        """What was sent to start each job."""
        self.collections: dict[str, Collection] = {}
        self.trusted: dict[str, str] = {}
        """The workflow that each repository trusts, by the id of the repository."""
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.lock = threading.RLock()

    # For tests ---------------------------------------------------------------------------------------------------

    def add_user(self, token: str, name: str, **options: Any) -> None:
        self.users[token] = User(name, **options)

    def add_repo(self, repo_id: str, *, private: bool = False) -> Repo:
        """A new repository; that of a Space or a dataset has an id that begins as its address does."""
        repo = self.repos[repo_id] = Repo(bare_id(repo_id), private)
        repo.commit("main", "initial commit", {".gitattributes": Blob(GIT_ATTRIBUTES.encode())}, None)
        return repo

    def fail(self, method: str, path: str, status: int | None = None, **options: Any) -> Fault:
        self.faults.append(Fault(method, path, status, **options))
        return self.faults[-1]

    def count(self, method: str, path: str) -> int:
        return sum(request.method == method and bool(re.search(path, request.path)) for request in self.requests)

    # Requests ----------------------------------------------------------------------------------------------------

    def struck(self, request: Request) -> list[Fault]:
        """The faults that strike a request, which needs no body for that."""
        with self.lock:
            return [fault for fault in self.faults if fault.strikes(request)]

    def answer(self, request: Request, struck: Sequence[Fault] = ()) -> Reply | None:
        """The reply to a request; None closes the connection without one."""
        with self.lock:
            self.requests.append(request)
            for fault in struck:
                if fault.action is not None:
                    fault.action()
                    continue
                if fault.lost or fault.slow:
                    self.handle(request)
                return None if fault.status is None else Reply(fault.status, fault.body, fault.headers)
            return self.handle(request)

    def handle(self, request: Request) -> Reply:
        for method, pattern, handler in ROUTES:
            match = pattern.fullmatch(request.path)
            if method == request.method and match:
                arguments = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                try:
                    return handler(self, request, **arguments)
                except Refusal as refusal:
                    return refusal.reply
                except BadUpload as error:
                    return Reply(400, {"error": str(error)})
        return Reply(404, {"error": f"no {request.method} {request.path} here"})

    def user(self, request: Request) -> User | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            return None
        if scheme != "Bearer" or token not in self.users:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return self.users[token]

    def account(self, request: Request) -> User:
        user = self.user(request)
        if user is None:
            raise Refusal(401, "Invalid username or password.")
        return user

    def may_write(self, user: User | None, namespace: str, repo_id: str = "") -> bool:
        if user is None or user.role == "read" or namespace not in (user.name, *user.organizations):
            return False
        granted = user.permissions
        return granted is None or any("repo.write" in granted.get(name, ()) for name in (namespace, repo_id))

    def readable(self, request: Request, repo_id: str) -> Repo:
        user = self.user(request)
        repo = self.repos.get(repo_id)
        namespace = namespace_of(repo_id)
        if repo is None or (repo.private and (user is None or namespace not in (user.name, *user.organizations))):
            raise Refusal(401 if user is None else 404, "Repository not found", "RepoNotFound")
        return repo

    def writable(self, request: Request, repo_id: str) -> Repo:
        """The repository, when the token may write to it, or propose a change to it."""
        repo = self.readable(request, repo_id)
        user = self.account(request)
        proposes = request.query.get("create_pr") == ["1"] and user.role != "read"
        if not proposes and not self.may_write(user, namespace_of(repo_id), repo_id):
            raise Refusal(403, "Forbidden: you don't have write access to this repository.")
        return repo

    def commit_of(self, repo: Repo, revision: str) -> Commit:
        commit = repo.find(revision)
        if commit is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit
