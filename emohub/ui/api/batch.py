"""``/batch``: many texts, one model; their answers, and how often each label was given."""

from collections.abc import Sequence
from typing import Any, TypedDict

from emohub.batch import Counted
from emohub.data import Table
from emohub.ui.api.endpoint import expose, run_while_wanted
from emohub.ui.service import Service
from emohub.ui.service.batches import BatchResult, classify_rows
from emohub.ui.service.uploads import take_rows, take_upload


class RowAnswer(TypedDict):
    """One row's answer; ``row`` counts from 1."""

    row: int
    label: str
    probabilities: dict[str, float]
    truncated: bool


class PeriodCount(TypedDict):
    """How many rows got each label from ``start`` on, until ``end``."""

    start: str
    end: str
    labels: dict[str, int]


class GroupCount(TypedDict):
    """How many rows of a group got each label; ``group`` is null for rows without one and for all small groups."""

    group: str | None
    labels: dict[str, int]


class BatchAnswer(TypedDict):
    """What one model makes of a table."""

    model: str
    rows: int
    without_text: int
    truncated: int
    labels: dict[str, int]
    answers: list[RowAnswer]
    period: str | None
    periods: list[PeriodCount]
    without_date: int
    unreadable_dates: int
    groups: list[GroupCount]


def build(service: Service) -> None:
    """Add the endpoint."""

    def batch(
        model: str,
        rows: list[dict[str, Any]] | None = None,
        file: dict[str, Any] | None = None,
        text_column: str = "text",
        date_column: str = "",
        group_column: str = "",
    ) -> BatchAnswer:
        """Classify up to 10,000 rows with one model, and count the labels in all, over time and by group.

        Give either rows or a file. A row without a text gets no answer and is counted.

        Args:
            model: Name of a served model, as list_models gives it.
            rows: The rows as objects, for example {"text": "I love it", "date": "2026-03-31"}; null with a file.
            file: An uploaded CSV, JSONL or parquet file of at most 20 MiB, which is deleted at once; null with rows.
            text_column: Column that holds the texts.
            date_column: Column that holds dates in ISO 8601; empty for none.
            group_column: Column that holds groups; empty for none.

        Returns:
            How many rows there are, how many have no text, how many texts the model did not read to their end
            (truncated), the number of rows for each label, the answer to each row with a text in their order, and the
            numbers for each label by day, week, month or longer (period) and by group.
        """
        table = take_upload(file) if file is not None else take_rows(rows)
        steps = classify_rows(service, table, model, text_column, date_column, group_column)
        return _answer(table, run_while_wanted(steps))

    expose(batch, queue=True, concurrency_limit=1, concurrency_id="long")


def _answer(table: Table, result: BatchResult) -> BatchAnswer:
    answers, labels = result.answers, result.answers.labels
    dates, periods, groups = result.dates, result.periods, result.groups
    named: list[tuple[str | None, Counted | None]] = []
    if groups:
        named = [*((group.name, group) for group in groups.groups), (None, groups.others), (None, groups.without)]
    return BatchAnswer(
        model=result.model,
        rows=len(table),
        without_text=answers.asked.without_text,
        truncated=answers.truncated,
        labels=_by_label(labels, result.counted),
        answers=[
            RowAnswer(
                row=row + 1,
                label=labels[label],
                probabilities=dict(zip(labels, probabilities, strict=True)),
                truncated=tokens > answers.max_length,
            )
            for row, label, probabilities, tokens in zip(
                answers.asked.rows.tolist(),
                answers.predicted.tolist(),
                answers.probabilities.tolist(),
                answers.tokens.tolist(),
                strict=True,
            )
        ],
        period=periods.unit if periods else None,
        periods=[
            PeriodCount(start=str(each.start), end=str(each.end), labels=_by_label(labels, each))
            for each in (periods.periods if periods else ())
        ],
        without_date=dates.missing if dates else 0,
        unreadable_dates=dates.unreadable if dates else 0,
        groups=[GroupCount(group=name, labels=_by_label(labels, counted)) for name, counted in named if counted],
    )


def _by_label(labels: Sequence[str], counted: Counted) -> dict[str, int]:
    return dict(zip(labels, counted.counts, strict=True))
