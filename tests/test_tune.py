"""The search for settings: what is proposed, what is kept, and that a killed search goes on."""

import json
import os
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from conftest import made_rows, write_rows
from factories import make_recipe

from emohub.cli import main
from emohub.cli.tune import parse_search
from emohub.errors import EmohubError, RecipeError, TrainingError, UsageError
from emohub.recipe import Corpus, Recipe, Search, load_recipe
from emohub.recipe.toml import recipe_toml
from emohub.record import RunRecord
from emohub.tune import Trial, TuneRecord, tune
from emohub.tune.proposal import next_trial
from emohub.tune.ranges import extremes, pruning_rule
from emohub.tune.record import Figure

ROOT = Path(__file__).resolve().parent.parent
RATES = {"learning_rate": Search(low=1e-4, high=2e-2, log=True)}


@pytest.fixture(scope="module")
def recipe_file(made_corpus: Corpus, tiny_base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    training = {"learning_rate": 5e-3, "num_train_epochs": 1, "per_device_train_batch_size": 16, "seed": 7}
    recipe = make_recipe(
        corpus=made_corpus,
        base_model=str(tiny_base_dir),
        max_length=32,
        training=training,
        export={"dtype": "float32"},
        evaluation={"eval_strategy": "steps", "eval_steps": 2},
    )
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(recipe_toml(recipe), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def recipe(recipe_file: Path) -> Recipe:
    return load_recipe(str(recipe_file))


@pytest.fixture(scope="module")
def searched(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[TuneRecord, Path]:
    """A search that nothing interrupted."""
    folder = tmp_path_factory.mktemp("tune") / "search"
    return tune(recipe, trials=4, search=RATES, max_steps=4, output_dir=folder, seed=3), folder


def test_every_trial_is_a_run_and_the_best_one_is_found(searched: tuple[TuneRecord, Path], recipe: Recipe) -> None:
    record, folder = searched
    assert [trial.number for trial in record.trials] == [0, 1, 2, 3]
    assert record.trials[0].parameters == {"learning_rate": 5e-3}  # the recipe as it stands
    runs = [RunRecord.load(folder / trial.folder / "run.json") for trial in record.trials]
    for trial, run in zip(record.trials, runs, strict=True):
        assert 1e-4 <= trial.parameters["learning_rate"] <= 2e-2
        assert run.recipe["training"]["learning_rate"] == trial.parameters["learning_rate"]
        assert trial.value == run.exported.validation["macro_f1"]
        assert [figure.value for figure in trial.figures] == [row.metrics["macro_f1"] for row in run.history]
    assert record.best is not None
    assert record.best.value == max(run.exported.validation["macro_f1"] for run in runs)
    assert len({trial.parameters["learning_rate"] for trial in record.trials}) == 4
    assert TuneRecord.load(folder / "tune.json") == record
    assert "4 finished trials" in record.caveat


def test_the_best_settings_are_a_recipe(searched: tuple[TuneRecord, Path], recipe: Recipe) -> None:
    record, folder = searched
    assert record.best is not None
    best = load_recipe(str(folder / "best.toml"))
    assert best.name == f"{recipe.name}-tuned"
    expected = recipe.with_overrides(record.best.parameters)
    assert (best.training, best.evaluation, best.base_model) == (
        expected.training,
        expected.evaluation,
        expected.base_model,
    )


def test_a_finished_search_is_not_repeated_and_can_be_prolonged(
    recipe: Recipe, searched: tuple[TuneRecord, Path], tmp_path: Path
) -> None:
    record, _ = searched
    folder = tmp_path / "search"
    began: list[int] = []
    for trials in (2, 2, 4):
        again = tune(
            recipe,
            trials=trials,
            search=RATES,
            max_steps=4,
            output_dir=folder,
            seed=3,
            on_trial=lambda trial: began.append(trial.number),
        )
    assert began == [0, 1, 2, 3]
    assert again == record


def test_the_test_split_is_not_read(recipe: Recipe, tmp_path: Path) -> None:
    splits = dict(recipe.corpus.splits)
    splits["test"] = splits["test"].model_copy(update={"file": str(tmp_path / "there is none.csv")})
    without = recipe.model_copy(update={"corpus": recipe.corpus.model_copy(update={"splits": splits})})
    assert tune(without, trials=1, search=RATES, max_steps=2, output_dir=tmp_path / "search").best is not None


def test_the_lowest_loss_is_the_best(recipe: Recipe, tmp_path: Path) -> None:
    settings = {"metric_for_best_model": "loss"}
    record = tune(recipe, trials=3, search=RATES, max_steps=3, overrides=settings, output_dir=tmp_path / "search")
    assert record.direction == "minimize"
    assert record.best is not None
    assert record.best.value == min(trial.value for trial in record.trials if trial.value is not None)


PROGRAM = """
import os, signal, sys
from pathlib import Path
from emohub.recipe import Search, load_recipe
from emohub.tune import tune

recipe, folder, kill_trial, kill_step = load_recipe(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])

def kill(trial, progress):
    if (trial.number, progress.step) == (kill_trial, kill_step):
        os.kill(os.getpid(), signal.SIGKILL)

tune(recipe, trials=4, search={"learning_rate": Search(low=1e-4, high=2e-2, log=True)}, max_steps=4,
     output_dir=folder, seed=3, on_progress=kill)
"""


def test_a_killed_search_goes_on_with_its_trial_and_ends_as_one_that_was_not_killed(
    recipe: Recipe, recipe_file: Path, searched: tuple[TuneRecord, Path], tmp_path: Path
) -> None:
    whole, whole_folder = searched
    folder = tmp_path / "search"
    for trial, step in ((0, 1), (1, 3), (2, 4)):
        killed = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(recipe_file), str(folder), str(trial), str(step)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        left = TuneRecord.load(folder / "tune.json")
        assert [each.state for each in left.trials] == ["finished"] * trial + ["running"]
        assert left.trials[trial].parameters == whole.trials[trial].parameters

    finished = {each.folder: (folder / each.folder / "run.json").read_bytes() for each in left.ended}
    record = tune(recipe, trials=4, search=RATES, max_steps=4, output_dir=folder, seed=3)
    assert record == whole
    assert finished == {name: (folder / name / "run.json").read_bytes() for name in finished}
    for each in record.trials:
        ours, theirs = (RunRecord.load(place / each.folder / "run.json") for place in (folder, whole_folder))
        assert ours.exported == theirs.exported


def test_a_trial_that_was_killed_after_its_end_is_not_trained_again(
    recipe: Recipe, searched: tuple[TuneRecord, Path], tmp_path: Path
) -> None:
    record, whole_folder = searched
    last = record.trials[-1]
    running = Trial(number=last.number, state="running", parameters=last.parameters)
    (tmp_path / last.folder).mkdir()
    (tmp_path / last.folder / "run.json").write_bytes((whole_folder / last.folder / "run.json").read_bytes())
    record.model_copy(update={"trials": (*record.trials[:-1], running)}).save(tmp_path / "tune.json")
    again = tune(recipe, trials=4, search=RATES, max_steps=4, output_dir=tmp_path, seed=3)
    assert again == record
    assert not (tmp_path / last.folder / "checkpoint").exists()


def test_a_first_stage_that_is_not_searched_is_trained_once(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text, _ in made_rows(60, seed=5)), encoding="utf-8")
    texts = {"name": "texts", "title": "Plain texts", "files": ["texts.txt"], "base_folder": str(tmp_path)}
    training = {"learning_rate": 1e-3, "per_device_train_batch_size": 16, "num_train_epochs": 1, "seed": 7}
    values = recipe.model_dump(mode="json") | {"adaptation": {"corpus": texts, "max_length": 32, "training": training}}
    both = Recipe.from_values(values, "a recipe of two stages")
    stages: list[tuple[int, str]] = []
    record = tune(
        both,
        trials=3,
        search=RATES,
        max_steps=2,
        output_dir=tmp_path / "search",
        on_progress=lambda trial, progress: stages.append((trial.number, progress.stage)),
    )
    assert len([trial for trial in record.trials if trial.value is not None]) == 3
    assert {number for number, stage in stages if stage == "masked_lm"} == {0}
    fingerprints = {
        RunRecord.load(tmp_path / "search" / trial.folder / "run.json").base_model.fingerprint
        for trial in record.trials
    }
    assert len(fingerprints) == 1


def test_settings_that_cannot_be_trained_with_end_their_trial_alone(recipe: Recipe, tmp_path: Path) -> None:
    search = {"learning_rate": Search(choices=(1e30, 5e-3))}
    record = tune(recipe, trials=4, search=search, max_steps=6, output_dir=tmp_path / "search")
    states = {trial.parameters["learning_rate"]: trial.state for trial in record.trials}
    assert states == {1e30: "failed", 5e-3: "finished"}
    failed = next(trial for trial in record.trials if trial.state == "failed")
    assert "step" in (failed.reason or "")
    assert not (tmp_path / "search" / failed.folder).exists()
    with pytest.raises(TrainingError, match=r"no trial of .* could be finished .*loss"):
        tune(
            recipe,
            trials=1,
            search={"weight_decay": Search(low=0.0, high=0.1)},
            overrides={"learning_rate": 1e30},
            output_dir=tmp_path / "none",
        )


def test_other_data_than_before_is_refused(recipe: Recipe, made_data_dir: Path, tmp_path: Path) -> None:
    splits = {name: split.model_copy(update={"file": None}) for name, split in recipe.corpus.splits.items()}
    corpus = recipe.corpus.model_copy(update={"hub_id": "someone/made", "splits": splits})
    moved = recipe.model_copy(update={"corpus": corpus})
    tune(moved, trials=1, search=RATES, max_steps=1, data_dir=made_data_dir, output_dir=tmp_path / "search")
    for split, rows in (("train", 240), ("validation", 60)):
        write_rows(tmp_path / "made" / f"{split}.parquet", [(f"happy {row}", row % 3) for row in range(rows)])
    with pytest.raises(TrainingError, match="not those of the earlier trials"):
        tune(moved, trials=2, search=RATES, max_steps=1, data_dir=tmp_path, output_dir=tmp_path / "search")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"search": {}}, "declares no \\[search\\]"),
        ({"search": {"learning_rte": RATES["learning_rate"]}}, "did you mean 'learning_rate'"),
        ({"search": {"learning_rate": Search(low=0.0, high=1.0)}}, "learning_rate' is 0"),
        ({"search": {"num_train_epochs": Search(low=0.5, high=2.0)}}, "num_train_epochs' is 0.5"),
        ({"search": {"lr_scheduler_type": Search(choices=("linear", "cosine"))}}, "lr_scheduler_type"),
        ({"search": {"metric_for_best_model": Search(choices=("loss",))}}, "decides what trials are judged by"),
        ({"overrides": {"learning_rate": 1e-3}}, "both fixed with --set and searched"),
        ({"base_model": "no/such/folder"}, "no/such/folder"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_written(
    recipe: Recipe, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(EmohubError, match=expected):
        tune(recipe, **{"search": RATES, "output_dir": tmp_path / "search", **changes})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seed": 4}, "another seed"),
        ({"max_steps": 5}, "another max_steps"),
        ({"search": {"weight_decay": Search(low=0.0, high=0.1)}}, "another search"),
        ({"overrides": {"weight_decay": 0.5}}, "another overrides, another recipe_digest"),
        ({"prune": False}, "another pruning"),
    ],
)
def test_a_search_of_something_else_is_not_gone_on_with(
    recipe: Recipe, searched: tuple[TuneRecord, Path], changes: dict[str, Any], expected: str
) -> None:
    _, folder = searched
    before = (folder / "tune.json").read_bytes()
    with pytest.raises(TrainingError, match=expected):
        tune(recipe, **{"search": RATES, "max_steps": 4, "output_dir": folder, "seed": 3, **changes})
    assert (folder / "tune.json").read_bytes() == before


def test_a_folder_with_something_else_is_left_alone(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(TrainingError, match="is not empty and holds no search"):
        tune(recipe, search=RATES, output_dir=tmp_path)


def test_without_optuna_it_says_what_to_install(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "optuna":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(UsageError, match=r"pip install 'emohub\[tune\]'"):
        tune(recipe, search=RATES, output_dir=tmp_path / "search")


def test_no_trial_begins_after_the_time_is_up(recipe: Recipe, tmp_path: Path) -> None:
    record = tune(recipe, trials=3, timeout=0.0, search=RATES, output_dir=tmp_path / "search")
    assert record.trials == ()
    assert record.best is None


def study(recipe: Recipe, search: dict[str, Search], values: list[float], **changes: Any) -> TuneRecord:
    """A search with trials that have ended at ``values``, and were as good at each of three evaluations."""
    plan = TuneRecord(
        recipe_name=recipe.name,
        recipe_digest=recipe.digest,
        overrides={},
        max_steps=None,
        base_model=None,
        search=search,
        metric="macro_f1",
        direction="maximize",
        seed=0,
        sampler="test",
        pruning=pruning_rule(search, wanted=True),
    )
    for number, value in enumerate(values):
        trial, _ = next_trial(plan, recipe)
        figures = tuple(Figure(step=10 * each, value=value) for each in (1, 2, 3))
        ended = {"state": "finished", "value": value, "figures": figures}
        assert trial.number == number
        plan = plan.model_copy(update={"trials": (*plan.trials, trial.model_copy(update=ended))})
    return plan.model_copy(update=changes)


def test_proposals_stay_inside_and_keep_the_type_of_their_setting(recipe: Recipe) -> None:
    search = {
        "num_train_epochs": Search(low=2, high=4),
        "per_device_train_batch_size": Search(low=8, high=64, log=True),
        "weight_decay": Search(low=0, high=1),
        "warmup_steps": Search(choices=(0, 0.1)),
        "lr_scheduler_type": Search(choices=("linear", "constant")),
        "gradient_checkpointing": Search(choices=(True, False)),
    }
    trials = study(recipe, search, [index % 5 / 5 for index in range(14)]).trials
    for trial in trials:
        values = trial.parameters
        assert type(values["num_train_epochs"]) is int
        assert type(values["per_device_train_batch_size"]) is int
        assert type(values["weight_decay"]) is float
        assert values["num_train_epochs"] in (2, 3, 4)
        assert 8 <= values["per_device_train_batch_size"] <= 64
        assert 0 <= values["weight_decay"] <= 1
        recipe.with_overrides(dict(values))
    assert {trial.parameters["lr_scheduler_type"] for trial in trials} == {"linear", "constant"}
    assert {trial.parameters["gradient_checkpointing"] for trial in trials} == {True, False}


def test_later_proposals_learn_from_the_values(recipe: Recipe) -> None:
    """Where only rates around 1e-3 do well, a search of 40 trials asks for such rates more often than chance does."""
    plan = study(recipe, RATES, [])
    for _ in range(40):
        trial, _ = next_trial(plan, recipe)
        rate = float(trial.parameters["learning_rate"])
        ended = {"state": "finished", "value": float(8e-4 < rate < 1.2e-3)}
        plan = plan.model_copy(update={"trials": (*plan.trials, trial.model_copy(update=ended))})
    good = [trial.number for trial in plan.trials if trial.value]
    assert len([number for number in good if number >= 20]) >= 6  # by chance 20 * log(1.5) / log(200) = 1.5 of 20


def test_an_interrupted_trial_keeps_its_settings_and_figures(recipe: Recipe) -> None:
    plan = study(recipe, RATES, [0.5] * 6)
    figures = (Figure(step=10, value=0.4), Figure(step=20, value=0.1))
    running = Trial(number=6, state="running", parameters={"learning_rate": 1.234e-3}, figures=figures)
    trial, proposal = next_trial(plan.model_copy(update={"trials": (*plan.trials, running)}), recipe)
    assert trial == running
    assert proposal.params == {"learning_rate": 1.234e-3}
    assert proposal.should_prune()  # 0.4, its best, is below 0.5, the median


@pytest.mark.parametrize(
    ("others", "direction", "figures", "stopped"),
    [
        ([0.5] * 5, "maximize", [0.4], False),  # one evaluation says little
        ([0.5] * 5, "maximize", [0.3, 0.4], True),
        ([0.5] * 5, "maximize", [0.6, 0.4], False),  # its best counts
        ([0.1, 0.2, 0.5, 0.9, 0.9], "maximize", [0.3, 0.51], False),
        ([0.1, 0.2, 0.5, 0.9, 0.9], "maximize", [0.3, 0.49], True),
        ([0.5] * 5, "minimize", [0.7, 0.6], True),
        ([0.5] * 5, "minimize", [0.7, 0.4], False),
        ([0.5] * 4, "maximize", [0.3, 0.4], False),  # too few to compare with
    ],
)
def test_a_trial_below_the_median_is_stopped(
    recipe: Recipe, others: list[float], direction: str, figures: list[float], stopped: bool
) -> None:
    _, proposal = next_trial(study(recipe, RATES, others, direction=direction), recipe)
    for number, figure in enumerate(figures, start=1):
        proposal.report(figure, number)
    assert proposal.should_prune() == stopped


def test_trials_with_other_schedules_are_never_compared_halfway(recipe: Recipe) -> None:
    search = {**RATES, "num_train_epochs": Search(low=1, high=3)}
    plan = study(recipe, search, [0.5] * 5)
    assert plan.pruning.startswith("none: num_train_epochs")
    _, proposal = next_trial(plan, recipe)
    for number in (1, 2, 3):
        proposal.report(0.0, number)
    assert not proposal.should_prune()


def test_a_pruned_trial_says_why_and_leaves_no_run(recipe: Recipe, tmp_path: Path) -> None:
    plan = study(recipe, RATES, [1.0] * 5, max_steps=6, seed=0)
    real = tune(recipe, trials=1, search=RATES, max_steps=6, output_dir=tmp_path / "other")
    plan = plan.model_copy(update={"sampler": real.sampler, "base_model": real.base_model})
    plan.save(tmp_path / "search" / "tune.json")
    record = tune(recipe, trials=6, search=RATES, max_steps=6, output_dir=tmp_path / "search")
    assert record.trials[5].state == "pruned"
    assert record.trials[5].reason == "at step 4 its macro_f1 was worse than the median of the others"
    assert record.trials[5].value is None
    assert [figure.step for figure in record.trials[5].figures] == [2, 4]
    assert not (tmp_path / "search" / "trial-0005").exists()


def test_whole_numbers_are_told_from_others(recipe: Recipe) -> None:
    assert extremes(recipe, "num_train_epochs", Search(low=2, high=4)) == (2, 4)
    assert all(type(end) is int for end in extremes(recipe, "num_train_epochs", Search(low=2, high=4)))
    assert all(type(end) is float for end in extremes(recipe, "weight_decay", Search(low=0, high=1)))
    with pytest.raises(RecipeError, match="num_train_epochs"):
        recipe.with_overrides({"num_train_epochs": extremes(recipe, "num_train_epochs", Search(low=0, high=4))[0]})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("learning_rate=1e-5:1e-3:log", Search(low=1e-5, high=1e-3, log=True)),
        ("dropout = 0:0.3", Search(low=0.0, high=0.3)),
        ("num_train_epochs=2,3,4", Search(choices=(2, 3, 4))),
        ("lr_scheduler_type=linear, constant", Search(choices=("linear", "constant"))),
        ("base_model=ada/one,ada/two", Search(choices=("ada/one", "ada/two"))),
        ("gradient_checkpointing=true,false", Search(choices=(True, False))),
    ],
)
def test_ranges_are_read_from_the_command_line(given: str, expected: Search) -> None:
    assert parse_search([given]) == {given.partition("=")[0].strip(): expected}


@pytest.mark.parametrize(
    "given", ["learning_rate", "=1:2", "a=", "a=1:", "a=2:1", "a=0:1:log", "a=1:2:linear", "a=x:y", "a=1:2:3:4"]
)
def test_a_range_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="--search"):
        parse_search([given])


def test_the_command(recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "search"
    search = ["--search", "learning_rate=1e-4:2e-2:log"]
    arguments = ["tune", str(recipe_file), *search, "--max-steps", "2", "--output-dir", str(folder)]

    def run(*more: str) -> tuple[str, str]:
        with pytest.raises(SystemExit) as stop:
            main([*arguments, *more])
        printed = capsys.readouterr()
        assert stop.value.code == 0, printed.err
        return printed.out, printed.err

    out, err = run("--trials", "2")
    assert "Trial 0: learning_rate=0.005 · " in err
    assert "optimistic" in out
    assert f"emohub evaluate {folder}/trial-000" in out
    out, err = run("--trials", "2", "--format", "json")
    assert "Trial" not in err
    assert json.loads(out) == json.loads((folder / "tune.json").read_text(encoding="utf-8"))
