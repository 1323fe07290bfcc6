"""One thing made while the one before it is used."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def map_ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Generator[Made, None, None]:
    """What ``make`` makes of each item, in their order; of the next one it does so in a thread meanwhile.

    Items are taken in the caller's thread, one more than were given out. Closing it, or an error of the items or of
    ``make``, ends the thread.
    """
    remaining = iter(items)
    for first in remaining:
        made = make(first)
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:  # it starts with what it is given first
            for item in remaining:
                following = thread.submit(make, item)
                yield made
                made = following.result()
            yield made
