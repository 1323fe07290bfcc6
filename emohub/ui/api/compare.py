"""``/compare``: one text, several models."""

from typing import TypedDict

from emohub.ui.api.answers import Classification, classification
from emohub.ui.api.endpoint import expose
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
        """Classify one text with several models at once, and say which of them agree.

        Labels are matched by name; models that do not know each other's answers are not comparable.

        Args:
            text: The text, as people write it; at most 100,000 characters, not empty.
            models: Names of the served models to ask, as list_models gives them.

        Returns:
            All labels in one order, those that every model knows (shared_labels), every model's answer, and for each
            pair of models whether they agree, disagree, or are not comparable; agree is true when every pair does.
        """
        comparison = service.compare(text, models)
        return Comparison(
            labels=list(comparison.labels),
            shared_labels=list(comparison.shared_labels),
            agree=comparison.agree,
            answers=[classification(name, prediction) for name, prediction in comparison.predictions.items()],
            pairs=[Pair(first=pair.first, second=pair.second, relation=pair.relation) for pair in comparison.pairs],
        )

    expose(compare)
