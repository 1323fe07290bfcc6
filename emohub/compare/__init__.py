"""Classifiers side by side: on one text, or on labelled data with paired tests."""

from emohub.compare.corpus import CorpusComparison, compare_corpus
from emohub.compare.labelled import LabelledComparison, compare_labelled, compare_labelled_steps
from emohub.compare.labels import align_labels
from emohub.compare.side_by_side import Disagreement, Measured, PairOnSplit, SideBySide, Step
from emohub.compare.slices import LEAST_ROWS_OF_A_GAP, MOST_SLICES, Slice, Slicing
from emohub.compare.text import PairOnText, Relation, TextComparison, compare_text, relate
from emohub.compare.texts import RankedText, TextsComparison, compare_texts, rank

__all__ = [
    "LEAST_ROWS_OF_A_GAP",
    "MOST_SLICES",
    "CorpusComparison",
    "Disagreement",
    "LabelledComparison",
    "Measured",
    "PairOnSplit",
    "PairOnText",
    "RankedText",
    "Relation",
    "SideBySide",
    "Slice",
    "Slicing",
    "Step",
    "TextComparison",
    "TextsComparison",
    "align_labels",
    "compare_corpus",
    "compare_labelled",
    "compare_labelled_steps",
    "compare_text",
    "compare_texts",
    "rank",
    "relate",
]
