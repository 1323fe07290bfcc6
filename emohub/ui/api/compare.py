"""``/compare`` and ``/compare_texts``: one text or several, several models."""

from typing import TypedDict

from emohub.compare import TextComparison
from emohub.ui.api.answers import Classification, classification
from emohub.ui.api.endpoint import expose
from emohub.ui.service import Service, comparing


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


class RankedComparison(TypedDict):
    """One of several texts."""

    row: int
    text: str
    disagree: bool
    distance: float | None
    comparison: Comparison


class TextsComparison(TypedDict):
    """What several models make of several texts, disagreements first."""

    models: list[str]
    disagreements: int
    texts: list[RankedComparison]


def build(service: Service) -> None:
    """Add the endpoints."""

    def compare(text: str, models: list[str]) -> Comparison:
        """Classify one text with several models at once, and say which of them agree.

        Labels are matched by name; models that do not know each other's answers are not comparable.

        Args:
            text: The text, as people write it; at most 100,000 characters, not empty.
            models: Names of the served models to ask, as list_models gives them; at most 8.

        Returns:
            All labels in one order, those that every model knows (shared_labels), every model's answer, and for each
            pair of models whether they agree, disagree, or are not comparable; agree is true when every pair does.
        """
        return _plain(comparing.compare(service, text, models))

    def compare_texts(texts: list[str], models: list[str]) -> TextsComparison:
        """Classify several texts with several models, and put the texts first that the models disagree on.

        Args:
            texts: The texts, at most 100, none of them empty.
            models: Names of the served models to ask, as list_models gives them; at most 8.

        Returns:
            The number of texts that models disagree on, and the texts, disagreements first and among them those
            furthest apart first: each with its place in texts from 0 (row), its distance (the largest difference
            between the probabilities that two models give one label, null where they share none), and what compare
            answers for it. The seconds of an answer are those of the pass that it was computed in.
        """
        compared = comparing.compare_texts(service, texts, models)
        return TextsComparison(
            models=list(compared.models),
            disagreements=compared.disagreements,
            texts=[
                RankedComparison(
                    row=text.row,
                    text=text.comparison.text,
                    disagree=text.disagree,
                    distance=text.distance,
                    comparison=_plain(text.comparison),
                )
                for text in compared.texts
            ],
        )

    expose(compare)
    expose(compare_texts)


def _plain(comparison: TextComparison) -> Comparison:
    return Comparison(
        labels=list(comparison.labels),
        shared_labels=list(comparison.shared_labels),
        agree=comparison.agree,
        answers=[classification(name, prediction) for name, prediction in comparison.predictions.items()],
        pairs=[Pair(first=pair.first, second=pair.second, relation=pair.relation) for pair in comparison.pairs],
    )
