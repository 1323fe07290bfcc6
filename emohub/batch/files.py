"""A classifier's answer to every row of a file of any size: read, answered and written a block of rows at a time."""

import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from emohub.batch.answers import Progress, TableAnswers, TableTexts, answer_columns, read_texts
from emohub.data import Table, TableFile, TableOutline, column_types, escape_formula, escape_table, table_writer
from emohub.inference import Classifier
from emohub.record import new_file


@dataclass(frozen=True)
class FileAnswers:
    """What became of a file."""

    rows: int
    truncated: int
    """Texts that the model did not read to their end."""
    max_length: int
    """Tokens that the model reads; the rest of a longer text is ignored."""


def check_file(asked: TableFile, column: str, outline: TableOutline) -> Generator[float, None, None]:
    """Find what speaks against a file before the first text is classified; ``outline`` takes up its rows.

    That costs little beside classifying, and then a wrong row near the end costs no work. Yields the share of the file
    that was seen.

    Raises:
        DataError: the file is not well-formed, has no such column, has a row without a text or with one that is too
            long, or values that the file to write cannot hold.
    """
    for block in asked.blocks():
        read_texts(block, column)
        outline.add(block)
        yield asked.share


def answer_file(
    classifier: Classifier, asked: TableFile, column: str, outline: TableOutline, *, escape_formulas: bool = False
) -> Generator[Progress, None, FileAnswers]:
    """Classify a file that was checked, and write its rows with their answers to ``outline.path``, whole or not at all.

    While a block of rows is computed the next one waits with its texts tokenized; no more are in memory.
    The columns are those of :meth:`TableAnswers.as_table`; ``escape_formulas`` is for CSV, see :func:`escape_table`.

    Raises:
        UsageError: the file has columns of the names that answers get.
        DataError: the file changed since it was checked.
        RecordError: the file cannot be written.
    """
    source = str(asked.path)
    label, *probabilities = answer_columns(Table(dict.fromkeys(outline.types, ()), source), classifier.labels)
    types = outline.types | column_types(Table({label: [""], **{name: [0.0] for name in probabilities}}))
    if escape_formulas:
        types = {escape_formula(name): kind for name, kind in types.items()}
    truncated, max_length = 0, classifier.max_length
    waiting: deque[TableTexts] = deque()

    def texts() -> Iterator[Sequence[str]]:
        for block in asked.blocks(list(outline.types)):
            waiting.append(read_texts(block, column))
            yield waiting[-1].texts

    with new_file(outline.path) as temporary, temporary.open("wb") as file:
        with table_writer(file, outline.path, types) as write, closing(classifier.answer_groups(texts())) as steps:
            for step in steps:
                if isinstance(step, int):
                    yield Progress(step, outline.rows, step / outline.rows)
                    continue
                block = waiting.popleft()
                answers = TableAnswers(block, classifier.labels, step.probabilities, step.tokens, max_length)
                table = answers.as_table()
                write(escape_table(table) if escape_formulas else table)
                truncated += answers.truncated
        asked.check_unchanged()
        file.flush()
        os.fsync(file.fileno())
    return FileAnswers(outline.rows, truncated, max_length)
