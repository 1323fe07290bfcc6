"""Labelled rows as they stand, whatever is wrong with them: what an audit looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emohub.data.corpus import LabelledTexts, check_stated_labels
from emohub.data.damage import is_unicode
from emohub.data.source import find_rows
from emohub.data.table_reading import read_table
from emohub.errors import DataError, UsageError
from emohub.recipe import Corpus


@dataclass(frozen=True)
class RawSplit:
    """Two columns of one length. Row numbers, where they are shown, start at 1."""

    texts: Sequence[Any]
    """Values of the text column; a byte that is not UTF-8 has become half of a surrogate pair."""
    labels: Sequence[Any]
    """Values of the label column: ids, names, or something else."""
    declared_rows: int | None = None
    """Rows that the corpus declares; None when it declares none."""

    @property
    def tokenizable(self) -> list[str]:
        """The texts, with an empty one for each row whose value is no text, or no Unicode."""
        return [text if isinstance(text, str) and is_unicode(text) else "" for text in self.texts]

    @classmethod
    def of(cls, data: LabelledTexts) -> "RawSplit":
        """The rows of a split that was loaded, and so checked, already."""
        return cls(data.texts, data.labels.tolist())


def read_raw_corpus(corpus: Corpus, *, data_dir: Path | None = None) -> dict[str, RawSplit]:
    """Every split of a corpus, from where ``load_split`` finds it, with its faulty rows.

    Raises:
        DataError: a split cannot be found or is no well-formed table, it lacks a column, or it states other labels
            than the corpus.
    """
    splits: dict[str, RawSplit] = {}
    for name, declared in corpus.splits.items():
        table, _ = find_rows(corpus, name, file=declared.file, data_dir=data_dir, keep_damage=True)
        check_stated_labels(table, corpus)
        texts, labels = (table.values(column, keep_damage=True) for column in (corpus.text_column, corpus.label_column))
        splits[name] = RawSplit(texts, labels, declared.rows)
    return splits


def read_raw_files(
    paths: Sequence[Path], *, text_column: str = "text", label_column: str = "label", language: Sequence[str] = ()
) -> tuple[Corpus, dict[str, RawSplit]]:
    """Tables of a person's own, each as a split named by its file, and a corpus with the labels that stand in them.

    The labels are those that the first file states, or else all the values that the files hold, as text.

    Raises:
        UsageError: two files have one name, or a file is of no kind that can be read.
        DataError: a file cannot be read, lacks a column, or there are fewer than two labels.
    """
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        raise UsageError(f"two of the files {', '.join(names)} have one name", "rename one, or look at them apart")
    tables = [read_table(path, keep_damage=True) for path in paths]
    texts = [table.values(text_column, keep_damage=True) for table in tables]
    labels = [table.values(label_column, keep_damage=True) for table in tables]
    stated = tables[0].label_names.get(label_column)
    if stated is None:
        # A number that nobody explained is a name: it says nothing about an order, or about where counting starts.
        labels = [[str(value) if type(value) is int else value for value in column] for column in labels]
        names_held = {value for column in labels for value in column if isinstance(value, str) and value.strip()}
        stated = tuple(sorted(filter(is_unicode, names_held)))
    if len(stated) < 2:
        only = f"only the label {stated[0]!r}" if stated else "no labels"
        raise DataError(
            f"the column {label_column!r} of {', '.join(names)} holds {only}",
            "name another with --label-column, or give a file with at least two labels",
        )
    values = {"name": "files", "title": ", ".join(names), "labels": list(stated), "language": list(language)}
    columns = {"text_column": text_column, "label_column": label_column, "splits": {}}
    corpus = Corpus.from_values(values | columns, ", ".join(names))
    for table in tables:
        check_stated_labels(table, corpus)
    return corpus, {
        name: RawSplit(*columns) for name, columns in zip(names, zip(texts, labels, strict=True), strict=True)
    }
