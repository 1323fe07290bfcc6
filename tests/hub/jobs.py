"""Jobs: what was sent to start them is kept; nothing runs."""

import json

from tests.hub.buckets import bucket_of
from tests.hub.hub import Hub, route
from tests.hub.messages import Refusal, Reply, Request


@route("POST", "/api/jobs/(?P<namespace>[^/]+)")
def start_job(hub: Hub, request: Request, namespace: str) -> Reply:
    user = hub.account(request)
    if not hub.may_write(user, namespace):
        raise Refusal(403, f"You don't have the rights to start jobs under the namespace {namespace!r}.")
    asked = json.loads(request.body)
    for volume in asked.get("volumes", []):
        bucket = bucket_of(hub, request, volume["source"])
        if not any(path.startswith(f"{volume['path']}/") for path in bucket.files):
            raise Refusal(400, f"there is no folder {volume['path']} in {volume['source']}")
    hub.jobs.append(asked)
    return Reply(
        body={
            "id": f"{len(hub.jobs):024}",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "owner": {"id": "0" * 24, "name": namespace, "type": "user"},
            "status": {"stage": "SCHEDULING", "message": None},
            **{key: asked[key] for key in ("command", "arguments", "environment", "flavor", "dockerImage")},
        }
    )
