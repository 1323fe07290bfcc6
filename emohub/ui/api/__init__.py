"""The HTTP API and the tools over MCP: typed endpoints that answer with plain values, through the page's own service.

Each job's endpoints are in its own file, added by ``endpoint.expose``; what callers read of them is the docstrings.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from emohub.ui.api import batch, classify, compare, evaluate, explain, models
from emohub.ui.api.mcp import McpDoor, answer_in_json
from emohub.ui.service import Service

__all__ = ["McpDoor", "answer_in_json", "build"]


def build(service: Service) -> dict[str, Callable[..., Awaitable[Any]]]:
    """Add every endpoint to the page that is being built; what comes back are those that need nothing of Gradio."""
    models.build(service)
    quick = {"classify": classify.build(service)}
    compare.build(service)
    explain.build(service)
    batch.build(service)
    evaluate.build(service)
    return quick
