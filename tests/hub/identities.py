"""Trusted publishing: GitHub states which workflow a job is of, and the Hub gives a short-lived token for it."""

import json

from tests.hub.hub import Hub, namespace_of, route
from tests.hub.messages import Refusal, Reply, Request
from tests.hub.state import User

RUNNER = "the-token-of-the-runner"
"""What GitHub gives a job that may ask for its identity."""


@route("GET", "/github/id-token/(?P<workflow>[a-z.]+)")
def state_identity(hub: Hub, request: Request, workflow: str) -> Reply:
    """GitHub's part: who the job is, for the audience that it names."""
    if request.headers.get("authorization") != f"Bearer {RUNNER}":
        raise Refusal(401, "this job may not ask who it is")
    return Reply(body={"value": f"header.{workflow}|{request.query['audience'][0]}.signature"})


@route("POST", "/oauth/token")
def exchange(hub: Hub, request: Request) -> Reply:
    asked = json.loads(request.body)
    if asked["grant_type"] != "urn:ietf:params:oauth:grant-type:token-exchange":
        raise Refusal(400, "unsupported_grant_type")
    if asked["subject_token_type"] != "urn:ietf:params:oauth:token-type:id_token":
        raise Refusal(400, "invalid_request")
    workflow, _, audience = asked["subject_token"].split(".", 1)[1].removesuffix(".signature").partition("|")
    resource = asked["resource"]
    if audience != hub.url or hub.trusted.get(resource) != workflow:
        raise Refusal(400, "invalid_grant")
    token = f"hf_jwt_eyJ{len(hub.users):08}.{'x' * 24}"
    granted = {resource: ("repo.write",)}
    hub.users[token] = User("[OIDC]", "workflow", (namespace_of(resource),), granted)
    return Reply(body={"access_token": token, "token_type": "bearer", "expires_in": 3600})
