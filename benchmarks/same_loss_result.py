"""What ``same_loss`` trained, and whether it ended where the padded runs ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, variance
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from emohub.recipe.declaration import Declaration, Positive, PositiveFloat, Text
from emohub.record import Environment, ModelIdentity, Record
from emohub.record.base import Finite

RESULT = Path(__file__).resolve().parent / "same_loss.json"

Way = Literal["padded fp32", "packed fp32", "packed bf16"]
REFERENCE: Way = "padded fp32"
"""What everybody trains like, and what the others are held against."""


class Trained(Declaration):
    """One run: its figures on validation after the last step."""

    way: Way
    seed: int
    run_id: Text
    git_commit: Text | None
    validation_loss: Finite
    """In nats."""
    metric: Finite
    samples_per_second: PositiveFloat
    minutes: PositiveFloat


class SameLossResult(Record):
    """The same recipe in each way, over the same seeds."""

    kind: ClassVar[str] = "same loss"

    created: Text
    """When the last run ended; UTC, ISO 8601."""
    environment: Environment
    recipe: Text
    base_model: ModelIdentity
    metric: Text
    """The recipe's, that a checkpoint is chosen by."""
    steps: Positive
    """Optimizer steps of each run."""
    epochs: float
    rows: Positive
    """Training texts."""
    validation_rows: Positive
    seeds: Annotated[tuple[int, ...], Field(min_length=2)]
    runs: tuple[Trained, ...]

    def of(self, way: Way) -> list[Trained]:
        """The runs of one way, by seed."""
        return [run for run in self.runs if run.way == way]


@dataclass(frozen=True)
class Verdict:
    """One way against the padded runs, in one figure."""

    difference: float
    """Mean over the seeds, less that of the padded runs."""
    error: float
    """Standard error of that difference (Welch)."""
    spread: float
    """Highest less lowest figure of the padded runs."""

    @property
    def same(self) -> bool:
        """The rule: the two means lie no further apart than two padded runs of other seeds do."""
        return abs(self.difference) <= self.spread


def judge(own: Sequence[float], padded: Sequence[float]) -> Verdict:
    """Hold the figures of one way, one for each seed, against those of the padded runs."""
    error = sqrt(variance(own) / len(own) + variance(padded) / len(padded))
    return Verdict(mean(own) - mean(padded), error, max(padded) - min(padded))
