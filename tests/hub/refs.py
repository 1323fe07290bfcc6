"""Branches and tags."""

import json

from tests.hub.hub import Hub, route
from tests.hub.messages import Refusal, Reply, Request


@route("GET", "/api/models/{repo}/refs")
def refs(hub: Hub, request: Request, repo: str) -> Reply:
    kinds: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "tags": []}
    for ref, commit in hub.readable(request, repo).refs.items():
        if ref.startswith("refs/tags/"):
            kinds["tags"].append({"name": ref.removeprefix("refs/tags/"), "ref": ref, "targetCommit": commit})
        elif not ref.startswith("refs/"):
            kinds["branches"].append({"name": ref, "ref": f"refs/heads/{ref}", "targetCommit": commit})
    return Reply(body=kinds)


@route("POST", "/api/models/{repo}/branch/(?P<branch>[^/]+)")
def create_branch(hub: Hub, request: Request, repo: str, branch: str) -> Reply:
    target = hub.writable(request, repo)
    if branch.startswith("refs/"):
        raise Refusal(400, f"Invalid reference for a branch: {branch}")
    if branch in target.refs:
        raise Refusal(409, f"Reference refs/heads/{branch} already exists")
    target.refs[branch] = hub.commit_of(target, json.loads(request.body).get("startingPoint", "main")).oid
    return Reply(body={})


@route("POST", "/api/models/{repo}/tag/(?P<revision>[^/]+)")
def create_tag(hub: Hub, request: Request, repo: str, revision: str) -> Reply:
    target = hub.writable(request, repo)
    ref = f"refs/tags/{json.loads(request.body)['tag']}"
    if ref in target.refs:
        raise Refusal(409, f"Reference {ref} already exists")
    target.refs[ref] = hub.commit_of(target, revision).oid
    return Reply(body={})
