"""Classifiers side by side, against scikit-learn and scipy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score

from emohub.compare import CorpusComparison, align_labels, compare_corpus, compare_text
from emohub.data import load_split
from emohub.errors import ModelError, UsageError
from emohub.inference import Classifier
from emohub.recipe import Corpus

PERMUTED = ("anger", "Sadness", "JOY")
MakeModel = Callable[..., Path]


@pytest.fixture(scope="module")
def classifiers(make_tiny_model: MakeModel) -> dict[str, Classifier]:
    """Three classifiers with the made corpus' labels (one of them in another order), and one with other labels."""

    def load(seed: int, **options: Any) -> Classifier:
        # Wide weights, so that an untrained model gives different labels to different texts.
        return Classifier.from_pretrained(make_tiny_model(seed=seed, scale=0.5, **options))

    return {
        "first": load(1),
        "second": load(2),
        "permuted": load(3, labels=PERMUTED),
        "sentiment": load(4, labels=("negative", "positive")),
    }


@pytest.fixture(scope="module")
def comparison(classifiers: dict[str, Classifier], made_corpus: Corpus) -> CorpusComparison:
    return compare_corpus(classifiers, made_corpus, "test", resamples=200)


def right_rows(classifier: Classifier, corpus: Corpus) -> np.ndarray:
    """Which test rows a classifier gets right, found by comparing names."""
    data = load_split(corpus, "test")
    answers = [classifier.classify(text).label.casefold() for text in data.texts]
    return np.array([answer == corpus.labels[label] for answer, label in zip(answers, data.labels, strict=True)])


def test_labels_of_all_models_stand_once_in_the_order_met() -> None:
    assert align_labels([("joy", "anger"), ("Anger", "love"), ("LOVE", "joy", "fear")]) == (
        "joy",
        "anger",
        "love",
        "fear",
    )
    assert align_labels([]) == ()


def test_one_text_is_shown_by_label_name(classifiers: dict[str, Classifier]) -> None:
    text = "i feel so happy today"
    result = compare_text(classifiers, text)

    assert result.labels == ("sadness", "joy", "anger", "negative", "positive")
    assert result.shared_labels == ()
    permuted = classifiers["permuted"].predict_proba([text])[0]
    assert result.table["permuted"] == pytest.approx((permuted[1], permuted[2], permuted[0], None, None), abs=1e-6)
    assert result.table["sentiment"][:3] == (None, None, None)
    assert sum(p for p in result.table["sentiment"] if p is not None) == pytest.approx(1, abs=1e-6)
    relations = {(pair.first, pair.second): pair.relation for pair in result.pairs}
    assert len(relations) == 6
    assert {relations[name, "sentiment"] for name in ("first", "second", "permuted")} == {"not comparable"}
    assert not result.agree


def test_shared_labels_are_those_that_every_model_knows(
    classifiers: dict[str, Classifier], make_tiny_model: MakeModel
) -> None:
    other = Classifier.from_pretrained(make_tiny_model(labels=("anger", "joy", "optimism")))

    assert compare_text({"a": classifiers["first"], "b": other}, "hello").shared_labels == ("joy", "anger")


def test_same_answers_in_another_spelling_agree(classifiers: dict[str, Classifier], made_corpus: Corpus) -> None:
    pair = {name: classifiers[name] for name in ("first", "permuted")}
    seen = set()
    for text in load_split(made_corpus, "test").texts:
        result = compare_text(pair, text)
        same = result.predictions["first"].label.casefold() == result.predictions["permuted"].label.casefold()
        assert result.agree == same
        assert result.pairs[0].relation == ("agree" if same else "disagree")
        seen.add(same)
    assert seen == {True, False}


def test_a_model_agrees_with_itself(classifiers: dict[str, Classifier], made_corpus: Corpus) -> None:
    twice = {"a": classifiers["first"], "b": classifiers["first"]}
    result = compare_corpus(twice, made_corpus, "test", resamples=100)

    assert compare_text(twice, "i am lost").agree
    (pair,) = result.pairs
    assert (pair.only_first_right, pair.only_second_right, pair.p_value, pair.p_holm) == (0, 0, 1.0, 1.0)
    assert (pair.difference.low, pair.difference.value, pair.difference.high) == (0, 0, 0)
    assert result.agreement == 1
    assert result.disagreements == ()


def test_each_model_is_measured_as_scikit_learn_does(
    comparison: CorpusComparison, classifiers: dict[str, Classifier], made_corpus: Corpus
) -> None:
    data = load_split(made_corpus, "test")
    true = [made_corpus.labels[label] for label in data.labels]
    for name in ("first", "second", "permuted"):
        answers = [classifiers[name].classify(text).label.casefold() for text in data.texts]
        measured = comparison.models[name]
        assert measured is not None
        assert measured.accuracy.value == pytest.approx(accuracy_score(true, answers), abs=1e-12)
        expected = f1_score(true, answers, average="macro", labels=made_corpus.labels, zero_division=0)
        assert measured.macro_f1.value == pytest.approx(expected, abs=1e-12)
        for interval in (measured.accuracy, measured.macro_f1):
            assert interval.low <= interval.value <= interval.high
            assert interval.low < interval.high
        assert measured.model == classifiers[name].identity()


def test_pairs_are_tested_as_scipy_does_with_holms_correction(
    comparison: CorpusComparison, classifiers: dict[str, Classifier], made_corpus: Corpus
) -> None:
    assert [(pair.first, pair.second) for pair in comparison.pairs] == [
        ("first", "second"),
        ("first", "permuted"),
        ("second", "permuted"),
    ]
    for pair in comparison.pairs:
        first, second = (right_rows(classifiers[name], made_corpus) for name in (pair.first, pair.second))
        assert pair.only_first_right == (first & ~second).sum()
        assert pair.only_second_right == (second & ~first).sum()
        assert pair.only_first_right + pair.only_second_right > 0
        expected = binomtest(pair.only_first_right, pair.only_first_right + pair.only_second_right).pvalue
        assert pair.p_value == pytest.approx(expected, abs=1e-12)
        assert pair.difference.value == pytest.approx(first.mean() - second.mean(), abs=1e-12)
        assert pair.difference.low <= pair.difference.value <= pair.difference.high

    by_p = sorted(comparison.pairs, key=lambda pair: pair.p_value)
    steps = [min(1.0, (len(by_p) - rank) * pair.p_value) for rank, pair in enumerate(by_p)]
    assert [pair.p_holm for pair in by_p] == pytest.approx(np.maximum.accumulate(steps), abs=1e-12)


def test_the_interval_of_a_difference_is_that_of_resampled_rows(
    classifiers: dict[str, Classifier], made_corpus: Corpus
) -> None:
    pair = {name: classifiers[name] for name in ("first", "second")}
    (result,) = compare_corpus(pair, made_corpus, "test").pairs
    first, second = (right_rows(classifier, made_corpus).astype(int) for classifier in pair.values())
    rows = np.random.default_rng(7).integers(0, len(first), size=(9999, len(first)))
    low, high = np.quantile((first - second)[rows].mean(axis=1), [0.025, 0.975])

    assert result.difference.low == pytest.approx(low, abs=0.02)
    assert result.difference.high == pytest.approx(high, abs=0.02)


def test_a_model_with_other_labels_is_shown_as_unaligned(comparison: CorpusComparison) -> None:
    assert comparison.models["sentiment"] is None
    assert "lacks sadness, joy, anger" in comparison.unaligned["sentiment"]
    assert list(comparison.models) == ["first", "second", "permuted", "sentiment"]
    assert all("sentiment" not in (pair.first, pair.second) for pair in comparison.pairs)


def test_disagreements_are_the_rows_that_are_answered_differently(
    comparison: CorpusComparison, classifiers: dict[str, Classifier], made_corpus: Corpus
) -> None:
    data = load_split(made_corpus, "test")
    expected = []
    for row, text in enumerate(data.texts):
        answers = {name: classifiers[name].classify(text).label.casefold() for name in ("first", "second", "permuted")}
        if len(set(answers.values())) > 1:
            expected.append((row, text, made_corpus.labels[data.labels[row]], answers))

    assert [(d.row, d.text, d.label, d.predicted) for d in comparison.disagreements] == expected
    assert 0 < len(expected) < comparison.rows
    assert comparison.agreement == pytest.approx(1 - len(expected) / comparison.rows)


def test_the_same_comparison_gives_the_same_numbers(
    comparison: CorpusComparison, classifiers: dict[str, Classifier], made_corpus: Corpus
) -> None:
    assert compare_corpus(classifiers, made_corpus, "test", resamples=200) == comparison


def test_what_cannot_be_compared_is_refused(classifiers: dict[str, Classifier], made_corpus: Corpus) -> None:
    with pytest.raises(UsageError, match="no model to compare"):
        compare_text({}, "hello")
    with pytest.raises(UsageError, match="no model to compare"):
        compare_corpus({}, made_corpus, "test")
    with pytest.raises(ModelError, match="none of the models has the labels of made"):
        compare_corpus({"sentiment": classifiers["sentiment"]}, made_corpus, "test")
