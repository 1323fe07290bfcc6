"""Where a run is: what it remembers between two sittings, and what it tells while it runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from emohub.recipe import Declaration, Stage
from emohub.record import Energy, Finding, HistoryRow, SmallerBatch


@dataclass(frozen=True)
class Progress:
    """Where a run is, told after every optimizer step."""

    stage: Stage
    step: int
    total_steps: int
    epoch: float
    loss: float
    """Mean training loss of the step's examples."""
    learning_rate: float
    gradient_norm: float
    """L2 norm before clipping."""
    samples_per_second: float
    padding_share: float
    """Share of the positions computed so far that were padding."""
    row: HistoryRow | None
    """The evaluation that followed the step, when one did."""
    findings: tuple[Finding, ...]
    """What was noticed at this step; with the first step comes what was noticed in the data."""


@dataclass
class RunState:
    """What a run must remember to go on as if it had never stopped, beside weights, optimizer and generators."""

    per_device_train_batch_size: int
    """Examples in one forward pass; less than the recipe's after a lack of memory."""
    step: int = 0
    history: list[HistoryRow] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """Mean loss of each step since the last evaluation."""
    best_step: int | None = None
    evaluations_since_best: int = 0
    samples: int = 0
    tokens: int = 0
    positions: int = 0
    training_seconds: float = 0.0
    """Wall time, evaluations included."""
    paused_seconds: float = 0.0
    """The part of it that went into evaluations and checkpoints."""
    sittings: int = 0
    smaller_batches: list[SmallerBatch] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    watch: dict[str, Any] = field(default_factory=dict)
    """State of the watch over convergence."""
    energy: Energy | None = None
    """What was used up to the step; None when it is not measured."""

    @property
    def padding_share(self) -> float:
        """Share of the computed positions that were padding."""
        return 1 - self.tokens / self.positions if self.positions else 0.0

    @property
    def samples_per_second(self) -> float:
        """Training examples per second of training proper."""
        seconds = self.training_seconds - self.paused_seconds
        return self.samples / seconds if seconds > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values; floats keep every bit."""
        values = asdict(self)
        for name in ("history", "smaller_batches", "findings"):
            values[name] = [each.model_dump(mode="json") for each in getattr(self, name)]
        values["energy"] = self.energy and self.energy.model_dump(mode="json")
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """What :meth:`to_json` gave."""
        kinds: dict[str, type[Declaration]] = {
            "history": HistoryRow,
            "smaller_batches": SmallerBatch,
            "findings": Finding,
        }
        read = {name: [kind.from_values(each, name) for each in values[name]] for name, kind in kinds.items()}
        energy = values.get("energy")
        return cls(**{**values, **read, "energy": energy and Energy.from_values(energy, "energy")})


class Clock:
    """Adds the time of this sitting to that of the earlier ones."""

    def __init__(self, state: RunState) -> None:
        self._state, self._last = state, time.perf_counter()
        self._saved = self._last

    def stamp(self) -> None:
        """Count the time since the last stamp."""
        now = time.perf_counter()
        self._state.training_seconds += now - self._last
        self._last = now

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens within is no training proper."""
        self.stamp()
        before = self._state.training_seconds
        yield
        self.stamp()
        self._state.paused_seconds += self._state.training_seconds - before

    def saved(self) -> None:
        """A checkpoint was written just now."""
        self._saved = time.perf_counter()

    @property
    def minutes_unsaved(self) -> float:
        """Time since the last checkpoint, or since this sitting began."""
        return (time.perf_counter() - self._saved) / 60
