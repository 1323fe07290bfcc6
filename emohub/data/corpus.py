"""A split of a corpus: labelled texts, checked against what the corpus declares, with a fingerprint."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emohub.data.hub import load_hub_split
from emohub.data.table import Table, read_table
from emohub.errors import DataError, UsageError
from emohub.labels import label_key
from emohub.recipe import Corpus, Split
from emohub.record import SplitIdentity

DATA_DIR_VARIABLE = "EMOHUB_DATA_DIR"
"""Environment variable that stands in for ``--data-dir``."""


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
    if data_dir is None and os.environ.get(DATA_DIR_VARIABLE):
        data_dir = Path(os.environ[DATA_DIR_VARIABLE])
    declared = splits[split]
    table, source = _find(corpus, split, declared.file, data_dir)
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


def fingerprint(texts: Sequence[str], labels: Sequence[int] | npt.NDArray[np.int64]) -> str:
    """SHA-256 over the rows in order, in hexadecimal.

    Each row is the length of its UTF-8 text in bytes, the text, and the label id, both numbers as 8 bytes, little
    endian: the same rows give the same digest whatever file they came in, and no two different splits share one.
    """
    digest = hashlib.sha256()
    for text, label in zip(texts, labels, strict=True):
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
        digest.update(int(label).to_bytes(8, "little"))
    return digest.hexdigest()


def split_identity(data: LabelledTexts, truncated: int) -> SplitIdentity:
    """What a record says about the rows that were used; ``truncated`` counts the texts that the model saw cut."""
    return SplitIdentity(
        rows=data.rows,
        fingerprint=data.fingerprint,
        source=data.source,
        duplicates=data.duplicates,
        truncated=truncated,
    )


def _find(corpus: Corpus, split: str, file: str | None, data_dir: Path | None) -> tuple[Table, str]:
    """The rows of a split, and the source that a record states."""
    if file is not None:
        path = Path(corpus.base_folder, Path(file).expanduser())
        source, remedy = path.name, f"correct file in the declaration of the corpus {corpus.name}"
    elif data_dir is not None:
        path = data_dir.expanduser() / corpus.data_folder / f"{split}.parquet"
        source = f"{path.parent.name}/{path.name}"
        remedy = f"give a --data-dir, or {DATA_DIR_VARIABLE}, that holds {source}"
    elif corpus.hub_id is not None:
        table, commit = load_hub_split(corpus.hub_id, corpus, split)
        return table, f"hub:{corpus.hub_id}@{commit}"
    else:
        raise AssertionError("a corpus names a file for each split that is not on the Hub")
    if not path.is_file():
        raise DataError(f"there is no file {path}", remedy)
    return read_table(path), f"file:{source}"


def _label_ids(table: Table, corpus: Corpus) -> npt.NDArray[np.int64]:
    """Label ids of a column that holds names, or ids as integers or decimal strings.

    A column is one of names as soon as one value is a name: where names are numbers, no id is taken for one.
    """
    values = table.values(corpus.label_column)
    stated = table.label_names.get(corpus.label_column, corpus.labels)
    if list(map(label_key, stated)) != list(map(label_key, corpus.labels)):
        raise DataError(
            f"{table.source} has the labels {', '.join(stated)}; the corpus {corpus.name} declares "
            f"{', '.join(corpus.labels)}",
            "list the labels in the order of the data",
        )
    by_name: dict[Any, int] = {name: index for index, name in enumerate(corpus.labels)}
    by_id: dict[Any, int] = {key: index for index in by_name.values() for key in (index, str(index))}
    known = by_name if any(isinstance(value, str) and value in by_name for value in values) else by_id
    ids = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        # To a dictionary True and 1.0 are 1, yet neither is an id.
        if type(value) not in (int, str) or value not in known:
            raise DataError(
                f"{table.source}, row {row + 1}: the label {value!r:.40} is not one of the corpus {corpus.name}",
                f"use the names {', '.join(corpus.labels)}, or throughout the ids 0 to {len(corpus.labels) - 1}",
            )
        ids[row] = known[value]
    return ids
