"""The HTTP API: typed endpoints that answer with plain values, through the same service as the page."""

from emohub.ui.api import classify, compare
from emohub.ui.service import Service


def build(service: Service) -> None:
    """Add every endpoint to the page that is being built, each job's from its own file."""
    classify.build(service)
    compare.build(service)
