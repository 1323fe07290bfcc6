"""The watch over a run: it warns of curves that went wrong, once and with their figures, and of no others."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import entropy

from emohub.recipe import Corpus, Recipe
from emohub.record import Finding, HistoryRow, RunRecord
from emohub.train import range_test, train, watch
from emohub.train.watch import Watch, constant_prediction_loss
from tools.model_plan import TEACHERS

ROOT = Path(__file__).resolve().parent.parent
PAGE = " ".join((ROOT / "docs" / "convergence.md").read_text(encoding="utf-8").replace("\n> ", "\n").split())
LN3 = math.log(3)


def make_watch(total_steps: int, **changes: float) -> Watch:
    """The watch of a run over three balanced labels in steps of 16 texts, measured on 400."""
    values = {"warmup_steps": 10, "constant_loss": LN3, "effective_batch_size": 16, "validation_rows": 400}
    return Watch(total_steps=total_steps, **{**values, **changes})  # type: ignore[arg-type]


def watch_steps(
    watch: Watch, losses: Iterable[float], rate: float | Sequence[float] = 5e-5, start: int = 1
) -> list[Finding]:
    found: list[Finding] = []
    for index, loss in enumerate(losses):
        now = rate if isinstance(rate, float) else rate[index]
        found += watch.observe(start + index, float(loss), now, 2.5)
    return found


def batch_losses(means: Sequence[float] | NDArray[np.float64], batch_size: int, seed: int) -> NDArray[np.float64]:
    """Mean losses of batches of texts whose own losses scatter by one nat, as those of real classifiers do."""
    rng = np.random.default_rng(seed)
    column = np.asarray(means)[:, None]
    return rng.gamma(column**2, 1 / column, size=(len(column), batch_size)).mean(axis=1)


def falling(steps: int, start: float = LN3, end: float = 0.1) -> NDArray[np.float64]:
    """Means that decay to ``end`` over the run, most of it in the first third."""
    return end + (start - end) * np.exp(-6 * np.arange(steps) / steps)


# What a constant prediction costs


def test_a_constant_prediction_costs_the_entropy_of_the_labels() -> None:
    assert constant_prediction_loss([50, 50, 50]) == pytest.approx(LN3)
    assert constant_prediction_loss([900, 80, 0, 20]) == pytest.approx(entropy([900, 80, 0, 20]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, [0.4, 1.0, 3.5]])
def test_nothing_that_ignores_the_text_costs_less_by_torchs_loss(weights: list[float] | None, smoothing: float) -> None:
    counts = [70, 25, 5]
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
    scale = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)

    def loss() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(
            logits.expand(len(labels), 3), labels, weight=scale, label_smoothing=smoothing
        )

    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    assert constant_prediction_loss(counts, weights, smoothing) == pytest.approx(loss().item(), abs=1e-9)


# Curves that are as they should be


@pytest.mark.parametrize("batch_size", [1, 8, 32, 512])
@pytest.mark.parametrize("steps", [120, 600, 4000])
def test_a_run_that_learns_is_left_in_peace(steps: int, batch_size: int) -> None:
    for seed in range(5):
        watch = make_watch(steps, effective_batch_size=batch_size)
        assert watch_steps(watch, batch_losses(falling(steps), batch_size, seed)) == []


def test_a_loss_that_waits_for_the_end_of_the_warm_up_is_left_in_peace() -> None:
    means = np.concatenate([np.full(300, LN3), falling(700)])
    assert watch_steps(make_watch(1000, warmup_steps=300), batch_losses(means, 16, seed=0)) == []


def test_labels_that_are_rare_start_far_above_what_a_constant_costs() -> None:
    constant = constant_prediction_loss([950, 50])
    watch = make_watch(400, constant_loss=constant)
    assert watch_steps(watch, batch_losses(falling(400, start=math.log(2), end=0.08), 16, seed=0)) == []


def test_a_few_steps_to_try_something_out_are_not_judged() -> None:
    assert watch_steps(make_watch(40, warmup_steps=0), [LN3] * 40) == []


def test_one_enormous_loss_is_no_rise() -> None:
    losses = batch_losses(falling(600), 16, seed=1)
    losses[300] = 2.5
    assert watch_steps(make_watch(600), losses) == []


def test_a_model_that_is_adapted_gains_little_and_is_left_in_peace() -> None:
    noise = 0.03 * np.random.default_rng(0).standard_normal(2000)
    losses = np.linspace(2.90, 2.75, 2000) + noise
    assert watch_steps(make_watch(2000, constant_loss=6.8, effective_batch_size=64), losses) == []


def test_a_model_that_knows_its_texts_already_is_left_in_peace() -> None:
    assert watch_steps(make_watch(600), batch_losses(np.full(600, 0.1), 16, seed=0)) == []


# Curves that are not


def test_a_rate_that_is_too_low_leaves_the_loss_where_it_was() -> None:
    found = watch_steps(make_watch(600), batch_losses(np.full(600, LN3), 16, seed=0), rate=1e-8)
    assert [finding.kind for finding in found] == ["convergence"]
    # windows of 30 steps: the first holds the warm-up, and the three after it agree
    assert found[0].step == 120
    assert "1.0986" in found[0].message
    assert "add up to 1.2e-06" in found[0].message
    assert "too low" in found[0].message
    assert found[0].remedy.startswith("raise learning_rate")


def test_a_rate_that_is_too_high_can_leave_the_loss_there_as_well() -> None:
    found = watch_steps(make_watch(600), batch_losses(np.full(600, LN3), 16, seed=0), rate=0.01)
    assert len(found) == 1
    assert "collapsed" in found[0].message
    assert found[0].remedy.startswith("lower learning_rate")


def test_a_loss_that_is_stuck_at_a_usual_rate_is_not_explained_with_certainty() -> None:
    found = watch_steps(make_watch(600), batch_losses(np.full(600, LN3), 16, seed=0), rate=5e-5)
    assert len(found) == 1
    assert "either way" in found[0].message
    assert "--find-lr" in found[0].remedy
    assert "emohub data audit" in found[0].remedy


def test_learning_the_shares_of_the_labels_is_not_yet_learning() -> None:
    constant = constant_prediction_loss([950, 50])
    means = np.concatenate([np.linspace(math.log(2), constant, 40), np.full(360, constant)])
    found = watch_steps(make_watch(400, constant_loss=constant), batch_losses(means, 64, seed=0), rate=5e-5)
    assert len(found) == 1
    assert f"{constant:.4f}" in found[0].message


def test_a_model_that_is_adapted_at_no_rate_stays_flat() -> None:
    losses = 2.9 + 0.03 * np.random.default_rng(0).standard_normal(2000)
    found = watch_steps(make_watch(2000, constant_loss=6.8, effective_batch_size=64), losses, rate=1e-9)
    assert len(found) == 1
    assert "over the first 100 steps" in found[0].message
    assert "too low" in found[0].message


def test_a_loss_that_rises_from_the_start_is_told_within_a_window() -> None:
    found = watch_steps(make_watch(600), np.linspace(LN3, 4.0, 600), rate=0.02)
    assert found[0].step is not None
    assert found[0].step <= 90
    assert "rose from 1.0986" in found[0].message
    assert "2.00e-02" in found[0].message
    assert "2.5" in found[0].message, "the gradient's norm"
    assert len(found) == 1


def test_a_loss_that_loses_half_of_what_it_had_gained_has_risen() -> None:
    means = np.concatenate([np.linspace(LN3, 0.3, 300), np.full(300, 1.0)])
    found = watch_steps(make_watch(600), batch_losses(means, 16, seed=0), rate=1e-3)
    assert len(found) == 1
    assert found[0].step == 330
    assert "too high" in found[0].message


@pytest.mark.parametrize(("batch_size", "jumps"), [(16, True), (1, False)])
def test_a_loss_jumps_when_its_batches_do_not_explain_it(batch_size: int, jumps: bool) -> None:
    losses = np.concatenate([np.tile([0.1, 1.9], 100), np.full(1800, 0.1)])
    found = watch_steps(make_watch(2000, effective_batch_size=batch_size), losses, rate=1e-3)
    assert len(found) == jumps
    if jumps:
        assert "jumped" in found[0].message


def test_a_gradient_without_a_norm_changes_nothing() -> None:
    watch = make_watch(600)
    for step in range(1, 30):
        assert watch.observe(step, LN3, 1e-8, math.nan if step % 2 else math.inf) == ()
    assert json.loads(json.dumps(watch.state(), allow_nan=False))["window"]["gradient_norm"] == 0.0


# Validation


def row(step: int, training: float | None, validation: float) -> HistoryRow:
    return HistoryRow(training_loss=training, epoch=step / 100, step=step, validation_loss=validation, metrics={})


def watch_rows(watch: Watch, figures: Sequence[tuple[float | None, float]]) -> list[Finding]:
    found: list[Finding] = []
    for number, (training, validation) in enumerate(figures, start=1):
        found += watch.evaluated(row(100 * number, training, validation))
    return found


DRIFT = [(0.9, 0.60), (0.5, 0.50), (0.3, 0.66), (0.2, 0.72), (0.1, 0.80)]


def test_training_and_validation_that_drift_apart_are_told_once_with_their_figures() -> None:
    found = watch_rows(make_watch(500), DRIFT)  # two standard errors of 400 texts are 0.125
    assert [(finding.kind, finding.step) for finding in found] == [("overfitting", 400)]
    for figure in ("step 200", "step 400", "0.5000", "0.2000", "0.7200", "0.1250"):
        assert figure in found[0].message
    for setting in ("dropout", "weight_decay", "label_smoothing", "early_stopping_patience", "num_train_epochs"):
        assert setting in found[0].remedy


@pytest.mark.parametrize(
    ("figures", "rows", "why"),
    [
        (DRIFT, 40, "with so few texts the rise is within the noise"),
        (DRIFT[:3], 400, "a single evaluation may be a bad moment"),
        ([(0.9, 0.6), (0.5, 0.5), (0.3, 0.7), (0.2, 0.45), (0.1, 0.65)], 400, "it found a new low in between"),
        ([(0.5, 0.5), (0.6, 0.9), (0.7, 0.9), (0.8, 0.9)], 400, "training fares no better: it is no overfitting"),
        ([(9.0, 0.5), (5.0, 0.9), (3.0, 1.5), (2.0, 2.0)], 400, "nothing was learned: the run has diverged"),
        ([(None, 0.5), (None, 0.9), (None, 0.9)], 400, "the training loss is not known"),
        ([(0.9, 0.5), (0.5, 0.505), (0.4, 0.51), (0.3, 0.515)], 10**7, "it is too little to matter"),
    ],
)
def test_a_rise_that_does_not_mean_overfitting(figures: list[tuple[float | None, float]], rows: int, why: str) -> None:
    assert watch_rows(make_watch(500, validation_rows=rows), figures) == [], why


def test_the_run_that_the_page_quotes() -> None:
    """On SST-2 the validation loss rose by half, from 0.312 to 0.474."""
    run = RunRecord.load(ROOT / TEACHERS / "minilm-sst2-teacher-1" / "run.json")
    recipe = Recipe.from_values(run.recipe, run.recipe["name"])
    watch = Watch(
        total_steps=run.total_steps,
        warmup_steps=run.warmup_steps,
        constant_loss=math.log(len(recipe.corpus.labels)),
        effective_batch_size=run.effective_batch_size,
        validation_rows=run.data["validation"].rows,
    )
    found = [finding for each in run.history for finding in watch.evaluated(each)]
    assert [finding.kind for finding in found] == ["overfitting"]
    assert all(finding.message in PAGE for finding in found), "the page quotes it"
    lowest = min(each.validation_loss for each in run.history)
    assert run.history[-1].validation_loss > 1.5 * lowest


def test_the_page_on_convergence_states_the_rules_as_they_are() -> None:
    for rule in (
        f"from {watch.SHORTEST_WINDOW} to {watch.LONGEST_WINDOW} steps",
        f"above {watch.STUCK_SHARE:.0%} of the yardstick",
        f"above {watch.FLAT_SHARE:.1%} of the first window's mean",
        f"add up to less than {watch.UNMOVED:g}:",
        f"rate exceeded {watch.UPSET:g}:",
        f"({watch.ROW_SPREAD} nats for a single text)",
        f"by more than {watch.LEAST_DRIFT:.0%}",
        f"never fell by {range_test.LEAST_FALL:.0%}",
        f"from {range_test.LOWEST_RATE:.0e} to".replace("e-0", "e-"),
        range_test.RULE.replace("training ", ""),
    ):
        assert rule in PAGE, rule
    assert (watch.WINDOWS, watch.STUCK_WINDOWS, watch.TAUGHT_SHARE, watch.ABOVE_SHARE, watch.RISE) == (
        20,
        3,
        0.25,
        0.8,
        1.1,
    )
    assert (watch.JUMP, watch.JUMP_SHARE, watch.NOISE_ERRORS, watch.DRIFT_ROWS) == (3, 0.5, 2, 2)
    assert (range_test.SMOOTHING, range_test.DIVERGED) == (0.05, 1.5)


# Interrupted runs


CURVES = {
    "learns": batch_losses(falling(400), 16, seed=3),
    "stuck": batch_losses(np.full(400, LN3), 16, seed=3),
    "rises": batch_losses(np.linspace(LN3, 6.0, 400), 16, seed=3),
    "learns and loses it": batch_losses(np.concatenate([falling(200), np.full(200, 1.2)]), 16, seed=3),
}


@pytest.mark.parametrize("curve", CURVES)
def test_a_run_that_is_stopped_after_every_step_is_warned_alike(curve: str) -> None:
    whole, interrupted = make_watch(400), make_watch(400)
    for step, loss in enumerate(CURVES[curve], start=1):
        expected = whole.observe(step, float(loss), 3e-4 / 7, 1.0)
        assert interrupted.observe(step, float(loss), 3e-4 / 7, 1.0) == expected
        if step % 100 == 0:
            seen = row(step, *DRIFT[step // 100])
            assert interrupted.evaluated(seen) == whole.evaluated(seen)
        interrupted = Watch.from_state(json.loads(json.dumps(interrupted.state(), allow_nan=False)))
        assert interrupted == whole
    assert len(whole.warned) == (curve != "learns") + 1, "of its loss, and of overfitting"


def test_what_it_remembers_does_not_grow() -> None:
    watch = make_watch(20_000)
    watch_steps(watch, batch_losses(falling(20_000), 16, seed=0))
    watch_rows(watch, [(0.9, 0.5)] * 300)
    assert len(json.dumps(watch.state())) < 2000


# Real runs


@pytest.fixture(scope="module")
def tiny_recipe(made_corpus: Corpus, tiny_base_dir: Path) -> Recipe:
    """120 steps of a tiny model: enough to learn the made corpus at its own rate."""
    values = {
        "name": "made",
        "summary": "A tiny model on made data.",
        "base_model": str(tiny_base_dir),
        "max_length": 32,
        "corpus": made_corpus.model_dump(mode="json"),
        "training": {
            "learning_rate": 5e-3,
            "per_device_train_batch_size": 16,
            "num_train_epochs": 8,
            "seed": 1,
            "warmup_steps": 4,
        },
    }
    return Recipe.from_values(values, "test recipe")


@pytest.mark.parametrize(("rate", "expected"), [(1e-12, "too low"), (5e-3, None), (0.1, "too high"), (1.0, "too high")])
def test_real_runs_at_a_rate_of(rate: float, expected: str | None, tiny_recipe: Recipe, tmp_path: Path) -> None:
    record = train(tiny_recipe, overrides={"learning_rate": rate}, output_dir=tmp_path / "run")
    found = [finding for finding in record.findings if finding.kind != "data"]
    assert len(found) == (expected is not None)
    for finding in found:
        assert finding.kind == "convergence"
        assert expected is not None
        assert expected in finding.message
    assert (record.exported.validation["accuracy"] > 0.9) == (expected is None)
