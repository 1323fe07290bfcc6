"""The arithmetic behind the checks of claims, against independent ways to the same numbers."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from emohub.card.claims import Figure, Row
from emohub.card.claims.arithmetic import batches_per_epoch, f1_bounds, fewest_rows, rows_of, weighted_f1_bounds
from emohub.card.claims.claims import figure


def shown(value: float, decimals: int = 4, metric: str = "accuracy", average: str | None = None) -> Figure:
    """A value as a card prints it."""
    found = figure(metric, f"{value:.{decimals}f}", average=average)
    assert found is not None
    return found


def random_predictions(generator: np.random.Generator) -> tuple[list[int], list[int]]:
    labels, rows = int(generator.integers(2, 7)), int(generator.integers(5, 120))
    truth = generator.choice(labels, rows, p=generator.dirichlet(np.full(labels, 0.7)))
    noise = generator.choice(labels, rows, p=generator.dirichlet(np.full(labels, 0.5)))
    right = generator.random(rows) < generator.random()
    return truth.tolist(), np.where(right, truth, noise).tolist()


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
def test_no_real_result_is_outside_the_bounds_of_f1(average: str) -> None:
    generator = np.random.default_rng(11)
    gaps = []
    for _ in range(400):
        truth, predicted = random_predictions(generator)
        precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        for decimals in (2, 4):
            possible = f1_bounds(shown(precision, decimals), shown(recall, decimals), average)
            assert possible.low - 1e-12 <= f1 <= possible.high + 1e-12
        if average == "weighted":
            possible = weighted_f1_bounds(shown(accuracy_score(truth, predicted)))
            assert possible.low - 1e-12 <= f1 <= possible.high + 1e-12
            gaps += [f1 - possible.low, possible.high - f1]
    if average == "weighted":
        assert min(gaps) < 0.01  # the bounds are reached, not merely wide


def test_the_bounds_of_f1_are_reached() -> None:
    # One label for every text, with the share 0.6: weighted F1 is 2 * 0.6² / 1.6, the lower bound.
    truth = [0] * 6 + [1] * 4
    f1 = precision_recall_fscore_support(truth, [0] * 10, average="weighted", zero_division=0)[2]
    assert weighted_f1_bounds(shown(0.6, 10)).low == pytest.approx(f1, abs=1e-9)
    # Every label with the same precision and recall: macro F1 is their harmonic mean, the upper bound.
    truth, predicted = [0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 0]
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, average="macro")
    assert f1_bounds(shown(precision, 10), shown(recall, 10), "macro").high == pytest.approx(f1, abs=1e-9)
    assert f1_bounds(shown(0.9), shown(0.8), None).low == pytest.approx(0.7 - 1e-4)
    assert f1_bounds(shown(0.9), shown(0.8), "binary").low == pytest.approx(1.44 / 1.7, abs=1e-4)


def test_rows_are_inferred_from_accuracies_as_exact_fractions_would() -> None:
    generator = random.Random(3)
    for rows in (7, 48, 150, 374, 872, 2000):
        values = [Fraction(generator.randint(rows // 2, rows), rows) for _ in range(12)]
        figures = [shown(float(value)) for value in values]
        half = Fraction(1, 20_000)
        printed = [Fraction(figure.shown) for figure in figures]
        expected = next(
            n
            for n in range(1, rows + 1)
            if all(any(abs(Fraction(k, n) - v) <= half for k in (math.floor(v * n), math.ceil(v * n))) for v in printed)
        )
        assert fewest_rows(figures) == expected
        assert rows % expected == 0 or expected < rows


def test_nothing_is_inferred_from_figures_that_fit_by_accident() -> None:
    assert fewest_rows([shown(0.9035), shown(0.926)]) is None
    assert fewest_rows([shown(0.5, 1)]) is None
    assert fewest_rows([shown(1.0), shown(0.0)]) is None
    generator = random.Random(9)
    inferred = [fewest_rows([shown(generator.random()) for _ in range(4)]) for _ in range(300)]
    assert sum(rows is not None for rows in inferred) <= 9  # 1% was asked for


def trainer_rows(rows: int, batch: int, accumulation: int, every: int, epochs: int, decimals: int) -> list[Row]:
    """Rows as trainers print them: the epoch is the share of its batches that were seen, rounded."""
    batches = -(-rows // batch)
    steps = max(batches // accumulation, 1)
    made = []
    for step in range(every, steps * epochs + 1, every):
        done, in_epoch = divmod(step, steps)
        epoch = float(round(done + in_epoch * accumulation / batches, decimals))
        made.append(Row(None, step, figure("loss", str(epoch)), None, ()))
    return made


def test_the_true_batches_and_rows_lie_in_what_is_inferred() -> None:
    generator = random.Random(21)
    widths = []
    for _ in range(400):
        rows, batch = generator.randint(200, 20_000), generator.choice([4, 8, 16, 32, 64])
        accumulation, decimals = generator.choice([1, 1, 2, 4]), generator.choice([2, 4])
        steps = max(-(-rows // batch) // accumulation, 1)
        every = generator.choice([steps, max(steps // 3, 1), 50])
        printed = trainer_rows(rows, batch, accumulation, every, generator.randint(1, 5), decimals)
        inferred = batches_per_epoch(printed, accumulation)
        if not printed:
            assert inferred is None
            continue
        assert inferred is not None
        batches = -(-rows // batch)
        if accumulation == 1:
            assert batches in inferred
            assert rows in rows_of(inferred, batch)
            widths.append((inferred.high - inferred.low) / batches)
        else:
            assert inferred.low - accumulation <= batches <= inferred.high + accumulation
    assert sorted(widths)[len(widths) // 2] < 0.02


def test_the_documented_steps_by_hand() -> None:
    # 50/0.125 = 400, 50/0.115 = 434.8; 100/0.235 = 425.5; 200/0.465 = 430.1, 200/0.455 = 439.6: 431 to 434.
    rows = [
        Row(None, step, figure("loss", epoch), None, ()) for step, epoch in ((50, "0.12"), (100, "0.23"), (200, "0.46"))
    ]
    inferred = batches_per_epoch(rows)
    assert inferred is not None
    assert (inferred.low, inferred.high) == (431, 434)
    assert (rows_of(inferred, 16).low, rows_of(inferred, 16).high) == (430 * 16 + 1, 434 * 16)
