"""Classifiers side by side on several texts, those that they disagree on first."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from emohub.compare.labels import require_classifiers
from emohub.compare.text import TextComparison, relate
from emohub.errors import UsageError
from emohub.inference import Classifier
from emohub.recipe import Declaration


class RankedText(Declaration):
    """One of several texts, and how far apart the classifiers are on it."""

    row: int
    """Position among the texts that were given, from 0."""
    disagree: bool
    """Whether any two classifiers that know each other's answers give different ones."""
    distance: float | None
    """See ``distance``."""
    comparison: TextComparison


class TextsComparison(Declaration):
    """What several classifiers make of several texts."""

    models: tuple[str, ...]
    texts: tuple[RankedText, ...]
    """Disagreements first, and among them and the others those furthest apart first."""

    @property
    def disagreements(self) -> int:
        """Number of texts that any two classifiers disagree on."""
        return sum(text.disagree for text in self.texts)


def compare_texts(classifiers: Mapping[str, Classifier], texts: Sequence[str]) -> TextsComparison:
    """Let every classifier answer every text; their labels are matched by name.

    Raises:
        UsageError: no classifier or no text was given, or a text is empty or too long.
    """
    require_classifiers(classifiers)
    answers = {name: classifier.classify_many(texts) for name, classifier in classifiers.items()}
    return rank(
        relate(text, {name: predictions[row] for name, predictions in answers.items()})
        for row, text in enumerate(texts)
    )


def rank(comparisons: Iterable[TextComparison]) -> TextsComparison:
    """Order comparisons of the same classifiers by how far apart these are.

    Raises:
        UsageError: there is no comparison.
    """
    ranked = [
        RankedText(
            row=row,
            disagree=any(pair.relation == "disagree" for pair in comparison.pairs),
            distance=distance(comparison),
            comparison=comparison,
        )
        for row, comparison in enumerate(comparisons)
    ]
    if not ranked:
        raise UsageError("there is no text to compare", "give at least one")
    ranked.sort(key=lambda text: (not text.disagree, -(text.distance or 0), text.row))
    return TextsComparison(models=tuple(ranked[0].comparison.predictions), texts=tuple(ranked))


def distance(comparison: TextComparison) -> float | None:
    """The largest difference between the probabilities that two classifiers give one label, from 0 to 1.

    Labels that only one of the two knows do not count; None when no two of them share a label.
    """
    differences = (
        abs(one - other)
        for first, second in combinations(comparison.table.values(), 2)
        for one, other in zip(first, second, strict=True)
        if one is not None and other is not None
    )
    return max(differences, default=None)
