"""Classifiers side by side: on one text, or on labelled data with paired tests."""

from emohub.compare.corpus import CorpusComparison, Disagreement, Measured, PairOnSplit, compare_corpus
from emohub.compare.labels import align_labels
from emohub.compare.text import PairOnText, Relation, TextComparison, compare_text

__all__ = [
    "CorpusComparison",
    "Disagreement",
    "Measured",
    "PairOnSplit",
    "PairOnText",
    "Relation",
    "TextComparison",
    "align_labels",
    "compare_corpus",
    "compare_text",
]
