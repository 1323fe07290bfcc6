"""What one look at the machine found."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failure"]
GIB = 2**30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    ``failure``: something that emohub needs is missing or broken. ``warning``: one of its commands will not do, or is
    untested like this.
    """

    name: str
    status: Status
    found: str
    wanted: str
    remedy: str = ""
    """What to do, as a phrase that begins with a verb; empty where nothing needs doing."""


def gib(size: float) -> str:
    """A number of bytes in GiB, to one decimal."""
    return f"{size / GIB:.1f} GiB"
