"""The upload of a commit: its metadata, how each file is to be sent, and the commit itself."""

import base64
import binascii
import fnmatch
import json
import re
from typing import Any

import yaml

from tests.hub.hub import Hub, route
from tests.hub.messages import Refusal, Reply, Request
from tests.hub.state import Blob, Commit, PullRequest

LARGE = 10 * 1024 * 1024
"""Bytes from which a file is large whatever its name."""


@route("POST", "/api/validate-yaml")
def validate_yaml(hub: Hub, request: Request) -> Reply:
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
def preupload(hub: Hub, request: Request, repo: str, revision: str) -> Reply:
    commit = hub.commit_of(hub.writable(request, repo), revision)
    files = []
    for file in json.loads(request.body)["files"]:
        if len(base64.b64decode(file["sample"], validate=True)) != min(512, file["size"]):
            raise Refusal(400, f"the sample of {file['path']} is not its first 512 bytes")
        here = commit.files.get(file["path"])
        files.append(
            {
                "path": file["path"],
                "uploadMode": "lfs" if _is_large(commit, file["path"], file["size"]) else "regular",
                "shouldIgnore": _is_ignored(commit, file["path"]),
                "oid": here.etag if here else None,
            }
        )
    return Reply(body={"files": files})


def _is_ignored(commit: Commit, path: str) -> bool:
    ignored = commit.files.get(".gitignore", Blob(b"")).content.decode().splitlines()
    return any(fnmatch.fnmatch(path, pattern) for pattern in ignored if not pattern.startswith("#"))


def _is_large(commit: Commit, path: str, size: int) -> bool:
    attributes = commit.files[".gitattributes"].content.decode().splitlines()
    patterns = [line.split()[0] for line in attributes if "filter=lfs" in line]
    return size > LARGE or any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


@route("POST", "/api/models/{repo}/commit/(?P<revision>[^/]+)")
def commit(hub: Hub, request: Request, repo: str, revision: str) -> Reply:
    target = hub.writable(request, repo)
    if revision not in target.refs or revision.startswith("refs/tags/"):
        raise Refusal(404, f"{revision} is no branch", "RevisionNotFound")
    head = hub.commit_of(target, revision)
    lines = [json.loads(line) for line in request.body.splitlines()]
    if not lines or lines[0]["key"] != "header":
        raise Refusal(400, "the first line is no header")
    header = lines[0]["value"]
    if header.get("parentCommit", head.oid) != head.oid:
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = dict(head.files)
    for line in lines[1:]:
        _apply(hub, files, head, line["key"], line["value"])
    if request.query.get("create_pr") == ["1"]:
        number = len(target.pull_requests) + 1
        target.pull_requests.append(PullRequest(number, header["summary"], hub.account(request).name))
        ref, pull_request = f"refs/pr/{number}", f"{hub.url}/{repo}/discussions/{number}"
    else:
        ref, pull_request = revision, None
    made = target.commit(ref, header["summary"], files, head.oid)
    return Reply(
        body={
            "success": True,
            "commitOid": made.oid,
            "commitUrl": f"{hub.url}/{repo}/commit/{made.oid}",
            "hookOutput": "",
            "pullRequestUrl": pull_request,
        }
    )


def _apply(hub: Hub, files: dict[str, Blob], head: Commit, key: str, value: dict[str, Any]) -> None:
    path = value["path"]
    if path.startswith("/") or ".." in path.split("/") or ".git" in path.split("/"):
        raise Refusal(400, f"{path} is no path in a repository")
    if key == "file":
        try:
            content = base64.b64decode(value["content"], validate=True)
        except binascii.Error:
            raise Refusal(400, f"the content of {path} is not base64") from None
        if _is_large(head, path, len(content)):
            raise Refusal(400, f"{path} must be uploaded as a large file")
        files[path] = Blob(content)
    elif key == "lfsFile":
        blob = hub.objects.get(value["oid"])
        if value["algo"] != "sha256" or blob is None or len(blob.content) != value["size"]:
            raise Refusal(400, f"the content of {path} was not uploaded, or has another size")
        files[path] = blob
    elif key == "deletedFile":
        if files.pop(path, None) is None:
            raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
    else:
        raise Refusal(400, f"{key} is no operation")
