"""A classifier's answer to every row of a table."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emohub.data import Table
from emohub.errors import DataError, UsageError
from emohub.inference import MAX_TEXT_CHARS, Classifier
from emohub.steps import map_steps


@dataclass(frozen=True)
class TableTexts:
    """The texts of one column of a table."""

    table: Table
    column: str
    rows: NDArray[np.int64]
    """Positions of the rows that have a text, from 0, in order; shape (n,)."""
    texts: Sequence[str]
    """n texts."""

    @property
    def without_text(self) -> int:
        """Rows that have none."""
        return len(self.table) - len(self.texts)


@dataclass(frozen=True)
class Progress:
    """How far a table is."""

    done: int
    """Rows."""
    total: int
    share: float
    """Of the work, from 0 to 1: a long text counts for more than a short one."""


@dataclass(frozen=True)
class TableAnswers:
    """What a classifier makes of a table's texts."""

    asked: TableTexts
    labels: tuple[str, ...]
    """k labels in the model's order."""
    probabilities: NDArray[np.float32]
    """Shape (n, k), a row for each text."""
    tokens: NDArray[np.int64]
    """Tokens of each whole text, special ones included; shape (n,)."""
    max_length: int
    """Tokens that the model reads; the rest of a longer text is ignored."""

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Column of the most probable label of each text, shape (n,); the first one of a tie."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best

    @property
    def truncated(self) -> int:
        """Texts that the model did not read to their end."""
        return int((self.tokens > self.max_length).sum())

    def least_certain(self) -> NDArray[np.int64]:
        """Texts from the least to the most probable answer, as positions in ``asked.texts``; ties in their order."""
        order: NDArray[np.int64] = self.probabilities.max(axis=1).argsort(kind="stable")
        return order

    def as_table(self) -> Table:
        """The table as it was read, with the answers in columns after its own.

        They are named as :func:`answer_columns` says. A row without a text has none of them.
        """
        names: list[str | None] = [None] * len(self.asked.table)
        for row, label in zip(self.asked.rows.tolist(), self.predicted.tolist(), strict=True):
            names[row] = self.labels[label]
        columns: list[list[str | None] | list[float | None]] = [names]
        for index in range(len(self.labels)):
            values: list[float | None] = [None] * len(self.asked.table)
            # Through the shortest decimal that is this float32: a wider type would show digits that are not there.
            shown = self.probabilities[:, index].astype(str).astype(float).tolist()
            for row, value in zip(self.asked.rows.tolist(), shown, strict=True):
                values[row] = value
            columns.append(values)
        return self.asked.table.with_columns(
            dict(zip(answer_columns(self.asked.table, self.labels), columns, strict=True))
        )


def answer_columns(table: Table, labels: Sequence[str]) -> list[str]:
    """What the columns of answers are called: ``label``, and ``probability_LABEL`` for each label.

    All start with ``emohub_`` where a column of one of these names is there already.

    Raises:
        UsageError: columns of those names are there as well.
    """
    names = ["label", *(f"probability_{label}" for label in labels)]
    if table.columns.keys().isdisjoint(names):
        return names
    names = [f"emohub_{name}" for name in names]
    taken = next((name for name in names if name in table.columns), None)
    if taken is not None:
        raise UsageError(f"{table.source} has a column {taken!r} already", "rename it in the input")
    return names


def read_texts(table: Table, column: str, *, skip_empty: bool = False) -> TableTexts:
    """The texts to classify; with ``skip_empty`` rows without one are left out instead of refused.

    Raises:
        DataError: there is no such column, a text is missing or too long, or no row has one.
    """
    if skip_empty:
        values = table.values(column)
        filled = [row for row, value in enumerate(values) if isinstance(value, str) and value.strip()]
        if not filled:
            raise DataError(f"no row of {table.source} has a text in {column!r}", "choose the column of the texts")
        rows, texts = np.array(filled, np.int64), [values[row] for row in filled]
    else:
        texts = table.texts(column)
        rows = np.arange(len(texts))
    for row, text in zip(rows.tolist(), texts, strict=True):
        if len(text) > MAX_TEXT_CHARS:
            raise DataError(
                f"{table.source}, row {table.first_row + row}: {column!r} has {len(text):,} characters, "
                f"the limit is {MAX_TEXT_CHARS:,}",
                "shorten it, or leave the row out",
            )
    return TableTexts(table, column, rows, texts)


def answer_texts(classifier: Classifier, asked: TableTexts) -> Generator[Progress, None, TableAnswers]:
    """Classify a table's texts, step by step, for who shows progress, stops, or lets others compute in between.

    Raises:
        UsageError: the table has columns of the names that answers get.
        DataError: a text is not valid Unicode.
    """
    answer_columns(asked.table, classifier.labels)
    # What one text costs, roughly: its characters as far as they may be read, and a little for being a text.
    work = np.cumsum([0, *(min(len(text), 8 * classifier.max_length) + 20 for text in asked.texts)])

    def progress(done: int) -> Progress:
        return Progress(done, len(asked.texts), float(work[done] / work[-1]))

    answers = yield from map_steps(classifier.answer_in_steps(asked.texts), progress)
    return TableAnswers(asked, classifier.labels, answers.probabilities, answers.tokens, classifier.max_length)
