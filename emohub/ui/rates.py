"""How often one client may ask: a bucket of tokens for each, refilled as time passes."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

MAX_CLIENTS = 10_000
"""Clients that are remembered; the one that was quiet for longest is forgotten first."""


@dataclass
class _Bucket:
    tokens: float
    filled: float
    """When, in the clock's seconds."""


class RateLimit:
    """At most ``per_minute`` requests of one client at once, and as many in a minute from then on."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity, self._clock = per_minute, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, client: str) -> int:
        """Take a token of the client's and return 0, or the whole seconds until there will be one."""
        now = self._clock()
        bucket = self._buckets.pop(client, None) or _Bucket(self._capacity, now)
        self._buckets[client] = bucket  # as the latest
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._capacity, bucket.tokens + (now - bucket.filled) * self._capacity / 60)
        bucket.filled = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return math.ceil((1 - bucket.tokens) * 60 / self._capacity)


def client_of(peer: str, headers: Mapping[str, str], *, behind_proxy: bool) -> str:
    """Who sends a request: the other end of the connection, or the one whom a trusted proxy names.

    A proxy appends to ``x-forwarded-for`` the address that it was asked from, and a client can only write what stands
    before: so the last public address is the client's, whatever it claims and whichever inner hops follow. Of an IPv6
    address the network of a household counts, since its host part is free to choose.
    """
    hops = headers.get("x-forwarded-for", "").split(",") if behind_proxy else []
    for hop in reversed(hops):
        try:
            address = ip_address(hop.strip())
        except ValueError:
            continue
        if address.is_global:
            return _network(str(address))
    return _network(peer)


def _network(client: str) -> str:
    try:
        address = ip_address(client)
    except ValueError:
        return client
    return address.exploded[:19] if isinstance(address, IPv6Address) else client
