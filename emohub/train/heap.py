"""What the C library does with the memory that a step frees."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Names of glibc's settings for :manpage:`mallopt(3)`."""
_MOST_MAPPED = 32 << 20
"""Bytes; the most that glibc itself ever raises the threshold to from which it maps a block of its own."""
_USUAL_MMAP_MAX = 1 << 16
"""Mapped blocks at once that glibc allows where nobody sets it."""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """While entered, what is freed stays with the process, and the next step finds it there.

    By itself glibc gives back blocks of more than 32 MiB, among them the gradient of a usual vocabulary's embeddings.
    In every step the kernel then clears all of its pages again, which was a twenty-fifth of a step of MiniLM on two
    cores. Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, _USUAL_MMAP_MAX)
        # Once anything was set, the thresholds adapt no more: these are what they would have come to.
        libc.mallopt(_MMAP_THRESHOLD, _MOST_MAPPED)
        libc.mallopt(_TRIM_THRESHOLD, 2 * _MOST_MAPPED)
        libc.malloc_trim(0)
