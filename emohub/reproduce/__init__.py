"""A documented recipe, trained and measured here, held against what its document reports."""

from emohub.reproduce.comparison import RULE, ComparedFigure, Reproduction, compare, judge
from emohub.reproduce.run import EVALUATION_FOLDER, REPRODUCTION_FILE, reproduce

__all__ = [
    "EVALUATION_FOLDER",
    "REPRODUCTION_FILE",
    "RULE",
    "ComparedFigure",
    "Reproduction",
    "compare",
    "judge",
    "reproduce",
]
