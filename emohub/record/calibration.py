"""What calibration by a temperature changed, in a record's own terms."""

from emohub.recipe.declaration import Declaration, NotNegativeFloat, PositiveFloat


class Confidence(Declaration):
    """How far probabilities are from how often the answers are right."""

    expected_calibration_error: NotNegativeFloat
    log_loss: NotNegativeFloat
    """Nats."""


class Calibration(Declaration):
    """A temperature that the exported weights hold, and validation figures without and with it."""

    temperature: PositiveFloat
    """What all logits are divided by; above 1 the model had been too sure, below 1 not sure enough."""
    before: Confidence
    """Of the same answers with the temperature undone."""
    after: Confidence
