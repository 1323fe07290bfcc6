"""Spaces: repositories like those of models, at addresses of their own; nothing runs."""

from tests.hub import commits, downloads, repositories
from tests.hub.hub import SPACES, Answer, Hub, route
from tests.hub.messages import Reply, Request

SHARED = {
    ("GET", "/api/spaces/{repo}(/revision/(?P<revision>[^/]+))?"): repositories.model_info,
    ("GET", "/api/spaces/{repo}/tree/(?P<revision>[^/]+)(/(?P<folder>.+))?"): repositories.tree,
    ("POST", "/api/spaces/{repo}/preupload/(?P<revision>[^/]+)"): commits.preupload,
    ("POST", "/api/spaces/{repo}/commit/(?P<revision>[^/]+)"): commits.commit,
    ("GET", "/spaces/{repo}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"): downloads.resolve,
}
"""What is answered for a Space as it is for a model."""


def _of_space(answer: Answer) -> Answer:
    def for_space(hub: Hub, request: Request, repo: str, **arguments: str) -> Reply:
        return answer(hub, request, repo=f"{SPACES}{repo}", **arguments)

    return for_space


for (method, pattern), shared in SHARED.items():
    route(method, pattern)(_of_space(shared))
