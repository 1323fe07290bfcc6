"""What several endpoints answer with."""

from typing import TypedDict

from emohub.inference import Prediction


class Classification(TypedDict):
    """What one model makes of a text."""

    model: str
    label: str
    probabilities: dict[str, float]
    tokens: int
    max_length: int
    truncated: bool
    seconds: float
    answered_by: str | None


def classification(model: str, prediction: Prediction) -> Classification:
    """One model's answer as plain values."""
    return Classification(
        model=model,
        label=prediction.label,
        probabilities=dict(zip(prediction.labels, prediction.probabilities, strict=True)),
        tokens=prediction.tokens,
        max_length=prediction.max_length,
        truncated=prediction.truncated,
        seconds=prediction.seconds,
        answered_by=prediction.answered_by,
    )
