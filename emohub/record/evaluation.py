"""``eval.json``: what one model measured on one split of one corpus."""

from typing import ClassVar, Literal

from emohub.recipe.declaration import Declaration, NotNegative, NotNegativeFloat, Positive, Sha256, Share, Text
from emohub.record.base import Finite, Record
from emohub.record.calibration import Confidence
from emohub.record.environment import Environment
from emohub.record.identity import ModelIdentity, SplitIdentity


class Interval(Declaration):
    """A measured value with its confidence interval."""

    value: Finite
    low: Finite
    high: Finite


class LabelResult(Declaration):
    """Results of one label."""

    label: Text
    precision: Interval
    recall: Interval
    f1: Interval
    support: NotNegative
    """Rows that carry this label."""
    predicted: NotNegative
    """Rows that were given this label."""


class CalibrationBin(Declaration):
    """Predictions whose confidence (highest probability) lies in ``(lower, upper]``."""

    lower: Share
    upper: Share
    count: NotNegative
    confidence: Share | None
    """Mean confidence; None when the bin is empty."""
    accuracy: Share | None
    """Share that is right; None when the bin is empty."""


class IntervalMethod(Declaration):
    """How the intervals were computed."""

    method: Literal["percentile bootstrap"] = "percentile bootstrap"
    level: Share
    resamples: Positive
    seed: int


class EvalRecord(Record):
    """What one model measured on one split of one corpus."""

    kind: ClassVar[str] = "evaluation"

    created: Text
    """UTC, ISO 8601."""
    model: ModelIdentity
    corpus: Text
    hub_id: str | None
    config: str | None
    split: Literal["train", "validation", "test"]
    data: SplitIdentity
    labels: tuple[Text, ...]
    metrics: dict[str, Interval]
    """accuracy; macro and weighted precision, recall and F1; log_loss (nats); expected_calibration_error."""
    intervals: IntervalMethod
    per_label: tuple[LabelResult, ...]
    confusion_matrix: tuple[tuple[NotNegative, ...], ...]
    """Rows: true label, columns: predicted label, both in the order of ``labels``."""
    calibration: tuple[CalibrationBin, ...]
    seconds: NotNegativeFloat
    """Wall time of the predictions, tokenizing included."""
    texts_per_second: NotNegativeFloat
    predictions_sha256: Sha256
    """Of the parquet file beside this record: row, label, predicted and one probability column per label."""
    environment: Environment
    uncalibrated: Confidence | None = None
    """Of the same answers with the model's temperature undone; None for a model that states none."""
