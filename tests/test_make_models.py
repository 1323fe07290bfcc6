"""`make models`: everything that ships is made again in order, and what differs beside time and machine is named."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emohub.card import write_card
from emohub.cascade import make_cascade
from emohub.errors import RecordError, TrainingError, UsageError
from emohub.inference import find_checkpoint
from emohub.layout import CARD_FILE, DESCRIPTION_FILE, EVAL_FILE, RUN_FILE, VERIFY_FILE
from emohub.recipe import Corpus, Recipe
from emohub.record import DescriptionRecord, Record, RunRecord, VerificationRecord
from emohub.record.cascade import CascadeRecord
from emohub.train import train
from tests.factories import make_description, make_environment, make_eval_record, make_recipe, make_run_record
from tools import make_models
from tools.make_models import Sources, make, outcome
from tools.model_plan import TEACHERS, announcement, duration, ordered, plan
from tools.same_records import differences, differing, with_time_and_machine

ROOT = Path(__file__).resolve().parent.parent


# ---- what differs


def write_records(folder: Path, run: RunRecord, **changes: Any) -> Path:
    """A folder of records with their card; ``changes`` are of the evaluation."""
    folder.mkdir(parents=True)
    run.save(folder / RUN_FILE)
    make_eval_record(run, **changes).save(folder / EVAL_FILE)
    make_description(run).save(folder / DESCRIPTION_FILE)
    write_card(folder)
    return folder


def test_records_of_another_time_and_machine_are_the_same(tmp_path: Path) -> None:
    before = write_records(tmp_path / "before" / "tiny", make_run_record())
    elsewhere = make_environment().model_copy(update={"processor": "Another", "cpu_count": 64})
    run = make_run_record(
        created="2027-01-01T00:00:00Z", run_id="again", training_seconds=9.0, sittings=3, environment=elsewhere
    )
    after = write_records(tmp_path / "after" / "tiny", run, seconds=0.1, texts_per_second=1.0)
    assert (before / CARD_FILE).read_bytes() != (after / CARD_FILE).read_bytes()
    assert differences(before, after) == []


def test_what_differs_beside_time_and_machine_is_named(tmp_path: Path) -> None:
    before = write_records(tmp_path / "before" / "tiny", make_run_record())
    after = write_records(tmp_path / "after" / "tiny", make_run_record(max_steps=7, steps_run=7), hub_id="other")
    (after / DESCRIPTION_FILE).unlink()
    found = differences(before, after)
    assert found[0] == DESCRIPTION_FILE
    assert found[1:] == ["eval.json: hub_id", "run.json: max_steps", "run.json: steps_run"]


def test_a_card_that_its_records_do_not_give_is_named(tmp_path: Path) -> None:
    before = write_records(tmp_path / "before" / "tiny", make_run_record())
    after = write_records(tmp_path / "after" / "tiny", make_run_record())
    text = (before / CARD_FILE).read_text(encoding="utf-8")
    (before / CARD_FILE).write_text(text.replace("A Processor 3000", "A Processor 3001"), encoding="utf-8")
    assert differences(before, after) == [CARD_FILE]


def test_values_are_held_against_each_other_wherever_they_stand() -> None:
    one = {"a": [{"b": 1, "created": 2}], "environment": {"x": 1}, "c": None}
    other = {"a": [{"b": 2, "created": 3}], "environment": {"x": 2}, "d": None}
    assert list(differing(one, other)) == ["a.0.b", "c", "d"]
    assert list(differing([1, 2], [1], "here")) == ["here"]
    # What another number of threads makes of a sum in float32 is no difference; what a card could print otherwise is.
    last_digit = float(np.nextafter(np.float32(0.3), np.float32(1)))
    assert list(differing({"p": float(np.float32(0.3))}, {"p": last_digit})) == []
    assert list(differing({"p": 0.3}, {"p": 0.30001})) == ["p"]
    assert list(differing({"n": 1_000_000}, {"n": 1_000_001})) == ["n"]
    assert with_time_and_machine(other, one) == {"a": [{"b": 2, "created": 2}], "environment": {"x": 1}, "d": None}


# ---- the plan


def recipe_of(name: str, base_model: str = "someone/base") -> Recipe:
    return make_recipe(name=name, base_model=base_model)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, which is the working directory."""
    for name in ("models", "cards"):
        (tmp_path / "project" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def test_what_is_learned_from_comes_first(project: Path) -> None:
    recipes = [recipe_of("a", "b"), recipe_of("b", "models/c"), recipe_of("c"), recipe_of("d")]
    declared = {recipe.name: recipe for recipe in recipes}
    names = [recipe.name for recipe in ordered(recipes, {})]
    assert sorted(names) == ["a", "b", "c", "d"]
    assert names.index("c") < names.index("b") < names.index("a")
    assert [recipe.name for recipe in ordered([declared["a"]], declared)] == ["c", "b", "a"]
    (project / "models" / "b").mkdir()
    (project / "models" / "b" / "config.json").touch()
    assert [recipe.name for recipe in ordered([declared["a"]], declared)] == ["a"]  # b is there
    with pytest.raises(UsageError, match="need each other"):
        ordered([recipe_of("a", "b"), recipe_of("b", "a")], {})


def test_what_only_others_need_does_not_ship(project: Path) -> None:
    teacher = recipe_of("teacher")
    planned = plan([recipe_of("student", "teacher")], {"teacher": teacher})
    assert [(each.recipe.name, each.ships) for each in planned] == [("teacher", False), ("student", True)]


def test_it_says_first_how_long_it_takes(project: Path) -> None:
    run = make_run_record(recipe_of("known"), training_seconds=3700.0)
    write_records(project / "cards" / "known", run, seconds=30.0)
    measuring = 2 * 30.0 + 100 / 171.6 + 100 * 12.34 / 1000
    teacher = recipe_of("teacher")
    make_run_record(teacher, training_seconds=600.0).save(project / TEACHERS / "teacher" / RUN_FILE)
    assert [each.seconds for each in plan([recipe_of("student", "teacher")], {"teacher": teacher})] == [600, None]
    (known,) = plan([recipe_of("known")], {})
    assert known.seconds == pytest.approx(3700 + measuring)
    lines = announcement(plan([recipe_of("known"), recipe_of("unknown")], {}))
    assert "training 1 h 2 min, measuring 1 min (on A Processor 3000, 2 cores)" in "\n".join(lines)
    assert lines[3].startswith("What is left takes about 1 h 3 min")
    assert lines[4] == "No record says how long this takes, which comes on top: the suite of known, unknown."
    run.save(project / "runs" / "known" / RUN_FILE)
    (trained,) = plan([recipe_of("known")], {})
    assert trained.seconds == pytest.approx(measuring)
    assert "trained already in runs/known, and not again" in announcement([trained])[1]
    assert [duration(seconds) for seconds in (4, 100, 7260)] == ["4 s", "2 min", "2 h 1 min"]


def test_a_dry_run_makes_nothing(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.make_models", "minilm-sst2-teacher-1", "--dry-run"],
        cwd=project,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 model, in this order:\n  1. minilm-sst2-teacher-1: never made before")
    assert sorted(path.name for path in project.rglob("*")) == ["cards", "models"]


# ---- making


@pytest.fixture
def made_on_hub(made_corpus: Corpus) -> Corpus:
    """The made corpus, which a card can name."""
    splits = {name: split.model_copy(update={"file": None}) for name, split in made_corpus.splits.items()}
    return made_corpus.model_copy(update={"hub_id": "someone/made", "splits": splits, "base_folder": "."})


def tiny(name: str, base_model: str, corpus: Corpus) -> Recipe:
    return make_recipe(
        name=name,
        base_model=base_model,
        corpus=corpus,
        max_length=32,
        training={"learning_rate": 5e-3, "num_train_epochs": 2},
    )


def say_nothing(_: str) -> None:
    """Nobody listens."""


def test_all_is_made_in_order_and_comes_out_the_same_again(
    project: Path,
    tiny_base_dir: Path,
    made_on_hub: Corpus,
    made_data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipes = [tiny("after", "before", made_on_hub), tiny("before", "someone/base", made_on_hub)]
    sources = Sources(str(tiny_base_dir), made_data_dir, resamples=50)
    trained = []

    def counted(recipe: Recipe, **settings: Any) -> RunRecord:
        trained.append(recipe.name)
        assert torch.get_num_threads() == 1
        return train(recipe, **settings)

    monkeypatch.setattr(make_models, "train", counted)
    threads = torch.get_num_threads()
    assert make(plan(recipes, {}), sources, say_nothing) == {}  # nothing was there to compare with
    assert trained == ["before", "after"]
    assert torch.get_num_threads() == threads
    for name in trained:
        files = {path.name for path in (project / "cards" / name).iterdir()}
        assert {CARD_FILE, RUN_FILE, EVAL_FILE, DESCRIPTION_FILE, VERIFY_FILE, "predictions.parquet"} <= files
        assert VerificationRecord.load(project / "cards" / name / VERIFY_FILE).holds
    first, second = (RunRecord.load(project / "cards" / name / RUN_FILE) for name in trained)
    assert second.base_model.fingerprint == first.exported.fingerprint

    weights = {name: (project / "models" / name / "model.safetensors").read_bytes() for name in trained}
    shutil.rmtree(project / "runs")
    assert make(plan(recipes, {}), sources, say_nothing) == {"before": [], "after": []}
    assert trained == ["before", "after", "before", "after"]
    assert weights == {name: (project / "models" / name / "model.safetensors").read_bytes() for name in weights}

    # What is finished is not done again, and what differs from what was there is named.
    card = project / "cards" / "before"
    description = DescriptionRecord.load(card / DESCRIPTION_FILE)
    description.model_copy(update={"seed": 5}).save(card / DESCRIPTION_FILE)
    (card / CARD_FILE).write_text((card / CARD_FILE).read_text(encoding="utf-8") + "\nMy words.\n", encoding="utf-8")
    (project / "models" / "after" / "config.json").write_text("{}", encoding="utf-8")
    (project / "models" / "before" / "onnx").mkdir()
    (project / "models" / "before" / "onnx" / "model.onnx").touch()
    found = make(plan(recipes, {}), sources, say_nothing)
    assert found == {"before": ["description.json: seed"], "after": ["config.json"]}
    assert len(trained) == 4
    assert (card / CARD_FILE).read_text(encoding="utf-8").endswith("\nMy words.\n")
    assert (project / "models" / "before" / "onnx" / "model.onnx").is_file()  # its weights are the same
    assert outcome(found) == [
        "before: differs in 1 places: description.json: seed",
        "after: differs in 1 places: config.json",
    ]
    assert outcome({"a": []}) == ["a: as it was, byte for byte but for time and machine"]
    with pytest.raises(TrainingError, match="run of other settings"):
        make(plan(recipes, {}), Sources(str(tiny_base_dir), made_data_dir, max_steps=3), say_nothing)


def test_students_come_after_teachers_and_cascades_after_both(
    project: Path, tiny_base_dir: Path, made_on_hub: Corpus, made_data_dir: Path
) -> None:
    student = tiny("student", "teacher", made_on_hub).model_dump(mode="json")
    student["distillation"] = {"teachers": ["teacher"], "student": {"num_hidden_layers": 1}}
    recipes = [Recipe.from_values(student, "student"), tiny("teacher", str(tiny_base_dir), made_on_hub)]
    sources = Sources(None, made_data_dir, max_steps=4, resamples=20)
    assert make(plan(recipes, {}), sources, say_nothing) == {}
    run = RunRecord.load(project / "cards" / "student" / RUN_FILE)
    assert run.distillation is not None
    teacher = find_checkpoint("teacher").identity
    assert (run.base_model, run.distillation.teachers[0].model) == (teacher, teacher)

    folder = project / "models" / "both"
    cascade = make_cascade("student", "teacher", made_on_hub, data_dir=made_data_dir, output_dir=folder, resamples=20)
    cascade.model_copy(update={"created": "before", "labels": ("x",)}).save(folder / "cascade.json")
    assert make(plan(recipes, {}), sources, say_nothing) == {
        "teacher": [],
        "student": [],
        "both": ["cascade.json: labels"],
    }
    assert CascadeRecord.load(folder / "cascade.json").chosen == cascade.chosen
    assert make_models.renew_cascades({"other"}, {}, sources, say_nothing) == {}

    # A student of other weights than the teacher now has is no student of it.
    (project / "models" / "teacher" / "model.safetensors").write_bytes(b"other")
    with pytest.raises(TrainingError, match="run of other settings"):
        make_models.train_model(plan(recipes[:1], {})[0], sources, set(), say_nothing)


def test_the_records_that_ship_are_the_same_as_themselves(tmp_path: Path) -> None:
    folders = [path.parent for path in sorted((ROOT / "cards").glob(f"*/{RUN_FILE}"))]
    assert len(folders) >= 3
    for folder in folders:
        assert differences(folder, Path(shutil.copytree(folder, tmp_path / folder.name))) == []


def test_folders_are_replaced_whole_or_not_at_all(
    project: Path, tiny_base_dir: Path, made_on_hub: Corpus, made_data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny("broken", str(tiny_base_dir), made_on_hub)
    for folder in ("models", "cards"):
        (project / folder / "broken").mkdir()
        (project / folder / "broken" / "old").write_text("old", encoding="utf-8")

    def fail(_: Path) -> Path:
        raise RecordError("the disk is full", "make room")

    monkeypatch.setattr(make_models, "write_card", fail)
    with pytest.raises(RecordError, match="the disk is full"):
        make(plan([recipe], {}), Sources(None, made_data_dir, max_steps=2, resamples=20), say_nothing)
    for folder in ("models", "cards"):
        assert [path.name for path in (project / folder).iterdir()] == ["broken"]
        assert [path.name for path in (project / folder / "broken").iterdir()] == ["old"]


def test_figures_that_do_not_hold_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        holds = False

        def record(self) -> Record:
            return make_eval_record()

    monkeypatch.setattr(make_models, "verify", lambda *_, **__: Wrong())
    (planned,) = plan([recipe_of("wrong")], {})
    with pytest.raises(RecordError, match="do not hold"):
        make_models.hold_to_card(planned, Sources())
