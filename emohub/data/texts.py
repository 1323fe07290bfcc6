"""Plain texts without labels, for masked-language-model training: read, fingerprinted, and parted in two."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emohub.data.source import find_rows
from emohub.data.table import SUFFIXES
from emohub.data.table_reading import open_bytes, read_table, utf8_lines
from emohub.errors import DataError, UsageError
from emohub.recipe import TextCorpus

_LINES = ".txt"
"""Extension of a file with one text a line."""


@dataclass(frozen=True)
class PlainTexts:
    """Texts in the order of their source."""

    texts: list[str]
    fingerprint: str
    """See ``fingerprint``."""
    source: str
    """``hub:ID@COMMIT``, ``file:NAME`` or ``file:NAME and N more``; never an absolute path."""
    duplicates: int
    """Rows whose text stood earlier already."""

    @property
    def rows(self) -> int:
        """Number of texts."""
        return len(self.texts)

    @classmethod
    def of(cls, texts: list[str], source: str) -> "PlainTexts":
        """Texts with their fingerprint and their repeats counted."""
        return cls(texts, fingerprint(texts), source, len(texts) - len(set(texts)))


def load_texts(corpus: TextCorpus, *, data_dir: Path | None = None) -> PlainTexts:
    """All texts of a corpus.

    They come from the files that the corpus names; else from ``data_dir/<corpus.data_folder>/<corpus.split>.parquet``,
    where ``data_dir`` None takes ``EMOHUB_DATA_DIR`` if that is set; else from the Hub. Files are paths or glob
    patterns, of ``.txt`` with one text a line, blank lines and the blanks around a text left out, or tables with the
    corpus' ``text_column``.

    Raises:
        UsageError: a file is of no kind that can be read.
        DataError: the texts cannot be found or read, one is empty, or they are not as many as the corpus declares.
    """
    if corpus.files:
        paths = _matches(corpus.files, Path(corpus.base_folder))
        texts = [text for path in paths for text in _read(path, corpus.text_column)]
        others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        where, source = f"{paths[0]}{others}", f"file:{paths[0].name}{others}"
    else:
        table, source = find_rows(corpus, corpus.split, data_dir=data_dir)
        where, texts = table.source, table.texts(corpus.text_column)
    if not texts:
        raise DataError(f"{where} has no texts", "give a file with at least two")
    if corpus.rows not in (None, len(texts)):
        raise DataError(
            f"{where} has {len(texts):,} texts; the corpus {corpus.name} declares {corpus.rows:,}",
            "use the data that the declaration describes, or correct its rows",
        )
    return PlainTexts.of(texts, source)


def split_texts(data: PlainTexts, share: float, seed: int) -> tuple[PlainTexts, PlainTexts]:
    """The texts to train on, and the ``share`` of them that is held out for validation; both in their order.

    Held out are the different texts with the lowest SHA-256 of seed and text: whatever order or file they come in,
    and on whichever version of a library, a seed holds out the same ones, and no text is on both sides.

    Raises:
        DataError: there are fewer than two different texts.
    """
    drawn = sorted(set(data.texts), key=lambda text: hashlib.sha256(f"{seed}\n{text}".encode()).digest())
    if len(drawn) < 2:
        raise DataError(
            f"{data.source} holds a single text, {data.rows:,} times", "give at least two: one is held out to validate"
        )
    held_out = set(drawn[: min(max(1, round(share * len(drawn))), len(drawn) - 1)])
    train, validation = ([t for t in data.texts if (t in held_out) == side] for side in (False, True))
    return PlainTexts.of(train, data.source), PlainTexts.of(validation, data.source)


def fingerprint(texts: Sequence[str], labels: Sequence[int] | npt.NDArray[np.int64] | None = None) -> str:
    """SHA-256 over the rows in order, in hexadecimal.

    Each row is the length of its UTF-8 text in bytes, the text, and the label id where there are labels, both numbers
    as 8 bytes, little endian: the same rows give the same digest whatever file they came in, and no two different
    splits share one.
    """
    digest = hashlib.sha256()
    for text, label in zip(texts, [None] * len(texts) if labels is None else labels, strict=True):
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
        if label is not None:
            digest.update(int(label).to_bytes(8, "little"))
    return digest.hexdigest()


def read_lines(path: Path) -> list[str]:
    """The texts of a file that holds one on each line; empty lines are none.

    Raises:
        DataError: the file cannot be read, or is not UTF-8.
    """
    with open_bytes(path) as file:
        return [line.strip() for line in utf8_lines(file, path) if line.strip()]


def _matches(patterns: Sequence[str], folder: Path) -> list[Path]:
    """The files that paths or glob patterns stand for, each once, those of one pattern in alphabetical order."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        try:
            path = folder / Path(pattern).expanduser()
            # What exists under a name that looks like a pattern comes first.
            matches = [path] if path.exists() else sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
            files = [match for match in matches if match.is_file()]
        except (OSError, RuntimeError, ValueError):  # too long for a path, ~NAME of nobody, or no pattern
            files = []
        if not files:
            raise DataError(f"there is no file {pattern!r}", "give text files or tables, as paths or a glob pattern")
        found |= dict.fromkeys(files)
    return list(found)


def _read(path: Path, text_column: str) -> list[str]:
    if path.suffix.lower() == _LINES:
        return read_lines(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path.name} is no kind of text file", f"give files in {', '.join((_LINES, *SUFFIXES))}")
    return read_table(path).texts(text_column)
