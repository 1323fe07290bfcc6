"""The HTTP API: typed endpoints that answer with plain values, through the same service as the page."""

from typing import TypedDict

import gradio as gr

from emohub.errors import EmohubError
from emohub.inference import Prediction
from emohub.ui.service import Service


class Classification(TypedDict):
    """What one model makes of a text."""

    model: str
    label: str
    probabilities: dict[str, float]
    tokens: int
    max_length: int
    truncated: bool
    seconds: float


class Pair(TypedDict):
    """How two answers relate: ``agree``, ``disagree`` or ``not comparable``."""

    first: str
    second: str
    relation: str


class Comparison(TypedDict):
    """What several models make of a text."""

    labels: list[str]
    shared_labels: list[str]
    agree: bool
    answers: list[Classification]
    pairs: list[Pair]


def build(service: Service) -> None:
    """Add ``/classify`` and ``/compare`` to the page that is being built."""

    def classify(text: str, model: str) -> Classification:
        """Probabilities of all labels of one model for one text."""
        try:
            return _classification(model, service.classify(text, model))
        except EmohubError as error:
            raise _refusal(error) from None

    def compare(text: str, models: list[str]) -> Comparison:
        """What several models make of one text, and which of them agree."""
        try:
            comparison = service.compare(text, models)
        except EmohubError as error:
            raise _refusal(error) from None
        return Comparison(
            labels=list(comparison.labels),
            shared_labels=list(comparison.shared_labels),
            agree=comparison.agree,
            answers=[_classification(name, prediction) for name, prediction in comparison.predictions.items()],
            pairs=[Pair(first=pair.first, second=pair.second, relation=pair.relation) for pair in comparison.pairs],
        )

    gr.api(classify, api_name="classify", queue=False)
    gr.api(compare, api_name="compare", queue=False)


def _classification(model: str, prediction: Prediction) -> Classification:
    return Classification(
        model=model,
        label=prediction.label,
        probabilities=dict(zip(prediction.labels, prediction.probabilities, strict=True)),
        tokens=prediction.tokens,
        max_length=prediction.max_length,
        truncated=prediction.truncated,
        seconds=prediction.seconds,
    )


def _refusal(error: EmohubError) -> gr.Error:
    return gr.Error(str(error), print_exception=False)
