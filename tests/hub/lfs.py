"""Large files over LFS."""

import json

from tests.hub.hub import Hub, route
from tests.hub.messages import Refusal, Reply, Request
from tests.hub.state import Blob


@route("POST", r"/{repo}\.git/info/lfs/objects/batch")
def lfs_batch(hub: Hub, request: Request, repo: str) -> Reply:
    asked = json.loads(request.body)
    # Without a branch the upload is for a pull request, which anybody may open.
    found = hub.writable(request, repo) if "ref" in asked else hub.readable(request, repo)
    hub.account(request)
    if asked["operation"] != "upload" or "basic" not in asked["transfers"] or asked["hash_algo"] != "sha256":
        raise Refusal(422, "only basic uploads named by SHA-256 are taken")
    objects = []
    for item in asked["objects"]:
        entry = {"oid": item["oid"], "size": item["size"]}
        if item["oid"] not in hub.objects:
            entry["actions"] = {
                "upload": {"href": f"{hub.url}/lfs/{item['oid']}?size={item['size']}&signature=1"},
                "verify": {"href": f"{hub.url}/{found.id}.git/info/lfs/objects/verify"},
            }
        objects.append(entry)
    return Reply(body={"transfer": "basic", "objects": objects})


@route("PUT", "/lfs/(?P<oid>[0-9a-f]{64})")
def lfs_upload(hub: Hub, request: Request, oid: str) -> Reply:
    if request.query.get("signature") != ["1"] or "authorization" in request.headers:
        raise Refusal(403, "an upload address is signed, and takes no token")
    blob = Blob(request.body, lfs=True)
    if blob.sha256 != oid or request.query["size"] != [str(len(blob.content))]:
        raise Refusal(400, "BadDigest")
    hub.objects[oid] = blob
    return Reply()


@route("POST", r"/{repo}\.git/info/lfs/objects/verify")
def lfs_verify(hub: Hub, request: Request, repo: str) -> Reply:
    hub.readable(request, repo)
    hub.account(request)
    asked = json.loads(request.body)
    blob = hub.objects.get(asked["oid"])
    if blob is None or len(blob.content) != asked["size"]:
        raise Refusal(404, "not uploaded, or of another size")
    return Reply()
