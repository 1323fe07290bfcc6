"""Buckets, whose files arrive over Xet."""

import json
import time

from tests.hub.hub import Hub, route
from tests.hub.messages import Refusal, Reply, Request
from tests.hub.state import Bucket
from tests.hub.xet import xet_grant


def bucket_of(hub: Hub, request: Request, bucket: str) -> Bucket:
    user = hub.account(request)
    if bucket not in hub.buckets or bucket.partition("/")[0] not in (user.name, *user.organizations):
        raise Refusal(404, "Bucket not found", "RepoNotFound")
    return hub.buckets[bucket]


@route("POST", "/api/buckets/{repo}")
def create_bucket(hub: Hub, request: Request, repo: str) -> Reply:
    if not hub.may_write(hub.account(request), repo.partition("/")[0]):
        raise Refusal(403, "You don't have the rights to create a bucket there.")
    url = f"{hub.url}/buckets/{repo}"
    if repo in hub.buckets:
        return Reply(409, {"error": "You already created this bucket", "url": url})
    hub.buckets[repo] = Bucket(repo, json.loads(request.body).get("visibility") == "private")
    return Reply(body={"url": url})


@route("GET", "/api/buckets/{repo}")
def bucket_info(hub: Hub, request: Request, repo: str) -> Reply:
    bucket = bucket_of(hub, request, repo)
    sizes = [len(content) for content, _ in bucket.files.values()]
    created = "2026-01-01T00:00:00.000Z"
    info = {"id": repo, "private": bucket.private, "createdAt": created}
    return Reply(body={**info, "size": sum(sizes), "totalFiles": len(sizes)})


@route("GET", "/api/buckets/{repo}/tree(/(?P<prefix>[^/]+))?")
def bucket_tree(hub: Hub, request: Request, repo: str, prefix: str = "") -> Reply:
    files = {path: file for path, file in bucket_of(hub, request, repo).files.items() if path.startswith(prefix)}
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
def bucket_xet_token(hub: Hub, request: Request, repo: str, scope: str) -> Reply:
    bucket_of(hub, request, repo)
    return xet_grant(hub, f"buckets/{repo}", f"{scope}-bucket")


@route("POST", "/api/buckets/{repo}/batch")
def bucket_batch(hub: Hub, request: Request, repo: str) -> Reply:
    bucket = bucket_of(hub, request, repo)
    for line in map(json.loads, request.body.splitlines()):
        if line["type"] != "addFile" or line["xetHash"] not in hub.xet.files:
            raise Refusal(400, f"{line['path']} was not uploaded")
        bucket.files[line["path"]] = (hub.xet.files[line["xetHash"]].content, line["mtime"])
    return Reply(body={"success": True, "failed": []})
