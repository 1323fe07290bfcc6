"""Classifiers side by side on a labelled table: every number against scikit-learn, scipy, or a count by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from emohub.cli import main
from emohub.compare import (
    LEAST_ROWS_OF_A_GAP,
    LabelledComparison,
    Slicing,
    Step,
    compare_corpus,
    compare_labelled,
    compare_labelled_steps,
)
from emohub.data import Table, load_split, read_table, write_table
from emohub.errors import DataError, EmohubError, ModelError, UsageError
from emohub.inference import Classifier
from emohub.recipe import Corpus
from emohub.steps import run_steps
from tests.conftest import LABELS, made_rows

MakeModel = Callable[..., Path]
NEAR = {"abs": 1e-9}
NAMES = ("first", "second", "wider")


@pytest.fixture(scope="module")
def classifiers(make_tiny_model: MakeModel) -> dict[str, Classifier]:
    """Two classifiers with the table's labels, one that knows others too and spells them otherwise, and a stranger."""

    def load(seed: int, **options: Any) -> Classifier:
        return Classifier.from_pretrained(make_tiny_model(seed=seed, scale=0.5, max_length=10, **options))

    return {
        "first": load(1),
        "second": load(2, labels=("anger", "sadness", "joy")),
        "wider": load(5, labels=("love", "JOY", "Anger", "sadness", "fear")),
        "stranger": load(4, labels=("negative", "positive")),
    }


@pytest.fixture(scope="module")
def table() -> Table:
    """90 rows with a label and 3 without text or label, in the table's own spelling."""
    rows = made_rows(90, seed=3)
    texts = [text * (1 + 4 * (number % 3)) for number, (text, _) in enumerate(rows)]
    labels = [LABELS[label].capitalize() if number % 2 else LABELS[label] for number, (_, label) in enumerate(rows)]
    sources = [("shop", "app", "")[number % 3] for number in range(90)]
    return Table(
        {
            "text": [*texts[:40], "", None, "said", *texts[40:]],
            "label": [*labels[:40], "joy", "joy", " ", *labels[40:]],
            "source": [*sources[:40], "shop", "shop", "shop", *sources[40:]],
        },
        "made.csv",
    )


@pytest.fixture(scope="module")
def comparison(classifiers: dict[str, Classifier], table: Table) -> LabelledComparison:
    return compare_labelled(classifiers, table, "text", "label", slice_columns=["source"], resamples=300, seed=4)


@pytest.fixture(scope="module")
def truth(table: Table) -> np.ndarray:
    return np.array([label.casefold() for label in [*table.values("label")[:40], *table.values("label")[43:]]])


@pytest.fixture(scope="module")
def texts(table: Table) -> list[str]:
    return [*table.values("text")[:40], *table.values("text")[43:]]


@pytest.fixture(scope="module")
def answers(classifiers: dict[str, Classifier], texts: list[str]) -> dict[str, np.ndarray]:
    """By classifier, its answers by name."""
    return {
        name: np.array(
            [classifiers[name].labels[i].casefold() for i in classifiers[name].predict_proba(texts).argmax(1)]
        )
        for name in NAMES
    }


def test_rows_without_a_text_or_a_label_are_left_out(comparison: LabelledComparison) -> None:
    assert (comparison.rows, comparison.left_out) == (90, 3)
    assert comparison.labels == ("sadness", "Joy", "anger")  # in the first classifier's order, spelled as first met
    assert (comparison.source, comparison.text_column, comparison.label_column) == ("made.csv", "text", "label")


def test_scores_are_scikit_learns_over_the_tables_labels(
    comparison: LabelledComparison, truth: np.ndarray, answers: dict[str, np.ndarray]
) -> None:
    assert set(answers["wider"]) - set(LABELS)  # it does answer labels that the table does not have
    for name in NAMES:
        measured = comparison.models[name]
        assert measured is not None
        given = answers[name]
        assert measured.accuracy.value == pytest.approx(accuracy_score(truth, given), **NEAR)
        expected_f1 = f1_score(truth, given, labels=LABELS, average="macro", zero_division=0)
        assert measured.macro_f1.value == pytest.approx(expected_f1, **NEAR)
        columns = precision_recall_fscore_support(truth, given, labels=LABELS, zero_division=0)
        for label, result in enumerate(measured.per_label):
            assert result.label == comparison.labels[label]
            found = [result.precision.value, result.recall.value, result.f1.value, result.support]
            assert found == pytest.approx([column[label] for column in columns], **NEAR)
            assert result.predicted == (given == LABELS[label]).sum()
        everything = confusion_matrix(truth, given, labels=[*LABELS, "love", "fear"])
        assert np.array_equal(measured.confusion_matrix, everything[:3, :3])
        assert np.array_equal(measured.other_answers, everything[:3, 3:].sum(axis=1))


def test_probabilities_are_read_by_name(
    comparison: LabelledComparison, classifiers: dict[str, Classifier], texts: list[str], truth: np.ndarray
) -> None:
    for name in NAMES:
        measured, classifier = comparison.models[name], classifiers[name]
        assert measured is not None
        keys = [label.casefold() for label in classifier.labels]
        probabilities = classifier.predict_proba(texts).astype(np.float64)
        order = np.argsort(keys)
        expected = log_loss(
            truth, probabilities[:, order] / probabilities.sum(axis=1, keepdims=True), labels=sorted(keys)
        )
        assert measured.log_loss.value == pytest.approx(expected, abs=1e-6)

        confidence = probabilities.max(axis=1)
        right = np.array([keys[i] for i in probabilities.argmax(axis=1)]) == truth
        error = 0.0
        for part in measured.calibration:
            inside = (confidence > part.lower) & (confidence <= part.upper)
            assert part.count == inside.sum()
            if part.count:
                assert part.confidence == pytest.approx(confidence[inside].mean(), **NEAR)
                assert part.accuracy == pytest.approx(right[inside].mean(), **NEAR)
                error += inside.sum() / len(texts) * abs(confidence[inside].mean() - right[inside].mean())
        assert sum(part.count for part in measured.calibration) == len(texts)
        assert measured.expected_calibration_error.value == pytest.approx(error, **NEAR)
        assert measured.truncated == (classifier.count_tokens(texts) > 10).sum() > 0


def test_intervals_are_those_of_resampled_rows(
    comparison: LabelledComparison, truth: np.ndarray, answers: dict[str, np.ndarray]
) -> None:
    drawn = np.random.default_rng(4).integers(0, 90, size=(300, 90))
    measured = comparison.models["wider"]
    assert measured is not None
    assert (comparison.intervals.level, comparison.intervals.resamples, comparison.intervals.seed) == (0.95, 300, 4)
    given = answers["wider"]
    accuracy = [(given[rows] == truth[rows]).mean() for rows in drawn]
    macro_f1 = [f1_score(truth[rows], given[rows], labels=LABELS, average="macro", zero_division=0) for rows in drawn]
    for interval, values in ((measured.accuracy, accuracy), (measured.macro_f1, macro_f1)):
        assert [interval.low, interval.high] == pytest.approx(np.quantile(values, [0.025, 0.975]), **NEAR)
    recall = np.quantile([(given[rows] == truth[rows])[truth[rows] == "joy"].mean() for rows in drawn], [0.025, 0.975])
    assert [measured.per_label[1].recall.low, measured.per_label[1].recall.high] == pytest.approx(recall, **NEAR)


def test_pairs_are_tested_on_the_same_rows(
    comparison: LabelledComparison, truth: np.ndarray, answers: dict[str, np.ndarray]
) -> None:
    assert [(pair.first, pair.second) for pair in comparison.pairs] == [
        ("first", "second"),
        ("first", "wider"),
        ("second", "wider"),
    ]
    for pair in comparison.pairs:
        wrong = {row for row in range(90) if answers[pair.first][row] != truth[row]}
        other = {row for row in range(90) if answers[pair.second][row] != truth[row]}
        assert pair.both_right == 90 - len(wrong | other)
        assert pair.both_wrong == len(wrong & other)
        assert (pair.only_first_right, pair.only_second_right) == (len(other - wrong), len(wrong - other))
        assert pair.error_overlap == pytest.approx(len(wrong & other) / len(wrong | other), **NEAR)
        unlike = pair.only_first_right + pair.only_second_right
        assert pair.p_value == pytest.approx(binomtest(pair.only_first_right, unlike).pvalue, **NEAR)
        assert pair.difference.value == pytest.approx((len(other) - len(wrong)) / 90, **NEAR)
        assert pair.difference.low <= pair.difference.value <= pair.difference.high
    by_p = sorted(comparison.pairs, key=lambda pair: pair.p_value)
    steps = [min(1.0, (3 - rank) * pair.p_value) for rank, pair in enumerate(by_p)]
    assert [pair.p_holm for pair in by_p] == pytest.approx(np.maximum.accumulate(steps), **NEAR)


def test_slices_hold_every_row_once_with_wilsons_interval(
    comparison: LabelledComparison,
    table: Table,
    texts: list[str],
    truth: np.ndarray,
    answers: dict[str, np.ndarray],
) -> None:
    lengths = np.array([len(text) for text in texts])
    sources = np.array([*table.values("source")[:40], *table.values("source")[43:]])
    expected = {
        ("length", "length"): {
            "up to 40 characters": lengths <= 40,
            "41 to 80 characters": (lengths > 40) & (lengths <= 80),
            "81 to 160 characters": (lengths > 80) & (lengths <= 160),
            "161 to 320 characters": (lengths > 160) & (lengths <= 320),
            "more than 320 characters": lengths > 320,
        },
        ("label", "label"): {label: truth == label.casefold() for label in comparison.labels},
        ("column", "source"): {"(none)": sources == "", "app": sources == "app", "shop": sources == "shop"},
    }
    assert [(slicing.kind, slicing.by) for slicing in comparison.slicings] == list(expected)
    for slicing in comparison.slicings:
        parts = {value: inside for value, inside in expected[slicing.kind, slicing.by].items() if inside.any()}
        assert [part.value for part in slicing.slices] == list(parts)
        assert sum(part.rows for part in slicing.slices) == 90
        for part in slicing.slices:
            inside = parts[part.value]
            assert part.rows == inside.sum()
            for name in NAMES:
                hits = int((answers[name] == truth)[inside].sum())
                wilson = binomtest(hits, part.rows).proportion_ci(method="wilson")
                share = part.accuracy[name]
                found = [share.value, share.low, share.high]
                assert found == pytest.approx([hits / part.rows, wilson.low, wilson.high], **NEAR)
        check_gaps(slicing)


def check_gaps(slicing: Slicing) -> None:
    for name, gap in slicing.gaps.items():
        counting = [part.accuracy[name].value for part in slicing.slices if part.rows >= LEAST_ROWS_OF_A_GAP]
        assert gap == (pytest.approx(max(counting) - min(counting), **NEAR) if len(counting) > 1 else None)


def test_disagreements_stand_where_they_stand_in_the_table(
    comparison: LabelledComparison, table: Table, answers: dict[str, np.ndarray]
) -> None:
    rows = [*range(40), *range(43, 93)]
    expected = [
        (row, {name: str(answers[name][place]) for name in NAMES})
        for place, row in enumerate(rows)
        if len({answers[name][place] for name in NAMES}) > 1
    ]
    assert 0 < len(expected) < 90
    found = [
        (one.row, {name: label.casefold() for name, label in one.predicted.items()}) for one in comparison.disagreements
    ]
    assert found == expected
    assert comparison.agreement == pytest.approx(1 - len(expected) / 90, **NEAR)
    for one in comparison.disagreements:
        assert one.text == table.values("text")[one.row]
        assert one.label.casefold() == table.values("label")[one.row].casefold()


def test_a_model_that_lacks_a_label_is_listed_with_what_it_knows(comparison: LabelledComparison) -> None:
    assert comparison.models["stranger"] is None
    assert comparison.unaligned == {"stranger": "stranger lacks sadness, Joy, anger; it knows negative, positive"}


def test_in_steps_it_gives_the_same_numbers(
    classifiers: dict[str, Classifier], table: Table, comparison: LabelledComparison
) -> None:
    seen: list[Step] = []
    steps = compare_labelled_steps(classifiers, table, "text", "label", slice_columns=["source"], resamples=300, seed=4)
    assert run_steps(steps, seen.append) == comparison
    done = [(step.model, step.part) for step in seen if step.done == step.total]
    assert done == [(name, part) for name in NAMES for part in ("answering", "measuring")]
    assert {step.total for step in seen} == {90, 300}
    reported: list[tuple[str, int, int]] = []
    compare_labelled(classifiers, table, "text", "label", resamples=5, on_progress=lambda *step: reported.append(step))
    assert reported == [(step.model, step.done, step.total) for step in seen if step.part == "answering"]


def test_a_corpus_and_its_file_give_the_same_numbers(classifiers: dict[str, Classifier], made_corpus: Corpus) -> None:
    pair = {name: classifiers[name] for name in ("first", "second")}
    of_corpus = compare_corpus(pair, made_corpus, "test", resamples=50)
    data = load_split(made_corpus, "test")
    names = [made_corpus.labels[label] for label in data.labels]
    of_file = compare_labelled(pair, Table({"text": data.texts, "label": names}), "text", "label", resamples=50)
    same = ("rows", "fingerprint", "labels", "models", "agreement", "pairs", "slicings", "disagreements")
    for field in same:
        assert getattr(of_file, field) == getattr(of_corpus, field), field


def test_numbers_are_labels_where_the_file_names_them(classifiers: dict[str, Classifier], tmp_path: Path) -> None:
    data = Dataset.from_dict({"text": ["i am happy", "so lost"], "label": [1, 0]}).cast_column(
        "label", ClassLabel(names=list(LABELS))
    )
    data.to_parquet(str(tmp_path / "named.parquet"))
    one = {"first": classifiers["first"]}
    result = compare_labelled(one, read_table(tmp_path / "named.parquet"), "text", "label", resamples=5)
    assert result.labels == ("sadness", "joy")
    assert (result.pairs, result.disagreements, result.agreement) == ((), (), 1.0)
    unnamed = Table({"text": ["a", "b"], "label": pa.chunked_array([[1, 0]])}, "unnamed.parquet")
    with pytest.raises(ModelError, match="none of the models knows the labels in 'label', 1, 0"):
        compare_labelled(one, unnamed, "text", "label")


def test_slices_of_numbers_go_by_their_size(classifiers: dict[str, Classifier]) -> None:
    ratings = [10.0, 9.0, 1.0, float("nan"), -2.5] * 2
    rows = Table({"text": ["a b"] * 10, "label": ["joy"] * 10, "stars": ratings})
    result = compare_labelled(classifiers, rows, "text", "label", slice_columns=["stars"], resamples=5)
    assert [part.value for part in result.slicings[2].slices] == ["-2.5", "1", "9", "10", "(none)"]


def test_a_file_that_states_names_for_what_are_no_numbers_is_read_as_it_is(classifiers: dict[str, Classifier]) -> None:
    rows = Table({"text": ["a", "b"], "label": ["joy", 0]}, label_names={"label": LABELS})
    assert compare_labelled(classifiers, rows, "text", "label", resamples=5).labels == ("sadness", "joy")


@pytest.mark.parametrize(
    ("columns", "arguments", "error", "message"),
    [
        ({"text": ["a"], "label": ["joy"]}, {"text_column": "body"}, DataError, "no column 'body'"),
        ({"text": ["a"], "label": ["joy"]}, {"label_column": "text"}, UsageError, "'text' is named twice"),
        ({"text": ["a"], "label": ["joy"]}, {"slice_columns": ["label"]}, UsageError, "'label' is named twice"),
        ({"text": ["a", ""], "label": ["", "joy"]}, {}, DataError, "no row of the table has a text"),
        ({"text": [1, 2], "label": ["joy", "joy"]}, {}, DataError, "no row of the table has a text"),
        ({"text": ["a"] * 99, "label": [f"label {n}" for n in range(99)]}, {}, ModelError, "label 7 and 91 more"),
        (
            {"text": ["a"] * 21, "label": ["joy"] * 21, "id": list(range(21))},
            {"slice_columns": ["id"]},
            DataError,
            "'id' has 21 different values; choose one with at most 20",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    classifiers: dict[str, Classifier],
    columns: dict[str, list[Any]],
    arguments: dict[str, Any],
    error: type[EmohubError],
    message: str,
) -> None:
    asked = {"text_column": "text", "label_column": "label", **arguments}
    with pytest.raises(error, match=message):
        compare_labelled(classifiers, Table(columns), **asked)


def test_without_a_classifier_there_is_nothing_to_compare(table: Table) -> None:
    with pytest.raises(UsageError, match="no model to compare"):
        compare_labelled({}, table, "text", "label")


def test_the_command_line_shows_the_librarys_numbers(
    make_tiny_model: MakeModel,
    table: Table,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    write_table(tmp_path / "made.jsonl", table)
    models = [str(make_tiny_model(seed=1)), str(make_tiny_model(seed=9, labels=("negative", "positive")))]
    asked = ["compare", *models, "--input", str(tmp_path / "made.jsonl"), "--slice", "source", "--resamples", "50"]

    def printed(*options: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([*asked, *options])
        assert not stopped.value.code
        return capsys.readouterr().out

    loaded = {model: Classifier.from_pretrained(model) for model in models}
    expected = compare_labelled(
        loaded, read_table(tmp_path / "made.jsonl"), "text", "label", slice_columns=["source"], resamples=50
    )
    assert LabelledComparison.model_validate_json(printed("--format", "json")) == expected
    shown = printed()
    assert "3 left out: 90 rows" in shown
    assert f"Not measured: {models[1]} lacks" in shown
    for part in expected.slicings[2].slices:
        assert f"{part.accuracy[models[0]].value:.4f}" in shown
