"""Classifiers side by side on one text."""

from collections.abc import Mapping
from itertools import combinations
from typing import Literal

from emohub.compare.labels import align_labels, require_classifiers
from emohub.inference import Classifier, Prediction
from emohub.labels import label_key
from emohub.recipe import Declaration

Relation = Literal["agree", "disagree", "not comparable"]


class PairOnText(Declaration):
    """How the answers of two classifiers to one text relate."""

    first: str
    second: str
    relation: Relation
    """``not comparable``: the answers differ, but one of the two classifiers does not know the other's answer."""


class TextComparison(Declaration):
    """What several classifiers make of one text."""

    text: str
    labels: tuple[str, ...]
    """Every label that any of them knows, in the order met."""
    shared_labels: tuple[str, ...]
    """The labels that all of them know."""
    predictions: dict[str, Prediction]
    """By the classifier's name, in the order given."""
    table: dict[str, tuple[float | None, ...]]
    """By classifier, the probability of each of ``labels``; None where it does not know the label."""
    pairs: tuple[PairOnText, ...]
    agree: bool
    """Whether all of them give the same label."""


def compare_text(classifiers: Mapping[str, Classifier], text: str) -> TextComparison:
    """Let every classifier answer ``text``; their labels are matched by name.

    Raises:
        UsageError: no classifier was given, or the text is empty or too long.
    """
    require_classifiers(classifiers)
    return relate(text, {name: classifier.classify(text) for name, classifier in classifiers.items()})


def relate(text: str, predictions: Mapping[str, Prediction]) -> TextComparison:
    """Hold the answers that classifiers gave to ``text`` against each other, by the classifiers' names."""
    labels = align_labels(prediction.labels for prediction in predictions.values())
    by_key = {
        name: dict(zip(map(label_key, prediction.labels), prediction.probabilities, strict=True))
        for name, prediction in predictions.items()
    }
    pairs = tuple(
        PairOnText(first=first, second=second, relation=_relation(predictions[first], predictions[second]))
        for first, second in combinations(predictions, 2)
    )
    return TextComparison(
        text=text,
        labels=labels,
        shared_labels=tuple(name for name in labels if all(label_key(name) in known for known in by_key.values())),
        predictions=dict(predictions),
        table={name: tuple(known.get(label_key(label)) for label in labels) for name, known in by_key.items()},
        pairs=pairs,
        agree=all(pair.relation == "agree" for pair in pairs),
    )


def _relation(first: Prediction, second: Prediction) -> Relation:
    if label_key(first.label) == label_key(second.label):
        return "agree"
    known_to_both = {*map(label_key, first.labels)} & {*map(label_key, second.labels)}
    return "disagree" if {label_key(first.label), label_key(second.label)} <= known_to_both else "not comparable"
