"""Tables of texts, classified: answers beside every row, and how often each label was given, over time and by group."""

from emohub.batch.answers import Progress, TableAnswers, TableTexts, answer_texts, read_texts
from emohub.batch.columns import ColumnGuess, guess_columns
from emohub.batch.dates import Dates, read_dates
from emohub.batch.files import FileAnswers, answer_file, check_file
from emohub.batch.shares import (
    Counted,
    Group,
    Groups,
    Period,
    Periods,
    TimeUnit,
    count_by_group,
    count_by_period,
    count_labels,
)

__all__ = [
    "ColumnGuess",
    "Counted",
    "Dates",
    "FileAnswers",
    "Group",
    "Groups",
    "Period",
    "Periods",
    "Progress",
    "TableAnswers",
    "TableTexts",
    "TimeUnit",
    "answer_file",
    "answer_texts",
    "check_file",
    "count_by_group",
    "count_by_period",
    "count_labels",
    "guess_columns",
    "read_dates",
    "read_texts",
]
