"""Files of a repository, whole or in ranges."""

from tests.hub.hub import Hub, route
from tests.hub.messages import Refusal, Reply, Request, content_reply


@route("HEAD", "/{repo}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
@route("GET", "/{repo}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
def resolve(hub: Hub, request: Request, repo: str, revision: str, path: str) -> Reply:
    commit = hub.commit_of(hub.readable(request, repo), revision)
    blob = commit.files.get(path)
    if blob is None:
        raise Refusal(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit.oid})
    headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.etag}"'}
    if blob.lfs:
        headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.content))}
    if blob.xet_hash:
        headers["X-Xet-Hash"] = blob.xet_hash
        headers["X-Xet-Refresh-Route"] = f"{hub.url}/api/models/{repo}/xet-read-token/{commit.oid}"
    reply = content_reply(request, blob.content)
    reply.headers |= headers
    return reply
