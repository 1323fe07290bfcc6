"""Large files over Xet."""

import hashlib
import time

from tests.hub.hub import Hub, route
from tests.hub.messages import Refusal, Reply, Request, byte_range, content_reply
from tests.hub.state import Blob


@route("GET", "/api/models/{repo}/xet-(?P<scope>read|write)-token/(?P<revision>[^/]+)")
def xet_token(hub: Hub, request: Request, repo: str, scope: str, revision: str) -> Reply:
    if scope == "write":
        hub.writable(request, repo)
    else:
        hub.readable(request, repo)
    return xet_grant(hub, repo, scope)


def xet_grant(hub: Hub, repo: str, scope: str) -> Reply:
    expires = int(time.time()) + 3600
    token = f"xet-{scope}-{hashlib.sha256(repo.encode()).hexdigest()}"
    answer = {"accessToken": token, "exp": expires, "casUrl": f"{hub.url}/cas"}
    headers = {
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": str(expires),
        "X-Xet-Cas-Url": f"{hub.url}/cas",
    }
    return Reply(body=answer, headers=headers)


def _xet_scope(request: Request, *scopes: str) -> None:
    if not request.headers.get("authorization", "").startswith(tuple(f"Bearer xet-{scope}-" for scope in scopes)):
        raise Refusal(401, "the Xet token is missing or of the wrong scope")


@route("POST", "/cas/v1/xorbs/default/(?P<xorb>[0-9a-f]{64})")
def xet_xorb(hub: Hub, request: Request, xorb: str) -> Reply:
    _xet_scope(request, "write")
    return Reply(body={"was_inserted": hub.xet.add_xorb(xorb, request.body)})


@route("GET", "/cas/v1/chunks/default(-merkledb)?/(?P<chunk>[0-9a-f]{64})")
def xet_known_chunks(hub: Hub, request: Request, chunk: str) -> Reply:
    _xet_scope(request, "read", "write")
    shard = hub.xet.known_chunks(chunk)
    if shard is None:
        raise Refusal(404, "the chunk is not tracked")
    return Reply(body=shard)


@route("POST", "/cas/v1/shards")
def xet_shard(hub: Hub, request: Request) -> Reply:
    _xet_scope(request, "write")
    with_sha256 = not request.headers["authorization"].startswith("Bearer xet-write-bucket-")
    for file in hub.xet.add_shard(request.body, with_sha256=with_sha256):
        hub.objects[file.sha256] = Blob(file.content, lfs=True, xet_hash=file.xet_hash)
    return Reply(body={"result": 1})


@route("GET", "/cas/v1/reconstructions/(?P<xet_hash>[0-9a-f]{64})")
def xet_reconstruction(hub: Hub, request: Request, xet_hash: str) -> Reply:
    _xet_scope(request, "read", "write")
    if xet_hash not in hub.xet.files:
        raise Refusal(404, "no such file")
    size = len(hub.xet.files[xet_hash].content)
    start, end = byte_range(request, size) or (0, size)
    if start >= size:
        raise Refusal(416, "the range starts after the end of the file")
    return Reply(body=hub.xet.reconstruction(xet_hash, f"{hub.url}/cas", start, end))


@route("GET", "/cas/xorbs/(?P<xorb>[0-9a-f]{64})")
def xet_chunks(hub: Hub, request: Request, xorb: str) -> Reply:
    if "range" not in request.headers:
        raise Refusal(403, "a xorb is only given in the ranges that a reconstruction named")
    return content_reply(request, hub.xet.xorbs[xorb])
