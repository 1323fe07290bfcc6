"""What a run is asked beside its recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emohub.train.progress import Progress

OnTeaching = Callable[[int, int], None]
"""Told the texts that teachers have answered so far, and all that they are asked about."""


@dataclass(frozen=True)
class Options:
    """What a run is asked beside its recipe; see :func:`emohub.train.train`."""

    data_dir: Path | None
    max_steps: int | None
    overrides: dict[str, Any]
    checkpoint_minutes: float | None
    auto_batch: bool
    log_with: str | None
    energy: bool
    country: str | None
    on_progress: Callable[[Progress], None] | None
    on_teaching: OnTeaching | None = None
