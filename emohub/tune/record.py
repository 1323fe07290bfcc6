"""The study of a search: every trial with its settings and its figures."""

from typing import Any, ClassVar, Literal

from emohub.recipe import Search
from emohub.recipe.declaration import Declaration, NotNegative, Positive, Sha256, Text
from emohub.record import Finite, ModelIdentity, Record

Parameters = dict[str, bool | int | float | str]


class Figure(Declaration):
    """The validation figure of one evaluation."""

    step: Positive
    value: Finite


class Trial(Declaration):
    """One set of settings, tried by a whole training run."""

    number: NotNegative
    state: Literal["running", "finished", "pruned", "failed"]
    """``pruned``: stopped early because others did better; ``failed``: these settings cannot be trained with."""
    parameters: Parameters
    """Value by setting."""
    value: Finite | None = None
    """Validation figure of the exported files; None until the trial is finished."""
    figures: tuple[Figure, ...] = ()
    """The same figure at every evaluation."""
    reason: Text | None = None
    """Why it was pruned or failed."""

    @property
    def folder(self) -> str:
        """Name of its run folder."""
        return f"trial-{self.number:04d}"


class TuneRecord(Record):
    """What was searched, how, and what came of it."""

    kind: ClassVar[str] = "search"

    recipe_name: Text
    recipe_digest: Sha256
    """Of the recipe with the fixed settings, before any trial's."""
    overrides: dict[str, Any]
    """Settings that were fixed on top of the recipe."""
    max_steps: Positive | None
    base_model: ModelIdentity | None
    """None when base models are among what is searched."""
    search: dict[Text, Search]
    metric: Text
    """The validation figure that is judged: the recipe's ``metric_for_best_model``."""
    direction: Literal["maximize", "minimize"]
    seed: NotNegative
    sampler: Text
    pruning: Text
    """Which trials are stopped early; or why none is."""
    data: dict[str, Sha256] | None = None
    """Fingerprint of each split, the same in all trials; None until one is finished."""
    trials: tuple[Trial, ...] = ()
    """In the order of their numbers; the first is the recipe as it stands, if that lies within the ranges."""

    @property
    def ended(self) -> tuple[Trial, ...]:
        """The trials that will not go on."""
        return tuple(trial for trial in self.trials if trial.state != "running")

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best figure, the earlier one on a tie; None when none is finished."""
        sign = 1 if self.direction == "maximize" else -1
        finished = [trial for trial in self.trials if trial.value is not None]
        return max(finished, key=lambda trial: sign * (trial.value or 0.0), default=None)

    @property
    def caveat(self) -> str:
        """How to read the best figure."""
        return (
            f"{self.metric} is the best of {sum(trial.value is not None for trial in self.trials)} finished trials on "
            "the validation rows that chose it, so it is optimistic; the test split was not read"
        )
