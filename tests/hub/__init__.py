"""A small Hub on the loopback interface, for tests: it speaks the Hub's HTTP protocol as ``huggingface_hub`` uses it.

What the client sends is decoded and verified (tokens, sizes, SHA-256, parent commits). Every request is recorded, and a
``Fault`` makes chosen requests fail. The store for large files takes both upload paths: LFS, and Xet (``xet_store``).
Each module that answers for paths registers its functions with ``route`` when it is imported, which happens here.
"""

from tests.hub import (
    buckets,
    collections,
    commits,
    downloads,
    identities,
    jobs,
    lfs,
    pull_requests,
    refs,
    repositories,
    spaces,
    xet,
)
from tests.hub.faults import Fault
from tests.hub.hub import Hub
from tests.hub.messages import Refusal, Reply, Request
from tests.hub.server import serve_hub
from tests.hub.state import Blob, Bucket, Collection, Repo

ANSWERING = (
    buckets,
    collections,
    commits,
    downloads,
    identities,
    jobs,
    lfs,
    pull_requests,
    refs,
    repositories,
    spaces,
    xet,
)
"""The modules that answer for paths."""

__all__ = [
    "ANSWERING",
    "Blob",
    "Bucket",
    "Collection",
    "Fault",
    "Hub",
    "Refusal",
    "Reply",
    "Repo",
    "Request",
    "serve_hub",
]
