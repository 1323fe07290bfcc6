"""A split of a corpus: labelled texts, checked against what the corpus declares, with a fingerprint."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from emohub.data.hub import load_hub_split
from emohub.data.table import Table, read_table
from emohub.errors import DataError, UsageError
from emohub.recipe import Corpus
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
    set; else from the Hub. Labels stand in the label column as names or as ids.

    Raises:
        UsageError: the corpus has no such split.
        DataError: the data cannot be found or read, or is not what the corpus declares; the message names the row.
    """
    declared = next((declared for name, declared in corpus.splits.items() if name == split), None)
    if declared is None:
        raise UsageError(f"the corpus {corpus.name} has no split {split!r}", f"use {', '.join(corpus.splits)}")
    if data_dir is None and os.environ.get(DATA_DIR_VARIABLE):
        data_dir = Path(os.environ[DATA_DIR_VARIABLE])
    own_names: tuple[str, ...] | None = None
    if declared.file is not None:
        path = Path(corpus.base_folder, Path(declared.file).expanduser())
        table = _read_file(path, f"correct file in the declaration of the corpus {corpus.name}")
        source = f"file:{path.name}"
    elif data_dir is not None:
        path = data_dir.expanduser() / corpus.data_folder / f"{split}.parquet"
        remedy = (
            f"put it there, or give a --data-dir (or {DATA_DIR_VARIABLE}) that holds {path.parent.name}/{path.name}"
        )
        table = _read_file(path, remedy)
        source = f"file:{path.parent.name}/{path.name}"
    else:
        table, own_names, commit = load_hub_split(corpus, split)
        source = f"hub:{corpus.hub_id}@{commit}"
    texts = table.texts(corpus.text_column)
    labels = _label_ids(table, corpus)
    if own_names is not None and [name.casefold() for name in own_names] != [n.casefold() for n in corpus.labels]:
        raise DataError(
            f"{table.source} has the labels {', '.join(own_names)}; the corpus declares {', '.join(corpus.labels)}",
            "list the declaration's labels in the order of the data",
        )
    if declared.rows not in (None, len(texts)):
        raise DataError(
            f"{table.source} has {len(texts):,} rows; the corpus {corpus.name} declares {declared.rows:,} for {split}",
            "use the data that the declaration describes, or correct its rows",
        )
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


def _read_file(path: Path, remedy: str) -> Table:
    if not path.is_file():
        raise DataError(f"there is no file {path}", remedy)
    return read_table(path)


def _label_ids(table: Table, corpus: Corpus) -> npt.NDArray[np.int64]:
    """Label ids of a column that holds names, or ids as integers or decimal strings.

    A column is of names as soon as one value is a name: where names are numbers, an id is not taken for one.
    """
    values = table.values(corpus.label_column)
    by_name = {name: i for i, name in enumerate(corpus.labels)}
    by_id: dict[Any, int] = {key: i for i in by_name.values() for key in (i, str(i))}
    known: dict[Any, int] = by_name if any(isinstance(v, str) and v in by_name for v in values) else by_id

    def refuse(row: int, value: Any) -> NoReturn:
        raise DataError(
            f"{table.source}, row {row}: the label {value!r:.40} is none of the corpus {corpus.name}",
            f"use the ids 0 to {len(corpus.labels) - 1} or the names {', '.join(corpus.labels)}",
        )

    ids = np.empty(len(values), dtype=np.int64)
    for i, value in enumerate(values):
        # True == 1 and 1.0 == 1 for a dictionary, but neither is an id.
        if type(value) not in (int, str) or value not in known:
            refuse(i + 1, value)
        ids[i] = known[value]
    return ids
