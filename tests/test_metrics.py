"""The measures against scikit-learn, scipy, and loops that follow the definitions word for word."""

import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk

from emohub.errors import DataError
from emohub.metrics import (
    METRICS,
    bootstrap_intervals,
    calibration_bins,
    classification_metrics,
    confusion_matrix,
    expected_calibration_error,
    holm,
    log_loss,
    mcnemar_exact,
    newcombe_interval,
    per_label,
    resampled_rows,
    wilson_interval,
)
from emohub.metrics.intervals import CHUNK_ENTRIES

EXACT = {"rel": 0, "abs": 1e-12}


def sklearn_scores(references, predictions, num_labels):
    """The seven scores as scikit-learn gives them."""
    scores = {"accuracy": sk.accuracy_score(references, predictions)}
    for average in ("macro", "weighted"):
        values = sk.precision_recall_fscore_support(
            references, predictions, labels=range(num_labels), average=average, zero_division=0
        )
        scores |= {f"{average}_{name}": values[i] for i, name in enumerate(("precision", "recall", "f1"))}
    return scores


def label_sets() -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """400 random sets: few and many rows and labels, labels absent on one side or both, one label only."""
    rng = np.random.default_rng(7)
    for trial in range(400):
        num_labels = int(rng.integers(1, 9))
        n = int(rng.integers(1, 60))
        used = rng.choice(num_labels, size=int(rng.integers(1, num_labels + 1)), replace=False)
        guessed = rng.choice(num_labels, size=int(rng.integers(1, num_labels + 1)), replace=False)
        references = rng.choice(used, n)
        predictions = rng.choice(guessed, n)
        if trial % 4 == 0:
            predictions = np.where(rng.random(n) < 0.8, references, predictions)
        yield references, predictions, num_labels


def random_probabilities(rng, n, num_labels, *, ties=False):
    probabilities = rng.dirichlet(np.full(num_labels, 0.6), n)
    if ties:  # a grid of quarters: many rows have two highest values, and many a probability of exactly 0 or 1
        probabilities = rng.multinomial(4, np.full(num_labels, 1 / num_labels), n) / 4
    return probabilities


def test_scores_equal_scikit_learn():
    absent = single = 0
    for references, predictions, num_labels in label_sets():
        expected = sklearn_scores(references, predictions, num_labels)
        actual = classification_metrics(references, predictions, num_labels)
        assert tuple(actual) == METRICS
        assert actual == pytest.approx(expected, **EXACT)
        assert all(type(value) is float for value in actual.values())
        absent += len({*references, *predictions}) < num_labels
        single += len({*references}) == 1
    assert absent > 50
    assert single > 50  # the odd cases did occur


def test_per_label_scores_and_confusion_equal_scikit_learn():
    for references, predictions, num_labels in label_sets():
        labels = range(num_labels)
        expected = sk.precision_recall_fscore_support(
            references, predictions, labels=labels, average=None, zero_division=0
        )
        actual = per_label(references, predictions, num_labels)
        for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
            np.testing.assert_allclose(actual[name], values, rtol=0, atol=1e-12)
            assert actual[name].shape == (num_labels,)
        confusion = confusion_matrix(references, predictions, num_labels)
        if num_labels > 1:  # scikit-learn warns about one label; the loop below covers it
            np.testing.assert_array_equal(confusion, sk.confusion_matrix(references, predictions, labels=labels))
        np.testing.assert_array_equal(actual["predicted"], confusion.sum(axis=0))
        assert confusion.dtype == actual["support"].dtype == actual["predicted"].dtype == np.int64


def test_confusion_matrix_follows_its_definition():
    for references, predictions, num_labels in label_sets():
        expected = [[0] * num_labels for _ in range(num_labels)]
        for reference, prediction in zip(references, predictions, strict=True):
            expected[reference][prediction] += 1
        assert confusion_matrix(references, predictions, num_labels).tolist() == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32])
def test_small_integer_types_do_not_overflow(dtype):
    references = np.arange(100, dtype=dtype)
    assert classification_metrics(references, references, 100) == dict.fromkeys(METRICS, 1.0)


@pytest.mark.parametrize("ties", [False, True])
def test_log_loss_equals_scikit_learn_and_a_loop(ties):
    rng = np.random.default_rng(3)
    for _ in range(50):
        n, num_labels = int(rng.integers(1, 80)), int(rng.integers(2, 7))
        probabilities = random_probabilities(rng, n, num_labels, ties=ties)
        references = rng.integers(0, num_labels, n)
        expected = sk.log_loss(references, probabilities, labels=range(num_labels))
        epsilon = float(np.finfo(np.float64).eps)
        losses = [
            -np.log(min(max(row[label], epsilon), 1 - epsilon))
            for row, label in zip(probabilities, references, strict=True)
        ]
        assert log_loss(references, probabilities) == pytest.approx(expected, **EXACT)
        assert log_loss(references, probabilities) == pytest.approx(sum(losses) / n, **EXACT)


def test_log_loss_of_single_precision_equals_scikit_learn():
    rng = np.random.default_rng(4)
    probabilities = random_probabilities(rng, 300, 5, ties=True).astype(np.float32)
    references = rng.integers(0, 5, 300)
    assert (probabilities[np.arange(300), references] == 0).any()
    expected = sk.log_loss(references, probabilities, labels=range(5))
    assert log_loss(references, probabilities) == pytest.approx(expected, rel=1e-6)


def naive_bins(references, probabilities, num_bins):
    """The (confidence, rightness) pairs of each bin, one row at a time."""
    bins = [[] for _ in range(num_bins)]
    for row, label in zip(probabilities, references, strict=True):
        confidence = max(row)
        index = next(i for i in range(num_bins) if confidence <= (i + 1) / num_bins)
        bins[index].append((float(confidence), list(row).index(confidence) == label))
    return bins


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("num_bins", [1, 4, 15])
def test_calibration_equals_a_loop(ties, num_bins):
    rng = np.random.default_rng(5)
    for _ in range(30):
        n, num_labels = int(rng.integers(1, 120)), int(rng.integers(1, 7))
        probabilities = random_probabilities(rng, n, num_labels, ties=ties)
        references = rng.integers(0, num_labels, n)
        error = 0.0
        bins = calibration_bins(references, probabilities, num_bins)
        expected_bins = naive_bins(references, probabilities, num_bins)
        for index, (actual, rows) in enumerate(zip(bins, expected_bins, strict=True)):
            assert (actual.lower, actual.upper) == (index / num_bins, (index + 1) / num_bins)
            assert actual.count == len(rows)
            if not rows:
                assert actual.confidence is None
                assert actual.accuracy is None
                continue
            confidence = sum(c for c, _ in rows) / len(rows)
            accuracy = sum(right for _, right in rows) / len(rows)
            assert actual.confidence == pytest.approx(confidence, **EXACT)
            assert actual.accuracy == pytest.approx(accuracy, **EXACT)
            error += len(rows) / n * abs(accuracy - confidence)
        assert sum(b.count for b in bins) == n
        assert expected_calibration_error(references, probabilities, num_bins) == pytest.approx(error, **EXACT)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    bins = calibration_bins(np.array([0, 0]), np.array([[0.5, 0.5], [0.75, 0.25]]), 4)
    assert [b.count for b in bins] == [0, 1, 1, 0]


def test_perfect_and_overconfident_answers_have_the_errors_they_should():
    certain = np.eye(3)[[0, 1, 2, 0]]
    assert expected_calibration_error(np.array([0, 1, 2, 0]), certain) == 0
    assert expected_calibration_error(np.array([1, 2, 0, 1]), certain) == 1
    # Three of four right at a stated 0.9: off by 0.15.
    stated = np.array([[0.9, 0.1]] * 4)
    assert expected_calibration_error(np.array([0, 0, 0, 1]), stated) == pytest.approx(0.15, **EXACT)


def example(n=120, num_labels=4, seed=0):
    rng = np.random.default_rng(seed)
    references = rng.integers(0, num_labels - 1, n)  # the last label never occurs
    probabilities = rng.dirichlet(np.ones(num_labels), n) * 0.4
    probabilities[np.arange(n), references] += 0.6
    shuffled = rng.random(n) < 0.4
    probabilities[shuffled] = rng.permutation(probabilities[shuffled], axis=1)
    return references, probabilities


def test_bootstrap_equals_a_loop_over_the_same_resamples():
    references, probabilities = example()
    n, num_labels = probabilities.shape
    result = bootstrap_intervals(references, probabilities, resamples=200, level=0.9, seed=11)
    columns: dict[str, list[float]] = {}
    labels: dict[str, list[np.ndarray]] = {"precision": [], "recall": [], "f1": []}
    rows = np.concatenate(list(resampled_rows(n, 200, 11)))
    assert rows.shape == (200, n)
    for sample in rows:
        y, p = references[sample], probabilities[sample]
        values = sklearn_scores(y, p.argmax(axis=1), num_labels)
        values["log_loss"] = sk.log_loss(y, p, labels=range(num_labels))
        values["expected_calibration_error"] = expected_calibration_error(y, p)
        for name, value in values.items():
            columns.setdefault(name, []).append(value)
        by_label = sk.precision_recall_fscore_support(
            y, p.argmax(axis=1), labels=range(num_labels), average=None, zero_division=0
        )
        for name, value in zip(labels, by_label[:3], strict=True):
            labels[name].append(value)
    assert set(result.metrics) == {*METRICS, "log_loss", "expected_calibration_error"}
    for name, values in columns.items():
        assert result.metrics[name] == pytest.approx(tuple(np.quantile(values, [0.05, 0.95])), **EXACT)
    for name, values in labels.items():
        assert result.per_label[name].shape == (num_labels, 2)
        np.testing.assert_allclose(result.per_label[name], np.quantile(values, [0.05, 0.95], axis=0).T, atol=1e-12)
    assert result.per_label["recall"][-1].tolist() == [0, 0]  # the absent label


def test_resamples_do_not_depend_on_how_they_are_cut(monkeypatch):
    whole = np.concatenate(list(resampled_rows(50, 31, 5)))
    monkeypatch.setattr("emohub.metrics.intervals.CHUNK_ENTRIES", 170)
    pieces = list(resampled_rows(50, 31, 5))
    assert [len(piece) for piece in pieces] == [3] * 10 + [1]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert whole.min() >= 0
    assert whole.max() < 50


def test_bootstrap_is_the_same_for_a_seed_and_another_for_another():
    references, probabilities = example()

    def run(seed):
        return bootstrap_intervals(references, probabilities, resamples=300, seed=seed)

    assert run(1).metrics == run(1).metrics
    assert run(1).metrics != run(2).metrics
    assert (run(1).seed, run(1).resamples, run(1).level) == (1, 300, 0.95)


def test_bootstrap_intervals_hold_the_value_and_widen_with_the_level():
    references, probabilities = example(400)
    values = classification_metrics(references, probabilities.argmax(axis=1), 4)
    narrow = bootstrap_intervals(references, probabilities, resamples=1000, level=0.5).metrics
    wide = bootstrap_intervals(references, probabilities, resamples=1000, level=0.99).metrics
    for name, value in values.items():
        assert wide[name][0] < narrow[name][0] <= value <= narrow[name][1] < wide[name][1]


def test_bootstrap_covers_the_true_accuracy_about_as_often_as_it_says():
    """200 samples of 150 rows, of which 80% are right in truth: 95% intervals miss a binomial share of about 5%."""
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(200):
        references = np.zeros(150, dtype=np.int64)
        right = rng.random(150) < 0.8
        probabilities = np.where(right[:, None], [0.7, 0.3], [0.3, 0.7])
        low, high = bootstrap_intervals(references, probabilities, resamples=400).metrics["accuracy"]
        covered += low <= 0.8 <= high
    assert 0.90 <= covered / 200 <= 0.99


def test_bootstrap_agrees_with_wilson_on_many_rows():
    references = np.zeros(2000, dtype=np.int64)
    probabilities = np.where(np.arange(2000)[:, None] < 1800, [0.8, 0.2], [0.2, 0.8])
    low, high = bootstrap_intervals(references, probabilities).metrics["accuracy"]
    assert (low, high) == pytest.approx(wilson_interval(1800, 2000), abs=2e-3)


def test_bootstrap_memory_does_not_grow_with_the_resamples():
    references, probabilities = example(2000)

    def peak(resamples):
        tracemalloc.start()
        bootstrap_intervals(references, probabilities, resamples=resamples)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(9999) < 64 * 2**20  # all resamples at once would need 160 MB for the row numbers alone
    assert 10 * CHUNK_ENTRIES < 9999 * 2000


def test_wilson_interval_equals_scipy():
    for n in (1, 2, 7, 150, 2000):
        for successes in {0, 1, n // 3, n // 2, n - 1, n}:
            for level in (0.5, 0.9, 0.95, 0.99):
                expected = scipy.stats.binomtest(successes, n).proportion_ci(level, method="wilson")
                actual = wilson_interval(successes, n, level)
                assert actual == pytest.approx((expected.low, expected.high), **EXACT)
                assert 0 <= actual[0] <= successes / n <= actual[1] <= 1


@pytest.mark.parametrize(
    ("successes", "n", "other_successes", "other_n", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_newcombe_interval_equals_the_published_table(successes, n, other_successes, other_n, low, high):
    """Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10."""
    assert newcombe_interval(successes, n, other_successes, other_n) == pytest.approx((low, high), abs=5e-5)
    turned = newcombe_interval(other_successes, other_n, successes, n)
    assert turned == pytest.approx((-high, -low), abs=5e-5)


def test_newcombe_interval_covers_a_difference_as_often_as_it_says():
    """Exact coverage: the probability, summed over all outcomes, that the interval holds the true difference."""
    n, other_n, share, other = 40, 60, 0.9, 0.8
    covered = sum(
        scipy.stats.binom.pmf(successes, n, share) * scipy.stats.binom.pmf(other_successes, other_n, other)
        for successes in range(n + 1)
        for other_successes in range(other_n + 1)
        for low, high in [newcombe_interval(successes, n, other_successes, other_n)]
        if low <= share - other <= high
    )
    assert 0.93 <= covered <= 0.97


def test_mcnemar_equals_scipy_and_the_sum_of_binomials():
    for b in range(25):
        for c in range(25):
            p = mcnemar_exact(b, c)
            n = b + c
            tail = Fraction(sum(comb(n, i) for i in range(min(b, c) + 1)), 2**n)
            assert p == float(min(Fraction(1), 2 * tail))
            if n:
                assert p == pytest.approx(scipy.stats.binomtest(b, n).pvalue, **EXACT)
            assert p == mcnemar_exact(c, b)
    assert mcnemar_exact(0, 0) == 1  # a model against itself


def test_mcnemar_keeps_its_precision_on_many_rows():
    for b, c in ((900, 1100), (3000, 3000), (0, 1000), (20_000, 21_000)):
        assert mcnemar_exact(b, c) == pytest.approx(scipy.stats.binomtest(b, b + c).pvalue, rel=1e-9)


def test_holm_on_an_example_worked_by_hand():
    # Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1 = 0.02, 0.03, 0.06, 0.04; the last is raised to the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02], **EXACT)
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8], **EXACT)
    assert holm([0.7, 0.7]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_holm_is_the_closed_bonferroni_procedure():
    """An adjusted value is the largest Bonferroni p of all sets of hypotheses that hold the one in question."""
    generator = random.Random(9)
    for _ in range(60):
        p_values = [generator.choice([generator.random() ** 3, 0.02, 1.0]) for _ in range(generator.randint(1, 6))]
        expected = []
        for own in range(len(p_values)):
            sets = (
                chosen
                for size in range(1, len(p_values) + 1)
                for chosen in combinations(range(len(p_values)), size)
                if own in chosen
            )
            expected.append(max(min(1.0, len(chosen) * min(p_values[i] for i in chosen)) for chosen in sets))
        assert holm(p_values) == pytest.approx(expected, **EXACT)


GOOD = np.array([[0.5, 0.5], [0.9, 0.1]])
ZEROS = np.array([0, 0])


@pytest.mark.parametrize(
    ("call", "cause"),
    [
        (lambda: classification_metrics(ZEROS, np.array([0, 1, 1]), 2), "2 references and 3 predictions"),
        (
            lambda: classification_metrics(np.array([], dtype=int), np.array([], dtype=int), 2),
            r"references have .*\(0,\)",
        ),
        (lambda: classification_metrics(ZEROS, np.array([[0], [1]]), 2), r"predictions have the shape \(2, 1\)"),
        (lambda: classification_metrics(np.array([0, 2]), ZEROS, 2), "references hold the label id 2 in row 1"),
        (lambda: confusion_matrix(ZEROS, np.array([-1, 0]), 2), "predictions hold the label id -1 in row 0"),
        (lambda: per_label(np.array([0.0, 1.0]), ZEROS, 2), "references are of the type float64"),
        (lambda: per_label(np.array(["joy", "fear"]), ZEROS, 2), "references are of the type <U4"),
        (lambda: log_loss(ZEROS, np.array([0.5, 0.5])), r"probabilities .* shape \(2,\)"),
        (lambda: log_loss(ZEROS, np.array([["a"], ["b"]])), "probabilities are of the type <U1"),
        (lambda: log_loss(np.array([0]), GOOD), "1 references and 2 probabilities"),
        (lambda: log_loss(ZEROS, np.array([[0.5, 0.5], [2.3, -1.3]])), "row 1 are no distribution"),
        (lambda: log_loss(ZEROS, np.array([[np.nan, 0.5], [0.5, 0.5]])), "row 0 are no distribution"),
        (lambda: log_loss(ZEROS, np.array([[0.5, 0.5], [1.4, 0.3]])), r"row 1 .*add up to 1\.7"),
        (lambda: calibration_bins(np.array([0, 2]), GOOD), "label id 2 in row 1"),
        (lambda: calibration_bins(ZEROS, GOOD, 0), "num_bins is 0"),
        (lambda: expected_calibration_error(ZEROS, GOOD, -1), "num_bins is -1"),
        (lambda: bootstrap_intervals(ZEROS, GOOD, resamples=0), "resamples is 0"),
        (lambda: bootstrap_intervals(ZEROS, GOOD, level=1.0), r"level 1\.0"),
        (lambda: wilson_interval(3, 2), "3 successes out of 2"),
        (lambda: wilson_interval(0, 0), "0 successes out of 0"),
        (lambda: wilson_interval(1, 2, level=0), "level 0"),
        (lambda: newcombe_interval(1, 2, 3, 2), "3 successes out of 2"),
        (lambda: mcnemar_exact(-1, 2), "counts are -1 and 2"),
        (lambda: holm([0.1, float("nan")]), "p-value is nan"),
        (lambda: holm([1.5]), r"p-value is 1\.5"),
    ],
)
def test_bad_input_is_refused_with_a_remedy(call, cause):
    with pytest.raises(DataError, match=cause) as caught:
        call()
    assert caught.value.remedy.startswith("give ")


def test_whole_number_probabilities_are_taken():
    assert log_loss(ZEROS, np.array([[1, 0], [1, 0]])) == pytest.approx(0, abs=1e-15)


@pytest.fixture(scope="module")
def modules():
    from emohub.metrics import modules

    return modules


def test_evaluate_modules_equal_the_functions(modules):
    classes = modules.ClassificationMetric.__subclasses__()
    assert len(classes) == len(METRICS)
    for references, predictions, num_labels in list(label_sets())[:8]:
        expected = classification_metrics(references, predictions, num_labels)
        actual = {}
        for metric_class in classes:
            actual |= metric_class(num_labels).compute(references=references, predictions=predictions)
        assert actual == expected


def test_evaluate_modules_combine_and_take_batches(modules):
    import evaluate

    rng = np.random.default_rng(1)
    references, predictions = rng.integers(0, 4, 90), rng.integers(0, 4, 90)
    expected = sklearn_scores(references, predictions, 5)
    metrics = evaluate.combine([modules.Accuracy(5), modules.MacroF1(5), modules.WeightedF1(5)])
    for start in range(0, 90, 40):
        metrics.add_batch(references=references[start : start + 40], predictions=predictions[start : start + 40])
    actual = metrics.compute()
    assert actual == pytest.approx({name: expected[name] for name in ("accuracy", "macro_f1", "weighted_f1")}, **EXACT)
    # The same objects again, from plain lists: nothing of the first round is left over.
    again = metrics.compute(references=[0, 1], predictions=[0, 0])
    assert again["accuracy"] == 0.5


def test_evaluate_modules_refuse_bad_input(modules):
    with pytest.raises(DataError, match="label id 6"):
        modules.MacroF1(6).compute(references=[0, 6], predictions=[0, 1])
    with pytest.raises(DataError, match="num_labels is 0"):
        modules.MacroF1(0)


def test_evaluate_modules_touch_neither_the_network_nor_the_disk(tmp_path):
    """In a process of its own, where a socket is an error and the caches would have to be made below a file."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = """
import socket
def refuse(*args, **kwargs): raise AssertionError("network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from emohub.metrics.modules import Accuracy, MacroF1
import evaluate
print(evaluate.combine([Accuracy(2), MacroF1(2)]).compute(references=[0, 1], predictions=[0, 1]))
"""
    environment = {**os.environ, "HF_HOME": str(blocked / "hub"), "HF_METRICS_CACHE": str(blocked / "metrics")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parent.parent,
        timeout=120,
        check=False,
    )
    assert done.stdout == "{'accuracy': 1.0, 'macro_f1': 1.0}\n", done.stderr


def test_the_functions_do_not_load_the_evaluate_library():
    code = "import sys, emohub.metrics; print([m for m in ('evaluate', 'datasets', 'torch') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent, check=True
    )
    assert done.stdout == "[]\n"
