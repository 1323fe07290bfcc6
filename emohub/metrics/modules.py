"""The classification scores as ``evaluate.Metric`` subclasses: they work offline, alone and in ``evaluate.combine``.

``evaluate.load("accuracy")`` fetches code from the Hub, and ``evaluate.combine`` has no way to give two metrics
different arguments. Here the averaging is part of the class::

    clf_metrics = evaluate.combine([Accuracy(6), MacroF1(6), WeightedF1(6)])
    clf_metrics.compute(references=[0, 5], predictions=[0, 1])  # {"accuracy": 0.5, "macro_f1": …, "weighted_f1": …}
"""

import evaluate
import numpy as np
from evaluate.info import Features, Value

from emohub.errors import DataError
from emohub.metrics.classification import classification_metrics


class ClassificationMetric(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """One score over all labels; the subclass' name says which."""

    def __init__(self, num_labels: int) -> None:
        """``num_labels`` counts in every average, also for labels that occur in no row."""
        if num_labels < 1:
            raise DataError(f"num_labels is {num_labels}", "give the number of labels that the classifier knows")
        self.num_labels = num_labels
        super().__init__(keep_in_memory=True)

    def _build_data_dir(self) -> str:
        """No folder: the rows stay in memory, so that a metric needs no writable cache."""
        return ""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="",
            inputs_description="references and predictions: label ids",
            features=Features({"predictions": Value("int64"), "references": Value("int64")}),
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        scores = classification_metrics(np.asarray(references), np.asarray(predictions), self.num_labels)
        return {self.name: scores[self.name]}


class Accuracy(ClassificationMetric):
    """Share of rows that were given their own label."""


class MacroPrecision(ClassificationMetric):
    """Mean precision of the labels."""


class MacroRecall(ClassificationMetric):
    """Mean recall of the labels."""


class MacroF1(ClassificationMetric):
    """Mean F1 of the labels."""


class WeightedPrecision(ClassificationMetric):
    """Mean precision of the labels, weighted by support."""


class WeightedRecall(ClassificationMetric):
    """Mean recall of the labels, weighted by support."""


class WeightedF1(ClassificationMetric):
    """Mean F1 of the labels, weighted by support."""
