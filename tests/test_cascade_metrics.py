"""The curve of a cascade against brute force and scikit-learn, and the interval that its threshold is chosen by."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from emohub.errors import DataError
from emohub.metrics.cascade import NEVER_SURE, cascade_curve


def drawn(rows: int, labels: int, seed: int, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, a model that is often right, and one that is right more often; many rows are equally sure."""
    generator = np.random.default_rng(seed)
    references = generator.integers(0, labels, rows)
    models = []
    for strength in (2.0, 4.0):
        logits = np.round(generator.normal(size=(rows, labels)), 1)
        logits[np.arange(rows), references] += strength * generator.integers(0, 2, rows)
        powers = np.exp(logits)
        models.append((powers / powers.sum(axis=1, keepdims=True)).astype(dtype))
    return references, *models


@pytest.mark.parametrize(("rows", "labels", "dtype"), [(300, 4, "float32"), (60, 2, "float64"), (1, 3, "float32")])
def test_every_threshold_equals_brute_force(rows: int, labels: int, dtype: str) -> None:
    references, small, large = drawn(rows, labels, seed=rows, dtype=dtype)
    curve = cascade_curve(references, small, large)
    confidence = small.max(axis=1).astype(np.float64)
    assert len(curve.thresholds) == len(np.unique(confidence)) + 1
    assert (np.diff(curve.thresholds) > 0).all()
    large_right = large.argmax(axis=1) == references
    for at, threshold in enumerate(curve.thresholds):
        sure = confidence >= threshold
        answers = np.where(sure, small.argmax(axis=1), large.argmax(axis=1))
        right = answers == references
        assert curve.asked[at] == (~sure).sum()
        assert set(curve.order[: curve.asked[at]]) == set(np.flatnonzero(~sure))
        assert curve.right[at] == right.sum()
        expected = f1_score(references, answers, labels=range(labels), average="macro", zero_division=0)
        assert curve.macro_f1[at] == pytest.approx(expected, abs=1e-12)
        assert curve.only_cascade[at] == (right & ~large_right).sum()
        assert curve.only_large[at] == (~right & large_right).sum()


def test_the_ends_are_the_models_by_themselves() -> None:
    references, small, large = drawn(200, 3, seed=1, dtype="float32")
    curve = cascade_curve(references, small, large)
    assert (curve.thresholds[0], curve.thresholds[-1]) == (0, NEVER_SURE)
    assert (curve.asked[0], curve.asked[-1]) == (0, 200)
    assert curve.right[0] == (small.argmax(axis=1) == references).sum()
    assert curve.right[-1] == (large.argmax(axis=1) == references).sum()
    assert (curve.only_cascade[-1], curve.only_large[-1]) == (0, 0)


def test_neighbouring_numbers_are_told_apart() -> None:
    """Between two doubles that follow each other there is no third: the upper one is the threshold."""
    lower = 0.75
    upper = float(np.nextafter(lower, 1))
    small = np.array([[lower, 1 - lower], [upper, 1 - upper]])
    curve = cascade_curve(np.array([0, 0]), small, small)
    assert curve.thresholds.tolist() == [0, upper, NEVER_SURE]
    assert curve.asked.tolist() == [0, 1, 2]


def test_probabilities_of_other_shapes_are_refused() -> None:
    references, small, large = drawn(10, 3, seed=1, dtype="float32")
    with pytest.raises(DataError, match="the same rows and labels"):
        cascade_curve(references, small, np.full((10, 2), 0.5))
    with pytest.raises(DataError, match="the same rows and labels"):
        cascade_curve(references, small, large[:9])
    with pytest.raises(DataError, match="row 3 are no distribution"):
        cascade_curve(references, small, np.where(np.arange(10)[:, None] == 3, 0.9, large))
