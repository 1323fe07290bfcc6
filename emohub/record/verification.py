"""``verify.json``: what came of holding a model against its own card."""

from typing import ClassVar, Literal

from emohub.recipe.declaration import Declaration, Sha256, Text
from emohub.record.base import Finite, Record
from emohub.record.evaluation import Interval
from emohub.record.identity import ModelIdentity


class VerifiedClaim(Declaration):
    """A figure of the card, and what came of it."""

    dataset: Text
    """Hub id, or whatever the card names."""
    config: str | None
    split: str | None
    metric: Text
    """The Hub's name of the metric, with its average: ``f1 (macro)``."""
    claimed: Finite | str
    """What the card states; text where it is no finite number."""
    outcome: Literal["reproduced", "differs", "cannot be checked"]
    reason: str
    """By how much it differs, or why it cannot be checked; may be empty for one that was reproduced."""
    measured: Interval | None
    """The measurement with its 95% interval; None when there is none."""


class VerificationRecord(Record):
    """One verification of a model; it stays beside the records, and neither card nor audit depends on it."""

    kind: ClassVar[str] = "verification"

    created: Text
    """UTC, ISO 8601."""
    emohub: Text
    """Version."""
    model: ModelIdentity
    card: Sha256
    """Of the card as it was read: tells later whether it is still the same."""
    claims: tuple[VerifiedClaim, ...]
    weights_named: bool | None
    """Whether the weights have the SHA-256 that the card states; None when it states none."""
    notes: tuple[Text, ...]
    """What of the model was refused and left alone."""
    holds: bool
    """Whether at least one claim was reproduced, none differs, and the weights are those that the card names."""
