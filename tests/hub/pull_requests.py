"""Pull requests: those that are open, and by whom."""

from tests.hub.hub import Hub, route
from tests.hub.messages import Reply, Request

PAGE = 10
"""Discussions in one answer."""


@route("GET", "/api/models/{repo}/discussions")
def discussions(hub: Hub, request: Request, repo: str) -> Reply:
    asked = {name: values[0] for name, values in request.query.items()}
    found = [
        {
            "num": each.number,
            "title": each.title,
            "author": {"name": each.author},
            "createdAt": "2026-01-01T00:00:00.000Z",
            "status": each.status,
            "isPullRequest": True,
            "repo": {"name": repo, "type": "model"},
        }
        for each in reversed(hub.readable(request, repo).pull_requests)
        if asked.get("author", each.author) == each.author
        and asked.get("status", each.status) in (each.status, "all")
        and asked.get("type") != "discussion"
    ]
    start = int(asked.get("p", 0)) * PAGE
    return Reply(body={"discussions": found[start : start + PAGE], "count": len(found), "start": start})
