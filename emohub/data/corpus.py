"""A split of a corpus: labelled texts, checked against what the corpus declares, with a fingerprint."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emohub.data.source import find_rows
from emohub.data.table import Table
from emohub.data.texts import PlainTexts, fingerprint
from emohub.errors import DataError, UsageError
from emohub.labels import label_key
from emohub.recipe import Corpus, Split
from emohub.record import RunRecord, SplitIdentity

UNKNOWN_LABEL = -1
"""Stands for a value that is no label of the corpus."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with one label each, in the order of their source."""

    texts: list[str]
    labels: npt.NDArray[np.int64]
    """Label ids, shape (n,)."""
    fingerprint: str
    """See ``fingerprint``."""
    source: str
    """``hub:ID@COMMIT`` or ``file:NAME``; never an absolute path."""
    duplicates: int
    """Rows whose text stood earlier in the split already."""

    @property
    def rows(self) -> int:
        """Number of texts."""
        return len(self.texts)


def load_split(corpus: Corpus, split: str, *, data_dir: Path | None = None) -> LabelledTexts:
    """One split of a corpus.

    The rows come from the file that the corpus names for the split; else from
    ``data_dir/<corpus.data_folder>/<split>.parquet``, where ``data_dir`` None takes ``EMOHUB_DATA_DIR`` if that is
    set; else from the Hub. The label column holds ids, or names spelled as the corpus spells them.

    Raises:
        UsageError: the corpus has no such split.
        DataError: the data cannot be found or read, or is not what the corpus declares; the message names the row.
    """
    splits: dict[str, Split] = dict(corpus.splits.items())
    if split not in splits:
        raise UsageError(f"the corpus {corpus.name} has no split {split!r}", f"use {', '.join(splits)}")
    declared = splits[split]
    table, source = find_rows(corpus, split, file=declared.file, data_dir=data_dir)
    texts = table.texts(corpus.text_column)
    labels = _label_ids(table, corpus)
    if declared.rows not in (None, len(texts)):
        raise DataError(
            f"{table.source} has {len(texts):,} rows; the corpus {corpus.name} declares {declared.rows:,} for {split}",
            "use the data that the declaration describes, or correct its rows",
        )
    if not texts:
        raise DataError(f"{table.source} has no rows", "give a file with at least one")
    return LabelledTexts(texts, labels, fingerprint(texts, labels), source, len(texts) - len(set(texts)))


def load_run_split(corpus: Corpus, split: str, run: RunRecord, *, data_dir: Path | None = None) -> LabelledTexts:
    """One split of the corpus of a run, as :func:`load_split` finds it; a split that the run read must be the same.

    Raises:
        UsageError, DataError: as :func:`load_split` does, or the rows are not the run's.
    """
    data = load_split(corpus, split, data_dir=data_dir)
    if split in run.data and run.data[split].fingerprint != data.fingerprint:
        raise DataError(
            f"the {split} rows of {corpus.name} are not those of the run {run.run_id}",
            "give the data that it was trained on, with --data-dir or --corpus",
        )
    return data


def split_identity(data: LabelledTexts | PlainTexts, truncated: int = 0) -> SplitIdentity:
    """What a record says about the rows that were used; ``truncated`` counts the texts that the model saw cut."""
    return SplitIdentity(
        rows=data.rows,
        fingerprint=data.fingerprint,
        source=data.source,
        duplicates=data.duplicates,
        truncated=truncated,
    )


def check_stated_labels(table: Table, corpus: Corpus) -> None:
    """Compare the label names that the data itself states, if it does, with those that the corpus declares.

    Raises:
        DataError: they are not the same names in the same order.
    """
    stated = table.label_names.get(corpus.label_column, corpus.labels)
    if list(map(label_key, stated)) != list(map(label_key, corpus.labels)):
        raise DataError(
            f"{table.source} has the labels {', '.join(stated)}; the corpus {corpus.name} declares "
            f"{', '.join(corpus.labels)}",
            "list the labels in the order of the data",
        )


def label_ids(values: Sequence[Any], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Label ids of a column that holds names, or ids as integers or decimal strings; shape ``(len(values),)``.

    A column is one of names as soon as one value is a name: where names are numbers, no id is taken for one. A value
    that is neither becomes ``UNKNOWN_LABEL``.
    """
    by_name: dict[Any, int] = {name: index for index, name in enumerate(labels)}
    by_id: dict[Any, int] = {key: index for index in by_name.values() for key in (index, str(index))}
    known = by_name if any(isinstance(value, str) and value in by_name for value in values) else by_id
    # To a dictionary True and 1.0 are 1, yet neither is an id.
    ids = [known.get(value, UNKNOWN_LABEL) if type(value) in (int, str) else UNKNOWN_LABEL for value in values]
    return np.array(ids, dtype=np.int64)


def _label_ids(table: Table, corpus: Corpus) -> npt.NDArray[np.int64]:
    """The label ids of a split, every one of them known."""
    check_stated_labels(table, corpus)
    values = table.values(corpus.label_column)
    ids = label_ids(values, corpus.labels)
    unknown = np.flatnonzero(ids == UNKNOWN_LABEL)
    if len(unknown):
        row = int(unknown[0])
        raise DataError(
            f"{table.source}, row {row + 1}: the label {values[row]!r:.40} is not one of the corpus {corpus.name}",
            f"use the names {', '.join(corpus.labels)}, or throughout the ids 0 to {len(corpus.labels) - 1}",
        )
    return ids
