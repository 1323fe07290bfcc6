"""``run.json``: what a training run was asked, what it used, and what happened."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from emohub.recipe import Stage
from emohub.recipe.declaration import Declaration, NotNegative, NotNegativeFloat, Positive, Sha256, Share, Text
from emohub.record.base import Finite, Record
from emohub.record.calibration import Calibration
from emohub.record.environment import Environment
from emohub.record.identity import ModelIdentity, SplitIdentity


class HistoryRow(Declaration):
    """One evaluation during training, in the shape of the documents' results tables."""

    training_loss: Finite | None
    """Mean loss per optimizer step since the row before."""
    epoch: Finite
    step: Positive
    validation_loss: Finite
    metrics: dict[str, Finite]


class Exported(Declaration):
    """The checkpoint that was kept, and why."""

    step: Positive
    epoch: Finite
    rule: Text
    """How it was chosen, in words."""
    dtype: Literal["float32", "float16"]
    parameters: Positive
    """Number of weights."""
    size_bytes: Positive
    """Size of ``model.safetensors``."""
    fingerprint: Sha256
    """SHA-256 of ``model.safetensors``."""
    validation: dict[str, Finite]
    """Validation figures of the exported files, loaded again and measured."""
    validation_before_export: dict[str, Finite]
    """Validation figures of the fp32 weights that were exported."""
    calibration: Calibration | None = None
    """What calibration did to the exported files; None when the recipe asked for none."""


class Finding(Declaration):
    """Something that a run noticed and that a reader of its results should know."""

    kind: Literal["data", "convergence", "overfitting", "memory", "padding"]
    message: Text
    """One sentence that says what was seen, with its figures."""
    remedy: Text
    """What to try, as the end of a sentence."""
    step: Positive | None = None
    """Optimizer step at which it was noticed; None when that was before the first."""

    @property
    def sentence(self) -> str:
        """What was seen and what to try, in one sentence."""
        return f"{self.message.rstrip('. ')}; {self.remedy.rstrip('. ')}."


class SmallerBatch(Declaration):
    """A forward pass that did not fit into memory, and what was done: the effective batch stayed the same."""

    step: Positive
    """Optimizer step from which the smaller batch was used."""
    per_device_train_batch_size: Positive
    gradient_accumulation_steps: Positive


class PreviousStage(Declaration):
    """The run whose exported weights this run started from."""

    stage: Stage
    run_id: Text
    recipe_digest: Sha256
    fingerprint: Sha256
    """SHA-256 of the weights that it exported, which are this run's base model."""
    base_model: ModelIdentity
    """What that run started from."""
    origin: ModelIdentity | None = None
    """As in that run's own record."""


class Teacher(Declaration):
    """A model that another one learned from."""

    model: ModelIdentity
    validation: dict[str, Finite]
    """Its own figures on the validation split."""


class DistillationRecord(Declaration):
    """Whose answers a run of the stage ``distillation`` learned from, and to which texts."""

    teachers: Annotated[tuple[Teacher, ...], Field(min_length=1)]
    validation: dict[str, Finite]
    """Validation figures of the mean of their probabilities, which is what was learned from."""
    texts: Positive
    """Texts that they answered to be learned from: those of the training split, those that were made of them, and those
    of corpora without labels."""
    unlabelled: NotNegative = 0
    """How many of them are of corpora without labels."""
    texts_sha256: Sha256
    """SHA-256 over these texts in order."""


class Energy(Declaration):
    """What the training used, as CodeCarbon measured or estimated it on the main process' machine."""

    kilowatt_hours: NotNegativeFloat
    kg_co2e: NotNegativeFloat | None
    """Kilograms of CO2 equivalent; None when no country was given, because it decides how dirty the power is."""
    country: Text | None
    """ISO 3166-1 alpha-3 code."""
    method: Text
    """How each part of the machine was measured, in words."""
    codecarbon: Text
    """Version."""


class RunRecord(Record):
    """What a training run was asked, what it used, and what happened.

    A run of the stage ``masked_lm`` has the metric ``perplexity`` (e to the mean loss of a masked token) beside the
    loss, and no labels.
    """

    kind: ClassVar[str] = "run"

    run_id: Text
    created: Text
    """UTC, ISO 8601, when the run ended."""
    recipe: dict[str, Any]
    """The recipe as it was run, overrides included."""
    recipe_digest: Sha256
    overrides: dict[str, Any]
    max_steps: Positive | None
    """Limit that was given on top of the recipe; None when it ran as the recipe says."""
    base_model: ModelIdentity
    data: dict[str, SplitIdentity]
    environment: Environment
    seed: int
    mixed_precision: Text
    batching: Literal["packed", "padded"]
    """How texts share a forward pass: without padding, or padded to the longest of their batch."""
    total_steps: Positive
    """Optimizer steps that the schedule was made for."""
    steps_run: Positive
    warmup_steps: NotNegative
    effective_batch_size: Positive
    """Texts per optimizer step, over all processes and accumulation steps."""
    stopped: Literal["finished", "early", "max_steps"]
    history: Annotated[tuple[HistoryRow, ...], Field(min_length=1)]
    exported: Exported
    training_seconds: NotNegativeFloat
    """Wall time of the training loop, evaluations included, over all sittings; what a kill undid is not in it."""
    samples_per_second: NotNegativeFloat
    """Training texts (blocks, in masked-language-model training) per second of the loop, evaluations left out."""
    stage: Stage = "classification"
    previous: PreviousStage | None = None
    """The stage before, when the recipe has one and this run started from it."""
    sittings: Positive = 1
    """How many times the run was started: 1 when nothing interrupted it."""
    padding_share: Share | None = None
    """Share of the positions computed (by the main process) that were padding; None in records of before."""
    smaller_batches: tuple[SmallerBatch, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What the audit of the data and the watch over the training noticed."""
    energy: Energy | None = None
    """Over all sittings; None when it was not measured."""
    distillation: DistillationRecord | None = None
    """Whom a run of the stage ``distillation`` learned from."""
    origin: ModelIdentity | None = None
    """The model on the Hub that the base model was trained from, where the base model is one that emohub trained here
    and its own record says so."""

    @property
    def pretrained(self) -> ModelIdentity | None:
        """The model on the Hub that all training began with; None where it is only known as a folder.

        A record names a local copy by the recipe's id only when its weights have the SHA-256 that the recipe gives.
        """
        first = self.previous or self
        used = first.base_model
        if used.revision is not None:
            return used
        named = (self.recipe.get("base_model"), self.recipe.get("base_model_sha256"))
        return first.origin or (used if (used.id, used.fingerprint) == named else None)
