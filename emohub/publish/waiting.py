"""How long the client waits for the Hub: left to itself it waits for ever."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import get_session, set_client_factory
from huggingface_hub.utils import _http

from emohub.publish.failures import retry_after

TIMEOUT = httpx2.Timeout(120, connect=10)
"""Seconds for an answer, and for a connection."""
LONGEST_WAIT = 60
"""Seconds; when the Hub asks for more, it is left to the person to come back."""


def patience() -> float | None:
    """Seconds to wait for an answer now, for calls of the client that would else ignore :func:`bounded_waits`."""
    return get_session().timeout.read


@contextmanager
def bounded_waits(timeout: httpx2.Timeout | None = None) -> Iterator[None]:
    """Give the shared HTTP client a timeout for a while, and make it fail when the Hub asks it to wait too long.

    Left to itself the client sleeps as long as the Hub says, be it an hour, and says nothing.
    """
    factory = _http._GLOBAL_CLIENT_FACTORY  # the client replaces its session whenever it cannot connect

    def bounded() -> httpx2.Client:
        client = factory()
        client.timeout = timeout or TIMEOUT
        client.event_hooks = {**client.event_hooks, "response": [*client.event_hooks["response"], _refuse_long_wait]}
        return client

    set_client_factory(bounded)
    try:
        yield
    finally:
        set_client_factory(factory)


def _refuse_long_wait(response: httpx2.Response) -> None:
    if (retry_after(response) or 0) > LONGEST_WAIT:
        response.raise_for_status()
