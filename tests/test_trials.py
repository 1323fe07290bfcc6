"""Trials: each technique is judged on the seeds that it shares with its baseline, by an interval as scipy's."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks import quality_page, trials
from benchmarks.quality_page import held_against, render
from benchmarks.trial_verdicts import Comparison, compare, t_between, t_interval, t_quantile
from benchmarks.trials import Trial, add, checked, read, trial_of
from emohub.card import results_rows
from emohub.errors import RecordError
from emohub.layout import RUN_FILE
from tests.factories import make_run_record

ROOT = Path(__file__).resolve().parent.parent
CARDS = ROOT / "cards"


def trial(technique: str, seed: int, figure: float, **changes: Any) -> Trial:
    values: dict[str, Any] = {
        "date": "2026-01-02T03:04:05Z",
        "commit": "0123456789abcdef-dirty",
        "recipe": "tiny",
        "technique": technique,
        "against": None if technique == "baseline" else "baseline",
        "settings": {} if technique == "baseline" else {"dropout": 0.2},
        "seed": seed,
        "split": "validation",
        "metric": "accuracy",
        "metrics": {"accuracy": figure, "loss": 1 - figure},
        "seconds": 60.0 if technique == "baseline" else 90.0,
    }
    return Trial(**{**values, **changes})


def way(technique: str, figures: list[float], **changes: Any) -> list[Trial]:
    return [trial(technique, seed, figure, **changes) for seed, figure in enumerate(figures)]


def comparison(own: list[float], others: list[float]) -> Comparison:
    one, two = way("trick", own), way("baseline", others)
    found = compare(one, [*two, *one])
    assert found is not None
    return found


# ---- the interval


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 29])
def test_students_distribution_is_scipys(freedom: int) -> None:
    for t in (0.0, 0.3, 1.0, 2.5, 12.0):
        assert t_between(t, freedom) == pytest.approx(1 - 2 * stats.t.sf(t, freedom), abs=1e-12)
    for level in (0.5, 0.9, 0.95, 0.999):
        assert t_quantile(level, freedom) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-9)


def test_the_interval_and_the_verdict_are_those_of_a_paired_t_test() -> None:
    generator = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        count = int(generator.integers(3, 8))
        base = generator.normal(0.9, 0.01, count)
        own = base + generator.normal(generator.choice([-0.02, 0.0, 0.02]), 0.01, count)
        found = comparison(own.tolist(), base.tolist())
        test = stats.ttest_rel(own, base)
        assert found.interval == pytest.approx(tuple(test.confidence_interval(0.95)))
        expected = "no help" if test.pvalue > 0.05 else "kept" if own.mean() > base.mean() else "hurts"
        assert found.verdict == expected
        seen.add(expected)
    assert seen == {"kept", "no help", "hurts"}
    assert t_interval([2.0, 2.0]) == (2.0, 2.0)


def test_a_loss_is_better_when_it_is_lower() -> None:
    own = [trial("trick", seed, 0.0, metric="loss", metrics={"loss": 0.1 + seed / 1000}) for seed in range(3)]
    base = [trial("baseline", seed, 0.0, metric="loss", metrics={"loss": 0.2}) for seed in range(3)]
    found = compare(own, [*own, *base])
    assert found is not None
    assert found.verdict == "kept"


def test_only_seeds_that_both_have_count() -> None:
    own = [trial("trick", seed, 0.9 + seed / 100) for seed in (1, 2, 3, 4)]
    base = [trial("baseline", seed, 0.9) for seed in (9, 3, 2, 1)]
    found = compare(own, [*own, *base])
    assert found is not None
    assert [each.seed for each in found.own] == [each.seed for each in found.others] == [1, 2, 3]
    assert found.differences == pytest.approx([0.01, 0.02, 0.03])
    assert found.cost == pytest.approx(1.5)
    two = compare(own[:2], [*own[:2], *base])
    assert two is not None
    assert two.verdict == "too few seeds"
    one = compare(own[:1], [*own[:1], *base])
    assert one is not None
    assert (one.interval, one.verdict) == (None, "too few seeds")
    assert compare(own[3:], [*own, *base]) is None
    assert compare(base, base) is None


def test_a_comparison_with_nothing_is_refused() -> None:
    with pytest.raises(RecordError, match="has no trial"):
        compare(way("trick", [0.9]), way("trick", [0.9]))
    other = way("baseline", [0.9], split="cross-validation")
    with pytest.raises(RecordError, match="measured by accuracy on validation"):
        compare(way("trick", [0.9]), [*way("trick", [0.9]), *other])


# ---- the file


def test_trials_are_added_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "quality" / "trials.jsonl"
    assert read(path) == ()
    first, second = way("baseline", [0.9, 0.91]), way("trick", [0.92, 0.93], note="a | b")
    add(first, path)
    add(second, path)
    assert read(path) == (*first, *second)
    before = path.read_bytes()
    with pytest.raises(RecordError, match="trick of tiny with seed 1 stands twice"):
        add([trial("trick", 5, 0.9), second[1]], path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON"),
        ("[]", "line 2"),
        ('{"recipe": "tiny"}', "line 2: the key"),
        (trial("baseline", 7, 0.9).model_dump_json().replace('"validation"', '"test"'), "line 2: 'split'"),
        (trial("baseline", 7, 0.9).model_dump_json().replace('"accuracy",', '"rouge",'), "the deciding metric rouge"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_text(f"{trial('baseline', 1, 0.9).model_dump_json()}\n{line}\n", encoding="utf-8")
    with pytest.raises(RecordError, match=re.escape(message)):
        read(path)


def test_trials_of_one_name_are_of_one_kind() -> None:
    for changes in ({"settings": {"dropout": 0.3}}, {"against": "other"}, {"split": "cross-validation"}):
        with pytest.raises(RecordError, match="give each way its own name"):
            checked([trial("trick", 1, 0.9), trial("trick", 2, 0.9, **changes)])


def test_a_run_becomes_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    run = make_run_record(overrides={"training.seed": 7, "dropout": 0.3})
    found = trial_of(run, "more dropout", "baseline")
    assert (found.recipe, found.seed, found.settings) == ("tiny-feelings", 7, {"dropout": 0.3})
    assert found.figure == run.exported.validation[run.recipe["evaluation"]["metric_for_best_model"]]
    assert (found.date, found.commit, found.seconds) == (run.created, run.environment.git_commit, 123.4)
    run.save(tmp_path / "run" / RUN_FILE)
    monkeypatch.setattr(trials, "TRIALS", tmp_path / "trials.jsonl")
    monkeypatch.setattr("sys.argv", ["trials", str(tmp_path / "run"), "--technique", "plain"])
    trials.main()
    assert read(tmp_path / "trials.jsonl") == (trial_of(run, "plain", None),)
    with pytest.raises(SystemExit, match="stands twice"):
        trials.main()


# ---- the page


def test_the_page_says_what_the_trials_say() -> None:
    base, trick = [0.9, 0.91, 0.92], [0.93, 0.935, 0.953]
    page = render([*way("baseline", base), *way("trick", trick), *way("odd", [0.5], against="trick")], {}, {})
    low, high = stats.ttest_rel(trick, base).confidence_interval(0.95)
    difference = np.subtract(trick, base).mean()
    row = next(line for line in page.splitlines() if '<a id="trial-tiny-trick"></a>' in line)
    assert f"| 3 | {np.mean(trick):.4f} | +{difference:.4f} | {low:+.4f} to {high:+.4f} | × 1.50 | **kept** |" in row
    assert "`dropout=0.2`" in row
    assert (
        f"| baseline | – | validation, accuracy | 3 | 0.9100 | {np.std(base, ddof=1):.4f} | 0.9000 | 0.9200 |" in page
    )
    assert "too few seeds" in page
    assert page.count("| 0123456789ab-dirty |") == 7
    assert all(line.count("|") == 10 for line in page.splitlines() if line.startswith("| 2026-"))


def test_without_trials_the_page_says_so() -> None:
    page = render([], {}, {})
    assert "There is none yet." in page
    assert page.count("not released yet") == len(quality_page.aims())


def test_an_aim_is_reached_or_missed_by_so_much() -> None:
    measured = {result.name: result for result in results_rows(CARDS).measured}
    result = measured["minilm-emotion"]
    accuracy = result.metrics["accuracy"].value
    for wanted, verdict in ((accuracy, "reached"), (accuracy + 0.0105, "**missed by 0.0105**")):
        found = held_against(quality_page.Aim(result.name, "accuracy", wanted, ""), measured, {})
        assert found[0].startswith(f"{accuracy:.4f} (")
        assert found[1] == verdict
    small = quality_page.Aim(result.name, quality_page.MEGABYTES, 9.0, "")
    assert held_against(small, measured, {result.name: 9_000_000})[1] == "reached"
    assert held_against(small, measured, {result.name: 9_250_000}) == ("9.25 MB", "**missed by 0.25 MB**")


def test_the_documented_figures_are_read_from_their_declaration() -> None:
    wanted = [aim.wanted for aim in quality_page.aims() if aim.model == "tiny-emotion"]
    assert wanted == [0.9065, 0.9155, 0.925, 9.0]


def test_sizes_are_those_of_the_files_of_a_model(tmp_path: Path) -> None:
    (tmp_path / "one" / "onnx").mkdir(parents=True)
    for name, size in (("a", 3), ("b", 4), ("onnx/c", 100)):
        (tmp_path / "one" / name).write_bytes(bytes(size))
    assert quality_page.sizes_of(tmp_path) == {"one": 7}


def test_the_page_in_the_repository_is_current() -> None:
    assert quality_page.PAGE.read_text(encoding="utf-8") == quality_page.current(), (
        "run `python -m benchmarks.quality_page`"
    )
