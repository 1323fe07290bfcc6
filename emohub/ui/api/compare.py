"""``/compare``: one text, several models."""

from typing import TypedDict

import gradio as gr

from emohub.errors import EmohubError
from emohub.ui.api.answers import Classification, classification, refusal
from emohub.ui.service import Service


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
    """Add the endpoint."""

    def compare(text: str, models: list[str]) -> Comparison:
        """What several models make of one text, and which of them agree."""
        try:
            comparison = service.compare(text, models)
        except EmohubError as error:
            raise refusal(error) from None
        return Comparison(
            labels=list(comparison.labels),
            shared_labels=list(comparison.shared_labels),
            agree=comparison.agree,
            answers=[classification(name, prediction) for name, prediction in comparison.predictions.items()],
            pairs=[Pair(first=pair.first, second=pair.second, relation=pair.relation) for pair in comparison.pairs],
        )

    gr.api(compare, api_name="compare", queue=False)
