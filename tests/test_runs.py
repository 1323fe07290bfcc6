"""What has been trained is listed best first by validation, and two runs are told apart key by key."""

import importlib
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_command

from emohub.cli import main
from emohub.errors import RecordError, UsageError
from emohub.recipe import Corpus
from emohub.record import HistoryRow, RunRecord
from emohub.runs import SORTABLE, FinishedRun, Runs, Section, diff_runs, list_runs
from tests.factories import make_corpus, make_eval_record, make_history, make_recipe, make_run_record

TEXTS = {"name": "plain", "title": "Plain texts", "files": ["*.txt"]}
ADAPTATION = {
    "corpus": TEXTS,
    "training": {"learning_rate": 1e-4, "per_device_train_batch_size": 8, "num_train_epochs": 1, "seed": 1},
}


def accuracy_run(accuracy: float, **changes: Any) -> RunRecord:
    """A run with one evaluation: the higher its accuracy the lower its macro F1, so that the orders differ."""
    recipe = changes.pop("recipe", None) or make_recipe(
        evaluation={"metrics": ["accuracy"], "metric_for_best_model": "accuracy"}
    )
    return make_run_record(recipe, history=make_history([(0.5, 0.6, accuracy, 1 - accuracy)]), **changes)


def masked_lm_run(loss: float, perplexity: float) -> RunRecord:
    row = HistoryRow(training_loss=loss, epoch=1.0, step=9, validation_loss=loss, metrics={"perplexity": perplexity})
    run = make_run_record(
        make_recipe(adaptation=ADAPTATION, evaluation={"metrics": [], "metric_for_best_model": "loss"}), history=[row]
    )
    return run.model_copy(update={"stage": "masked_lm"})


def begin(folder: Path, *steps: int, **values: Any) -> Path:
    """An unfinished run's folder."""
    for step in steps:
        (folder / "resume" / f"step-{step:08d}").mkdir(parents=True)
    (folder / "resume").mkdir(parents=True, exist_ok=True)
    recipe = make_recipe(adaptation=ADAPTATION).model_dump(mode="json", exclude={"documented", "search"})
    begun = {"run_id": "begun-1", "stage": "classification", "recipe": recipe, **values}
    (folder / "resume" / "started.json").write_text(json.dumps(begun), encoding="utf-8")
    return folder


def order(runs: Runs) -> list[str]:
    return [run.name for group in runs.finished for run in group.runs]


def test_the_runs_of_each_corpus_come_best_first_by_validation(tmp_path: Path) -> None:
    for name, accuracy in (("low", 0.6), ("high", 0.9), ("tune/trial-0001", 0.7)):
        accuracy_run(accuracy).save(tmp_path / name / "run.json")
    other = make_recipe(corpus=make_corpus(name="another"))
    accuracy_run(0.1, recipe=other).save(tmp_path / "of another corpus" / "run.json")
    for name, loss, perplexity in (("worse", 3.0, 20.0), ("better", 2.0, 7.4)):
        masked_lm_run(loss, perplexity).save(tmp_path / name / "masked_lm" / "run.json")

    runs = list_runs(tmp_path)
    assert [(group.corpus, group.sorted_by) for group in runs.finished] == [
        ("another", "macro_f1"),
        ("feelings", "accuracy"),
        ("plain", "perplexity"),
    ]
    assert order(runs) == [
        "of another corpus",
        *("high", "tune/trial-0001", "low"),
        *("better/masked_lm", "worse/masked_lm"),
    ]
    assert order(list_runs(tmp_path, corpus="feelings", sort_by="macro_f1")) == ["low", "tune/trial-0001", "high"]
    assert order(list_runs(tmp_path, corpus="plain", sort_by="loss")) == ["better/masked_lm", "worse/masked_lm"]
    assert order(list_runs(tmp_path, corpus="nothing")) == []
    assert order(list_runs(tmp_path / "missing")) == []
    assert order(list_runs(tmp_path / "high")) == ["high"]
    with pytest.raises(UsageError, match="did you mean 'accuracy'"):
        list_runs(tmp_path, sort_by="acuracy")


def test_a_tie_goes_to_the_earlier_run_and_runs_without_the_figure_come_last(tmp_path: Path) -> None:
    accuracy_run(0.7, created="2026-01-02T00:00:00Z").save(tmp_path / "a" / "run.json")
    accuracy_run(0.7, created="2026-01-01T00:00:00Z").save(tmp_path / "b" / "run.json")
    bare = accuracy_run(0.9)
    exported = bare.exported.model_copy(update={"validation": {"loss": 0.6}})
    bare.model_copy(update={"exported": exported}).save(tmp_path / "c" / "run.json")
    assert order(list_runs(tmp_path)) == ["b", "a", "c"]
    assert set(list_runs(tmp_path).finished[0].runs[0].validation) <= set(SORTABLE)


def test_a_corpus_whose_checkpoints_were_chosen_differently_goes_by_macro_f1(tmp_path: Path) -> None:
    accuracy_run(0.9).save(tmp_path / "a" / "run.json")
    accuracy_run(0.6, recipe=make_recipe()).save(tmp_path / "b" / "run.json")
    assert [group.sorted_by for group in list_runs(tmp_path).finished] == ["macro_f1"]
    assert order(list_runs(tmp_path)) == ["b", "a"]


def test_test_figures_are_shown_only_where_they_are_of_the_exported_weights(tmp_path: Path) -> None:
    def shown(run: RunRecord, evaluation: Any) -> FinishedRun:
        run.save(tmp_path / "run" / "run.json")
        evaluation.save(tmp_path / "run" / "eval.json")
        return list_runs(tmp_path).finished[0].runs[0]

    run = make_run_record(overrides={"seed": 7})
    evaluation = make_eval_record(run)
    found = shown(run, evaluation)
    assert found.test is not None
    assert found.test["accuracy"] == evaluation.metrics["accuracy"].value
    assert found.test["loss"] == evaluation.metrics["log_loss"].value
    assert found.validation == run.exported.validation
    assert (found.recipe, found.corpus, found.stage) == ("tiny-feelings", "feelings", "classification")
    assert (found.overrides, found.exported_step, found.steps_run, found.total_steps) == ({"seed": 7}, 100, 150, 200)
    assert shown(run, evaluation.model_copy(update={"split": "validation"})).test is None
    assert shown(make_run_record(fingerprint="0" * 64), evaluation).test is None


def test_unfinished_runs_say_how_far_they_are_as_far_as_it_can_be_told(tmp_path: Path) -> None:
    begin(tmp_path / "two checkpoints", 100, 9900)
    begin(tmp_path / "no checkpoint", stage="masked_lm")
    begin(tmp_path / "done", 100)
    make_run_record().save(tmp_path / "done" / "run.json")
    (begin(tmp_path / "torn", 40) / "resume" / "started.json").write_text('{"run_id":', encoding="utf-8")
    begin(tmp_path / "foreign", stage="pretraining")
    found = {run.name: run for run in list_runs(tmp_path).unfinished}
    assert {name: run.step for name, run in found.items()} == {
        "two checkpoints": 9900,
        "no checkpoint": None,
        "torn": 40,
        "foreign": None,
    }
    assert (found["two checkpoints"].run_id, found["two checkpoints"].corpus) == ("begun-1", "feelings")
    assert (found["no checkpoint"].stage, found["no checkpoint"].corpus) == ("masked_lm", "plain")
    assert found["torn"].recipe is found["foreign"].recipe is None
    assert [run.name for run in list_runs(tmp_path, corpus="plain").unfinished] == ["no checkpoint"]


def test_a_real_killed_run_is_listed(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    from emohub.train import train

    class Killed(BaseException):
        pass

    def kill(progress: Any) -> None:
        if progress.step == 5:
            raise Killed

    recipe = make_recipe(corpus=made_corpus, training={"checkpoint_steps": 2}, max_length=32)
    with pytest.raises(Killed):
        train(recipe, base_model=str(tiny_base_dir), output_dir=tmp_path / "killed", on_progress=kill)
    [run] = list_runs(tmp_path).unfinished
    assert (run.name, run.step, run.recipe, run.corpus) == ("killed", 4, "tiny-feelings", "made")


def test_a_damaged_record_is_named_and_hides_no_other(tmp_path: Path) -> None:
    make_run_record().save(tmp_path / "good" / "run.json")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{", encoding="utf-8")
    run = make_run_record()
    run.model_copy(update={"recipe": {"name": "x"}}).save(tmp_path / "recipe" / "run.json")
    runs = list_runs(tmp_path)
    assert order(runs) == ["good"]
    assert len(runs.unreadable) == 2
    assert all("run.json" in sentence for sentence in runs.unreadable)


def test_two_runs_differ_in_what_was_changed_and_in_nothing_else(tmp_path: Path) -> None:
    first = make_run_record()
    second = make_run_record(
        make_recipe(summary="Another summary.", training={"num_train_epochs": 8}),
        overrides={"learning_rate": 5e-5},
        fingerprint="f" * 64,
        environment=first.environment.model_copy(update={"packages": {"torch": "2.14.0"}}),
        data={"train": first.data["train"].model_copy(update={"rows": 900})},
        training_seconds=200.4,
    )
    for name, run in (("first", first), ("second", second)):
        run.save(tmp_path / name / "run.json")
    make_eval_record(second).save(tmp_path / "second" / "eval.json")

    found = diff_runs(str(tmp_path / "first"), str(tmp_path / "second"))
    told = {(each.section, each.key): (each.first, each.second) for each in found.differences}
    test = {key for key in told if key[1].startswith("test.")}
    assert {key: told[key] for key in told.keys() - test} == {
        ("recipe", "training.num_train_epochs"): (4, 8),
        ("recipe", "training.learning_rate"): (3e-5, 5e-5),
        ("overrides", "learning_rate"): (None, 5e-5),
        ("data", "train.rows"): (800, 900),
        ("data", "validation.rows"): (100, None),
        ("data", "validation.fingerprint"): (first.data["validation"].fingerprint, None),
        ("data", "validation.source"): (first.data["validation"].source, None),
        ("data", "validation.duplicates"): (0, None),
        ("data", "validation.truncated"): (0, None),
        ("environment", "packages.torch"): ("2.13.0", "2.14.0"),
        ("environment", "packages.transformers"): ("5.23.0", None),
        ("course", "training_seconds"): (123.4, 200.4),
        ("results", "exported.fingerprint"): (first.exported.fingerprint, "f" * 64),
    }
    assert len(test) == 9
    changes = {each.key: each.change for each in found.differences}
    assert changes["training_seconds"] == pytest.approx(77.0)
    assert changes["test.accuracy"] is None
    assert diff_runs(str(tmp_path / "first"), str(tmp_path / "first")).differences == ()


def test_a_run_that_is_not_there_or_damaged_is_not_compared(tmp_path: Path) -> None:
    make_run_record().save(tmp_path / "first" / "run.json")
    with pytest.raises(UsageError, match="no finished run 'no-such-run'"):
        diff_runs(str(tmp_path / "first"), "no-such-run")
    (tmp_path / "first" / "run.json").write_text("[]", encoding="utf-8")
    with pytest.raises(RecordError, match="no run record"):
        diff_runs(str(tmp_path / "first"), str(tmp_path / "first"))


def test_the_command_lists_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def emohub(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as stop:
            main(["runs", *arguments])
        assert int(stop.value.code or 0) == code
        said = capsys.readouterr()
        return said.out + said.err

    assert "There are no runs" in emohub("--dir", str(tmp_path))
    for name, accuracy in (("low", 0.6), ("high", 0.9)):
        accuracy_run(accuracy).save(tmp_path / name / "run.json")
    begin(tmp_path / "begun", 1200)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{", encoding="utf-8")
    table = emohub("--dir", str(tmp_path))
    assert table.index("high") < table.index("low") < table.index("begun")
    for shown in ("feelings, by accuracy on validation", "0.8995", "50 of 50", "1,200", "Left out:"):
        assert shown in table
    assert max(map(len, table.partition("Left out")[0].splitlines())) <= 80
    assert "There are no runs of the corpus x" in emohub("--dir", str(tmp_path), "--corpus", "x")

    listed = json.loads(emohub("--dir", str(tmp_path / "high"), "--format", "json"))
    assert listed["finished"][0]["runs"][0]["validation"]["accuracy"] == pytest.approx(0.8995)
    both = (str(tmp_path / "low"), str(tmp_path / "high"))
    table = emohub("diff", *both)
    assert "(+0.3000)" in table
    assert "Recipe" not in table
    compared = json.loads(emohub("diff", *both, "--format", "json"))
    assert {"results"} == {each["section"] for each in compared["differences"]}
    assert "do not differ" in emohub("diff", both[0], both[0])
    assert "no finished run" in emohub("diff", both[0], "nothing", code=2)


def test_the_page_about_runs_names_every_option_and_section() -> None:
    importlib.import_module("emohub.cli.runs")
    from emohub.cli.app import app

    page = (Path(__file__).resolve().parent.parent / "docs" / "runs.md").read_text(encoding="utf-8")
    options = {option for each in get_command(app).commands["runs"].params for option in each.opts}
    assert {"--dir", "--corpus", "--sort-by", "--format"} <= options
    assert [option for option in sorted(options - {"--help"}) if f"`{option}`" not in page] == []
    assert [section for section in get_args(Section) if section not in page] == []
