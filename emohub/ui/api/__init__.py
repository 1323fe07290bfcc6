"""The HTTP API and the tools over MCP: typed endpoints that answer with plain values, through the page's own service.

Each job's endpoints are in its own file, added by ``endpoint.expose``; what callers read of them is the docstrings.
"""

from emohub.ui.api import batch, classify, compare, evaluate, explain, models
from emohub.ui.api.mcp import McpDoor, answer_in_json
from emohub.ui.service import Service

__all__ = ["McpDoor", "answer_in_json", "build"]


def build(service: Service) -> None:
    """Add every endpoint to the page that is being built."""
    models.build(service)
    classify.build(service)
    compare.build(service)
    explain.build(service)
    batch.build(service)
    evaluate.build(service)
