"""What the Hub keeps: accounts, repositories with their commits, and buckets."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Blob:
    """A file's content, and how the repository keeps it."""

    content: bytes
    lfs: bool = False
    xet_hash: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n".encode()
        )

    @property
    def git_oid(self) -> str:
        stored = self.pointer if self.lfs else self.content
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.git_oid


@dataclass(frozen=True)
class Commit:
    """A commit: its files by path, its parent, and its message."""

    oid: str
    parent: str | None
    message: str
    files: dict[str, Blob]


@dataclass
class PullRequest:
    """A proposed change; its commits are at ``refs/pr/<number>``."""

    number: int
    title: str
    author: str
    status: str = "open"


@dataclass
class Repo:
    """A model repository."""

    id: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    """Commit by branch, by ``refs/pr/<number>``, and by ``refs/tags/<name>``."""
    pull_requests: list[PullRequest] = field(default_factory=list)

    def commit(self, ref: str, message: str, files: dict[str, Blob], parent: str | None) -> Commit:
        tree = sorted((path, blob.git_oid) for path, blob in files.items())
        oid = hashlib.sha1(repr((parent, message, tree, len(self.commits))).encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, message, files)
        self.refs[ref] = oid
        return self.commits[oid]

    def find(self, revision: str) -> Commit | None:
        return self.commits.get(self.refs.get(revision) or self.refs.get(f"refs/tags/{revision}") or revision)

    @property
    def head(self) -> Commit:
        return self.commits[self.refs["main"]]


@dataclass
class Bucket:
    """A bucket: its files by path, each with its content and the time of its change in milliseconds."""

    id: str
    private: bool
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)


@dataclass
class Collection:
    """A collection; an item is what the Hub says of it, without its position."""

    slug: str
    title: str
    owner: str
    private: bool
    description: str | None = None
    items: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class User:
    """An account and the role of its token."""

    name: str
    role: str = "write"
    organizations: tuple[str, ...] = ()
    permissions: dict[str, tuple[str, ...]] | None = None
    """Of a fine-grained token, by account or repository; None when the role decides."""
