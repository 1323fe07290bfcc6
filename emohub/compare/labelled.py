"""Classifiers side by side on a labelled table of one's own."""

from collections.abc import Callable, Generator, Mapping, Sequence

import numpy as np

from emohub.compare.labels import require_classifiers
from emohub.compare.side_by_side import LabelledRows, SideBySide, Step, answering_only, side_by_side_steps
from emohub.compare.slices import MOST_SLICES
from emohub.data import Table, names_in
from emohub.errors import DataError, ModelError, UsageError
from emohub.inference import MAX_TEXT_CHARS, Classifier
from emohub.labels import label_key
from emohub.steps import run_steps

NO_VALUE = "(none)"
"""The slice of the rows that have no value in a column."""
_LISTED = 8
"""Labels that a sentence lists."""


class LabelledComparison(SideBySide):
    """Several classifiers on a labelled table.

    ``labels`` are those that occur in it. A classifier must know all of them and may know more: to answer one of those
    is wrong, and averages are over ``labels``.
    """

    text_column: str
    label_column: str
    left_out: int
    """Rows of the table without a text or without a label."""


def compare_labelled(
    classifiers: Mapping[str, Classifier],
    table: Table,
    text_column: str,
    label_column: str,
    *,
    slice_columns: Sequence[str] = (),
    resamples: int = 9999,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> LabelledComparison:
    """Measure every classifier on a labelled table, test each pair of them, and cut the rows into slices.

    Labels are matched by name. ``on_progress`` receives the classifier's name, the texts done and all texts.

    Raises:
        UsageError: no classifier was given, or a column has two roles.
        ModelError: not one of the classifiers knows the table's labels.
        DataError: a column is missing, no row has a text and a label, or a column has too many values to cut by.
    """
    steps = compare_labelled_steps(
        classifiers, table, text_column, label_column, slice_columns=slice_columns, resamples=resamples, seed=seed
    )
    return run_steps(steps, answering_only(on_progress))


def compare_labelled_steps(
    classifiers: Mapping[str, Classifier],
    table: Table,
    text_column: str,
    label_column: str,
    *,
    slice_columns: Sequence[str] = (),
    resamples: int = 9999,
    seed: int = 0,
) -> Generator[Step, None, LabelledComparison]:
    """:func:`compare_labelled` for who stops between two steps, or lets others compute there."""
    require_classifiers(classifiers)
    rows = labelled_rows(table, text_column, label_column, slice_columns)
    reasons = {name: _reason_against(classifier.labels, rows.names) for name, classifier in classifiers.items()}
    aligned = {name: classifiers[name].labels for name, reason in reasons.items() if not reason}
    if not aligned:
        raise ModelError(
            f"none of the models knows the labels in {label_column!r}, {_listed(rows.names)}",
            "choose models that know them, or another column; labels are matched by name",
        )
    rows = rows.in_order(next(iter(aligned.values())))
    fields = yield from side_by_side_steps(
        rows,
        classifiers,
        {name: _columns(labels, rows.names) for name, labels in aligned.items()},
        resamples=resamples,
        seed=seed,
    )
    return LabelledComparison(
        source=table.source,
        unaligned={name: f"{name} {reason}" for name, reason in reasons.items() if reason},
        text_column=text_column,
        label_column=label_column,
        left_out=len(table) - len(rows.texts),
        **fields,
    )


def labelled_rows(table: Table, text_column: str, label_column: str, slice_columns: Sequence[str] = ()) -> LabelledRows:
    """The rows of a table that have a text and a label; two labels that differ in case alone are one.

    Raises:
        UsageError: a column has two roles.
        DataError: a column is missing, no row has both, a text is too long, or a column of ``slice_columns`` has too
            many values.
    """
    roles = [text_column, label_column, *slice_columns]
    twice = next((column for place, column in enumerate(roles) if column in roles[:place]), None)
    if twice is not None:
        raise UsageError(f"the column {twice!r} is named twice", "give texts, labels and slices a column each")
    texts = table.values(text_column)
    labels = names_in(table, label_column)
    kept = [row for row in range(len(table)) if isinstance(texts[row], str) and texts[row].strip() and labels[row]]
    if not kept:
        raise DataError(
            f"no row of {table.source} has a text in {text_column!r} and a label in {label_column!r}",
            "choose the columns that hold them",
        )
    for row in kept:
        if len(texts[row]) > MAX_TEXT_CHARS:
            raise DataError(
                f"{table.source}, row {row + 1}: the text has {len(texts[row]):,} characters, "
                f"the limit is {MAX_TEXT_CHARS:,}",
                "shorten it, or leave the row out",
            )
    spelling: dict[str, str] = {}
    for row in kept:
        spelling.setdefault(label_key(labels[row]), labels[row])
    number = {key: index for index, key in enumerate(spelling)}
    return LabelledRows(
        texts=[texts[row] for row in kept],
        labels=np.array([number[label_key(labels[row])] for row in kept], np.int64),
        names=tuple(spelling.values()),
        positions=np.array(kept, np.int64),
        columns={name: _slice_values(table, name, kept) for name in slice_columns},
    )


def _slice_values(table: Table, column: str, kept: Sequence[int]) -> list[str]:
    names = names_in(table, column)
    named = [names[row] or NO_VALUE for row in kept]
    if len(set(named)) > MOST_SLICES:
        raise DataError(
            f"the column {column!r} has {len(set(named)):,} different values",
            f"choose one with at most {MOST_SLICES}",
        )
    return named


def _reason_against(labels: Sequence[str], wanted: Sequence[str]) -> str | None:
    """Why a classifier with these labels cannot be measured on rows with the wanted ones; None where it can."""
    known = {label_key(label) for label in labels}
    missing = [label for label in wanted if label_key(label) not in known]
    if missing:
        return f"lacks {_listed(missing)}; it knows {_listed(labels)}"
    return "has two labels of one name" if len(known) < len(labels) else None


def _columns(labels: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """The positions of ``wanted`` in ``labels``, and after them those of all others."""
    positions = {label_key(label): position for position, label in enumerate(labels)}
    first = [positions[label_key(label)] for label in wanted]
    return [*first, *(position for position in range(len(labels)) if position not in first)]


def _listed(labels: Sequence[str]) -> str:
    """The first few labels in a row, each shortened."""
    shown = [label if len(label) <= 40 else f"{label[:39]}…" for label in labels[:_LISTED]]
    more = len(labels) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
