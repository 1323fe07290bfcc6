"""The classification stage: labelled texts, packed where the model allows it, and the cross-entropy of their labels."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from emohub import packing, tokenizing
from emohub.data import LabelledTexts, audit_for_training, load_split, split_identity
from emohub.errors import DivergedError
from emohub.inference import Classifier
from emohub.inference.loading import BaseModel, last_layer, load_for_training, save_pretrained
from emohub.inference.torch_engine import TorchEngine
from emohub.metrics import classification_metrics, fit_temperature, log_loss
from emohub.recipe import Evaluation, Recipe, Stage, Training
from emohub.record import Calibration, DistillationRecord, Finding, ModelIdentity, PreviousStage, SplitIdentity
from emohub.record.measuring import confidence
from emohub.tokenizing import Tokens, TrainingTokenizer
from emohub.train.batches import Batch
from emohub.train.options import OnTeaching
from emohub.train.stage import base_identity, origin_of, recorded_recipe
from emohub.train.students import make_student
from emohub.train.watch import constant_prediction_loss

_MULTIPLE = 64
"""Tokens that packed batches are filled up to a multiple of in half precision: for every other number of rows oneDNN
makes new kernels, which takes longer."""


@dataclass(frozen=True)
class Classification:
    """What a run that classifies reads; see :class:`~emohub.train.stage.StageMaterial`."""

    recorded: Recipe
    base: BaseModel
    identity: ModelIdentity
    tokenizer: TrainingTokenizer
    splits: dict[str, LabelledTexts]
    """The splits ``train`` and ``validation``."""
    tokens: dict[str, Tokens]
    """Their tokens, by the same names."""
    findings: tuple[Finding, ...]
    origin: ModelIdentity | None = None
    """See :class:`~emohub.record.RunRecord`."""
    stage: Stage = "classification"

    @property
    def settings(self) -> Training:
        """Hyperparameters of the recipe."""
        return self.recorded.training

    @property
    def evaluation(self) -> Evaluation:
        """When the recipe measures validation."""
        return self.recorded.evaluation

    @property
    def metric_for_best_model(self) -> str:
        """The recipe's."""
        return self.evaluation.metric_for_best_model

    @property
    def export_dtype(self) -> Literal["float32", "float16"]:
        """The recipe's."""
        return self.recorded.export.dtype

    @property
    def digest(self) -> str:
        """The recipe's."""
        return self.recorded.digest

    @property
    def also(self) -> dict[str, Any]:
        """Nothing else decides what is trained."""
        return {}

    @property
    def distillation(self) -> DistillationRecord | None:
        """Nobody teaches."""
        return None

    def begin(self, keep: Path | None, device: str, on_teaching: OnTeaching | None) -> None:
        """Nothing has to be done."""

    @property
    def model(self) -> nn.Module:
        """The pretrained encoder with a head for the corpus' labels."""
        model: nn.Module = self.base.model
        return model

    @property
    def size(self) -> int:
        """Number of training texts."""
        return self.splits["train"].rows

    @property
    def validation_size(self) -> int:
        """Number of validation texts."""
        return self.splits["validation"].rows

    @property
    def constant_loss(self) -> float:
        """That of the labels' shares."""
        weights = self._label_weights
        return constant_prediction_loss(
            self._label_counts, None if weights is None else weights.tolist(), self.settings.label_smoothing
        )

    @cached_property
    def packed(self) -> bool:
        """Whether the recipe wants batches without padding, and the model's family allows them."""
        return self.settings.packing and packing.supports(self.model)

    @property
    def data(self) -> dict[str, SplitIdentity]:
        """What the record states about each split."""
        return {name: split_identity(split, self.tokens[name].truncated) for name, split in self.splits.items()}

    def batch(self, rows: list[int], epoch: int) -> Batch:  # noqa: ARG002 - a text is the same in every epoch
        """The texts of ``rows``, in their order."""
        texts = [self.tokens["train"].ids[row] for row in rows]
        labels = torch.from_numpy(self.splits["train"].labels[rows])
        weight = len(rows) if self._label_weights is None else float(self._label_weights[labels].sum())
        return Batch(self._inputs(texts), labels, weight, sum(map(len, texts)))

    def _inputs(self, texts: list[list[int]]) -> dict[str, Tensor]:
        """One forward pass over the token ids of some texts."""
        if self.packed:
            multiple_of = 1 if self.settings.mixed_precision == "no" else _MULTIPLE
            return packing.pack(texts, multiple_of=multiple_of)._asdict()
        padded = tokenizing.pad(texts, self.tokenizer.pad_token_id)
        return {name: torch.from_numpy(array) for name, array in padded.items()}

    def loss(self, model: nn.Module, inputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """Cross-entropy in nats, smoothed and weighted as the recipe says, summed over the texts; with ``r_drop`` the
        mean over two draws of dropout, and how much their answers diverge."""
        logits = self._logits(model, inputs)
        if not self.settings.r_drop:
            return self._cross_entropy(logits, targets)
        others = self._logits(model, inputs)
        labels = (self._cross_entropy(logits, targets) + self._cross_entropy(others, targets)) / 2
        return labels + self.settings.r_drop * divergence(logits, others)

    def _logits(self, model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
        logits: Tensor = (
            packing.packed_logits(model, packing.Packed(**inputs)) if self.packed else model(**inputs).logits
        )
        return logits.float()

    def _cross_entropy(self, logits: Tensor, targets: Tensor) -> Tensor:
        weights = self._label_weights
        return functional.cross_entropy(
            logits,
            targets,
            weight=None if weights is None else weights.to(logits.device),
            label_smoothing=self.settings.label_smoothing,
            reduction="sum",
        )

    def measure(self, accelerator: Accelerator) -> dict[str, float]:
        """The loss and all metrics on validation; each process classifies its share of the texts, each text once."""
        with accelerator.split_between_processes(self.splits["validation"].texts) as share:
            probabilities = np.concatenate(gather_object([self._validator.predict_proba(share)]))
        if not np.isfinite(probabilities).all():
            raise DivergedError(
                "the probabilities of the validation texts are no finite numbers",
                "lower learning_rate, or lengthen warmup_steps",
            )
        return self._figures(probabilities)

    def save(self, folder: Path) -> None:
        """Write the classifier and its tokenizer in the recipe's precision, calibrated if it says so."""
        save_pretrained(self.model, self.tokenizer, folder, self.export_dtype, temperature=self._temperature())

    def measure_files(self, folder: Path) -> tuple[dict[str, float], Calibration | None]:
        """The loss and all metrics on validation of the classifier in ``folder``, and what its temperature did."""
        classifier, validation = Classifier.from_pretrained(folder, engine="torch"), self.splits["validation"]
        probabilities, temperature = classifier.predict_proba(validation.texts), classifier.calibration_temperature
        if temperature is None:
            return self._figures(probabilities), None
        calibration = Calibration(
            temperature=temperature,
            before=confidence(validation.labels, probabilities, undone=temperature),
            after=confidence(validation.labels, probabilities),
        )
        return self._figures(probabilities), calibration

    def _temperature(self) -> float | None:
        """What calibrates the weights as they are; None where the recipe wants none."""
        if not self.recorded.export.calibrate:
            return None
        validation = self.splits["validation"]
        return fit_temperature(validation.labels, self._validator.predict_proba(validation.texts))

    def _figures(self, probabilities: NDArray[np.float32]) -> dict[str, float]:
        labels = self.splits["validation"].labels
        metrics = classification_metrics(labels, probabilities.argmax(axis=1), probabilities.shape[1])
        return {"loss": log_loss(labels, probabilities), **metrics}

    @cached_property
    def _validator(self) -> Classifier:
        return Classifier(
            TorchEngine(self.base.model),
            self.tokenizer,
            id=self.recorded.name,
            max_length=self.recorded.max_length,
            batch_size=self.settings.per_device_eval_batch_size,
        )

    @cached_property
    def _label_weights(self) -> Tensor | None:
        """Weight of each label's loss; None when all weigh the same."""
        declared = self.settings.class_weights
        if declared is None:
            return None
        if declared == "balanced":
            counts = np.maximum(self._label_counts, 1)
            return torch.tensor(self.size / (len(counts) * counts), dtype=torch.float32)
        return torch.tensor(declared, dtype=torch.float32)

    @property
    def _label_counts(self) -> list[int]:
        """Training texts of each label."""
        labels = self.splits["train"].labels
        counts: list[int] = np.bincount(labels, minlength=len(self.recorded.corpus.labels)).tolist()
        return counts


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Mean of the Kullback-Leibler divergences of two answers, either from the other, in nats; summed over the texts
    (Liang et al. 2021, R-Drop, equation 2)."""
    one, other = functional.log_softmax(logits, dim=-1), functional.log_softmax(others, dim=-1)
    return ((one.exp() - other.exp()) * (one - other)).sum() / 2


def gather_classification(
    recipe: Recipe, base_model: str | Path | None, data_dir: Path | None, previous: PreviousStage | None
) -> Classification:
    """Read data, model and tokenizer; whatever is wrong with them shows here, before time is spent.

    Weights that the base model lacks (the head) are drawn from torch's global generator. ``base_model`` replaces the
    recipe's; with ``previous`` it is the folder of the weights that the stage before exported.

    Raises:
        DataError, ModelError, UsageError: one of them cannot be used.
    """
    splits = {name: load_split(recipe.corpus, name, data_dir=data_dir) for name in ("train", "validation")}
    base = load_for_training(
        base_model or recipe.base_model,
        recipe.corpus.labels,
        revision=None if base_model else recipe.base_model_revision,
        attention_dropout=recipe.training.attention_dropout,
        dropout=recipe.training.dropout,
    )
    if recipe.export.calibrate:
        last_layer(base.model)  # it could not be calibrated after training, either
    if previous is not None:
        identity = base.identity.model_copy(update={"id": previous.run_id})
        recorded = recorded_recipe(recipe, recipe.base_model)
    else:
        identity = base_identity(recipe, base.identity, given=base_model is not None)
        recorded = recorded_recipe(recipe, identity.id)
    tokenizer: TrainingTokenizer = base.tokenizer(recipe.max_length)
    if recipe.distillation is not None and recipe.distillation.student is not None:
        base, tokenizer = make_student(
            base, tokenizer, recipe.distillation.student, splits["train"].texts, recipe.max_length
        )
    tokens = {name: tokenizing.tokenize(tokenizer, split.texts, recipe.max_length) for name, split in splits.items()}
    lengths = {name: split_tokens.lengths for name, split_tokens in tokens.items()}
    findings = audit_for_training(splits, recipe.corpus, lengths, recipe.max_length)
    if recipe.training.packing and packing.supports(base.model):
        packing.prepare(base.model)
    elif recipe.training.packing:
        findings = (*findings, _padded(base.model))
    origin = None if previous is not None else origin_of(identity, base_model or recipe.base_model, recipe)
    return Classification(recorded, base, identity, tokenizer, splits, tokens, findings, origin)


def _padded(model: nn.Module) -> Finding:
    return Finding(
        kind="padding",
        message=f"{type(model).__name__} cannot be trained without padding, and batches are padded",
        remedy="a model of the BERT, DistilBERT or RoBERTa family trains faster",
    )
