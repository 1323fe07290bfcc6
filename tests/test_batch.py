"""Tables of texts: answers in order, dates and columns read, labels counted against a plain count."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from emohub.batch import (
    Dates,
    Progress,
    TableAnswers,
    TableTexts,
    answer_texts,
    count_by_group,
    count_by_period,
    count_labels,
    guess_columns,
    read_dates,
    read_texts,
)
from emohub.data import Table, escape_formula, escape_table, name_of, names_in
from emohub.errors import DataError, UsageError
from emohub.inference import Classifier
from emohub.steps import run_steps
from tests.conftest import LABELS, made_rows


@pytest.fixture(scope="module")
def classifier(tiny_model_dir: Path) -> Classifier:
    return Classifier.from_pretrained(tiny_model_dir)


def given(labels: list[int], rows: list[int] | None = None, **columns: list[object]) -> TableAnswers:
    """Answers with these labels; ``rows`` are those that have a text, by default all."""
    columns = columns or {"text": ["x"] * len(labels)}
    table = Table(columns)
    asked = TableTexts(table, next(iter(columns)), np.array(range(len(labels)) if rows is None else rows), [])
    probabilities = np.eye(3, dtype=np.float32)[labels] * 0.5 + 0.5 / 3
    return TableAnswers(asked, LABELS, probabilities, np.full(len(labels), 5), 32)


# Answers


def test_every_text_gets_the_librarys_answer_in_its_own_row(classifier: Classifier) -> None:
    texts = [text for text, _ in made_rows(600, seed=3)]
    column: list[object] = [*texts[:300], None, "  ", 7, *texts[300:], "so " * 60]
    steps: list[Progress] = []
    answers = run_steps(
        answer_texts(classifier, read_texts(Table({"text": column}), "text", skip_empty=True)), steps.append
    )
    assert answers.asked.without_text == 3
    assert answers.asked.rows.tolist() == [*range(300), *range(303, 604)]
    expected = classifier.predict_proba([*texts, "so " * 60])
    assert np.abs(answers.probabilities - expected).max() < 1e-6
    assert (answers.predicted == expected.argmax(axis=1)).all()
    assert (answers.truncated, answers.max_length) == (1, 32)
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert (steps[-1].done, steps[-1].total) == (601, 601)

    table = answers.as_table()
    assert list(table.columns) == ["text", "label", *(f"probability_{label}" for label in LABELS)]
    assert table.values("text") == column
    assert [table.values("label")[row] for row in (300, 301, 302)] == [None] * 3
    assert table.values("label")[303] == classifier.classify(texts[300]).label
    assert table.values("probability_joy")[0] == float(str(answers.probabilities[0, 1]))


def test_the_least_certain_come_first_and_ties_stay_in_order() -> None:
    answers = given([0, 0, 0, 0])
    top = np.array([0.9, 0.4, 0.6, 0.4], np.float32)
    answers.probabilities[:] = np.stack([top, (1 - top) / 2, (1 - top) / 2], axis=1)
    assert answers.least_certain().tolist() == [1, 3, 2, 0]


def test_a_column_that_is_there_already_is_kept() -> None:
    table = given([0], label=["mine"], text=["x"]).as_table()
    assert list(table.columns) == ["label", "text", "emohub_label", *(f"emohub_probability_{name}" for name in LABELS)]
    with pytest.raises(UsageError, match="has a column 'emohub_label' already"):
        given([0], label=["mine"], emohub_label=["mine"]).as_table()


def test_names_that_are_taken_are_seen_before_anything_is_classified(classifier: Classifier) -> None:
    asked = read_texts(Table({"text": ["x"], "probability_joy": [0.5], "emohub_probability_anger": [0.5]}), "text")
    with pytest.raises(UsageError, match="has a column 'emohub_probability_anger' already"):
        next(answer_texts(classifier, asked))


def test_texts_that_cannot_be_classified_name_their_row() -> None:
    with pytest.raises(DataError, match="row 2: 'text' is empty"):
        read_texts(Table({"text": ["a", ""]}), "text")
    with pytest.raises(DataError, match="no row of the table has a text in 'text'"):
        read_texts(Table({"text": ["", None, 5]}), "text", skip_empty=True)
    with pytest.raises(DataError, match="row 3: 'text' has 100,001 characters"):
        read_texts(Table({"text": ["a", "", "x" * 100_001]}), "text", skip_empty=True)
    with pytest.raises(DataError, match="no column 'review'"):
        read_texts(Table({"text": ["a"]}), "review", skip_empty=True)


# Dates and columns


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2025-03-31", date(2025, 3, 31)),
        (" 2025-03-31T23:59:59.123+14:00 ", date(2025, 3, 31)),
        ("2025-03-31 01:00Z", date(2025, 3, 31)),
        ("2025-03-31 23:59:59.5 UTC", date(2025, 3, 31)),
        ("20250331", date(2025, 3, 31)),
        ("2025-W14-1", date(2025, 3, 31)),
        ("2025-03", date(2025, 3, 1)),
        (date(2025, 3, 31), date(2025, 3, 31)),
        (datetime(2025, 3, 31, 23, tzinfo=timezone(timedelta(hours=-12))), date(2025, 3, 31)),
        ("3/4/2025", None),
        ("March 3, 2025", None),
        ("2025-02-30", None),
        ("2025-3x", None),
        ("12:30", None),
        (1743379200, None),
        (True, None),
    ],
)
def test_a_date_is_read_or_counted_as_unreadable(value: object, day: date | None) -> None:
    assert read_dates([None, value, ""]) == Dates((None, day, None), 2, int(day is None), 2 if day is None else None)


def test_parquet_timestamps_are_dates() -> None:
    for unit in ("s", "ms", "us", "ns"):
        moments = pa.chunked_array([pa.array([datetime(2025, 3, 31, 5, tzinfo=UTC), None], pa.timestamp(unit, "UTC"))])
        assert read_dates(Table({"when": moments}).values("when")).days == (date(2025, 3, 31), None)


def test_columns_are_guessed_from_names_and_values() -> None:
    rows = 12
    table = Table(
        {
            "id": [f"r{n}" for n in range(rows)],
            "when": ["2025-01-02"] * 10 + ["?", ""],
            "shop": ["north", "south"] * 6,
            "note": ["a long remark that nobody asked for, longer than the text"] * rows,
            "Review": ["short"] * rows,
        }
    )
    guess = guess_columns(table)
    assert guess is not None
    assert (guess.text, guess.date, guess.group) == ("Review", "when", "shop")
    table = Table({"n": [1, 2], "a": ["x", "y"], "b": ["longer", "ones"]})
    guess = guess_columns(table)
    assert guess is not None
    assert (guess.text, guess.date, guess.group) == ("b", None, None)
    assert guess_columns(Table({"n": [1, 2], "m": [None, None]})) is None


# Counts


def test_labels_are_counted_as_a_plain_count_does() -> None:
    labels = [n * n % 3 for n in range(50)]
    counted = count_labels(given(labels))
    assert counted.counts == tuple(Counter(labels)[label] for label in range(3))
    assert counted.shares == tuple(count / 50 for count in counted.counts)
    assert counted.total == 50


def test_groups_are_counted_largest_first_and_small_ones_together() -> None:
    generator = np.random.default_rng(0)
    names = [*"aaaaaaaabbbbbbbcccccc", "A ", "  b", None, "", 5, True, "d", "e"]
    labels = generator.integers(0, 3, len(names)).tolist()
    found = count_by_group(given(labels, group=names), list(map(name_of, names)), most=3)
    key = [str(name).strip().lower() if name is not None else "" for name in names]

    def plain(*wanted: str) -> tuple[int, ...]:
        chosen = Counter(label for label, name in zip(labels, key, strict=True) if name in wanted)
        return tuple(chosen[label] for label in range(3))

    assert [(group.name, group.counts) for group in found.groups] == [(name, plain(name)) for name in "abc"]
    assert found.without is not None
    assert found.others is not None
    assert found.without.counts == plain("")
    assert (found.others.counts, found.pooled) == (plain("5", "true", "d", "e"), 4)
    assert sum(each.total for each in (*found.groups, found.without, found.others)) == len(names)
    everything = count_by_group(given(labels, group=names), list(map(name_of, names)), most=6)
    assert (len(everything.groups), everything.others, everything.pooled) == (7, None, 0)
    assert [group.name for group in everything.groups][3:] == ["5", "true", "d", "e"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, ""),
        (float("nan"), ""),
        (" ", ""),
        (4, "4"),
        (4.0, "4"),
        (4.5, "4.5"),
        (float("inf"), "inf"),
        (True, "true"),
        (" a b ", "a b"),
        (date(2025, 3, 31), "2025-03-31"),
        (Decimal("1.50"), "1.50"),
    ],
)
def test_values_are_named_as_people_write_them(value: object, name: str) -> None:
    assert name_of(value) == name


def test_numbers_have_the_names_that_their_file_states() -> None:
    table = Table({"shop": [1, -1, None, 0, 2, "x"]}, label_names={"shop": ("north", "south")})
    assert names_in(table, "shop") == ["south", "", "", "north", "", "x"]


def test_only_rows_with_a_text_are_counted() -> None:
    answers = given([0, 1], rows=[1, 3], group=["a", "b", "c", "d"])
    assert [group.name for group in count_by_group(answers, ["a", "b", "c", "d"]).groups] == ["b", "d"]
    periods = count_by_period(answers, read_dates(["2025-01-01", "2025-01-02", "?", None]))
    assert periods is not None
    assert [(period.start, period.counts) for period in periods.periods] == [(date(2025, 1, 2), (1, 0, 0))]
    assert count_by_period(answers, read_dates(["2025-01-01", None, "2025-01-01", None])) is None


@pytest.mark.parametrize(
    ("last", "unit", "starts"),
    [
        ("2025-01-31", "day", [("2025-01-01", "2025-01-02"), ("2025-01-31", "2025-02-01")]),
        ("2025-03-05", "week", [("2024-12-30", "2025-01-06"), ("2025-03-03", "2025-03-10")]),
        ("2025-12-31", "month", [("2025-01-01", "2025-02-01"), ("2025-12-01", "2026-01-01")]),
        ("2060-01-01", "year", [("2025-01-01", "2026-01-01"), ("2060-01-01", "2061-01-01")]),
        ("2525-01-01", "decade", [("2020-01-01", "2030-01-01"), ("2520-01-01", "2530-01-01")]),
        ("9999-12-31", "century", [("2000-01-01", "2100-01-01"), ("9900-01-01", "9999-12-31")]),
        ("0001-05-05", "century", [("0001-01-01", "0100-01-01"), ("2000-01-01", "2100-01-01")]),
    ],
)
def test_the_periods_suit_the_range(last: str, unit: str, starts: list[tuple[str, str]]) -> None:
    periods = count_by_period(given([0, 2, 2]), read_dates([last, "2025-01-01", "2025-01-01"]))
    assert periods is not None
    assert periods.unit == unit
    assert [(str(period.start), str(period.end)) for period in periods.periods] == starts
    assert sorted(period.counts for period in periods.periods) == [(0, 0, 2), (1, 0, 0)]


def test_the_first_week_of_the_calendar_is_a_week() -> None:
    periods = count_by_period(given([0, 1]), read_dates(["0001-01-02", "0001-02-20"]))
    assert periods is not None
    assert [str(period.start) for period in periods.periods] == ["0001-01-01", "0001-02-19"]


# Formulas


def test_a_table_for_a_spreadsheet_has_no_formulas_in_names_and_texts() -> None:
    table = Table({"=n": [-3.5, None], "text": ["=1+1", "fine"], "label": ["@x", None]}, "t")
    escaped = escape_table(table)
    assert {name: escaped.values(name) for name in escaped.columns} == {
        "'=n": [-3.5, None],
        "text": ["'=1+1", "fine"],
        "label": ["'@x", None],
    }
    for cell in ("=1", "+A1", "-A1", "@x", "\t=1", "\r1", "\uff1d1", " =1", '"=1', "'=1"):
        assert escape_formula(cell) == f"'{cell}"
    for cell in ("-3.5", "+1", "1e-5", "a=1", ""):
        assert escape_formula(cell) == cell
