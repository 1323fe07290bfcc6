"""Accounts, repositories, and what they hold."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from tests.hub.hub import DATASETS, SPACES, Hub, route
from tests.hub.messages import Refusal, Reply, Request
from tests.hub.state import Blob


@route("GET", "/api/whoami-v2")
def whoami(hub: Hub, request: Request) -> Reply:
    user = hub.account(request)
    if user.role == "workflow":
        raise Refusal(403, "This token belongs to a workflow, not to a user.")
    organizations = [{"type": "org", "name": name, "roleInOrg": "write"} for name in user.organizations]
    token: dict[str, Any] = {"displayName": "test", "role": user.role}
    if user.permissions is not None:
        scoped = [
            {"entity": {"type": "model" if "/" in name else "user", "name": name}, "permissions": list(permissions)}
            for name, permissions in user.permissions.items()
        ]
        token |= {"role": "fineGrained", "fineGrained": {"canReadGatedRepos": False, "global": [], "scoped": scoped}}
    return Reply(
        body={
            "type": "user",
            "name": user.name,
            "orgs": organizations,
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


@route("POST", "/api/repos/create")
def create_repo(hub: Hub, request: Request) -> Reply:
    user = hub.account(request)
    asked = json.loads(request.body)
    namespace = asked["organization"] or user.name
    kind = asked.get("type")
    if kind == "space" and asked["sdk"] != "gradio":
        raise Refusal(400, "a Space needs an SDK")
    repo_id = f"{ {'space': SPACES, 'dataset': DATASETS}.get(kind, '') }{namespace}/{asked['name']}"
    if not hub.may_write(user, namespace, repo_id):
        raise Refusal(403, f"You don't have the rights to create a model under the namespace {namespace!r}.")
    url = f"{hub.url}/{repo_id}"
    if repo_id in hub.repos:
        return Reply(409, {"error": "You already created this model repo", "url": url})
    hub.add_repo(repo_id, private=asked.get("visibility") == "private")
    return Reply(body={"url": url, "name": repo_id})


@route("PUT", "/api/models/{repo}/settings")
def change_settings(hub: Hub, request: Request, repo: str) -> Reply:
    found = hub.writable(request, repo)
    found.private = json.loads(request.body)["visibility"] == "private"
    return Reply(body={"private": found.private})


@route("GET", "/api/models/{repo}(/revision/(?P<revision>[^/]+))?")
def model_info(hub: Hub, request: Request, repo: str, revision: str = "main") -> Reply:
    found = hub.readable(request, repo)
    commit = hub.commit_of(found, revision)
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
            "siblings": [_sibling(path, blob, blobs) for path, blob in sorted(commit.files.items())],
        }
    )


def _sibling(path: str, blob: Blob, with_blob: bool) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": path}
    if with_blob:
        sibling |= {"size": len(blob.content), "blobId": blob.git_oid}
        if blob.lfs:
            sibling["lfs"] = {"size": len(blob.content), "sha256": blob.sha256, "pointerSize": len(blob.pointer)}
    return sibling


@route("GET", "/api/models/{repo}/tree/(?P<revision>[^/]+)(/(?P<folder>.+))?")
def tree(hub: Hub, request: Request, repo: str, revision: str, folder: str = "") -> Reply:
    commit = hub.commit_of(hub.readable(request, repo), revision)
    prefix = f"{folder}/" if folder else ""
    files = {path: blob for path, blob in sorted(commit.files.items()) if path.startswith(prefix)}
    if folder and not files:
        raise Refusal(404, f"{folder} does not exist on {revision!r}", "EntryNotFound")
    names = [path.removeprefix(prefix).split("/") for path in files]
    deepest = max(map(len, names), default=0) if request.query.get("recursive") in (["true"], ["True"]) else 1
    below = {prefix + "/".join(parts[:depth]) for parts in names for depth in range(1, min(len(parts), deepest) + 1)}
    return Reply(body=[_at(path, commit.files) for path in sorted(below)])


@route("POST", "/api/models/{repo}/paths-info/(?P<revision>[^/]+)")
def paths_info(hub: Hub, request: Request, repo: str, revision: str) -> Reply:
    commit = hub.commit_of(hub.readable(request, repo), revision)
    asked = parse_qs(request.body.decode()).get("paths", [])
    return Reply(body=[entry for path in asked if (entry := _at(path, commit.files))])


def _at(path: str, files: Mapping[str, Blob]) -> dict[str, Any] | None:
    """What a repository says of a file or a folder; None when it has neither."""
    if path in files:
        return _entry(path, files[path])
    inside = any(name.startswith(f"{path}/") for name in files)
    return {"type": "directory", "path": path, "oid": "0" * 40, "size": 0} if inside else None


def _entry(path: str, blob: Blob) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(blob.content), "oid": blob.git_oid}
    if blob.lfs:
        entry["lfs"] = {"oid": blob.sha256, "size": len(blob.content), "pointerSize": len(blob.pointer)}
    if blob.xet_hash:
        entry["xetHash"] = blob.xet_hash
    return entry
