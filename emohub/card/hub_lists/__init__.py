"""What the Hub knows by name, as it was on a date: each list is a file that begins with its source and its date."""

from functools import cache
from importlib import resources
from typing import Literal

HubList = Literal["former_pipeline_tags", "languages", "libraries", "licenses", "pipeline_tags", "subtasks"]


@cache
def hub_list(name: HubList) -> frozenset[str]:
    """Every entry of a list."""
    text = resources.files(__package__).joinpath(f"{name}.txt").read_text(encoding="ascii")
    return frozenset(entry for line in text.splitlines() if not line.startswith("#") for entry in line.split())
