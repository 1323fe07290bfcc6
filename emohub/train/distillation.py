"""The distillation stage: texts, with labels and without, and what teachers answer to them."""

from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from emohub import packing, tokenizing
from emohub.data import load_texts
from emohub.layout import ANSWERS_FILE
from emohub.recipe import Distillation, Recipe, Stage
from emohub.record import DistillationRecord, PreviousStage, Teacher
from emohub.train.accelerator import agreed
from emohub.train.augmentation import made_texts
from emohub.train.batches import Batch
from emohub.train.classification import Classification, gather_classification
from emohub.train.options import OnTeaching
from emohub.train.teachers import Answers, Teachers, find_teachers, texts_sha256
from emohub.train.watch import constant_prediction_loss

NO_LABEL = -100
"""Stands for the label of a text that has none, as torch's cross-entropy has it."""
_MAP = "map_to_teachers"
"""What the linear map from the student's states to the teachers' is called in the model that it is trained with."""


@dataclass(frozen=True, kw_only=True)
class Distilled(Classification):
    """What a run that learns from teachers reads; see :class:`~emohub.train.stage.StageMaterial`."""

    stage: Stage = "distillation"
    teachers: Teachers
    ids: list[list[int]]
    """Token ids of the texts that are learned from: those of the training split, those made of them, those without a
    label."""
    unlabelled: int
    """How many of them are of corpora without labels."""
    answered: list[Answers] = field(default_factory=list)
    """What the teachers said, once they were asked."""

    @property
    def asked(self) -> Distillation:
        """The stage's part of the recipe."""
        assert self.recorded.distillation is not None  # else there is no such stage
        return self.recorded.distillation

    @property
    def size(self) -> int:
        """Number of texts that are learned from."""
        return len(self.ids)

    @property
    def also(self) -> dict[str, Any]:
        """Which teachers are asked about which texts."""
        return {"distillation": self.teachers.described}

    @property
    def distillation(self) -> DistillationRecord:
        """The teachers, how well they do on validation, and how much they were asked."""
        answers = self._answers
        return DistillationRecord(
            teachers=tuple(
                Teacher(model=identity, validation=self._figures(probabilities))
                for identity, probabilities in zip(self.teachers.identities, answers.validation, strict=True)
            ),
            validation=self._figures(answers.validation.mean(axis=0)),
            texts=self.size,
            unlabelled=self.unlabelled,
            texts_sha256=texts_sha256(self.teachers.texts),
        )

    def begin(self, keep: Path | None, device: str, on_teaching: OnTeaching | None) -> None:
        """Ask the teachers, or find what they said in an earlier sitting."""
        path = None if keep is None else keep / ANSWERS_FILE
        with torch.random.fork_rng(devices=()):  # training draws the same numbers whether they are asked or found
            self.answered[:] = [agreed(lambda: self.teachers.answers(path, device, on_teaching))]

    @property
    def constant_loss(self) -> float:
        """That of the mean of everything that is to be learned."""
        asked, states = self.asked, self._answers.states
        targets = softened(torch.from_numpy(self._answers.probabilities), asked.temperature)
        mean = targets.mean(dim=0).log().expand_as(targets)
        soft = functional.kl_div(mean, targets, reduction="batchmean").item() * asked.temperature**2
        labels = constant_prediction_loss(self._label_counts, None, self.settings.label_smoothing)
        hidden = float(np.var(states, axis=0, dtype=np.float64).mean()) if states.shape[1] else 0.0
        labelled = self.splits["train"].rows / self.size
        return asked.soft_weight * soft + asked.label_weight * labels * labelled + asked.hidden_weight * hidden

    def batch(self, rows: list[int], epoch: int) -> Batch:  # noqa: ARG002 - a text is the same in every epoch
        """The texts of ``rows``, in their order; a target is label, probabilities and states side by side."""
        texts = [self.ids[row] for row in rows]
        answers = self._answers
        parts = (self._labels[rows, None], answers.probabilities[rows], answers.states[rows])
        targets = torch.from_numpy(np.concatenate(parts, axis=1, dtype=np.float32))
        return Batch(self._inputs(texts), targets, len(rows), sum(map(len, texts)))

    def loss(self, model: nn.Module, inputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        """What is learned from teachers and labels, weighed as the recipe says and summed over the texts."""
        asked, n_labels = self.asked, len(self.recorded.corpus.labels)
        states, logits = self._states_and_logits(model, inputs)
        loss = asked.soft_weight * soft_loss(logits, targets[:, 1 : 1 + n_labels], asked.temperature)
        if asked.label_weight:
            labels = functional.cross_entropy(
                logits,
                targets[:, 0].long(),
                ignore_index=NO_LABEL,
                label_smoothing=self.settings.label_smoothing,
                reduction="sum",
            )
            loss = loss + asked.label_weight * labels
        if asked.hidden_weight:
            mapped = model.get_submodule(_MAP)(states)
            loss = loss + asked.hidden_weight * hidden_loss(mapped.float(), targets[:, 1 + n_labels :])
        return loss

    def save(self, folder: Path) -> None:
        """Write the classifier and its tokenizer, without the map, which has served."""
        if hasattr(self.model, _MAP):
            delattr(self.model, _MAP)
        super().save(folder)

    @property
    def _answers(self) -> Answers:
        return self.answered[0]

    @cached_property
    def _labels(self) -> NDArray[np.int64]:
        """The label of each text that is learned from."""
        labels = np.full(self.size, NO_LABEL, np.int64)
        labels[: self.splits["train"].rows] = self.splits["train"].labels
        return labels

    def _states_and_logits(self, model: nn.Module, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The states of first tokens after the last layer, and what the head makes of them, in float32."""
        if self.packed:
            states = packing.packed_states(model, packing.Packed(**inputs))
            return states, packing.head_logits(model, states).float()
        output = model(**inputs, output_hidden_states=bool(self.asked.hidden_weight))
        hidden = output.hidden_states[-1][:, 0] if self.asked.hidden_weight else output.logits
        return hidden, output.logits.float()


def softened(probabilities: Tensor, temperature: float) -> Tensor:
    """Probabilities whose logarithms were divided by ``temperature``; rows sum to 1."""
    logarithms = probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
    return (logarithms / temperature).softmax(dim=-1)


def soft_loss(logits: Tensor, probabilities: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of the student's probabilities from the teachers', both softened, in nats, times the
    square of the temperature (Hinton et al. 2015, section 2.1); summed over the texts."""
    own = functional.log_softmax(logits / temperature, dim=-1)
    return functional.kl_div(own, softened(probabilities, temperature), reduction="sum") * temperature**2


def hidden_loss(mapped: Tensor, states: Tensor) -> Tensor:
    """Mean squared difference of two states, summed over the texts."""
    return functional.mse_loss(mapped, states, reduction="none").mean(dim=1).sum()


def gather_distillation(
    recipe: Recipe, base_model: str | Path | None, data_dir: Path | None, previous: PreviousStage | None
) -> Distilled:
    """Read data, student, tokenizer and teachers, and gather the texts that are learned from.

    The arguments are those of :func:`~emohub.train.classification.gather_classification`.

    Raises:
        DataError, ModelError, UsageError: one of them cannot be used.
    """
    asked = recipe.distillation
    assert asked is not None  # else there is no such stage
    read = gather_classification(recipe, base_model, data_dir, previous)
    texts = read.splits["train"].texts
    made = [] if asked.augmentation is None else made_texts(texts, asked.augmentation, recipe.training.seed)
    known = {*texts, *made, *read.splits["validation"].texts}
    found = (text for corpus in asked.unlabelled for text in load_texts(corpus, data_dir=data_dir).texts)
    unlabelled = [text for text in dict.fromkeys(found) if text not in known]
    more = [*made, *unlabelled]
    teachers = find_teachers(
        asked.teachers,
        recipe.corpus.labels,
        [*texts, *more],
        read.splits["validation"].texts,
        with_states=bool(asked.hidden_weight),
        in_bfloat16=recipe.training.mixed_precision == "bf16",
    )
    if teachers.width:
        model: Any = read.model
        model.add_module(_MAP, nn.Linear(model.config.hidden_size, teachers.width))
    return Distilled(
        **{each.name: getattr(read, each.name) for each in fields(read) if each.name != "stage"},
        teachers=teachers,
        unlabelled=len(unlabelled),
        ids=[*read.tokens["train"].ids, *tokenizing.tokenize(read.tokenizer, more, recipe.max_length).ids],
    )
