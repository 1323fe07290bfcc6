"""``cascade.json``: two models and the threshold between them, and what that was chosen from."""

from typing import ClassVar, Literal

from emohub.recipe.declaration import (
    Declaration,
    NotNegative,
    NotNegativeFloat,
    Positive,
    Share,
    Text,
    canonical_json,
    sha256_text,
)
from emohub.record.base import Record
from emohub.record.environment import Environment
from emohub.record.evaluation import Interval, IntervalMethod
from emohub.record.identity import ModelIdentity, SplitIdentity


class CascadePoint(Declaration):
    """What comes of one threshold."""

    threshold: NotNegativeFloat
    """The small model answers where its highest probability reaches it; above 1 it never does."""
    asked: NotNegative
    """Texts that the large model answers."""
    share: Share
    """The same as a share of all."""
    accuracy: Interval
    """With Wilson's 95% interval."""
    macro_f1: Share
    difference: Interval
    """Accuracy less that of the large model alone on the same texts, with Bonett and Price's 95% interval."""
    multiply_adds: NotNegativeFloat | None
    """Mean per text in the layers of both models; None where a model's shape is not known."""


class CascadeMember(Declaration):
    """One of the two models by itself."""

    model: ModelIdentity
    parameters: Positive
    multiply_adds: NotNegativeFloat | None
    """Mean per text in its layers; None where its shape is not known."""
    metrics: dict[str, Interval]
    """As in ``EvalRecord.metrics``."""


class CascadeRecord(Record):
    """A cascade: the small model answers where it is sure, the large one the rest."""

    kind: ClassVar[str] = "cascade"

    created: Text
    """UTC, ISO 8601."""
    small: CascadeMember
    large: CascadeMember
    chosen: CascadePoint
    """The threshold that is used: the cheapest whose ``difference`` lies above ``-margin`` with its whole interval."""
    margin: Share
    metrics: dict[str, Interval]
    """Of the cascade at that threshold, as in ``EvalRecord.metrics``."""
    intervals: IntervalMethod
    """How those of ``metrics`` were computed, here and in the members."""
    points: tuple[CascadePoint, ...]
    """The curve: of all thresholds the first that asks each further percent of the texts, from none to all."""
    corpus: Text
    split: Literal["validation"] = "validation"
    """Thresholds are chosen on no other."""
    data: SplitIdentity
    labels: tuple[Text, ...]
    environment: Environment

    @property
    def fingerprint(self) -> str:
        """What tells this cascade from others; see :func:`cascade_fingerprint`."""
        return cascade_fingerprint(self.small.model.fingerprint, self.large.model.fingerprint, self.chosen.threshold)

    @property
    def saves(self) -> float | None:
        """Share of the large model's multiply-adds that the cascade does without; None where a shape is not known."""
        alone, together = self.large.multiply_adds, self.chosen.multiply_adds
        return None if not alone or together is None else 1 - together / alone


def cascade_fingerprint(small: str, large: str, threshold: float) -> str:
    """SHA-256 over the fingerprints of two models and the threshold between them."""
    return sha256_text(canonical_json({"small": small, "large": large, "threshold": threshold}))
