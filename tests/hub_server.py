"""A small Hub on the loopback interface, for tests: it speaks the Hub's HTTP protocol as ``huggingface_hub`` uses it.

What the client sends is decoded and verified (tokens, sizes, SHA-256, parent commits). Every request is recorded, and a
``Fault`` makes chosen requests fail. The store for large files takes both upload paths: LFS, and Xet (``xet_store``).
"""

import base64
import binascii
import fnmatch
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from tests.xet_store import BadUpload, XetStore

GIT_ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
"""What a new repository on the Hub starts with, shortened; it decides which files are large."""
LARGE = 10 * 1024 * 1024
"""Bytes from which a file is large whatever its name."""


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
class Repo:
    """A model repository."""

    id: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, ref: str, message: str, files: dict[str, Blob], parent: str | None) -> Commit:
        tree = sorted((path, blob.git_oid) for path, blob in files.items())
        oid = hashlib.sha1(repr((parent, message, tree, len(self.commits))).encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, message, files)
        self.refs[ref] = oid
        return self.commits[oid]

    def find(self, revision: str) -> Commit | None:
        return self.commits.get(self.refs.get(revision, revision))

    @property
    def head(self) -> Commit:
        return self.commits[self.refs["main"]]


@dataclass
class Bucket:
    """A bucket: its files by path, each with its content and the time of its change in milliseconds."""

    id: str
    private: bool
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class User:
    """An account and the role of its token."""

    name: str
    role: str = "write"
    organizations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """One request, as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """An answer; a body that is no bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """Makes matching requests fail: the ``nth`` one, and the ``times - 1`` after it.

    ``status`` answers with it; None closes the connection. ``lost`` handles the request before it fails, as when an
    answer is lost. ``action`` runs instead of failing, for what happens on the Hub between two requests.
    """

    method: str
    path: str
    status: int | None = None
    nth: int = 1
    times: int = 1
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    action: Callable[[], object] | None = None
    seen: int = 0

    def strikes(self, request: Request) -> bool:
        if request.method != self.method or not re.search(self.path, request.path):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        extra = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.reply = Reply(status, {"error": message}, extra | headers)


ROUTES: list[tuple[str, re.Pattern[str], str]] = []


def route(method: str, pattern: str) -> Callable[[Callable[..., Reply]], Callable[..., Reply]]:
    """Register a method of ``Hub`` for a path; named groups become arguments."""

    def register(handler: Callable[..., Reply]) -> Callable[..., Reply]:
        ROUTES.append((method, re.compile(pattern.replace("{repo}", r"(?P<repo>[^/]+/[^/]+)")), handler.__name__))
        return handler

    return register


class Hub:
    """The state of the Hub, its recorded requests, and the handlers of its paths."""

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
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.lock = threading.RLock()

    # For tests ---------------------------------------------------------------------------------------------------

    def add_user(self, token: str, name: str, **options: Any) -> None:
        self.users[token] = User(name, **options)

    def add_repo(self, repo_id: str, *, private: bool = False) -> Repo:
        repo = self.repos[repo_id] = Repo(repo_id, private)
        repo.commit("main", "initial commit", {".gitattributes": Blob(GIT_ATTRIBUTES.encode())}, None)
        return repo

    def fail(self, method: str, path: str, status: int | None = None, **options: Any) -> Fault:
        self.faults.append(Fault(method, path, status, **options))
        return self.faults[-1]

    def count(self, method: str, path: str) -> int:
        return sum(request.method == method and bool(re.search(path, request.path)) for request in self.requests)

    # Requests ----------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply | None:
        """The reply to a request; None closes the connection without one."""
        with self.lock:
            self.requests.append(request)
            struck = [fault for fault in self.faults if fault.strikes(request)]
            for fault in struck:
                if fault.action is not None:
                    fault.action()
                    continue
                if fault.lost:
                    self._handle(request)
                return None if fault.status is None else Reply(fault.status, fault.body, fault.headers)
            return self._handle(request)

    def _handle(self, request: Request) -> Reply:
        for method, pattern, handler in ROUTES:
            match = pattern.fullmatch(request.path)
            if method == request.method and match:
                arguments = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                try:
                    return getattr(self, handler)(request, **arguments)
                except Refusal as refusal:
                    return refusal.reply
                except BadUpload as error:
                    return Reply(400, {"error": str(error)})
        return Reply(404, {"error": f"no {request.method} {request.path} here"})

    def _user(self, request: Request) -> User | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            return None
        if scheme != "Bearer" or token not in self.users:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return self.users[token]

    def _account(self, request: Request) -> User:
        user = self._user(request)
        if user is None:
            raise Refusal(401, "Invalid username or password.")
        return user

    def _may_write(self, user: User | None, namespace: str) -> bool:
        return user is not None and user.role != "read" and namespace in (user.name, *user.organizations)

    def _readable(self, request: Request, repo_id: str) -> Repo:
        user = self._user(request)
        repo = self.repos.get(repo_id)
        namespace = repo_id.partition("/")[0]
        if repo is None or (repo.private and (user is None or namespace not in (user.name, *user.organizations))):
            raise Refusal(401 if user is None else 404, "Repository not found", "RepoNotFound")
        return repo

    def _writable(self, request: Request, repo_id: str) -> Repo:
        """The repository, when the token may write to it, or propose a change to it."""
        repo = self._readable(request, repo_id)
        user = self._account(request)
        if not self._may_write(user, repo_id.partition("/")[0]) and request.query.get("create_pr") != ["1"]:
            raise Refusal(403, "Forbidden: you don't have write access to this repository.")
        return repo

    def _commit_of(self, repo: Repo, revision: str) -> Commit:
        commit = repo.find(revision)
        if commit is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    # The API -----------------------------------------------------------------------------------------------------

    @route("GET", "/api/whoami-v2")
    def whoami(self, request: Request) -> Reply:
        user = self._account(request)
        organizations = [{"type": "org", "name": name, "roleInOrg": "write"} for name in user.organizations]
        token = {"displayName": "test", "role": user.role}
        return Reply(
            body={
                "type": "user",
                "name": user.name,
                "orgs": organizations,
                "auth": {"type": "access_token", "accessToken": token},
            }
        )

    @route("POST", "/api/repos/create")
    def create_repo(self, request: Request) -> Reply:
        user = self._account(request)
        asked = json.loads(request.body)
        namespace = asked["organization"] or user.name
        repo_id = f"{namespace}/{asked['name']}"
        if not self._may_write(user, namespace):
            raise Refusal(403, f"You don't have the rights to create a model under the namespace {namespace!r}.")
        url = f"{self.url}/{repo_id}"
        if repo_id in self.repos:
            return Reply(409, {"error": "You already created this model repo", "url": url})
        self.add_repo(repo_id, private=asked.get("visibility") == "private")
        return Reply(body={"url": url, "name": repo_id})

    @route("GET", "/api/models/{repo}(/revision/(?P<revision>[^/]+))?")
    def model_info(self, request: Request, repo: str, revision: str = "main") -> Reply:
        found = self._readable(request, repo)
        commit = self._commit_of(found, revision)
        blobs = "blobs" in request.query
        return Reply(
            body={
                "_id": "0" * 24,
                "id": found.id,
                "modelId": found.id,
                "author": found.id.partition("/")[0],
                "sha": commit.oid,
                "private": found.private,
                "disabled": False,
                "gated": False,
                "tags": [],
                "siblings": [self._sibling(path, blob, blobs) for path, blob in sorted(commit.files.items())],
            }
        )

    @staticmethod
    def _sibling(path: str, blob: Blob, with_blob: bool) -> dict[str, Any]:
        sibling: dict[str, Any] = {"rfilename": path}
        if with_blob:
            sibling |= {"size": len(blob.content), "blobId": blob.git_oid}
            if blob.lfs:
                sibling["lfs"] = {"size": len(blob.content), "sha256": blob.sha256, "pointerSize": len(blob.pointer)}
        return sibling

    @route("GET", "/api/models/{repo}/tree/(?P<revision>[^/]+)(/(?P<folder>.+))?")
    def tree(self, request: Request, repo: str, revision: str, folder: str = "") -> Reply:
        commit = self._commit_of(self._readable(request, repo), revision)
        prefix = f"{folder}/" if folder else ""
        files = {path: blob for path, blob in sorted(commit.files.items()) if path.startswith(prefix)}
        if folder and not files:
            raise Refusal(404, f"{folder} does not exist on {revision!r}", "EntryNotFound")
        return Reply(body=[self._entry(path, blob) for path, blob in files.items()])

    @route("POST", "/api/models/{repo}/paths-info/(?P<revision>[^/]+)")
    def paths_info(self, request: Request, repo: str, revision: str) -> Reply:
        commit = self._commit_of(self._readable(request, repo), revision)
        asked = parse_qs(request.body.decode()).get("paths", [])
        return Reply(body=[self._entry(path, commit.files[path]) for path in asked if path in commit.files])

    @staticmethod
    def _entry(path: str, blob: Blob) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(blob.content), "oid": blob.git_oid}
        if blob.lfs:
            entry["lfs"] = {"oid": blob.sha256, "size": len(blob.content), "pointerSize": len(blob.pointer)}
        if blob.xet_hash:
            entry["xetHash"] = blob.xet_hash
        return entry

    @route("POST", "/api/validate-yaml")
    def validate_yaml(self, request: Request) -> Reply:
        asked = json.loads(request.body)
        match = re.match(r"---\n(.*?)\n---\n", asked["content"], re.DOTALL)
        if match is None:
            return Reply(body={"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})
        try:
            values = yaml.safe_load(match[1])
        except yaml.YAMLError as error:
            return Reply(400, {"errors": [{"message": str(error)}], "warnings": []})
        if not isinstance(values, dict):
            return Reply(400, {"errors": [{"message": "metadata must be a mapping"}], "warnings": []})
        return Reply(body={"errors": [], "warnings": []})

    @route("POST", "/api/models/{repo}/preupload/(?P<revision>[^/]+)")
    def preupload(self, request: Request, repo: str, revision: str) -> Reply:
        commit = self._commit_of(self._writable(request, repo), revision)
        files = []
        for file in json.loads(request.body)["files"]:
            if len(base64.b64decode(file["sample"], validate=True)) != min(512, file["size"]):
                raise Refusal(400, f"the sample of {file['path']} is not its first 512 bytes")
            here = commit.files.get(file["path"])
            files.append(
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if self._is_large(commit, file["path"], file["size"]) else "regular",
                    "shouldIgnore": False,
                    "oid": here.etag if here else None,
                }
            )
        return Reply(body={"files": files})

    @staticmethod
    def _is_large(commit: Commit, path: str, size: int) -> bool:
        attributes = commit.files[".gitattributes"].content.decode().splitlines()
        patterns = [line.split()[0] for line in attributes if "filter=lfs" in line]
        return size > LARGE or any(fnmatch.fnmatch(path, pattern) for pattern in patterns)

    @route("POST", "/api/models/{repo}/commit/(?P<revision>[^/]+)")
    def commit(self, request: Request, repo: str, revision: str) -> Reply:
        target = self._writable(request, repo)
        head = self._commit_of(target, revision)
        lines = [json.loads(line) for line in request.body.splitlines()]
        if not lines or lines[0]["key"] != "header":
            raise Refusal(400, "the first line is no header")
        header = lines[0]["value"]
        if header.get("parentCommit", head.oid) != head.oid:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for line in lines[1:]:
            self._apply(files, head, line["key"], line["value"])
        if request.query.get("create_pr") == ["1"]:
            number = sum(ref.startswith("refs/pr/") for ref in target.refs) + 1
            ref, pull_request = f"refs/pr/{number}", f"{self.url}/{repo}/discussions/{number}"
        else:
            ref, pull_request = revision, None
        made = target.commit(ref, header["summary"], files, head.oid)
        return Reply(
            body={
                "success": True,
                "commitOid": made.oid,
                "commitUrl": f"{self.url}/{repo}/commit/{made.oid}",
                "hookOutput": "",
                "pullRequestUrl": pull_request,
            }
        )

    def _apply(self, files: dict[str, Blob], head: Commit, key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if path.startswith("/") or ".." in path.split("/") or ".git" in path.split("/"):
            raise Refusal(400, f"{path} is no path in a repository")
        if key == "file":
            try:
                content = base64.b64decode(value["content"], validate=True)
            except binascii.Error:
                raise Refusal(400, f"the content of {path} is not base64") from None
            if self._is_large(head, path, len(content)):
                raise Refusal(400, f"{path} must be uploaded as a large file")
            files[path] = Blob(content)
        elif key == "lfsFile":
            blob = self.objects.get(value["oid"])
            if value["algo"] != "sha256" or blob is None or len(blob.content) != value["size"]:
                raise Refusal(400, f"the content of {path} was not uploaded, or has another size")
            files[path] = blob
        elif key == "deletedFile":
            if files.pop(path, None) is None:
                raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
        else:
            raise Refusal(400, f"{key} is no operation")

    # Buckets and jobs --------------------------------------------------------------------------------------------

    def _bucket(self, request: Request, bucket: str) -> Bucket:
        user = self._account(request)
        if bucket not in self.buckets or bucket.partition("/")[0] not in (user.name, *user.organizations):
            raise Refusal(404, "Bucket not found", "RepoNotFound")
        return self.buckets[bucket]

    @route("POST", "/api/buckets/{repo}")
    def create_bucket(self, request: Request, repo: str) -> Reply:
        if not self._may_write(self._account(request), repo.partition("/")[0]):
            raise Refusal(403, "You don't have the rights to create a bucket there.")
        url = f"{self.url}/buckets/{repo}"
        if repo in self.buckets:
            return Reply(409, {"error": "You already created this bucket", "url": url})
        self.buckets[repo] = Bucket(repo, json.loads(request.body).get("visibility") == "private")
        return Reply(body={"url": url})

    @route("GET", "/api/buckets/{repo}")
    def bucket_info(self, request: Request, repo: str) -> Reply:
        bucket = self._bucket(request, repo)
        sizes = [len(content) for content, _ in bucket.files.values()]
        created = "2026-01-01T00:00:00.000Z"
        info = {"id": repo, "private": bucket.private, "createdAt": created}
        return Reply(body={**info, "size": sum(sizes), "totalFiles": len(sizes)})

    @route("GET", "/api/buckets/{repo}/tree(/(?P<prefix>[^/]+))?")
    def bucket_tree(self, request: Request, repo: str, prefix: str = "") -> Reply:
        files = {path: file for path, file in self._bucket(request, repo).files.items() if path.startswith(prefix)}
        return Reply(
            body=[
                {
                    "type": "file",
                    "path": path,
                    "size": len(content),
                    "xetHash": "0" * 64,
                    "mtime": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(changed / 1000)),
                }
                for path, (content, changed) in files.items()
            ]
        )

    @route("GET", "/api/buckets/{repo}/xet-(?P<scope>read|write)-token")
    def bucket_xet_token(self, request: Request, repo: str, scope: str) -> Reply:
        self._bucket(request, repo)
        return self._xet_grant(f"buckets/{repo}", f"{scope}-bucket")

    @route("POST", "/api/buckets/{repo}/batch")
    def bucket_batch(self, request: Request, repo: str) -> Reply:
        bucket = self._bucket(request, repo)
        for line in map(json.loads, request.body.splitlines()):
            if line["type"] != "addFile" or line["xetHash"] not in self.xet.files:
                raise Refusal(400, f"{line['path']} was not uploaded")
            bucket.files[line["path"]] = (self.xet.files[line["xetHash"]].content, line["mtime"])
        return Reply(body={"success": True, "failed": []})

    @route("POST", "/api/jobs/(?P<namespace>[^/]+)")
    def start_job(self, request: Request, namespace: str) -> Reply:
        user = self._account(request)
        if not self._may_write(user, namespace):
            raise Refusal(403, f"You don't have the rights to start jobs under the namespace {namespace!r}.")
        asked = json.loads(request.body)
        for volume in asked.get("volumes", []):
            bucket = self._bucket(request, volume["source"])
            if not any(path.startswith(f"{volume['path']}/") for path in bucket.files):
                raise Refusal(400, f"there is no folder {volume['path']} in {volume['source']}")
        self.jobs.append(asked)
        return Reply(
            body={
                "id": f"{len(self.jobs):024}",
                "createdAt": "2026-01-01T00:00:00.000Z",
                "owner": {"id": "0" * 24, "name": namespace, "type": "user"},
                "status": {"stage": "SCHEDULING", "message": None},
                **{key: asked[key] for key in ("command", "arguments", "environment", "flavor", "dockerImage")},
            }
        )

    # Large files over LFS ----------------------------------------------------------------------------------------

    @route("POST", r"/{repo}\.git/info/lfs/objects/batch")
    def lfs_batch(self, request: Request, repo: str) -> Reply:
        asked = json.loads(request.body)
        # Without a branch the upload is for a pull request, which anybody may open.
        found = self._writable(request, repo) if "ref" in asked else self._readable(request, repo)
        self._account(request)
        if asked["operation"] != "upload" or "basic" not in asked["transfers"] or asked["hash_algo"] != "sha256":
            raise Refusal(422, "only basic uploads named by SHA-256 are taken")
        objects = []
        for item in asked["objects"]:
            entry = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self.objects:
                entry["actions"] = {
                    "upload": {"href": f"{self.url}/lfs/{item['oid']}?size={item['size']}&signature=1"},
                    "verify": {"href": f"{self.url}/{found.id}.git/info/lfs/objects/verify"},
                }
            objects.append(entry)
        return Reply(body={"transfer": "basic", "objects": objects})

    @route("PUT", "/lfs/(?P<oid>[0-9a-f]{64})")
    def lfs_upload(self, request: Request, oid: str) -> Reply:
        if request.query.get("signature") != ["1"] or "authorization" in request.headers:
            raise Refusal(403, "an upload address is signed, and takes no token")
        blob = Blob(request.body, lfs=True)
        if blob.sha256 != oid or request.query["size"] != [str(len(blob.content))]:
            raise Refusal(400, "BadDigest")
        self.objects[oid] = blob
        return Reply()

    @route("POST", r"/{repo}\.git/info/lfs/objects/verify")
    def lfs_verify(self, request: Request, repo: str) -> Reply:
        self._readable(request, repo)
        self._account(request)
        asked = json.loads(request.body)
        blob = self.objects.get(asked["oid"])
        if blob is None or len(blob.content) != asked["size"]:
            raise Refusal(404, "not uploaded, or of another size")
        return Reply()

    # Large files over Xet ----------------------------------------------------------------------------------------

    @route("GET", "/api/models/{repo}/xet-(?P<scope>read|write)-token/(?P<revision>[^/]+)")
    def xet_token(self, request: Request, repo: str, scope: str, revision: str) -> Reply:
        if scope == "write":
            self._writable(request, repo)
        else:
            self._readable(request, repo)
        return self._xet_grant(repo, scope)

    def _xet_grant(self, repo: str, scope: str) -> Reply:
        expires = int(time.time()) + 3600
        token = f"xet-{scope}-{hashlib.sha256(repo.encode()).hexdigest()}"
        answer = {"accessToken": token, "exp": expires, "casUrl": f"{self.url}/cas"}
        headers = {
            "X-Xet-Access-Token": token,
            "X-Xet-Token-Expiration": str(expires),
            "X-Xet-Cas-Url": f"{self.url}/cas",
        }
        return Reply(body=answer, headers=headers)

    @staticmethod
    def _xet_scope(request: Request, *scopes: str) -> None:
        if not request.headers.get("authorization", "").startswith(tuple(f"Bearer xet-{scope}-" for scope in scopes)):
            raise Refusal(401, "the Xet token is missing or of the wrong scope")

    @route("POST", "/cas/v1/xorbs/default/(?P<xorb>[0-9a-f]{64})")
    def xet_xorb(self, request: Request, xorb: str) -> Reply:
        self._xet_scope(request, "write")
        return Reply(body={"was_inserted": self.xet.add_xorb(xorb, request.body)})

    @route("POST", "/cas/v1/shards")
    def xet_shard(self, request: Request) -> Reply:
        self._xet_scope(request, "write")
        with_sha256 = not request.headers["authorization"].startswith("Bearer xet-write-bucket-")
        for file in self.xet.add_shard(request.body, with_sha256=with_sha256):
            self.objects[file.sha256] = Blob(file.content, lfs=True, xet_hash=file.xet_hash)
        return Reply(body={"result": 1})

    @route("GET", "/cas/v1/reconstructions/(?P<xet_hash>[0-9a-f]{64})")
    def xet_reconstruction(self, request: Request, xet_hash: str) -> Reply:
        self._xet_scope(request, "read", "write")
        if xet_hash not in self.xet.files:
            raise Refusal(404, "no such file")
        size = len(self.xet.files[xet_hash].content)
        start, end = byte_range(request, size) or (0, size)
        if start >= size:
            raise Refusal(416, "the range starts after the end of the file")
        return Reply(body=self.xet.reconstruction(xet_hash, f"{self.url}/cas", start, end))

    @route("GET", "/cas/xorbs/(?P<xorb>[0-9a-f]{64})")
    def xet_chunks(self, request: Request, xorb: str) -> Reply:
        if "range" not in request.headers:
            raise Refusal(403, "a xorb is only given in the ranges that a reconstruction named")
        return content_reply(request, self.xet.xorbs[xorb])

    # Downloads ---------------------------------------------------------------------------------------------------

    @route("HEAD", "/{repo}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
    @route("GET", "/{repo}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
    def resolve(self, request: Request, repo: str, revision: str, path: str) -> Reply:
        commit = self._commit_of(self._readable(request, repo), revision)
        blob = commit.files.get(path)
        if blob is None:
            raise Refusal(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit.oid})
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.etag}"'}
        if blob.lfs:
            headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.content))}
        if blob.xet_hash:
            headers["X-Xet-Hash"] = blob.xet_hash
            headers["X-Xet-Refresh-Route"] = f"{self.url}/api/models/{repo}/xet-read-token/{commit.oid}"
        reply = content_reply(request, blob.content)
        reply.headers |= headers
        return reply


def byte_range(request: Request, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a ``Range`` header; None when there is none."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    return None if match is None else (int(match[1]), min(int(match[2]) + 1 if match[2] else size, size))


def content_reply(request: Request, content: bytes) -> Reply:
    """The whole content, or the range of it that was asked for."""
    limits = byte_range(request, len(content))
    if limits is None:
        return Reply(body=content, headers={"Accept-Ranges": "bytes"})
    start, end = limits
    return Reply(206, content[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"})


class Handler(BaseHTTPRequestHandler):
    """Reads a request, asks the Hub, and writes its reply."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together, or the client's delayed acknowledgement costs 40 ms each time
    server: "Server"

    def handle_request(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(self.command, parts.path, query, headers, self._body())
        reply = self.server.hub.answer(request)
        if reply is None:
            self.close_connection = True
            return
        is_bytes = isinstance(reply.body, bytes)
        body = reply.body if is_bytes else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        kind = "application/octet-stream" if is_bytes else "application/json; charset=utf-8"
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep the test's output quiet."""


class Server(ThreadingHTTPServer):
    """The HTTP server of one Hub; it closes the connections that clients keep open when it stops."""

    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hub = hub
        self.connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that its client closed is no error of the server."""


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """A running Hub, empty but for its address."""
    hub = Hub()
    server = Server(hub)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        for connection in list(server.connections):
            server.shutdown_request(connection)
        server.server_close()
