"""The former place of the package ``tests.hub``."""

from tests.hub import Blob, Bucket, Hub, Reply, Request, serve_hub

__all__ = ["Blob", "Bucket", "Hub", "Reply", "Request", "serve_hub"]
