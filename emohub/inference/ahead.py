"""Things made while others are used, or side by side."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
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


def map_beside(make: Callable[[Item], Made], items: Iterable[Item], threads: int) -> Generator[Made, None, None]:
    """What ``make`` makes of each item, in their order; of as many as there are ``threads`` it does so at once.

    Items are taken in the caller's thread, and no more ahead than keeps every thread busy. Closing it, or an error of
    the items or of ``make``, ends the threads.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="beside") as pool:
        making: deque[Future[Made]] = deque()
        try:
            for item in items:
                making.append(pool.submit(make, item))
                if len(making) == 2 * threads:
                    yield making.popleft().result()
            while making:
                yield making.popleft().result()
        finally:
            for each in making:
                each.cancel()
