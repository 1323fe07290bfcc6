"""A run and the evaluation of what it exported, held against each other before anything is said about them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from emohub.errors import CardError
from emohub.layout import DESCRIPTION_FILE, EVAL_FILE, ROBUSTNESS_FILE, RUN_FILE
from emohub.metrics import averages, label_scores
from emohub.recipe import Adaptation, Recipe
from emohub.record import DescriptionRecord, EvalRecord, HistoryRow, Interval, RobustnessRecord, RunRecord

HEADLINE = ("accuracy", "macro_f1")
"""Metrics that every card leads with."""


@dataclass(frozen=True)
class RunRecords:
    """A run record, held against itself.

    Raises:
        CardError: it contradicts itself, so that no card can be true.
    """

    run: RunRecord
    recipe: Recipe
    """The recipe as it was run."""

    def __post_init__(self) -> None:
        run = self.run
        if run.stage not in self.recipe.stages or self._digest != run.recipe_digest:
            raise CardError(
                "the recipe in the run record does not have the digest that the record states", "train again"
            )
        if run.exported.step not in {row.step for row in run.history}:
            raise CardError(f"the exported step {run.exported.step} is not in the run's history", "train again")
        if run.previous is not None and run.previous.fingerprint != run.base_model.fingerprint:
            raise CardError("the run did not start from the weights of the stage that it names", "train again")
        before_export = run.exported.validation_before_export.get("loss")
        if before_export is not None and not math.isclose(
            before_export, self.exported_row.validation_loss, rel_tol=1e-3, abs_tol=1e-4
        ):
            raise CardError("the exported weights are not those of the history's exported row", "train again")

    @property
    def _digest(self) -> str:
        return self.recipe.adaptation_digest if self.run.stage == "masked_lm" else self.recipe.digest

    @property
    def exported_row(self) -> HistoryRow:
        """The row of the history whose weights were exported."""
        return next(row for row in self.run.history if row.step == self.run.exported.step)


@dataclass(frozen=True)
class MaskedLMRecords(RunRecords):
    """The record of a masked-language-model stage, which measured the files that it exported by itself.

    Raises:
        CardError: it contradicts itself.
    """

    @classmethod
    def of(cls, run: RunRecord) -> Self:
        """The record, with the recipe that it holds."""
        return cls(run, _recipe(run))

    def __post_init__(self) -> None:
        super().__post_init__()
        measured = self.run.exported.validation
        for loss, perplexity in (
            (measured.get("loss"), measured.get("perplexity")),
            *((row.validation_loss, row.metrics.get("perplexity")) for row in self.run.history),
        ):
            if loss is None or perplexity is None or not math.isclose(perplexity, math.exp(loss), rel_tol=1e-9):
                raise CardError("a perplexity in the run record is not e to the loss beside it", "train again")

    @property
    def adaptation(self) -> Adaptation:
        """What the recipe says of the stage."""
        assert self.recipe.adaptation is not None  # it is among the recipe's stages
        return self.recipe.adaptation


@dataclass(frozen=True)
class Records(RunRecords):
    """A run record, the evaluation of its exported weights, and their description and robustness where there are any.

    Raises:
        CardError: they contradict each other or themselves, so that no card can be true.
    """

    evaluation: EvalRecord
    description: DescriptionRecord | None = None
    robustness: RobustnessRecord | None = None

    @classmethod
    def of(
        cls,
        run: RunRecord,
        evaluation: EvalRecord,
        description: DescriptionRecord | None = None,
        robustness: RobustnessRecord | None = None,
    ) -> Self:
        """The records, with the recipe that the run record holds."""
        return cls(run, _recipe(run), evaluation, description, robustness)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the records of a folder: ``run.json``, ``eval.json``, and the other two where they are.

        Raises:
            RecordError: one is missing or damaged.
            CardError: they do not belong together.
        """
        run, evaluation = RunRecord.load(folder / RUN_FILE), EvalRecord.load(folder / EVAL_FILE)
        described, robust = folder / DESCRIPTION_FILE, folder / ROBUSTNESS_FILE
        return cls.of(
            run,
            evaluation,
            DescriptionRecord.load(described) if described.is_file() else None,
            RobustnessRecord.load(robust) if robust.is_file() else None,
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        run, evaluation, labels = self.run, self.evaluation, self.recipe.corpus.labels
        again = "evaluate the exported checkpoint again"
        if evaluation.model.fingerprint != run.exported.fingerprint:
            raise CardError("the evaluation measured other weights than the run exported", again)
        used = run.data.get(evaluation.split)
        if used is not None and used.fingerprint != evaluation.data.fingerprint:
            raise CardError(f"the evaluation's {evaluation.split} split is not the one that the run used", again)
        if evaluation.corpus != self.recipe.corpus.name or evaluation.labels != labels:
            raise CardError(
                f"the evaluation is of the corpus {evaluation.corpus!r}, the run of {self.recipe.corpus.name!r}",
                f"evaluate the exported checkpoint on {self.recipe.corpus.name!r}, with its labels in their order",
            )
        if tuple(result.label for result in evaluation.per_label) != labels:
            raise CardError("the evaluation's results per label are not those of its labels", again)
        missing = [name for name in HEADLINE if name not in evaluation.metrics]
        if missing:
            raise CardError(f"the evaluation lacks {missing[0]}", again)
        matrix = evaluation.confusion_matrix
        if any(len(row) != len(labels) for row in matrix) or len(matrix) != len(labels):
            raise CardError(f"the evaluation's confusion matrix is not {len(labels)} x {len(labels)}", again)
        if sum(map(sum, matrix)) != evaluation.data.rows:
            raise CardError("the evaluation's confusion matrix contradicts its rows", again)
        for what, stated, counted in _scores(evaluation):
            if not math.isclose(stated, counted, rel_tol=1e-9, abs_tol=1e-12):
                raise CardError(f"the evaluation's confusion matrix contradicts its {what}", again)
        if self.description is not None:
            self._check_description(self.description)
        if self.robustness is not None:
            self._check_robustness(self.robustness)

    def _check_description(self, description: DescriptionRecord) -> None:
        again = "describe the exported checkpoint again with `emohub describe`"
        run, labels = self.run, self.recipe.corpus.labels
        if description.model.fingerprint != run.exported.fingerprint:
            raise CardError("the description is of other weights than the run exported", again)
        if tuple(label.label for label in description.labels) != labels:
            raise CardError("the description's labels are not those of the run's corpus", again)
        if any(set(answer.probabilities) != set(labels) for answer in description.answers):
            raise CardError("an answer in the description is not one of the run's labels", again)
        for split in ("train", "validation"):
            described = description.splits.get(split)
            if described is None or described.data.fingerprint != run.data[split].fingerprint:
                raise CardError(f"the description's {split} split is not the one that the run used", again)
            if tuple(described.labels) != labels:
                raise CardError(f"the description does not count the run's labels in {split}", again)
            if sum(described.labels.values()) != described.data.rows:
                raise CardError(f"the description's labels of {split} are not as many as its rows", again)
        if any(label.rows != description.splits["train"].labels[label.label] for label in description.labels):
            raise CardError("the description counts the rows of a label in two ways", again)

    def _check_robustness(self, robustness: RobustnessRecord) -> None:
        again = "measure it again with `emohub evaluate --suite robustness`"
        if robustness.model.fingerprint != self.run.exported.fingerprint:
            raise CardError("the robustness is that of other weights than the run exported", again)
        if robustness.corpus != self.recipe.corpus.name or robustness.labels != self.recipe.corpus.labels:
            raise CardError("the robustness was not measured on the run's corpus", again)
        used = {self.evaluation.split: self.evaluation.data, **self.run.data}.get(robustness.split)
        if used is not None and used.fingerprint != robustness.data.fingerprint:
            raise CardError(f"the robustness was measured on another {robustness.split} split", again)
        rates = [(each.name, each.failures / each.texts, each.failure_rate.value) for each in robustness.tests]
        rates += [(each.name, each.failures / each.texts, each.failure_rate.value) for each in robustness.probes]
        for name, counted, stated in rates:
            if not math.isclose(stated, counted, rel_tol=1e-9, abs_tol=1e-12):
                raise CardError(f"the failures of {name!r} contradict their rate", again)


def _scores(evaluation: EvalRecord) -> Iterator[tuple[str, float, float]]:
    """Every score that the confusion matrix gives: its name, as it is stated, and as it is counted."""
    matrix = np.array(evaluation.confusion_matrix)
    counts = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    for name, value in averages(*counts).items():
        if name in evaluation.metrics:
            yield name, evaluation.metrics[name].value, float(value)
    for index, result in enumerate(evaluation.per_label):
        yield f"rows of {result.label}", result.support, int(counts[1][index])
        yield f"answers {result.label}", result.predicted, int(counts[2][index])
        for name, values in label_scores(*counts).items():
            stated: Interval = getattr(result, name)
            yield f"{name} of {result.label}", stated.value, float(values[index])


def _recipe(run: RunRecord) -> Recipe:
    return Recipe.from_values(run.recipe, "the recipe in the run record")
