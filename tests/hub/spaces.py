"""Spaces and datasets: repositories like those of models, at addresses of their own; nothing runs."""

from tests.hub import commits, downloads, repositories
from tests.hub.hub import DATASETS, SPACES, Answer, Hub, route
from tests.hub.messages import Reply, Request

SHARED = {
    ("GET", "/api/{kind}{repo}(/revision/(?P<revision>[^/]+))?"): repositories.model_info,
    ("GET", "/api/{kind}{repo}/tree/(?P<revision>[^/]+)(/(?P<folder>.+))?"): repositories.tree,
    ("POST", "/api/{kind}{repo}/paths-info/(?P<revision>[^/]+)"): repositories.paths_info,
    ("POST", "/api/{kind}{repo}/preupload/(?P<revision>[^/]+)"): commits.preupload,
    ("POST", "/api/{kind}{repo}/commit/(?P<revision>[^/]+)"): commits.commit,
    ("HEAD", "/{kind}{repo}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"): downloads.resolve,
    ("GET", "/{kind}{repo}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"): downloads.resolve,
}
"""What is answered for a Space or a dataset as it is for a model."""


def _of_kind(kind: str, answer: Answer) -> Answer:
    def for_kind(hub: Hub, request: Request, repo: str, **arguments: str) -> Reply:
        return answer(hub, request, repo=f"{kind}{repo}", **arguments)

    return for_kind


for (method, pattern), shared in SHARED.items():
    for kind in (SPACES, DATASETS):
        route(method, pattern.replace("{kind}", kind))(_of_kind(kind, shared))
