"""A table of texts, classified for a visitor: checked input, and what is to be shown of the answers."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from emohub.batch import (
    Counted,
    Dates,
    Groups,
    Periods,
    Progress,
    TableAnswers,
    answer_texts,
    count_by_group,
    count_by_period,
    count_labels,
    read_dates,
    read_texts,
)
from emohub.data import Table, escape_table, names_in, table_bytes
from emohub.errors import UsageError
from emohub.ui.service.checks import checked_name
from emohub.ui.service.service import Service
from emohub.ui.service.uploads import HeldTable

MEDIA_TYPES = {".csv": "text/csv", ".jsonl": "application/jsonl", ".parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True)
class BatchResult:
    """What a model makes of a table."""

    model: str
    answers: TableAnswers
    counted: Counted
    """Over all rows with a text."""
    dates: Dates | None
    """None where no column of dates was named."""
    periods: Periods | None
    """None where there is no date."""
    groups: Groups | None
    """None where no column of groups was named."""

    def ranked_labels(self) -> list[int]:
        """The labels from the most to the least frequent, as columns of the answers."""
        return sorted(range(len(self.answers.labels)), key=lambda label: -self.counted.counts[label])


class HeldResult:
    """A result that a visitor's session holds, as long as it holds the table."""

    def __init__(self, held: HeldTable, result: BatchResult) -> None:
        """Raises:
        BusyError: the table is no longer held.
        """
        held.result = result
        self._held = held

    @property
    def result(self) -> BatchResult:
        """The result.

        Raises:
            BusyError: it made room, with its table, for those of others.
        """
        result = self._held.result
        assert isinstance(result, BatchResult)
        return result


def classify_rows(
    service: Service, table: Table, model: object, text_column: object, date_column: object, group_column: object
) -> Generator[Progress, None, BatchResult]:
    """Classify every row that has a text, step by step; nothing or ``""`` for a column means that there is none.

    Raises:
        UsageError: a column is not named, or there is no such model.
        DataError: there is no such column, or no row has a text in it.
        ModelError: the model cannot be loaded.
        BusyError: too many long jobs run already.
    """
    text, date, group = _column(text_column), _column(date_column), _column(group_column)
    if not text:
        raise UsageError("no column of texts is named", "choose one")
    asked = read_texts(table, text, skip_empty=True)
    dates = read_dates(table.values(date)) if date else None
    groups = names_in(table, group) if group else None
    name = checked_name(model)
    classifier = service.store.get(name)
    answers = yield from service.long_jobs.run(answer_texts(classifier, asked))
    return BatchResult(
        model=name,
        answers=answers,
        counted=count_labels(answers),
        dates=dates,
        periods=count_by_period(answers, dates) if dates else None,
        groups=count_by_group(answers, groups) if groups is not None else None,
    )


def answers_file(result: BatchResult, suffix: str) -> tuple[str, bytes]:
    """Name and content of a file with every row and its answer; in CSV no cell can run as a formula.

    Raises:
        UsageError: it is no kind of table.
        DataError: such a file cannot hold the table's values.
    """
    table = result.answers.as_table()
    stem = Path(table.source).stem
    name = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in stem) or "table"
    path = Path(f"{name}-answers{suffix}")
    return path.name, table_bytes(escape_table(table) if suffix == ".csv" else table, path)


def _column(name: object) -> str | None:
    if name is None or name == "":
        return None
    if not isinstance(name, str):
        raise UsageError("the name of a column is not a string", "send one string")
    return name
