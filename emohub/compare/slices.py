"""Whether a classifier does equally well everywhere: the same rows cut by length, by label, and by a column."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emohub.metrics import wilson_interval
from emohub.recipe import Declaration
from emohub.record import Interval

MOST_SLICES = 20
"""Different values of a column up to which it can be cut by."""
LEAST_ROWS_OF_A_GAP = 10
"""Rows of a slice from which on it counts for the gap: the accuracy of fewer says little."""

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_LENGTHS = (40, 80, 160, 320)
"""Upper ends of the lengths, in characters; the last slice has none. Each is twice as wide as the one before."""


class Slice(Declaration):
    """Rows that have something in common."""

    value: str
    rows: int
    accuracy: dict[str, Interval]
    """By classifier, with its 95% Wilson interval."""


class Slicing(Declaration):
    """All rows, cut into slices that do not overlap."""

    kind: Literal["length", "label", "column"]
    by: str
    """What they are cut by: the kind itself, or the name of the column."""
    slices: tuple[Slice, ...]
    gaps: dict[str, float | None]
    """By classifier, its best accuracy less its worst among the slices of at least ``LEAST_ROWS_OF_A_GAP`` rows.

    None where there are fewer than two such slices.
    """


def slicings(
    texts: Sequence[str],
    labels: NDArray[np.int64],
    label_names: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    right: Mapping[str, NDArray[np.bool_]],
) -> tuple[Slicing, ...]:
    """Cut the rows by length, by label and by each column; ``right`` says which rows each classifier gets right."""
    lengths = [_LENGTH_NAMES[_length(text)] for text in texts]
    return (
        _cut("length", "length", lengths, _LENGTH_NAMES, right),
        _cut("label", "label", [label_names[label] for label in labels], label_names, right),
        *(_cut("column", name, values, _sorted(values), right) for name, values in columns.items()),
    )


def _sorted(values: Sequence[str]) -> list[str]:
    """Each of them once: numbers by their size, then everything else by the alphabet."""
    numbers = {value: float(value) for value in set(values) if _NUMBER.fullmatch(value)}
    return [*sorted(numbers, key=numbers.__getitem__), *sorted(set(values) - numbers.keys())]


def _cut(
    kind: Literal["length", "label", "column"],
    by: str,
    values: Sequence[str],
    order: Sequence[str],
    right: Mapping[str, NDArray[np.bool_]],
) -> Slicing:
    """A slice for each value that occurs, in the given order."""
    every = np.array(values, dtype=object)
    slices = []
    for value in order:
        inside = every == value
        rows = int(inside.sum())
        if not rows:
            continue
        accuracy = {name: _share(int(hits[inside].sum()), rows) for name, hits in right.items()}
        slices.append(Slice(value=value, rows=rows, accuracy=accuracy))
    return Slicing(kind=kind, by=by, slices=tuple(slices), gaps={name: _gap(name, slices) for name in right})


def _share(hits: int, rows: int) -> Interval:
    low, high = wilson_interval(hits, rows)
    return Interval(value=hits / rows, low=low, high=high)


def _gap(name: str, slices: Sequence[Slice]) -> float | None:
    counting = [part.accuracy[name].value for part in slices if part.rows >= LEAST_ROWS_OF_A_GAP]
    return max(counting) - min(counting) if len(counting) > 1 else None


def _length(text: str) -> int:
    return sum(len(text) > end for end in _LENGTHS)


def _length_names() -> tuple[str, ...]:
    middle = [f"{low + 1} to {high} characters" for low, high in pairwise(_LENGTHS)]
    return (f"up to {_LENGTHS[0]} characters", *middle, f"more than {_LENGTHS[-1]} characters")


_LENGTH_NAMES = _length_names()
