"""Reproduction: every documented figure is compared once, by the stated rule, with records of real runs."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

import emohub.reproduce.run as module
from emohub.cli import main
from emohub.errors import ModelError, UsageError
from emohub.recipe import Corpus, Recipe, list_recipes, load_recipe
from emohub.record import EvalRecord, HistoryRow, Interval, PreviousStage, RunRecord
from emohub.reproduce import REPRODUCTION_FILE, RULE, Reproduction, compare, judge, reproduce
from tests.conftest import made_rows
from tests.factories import make_eval_record, make_recipe, make_run_record, sha256

DOCUMENTED = [name for name in list_recipes() if load_recipe(name).documented is not None]
AVERAGES = ("precision", "recall", "f1")


def documents(**changes: Any) -> dict[str, Any]:
    """A document of a run on the made corpus: two rows, the last of which is the headline."""
    values: dict[str, Any] = {
        "name": "A-Made-Model",
        "base_model": "tiny",
        "dataset": "made",
        "train_rows": 240,
        "evaluated_rows": 60,
        "headline": {"loss": 0.9, "accuracy": 0.8, "f1_unstated_average": 0.79},
        "headline_row": "last",
        "hyperparameters": {"seed": 7},
        "frameworks": {"Transformers": "4.24.0", "PyTorch": ""},
        "results": [
            {"training_loss": 1.1, "epoch": 1.0, "step": 15, "loss": 1.0, "accuracy": 0.7},
            {"epoch": 2.0, "step": 30, "loss": 0.9, "accuracy": 0.8, "f1_unstated_average": 0.79},
        ],
        "uses": [],
        "limits": [],
        "preprocessing": [],
        "troubleshooting": [],
        "notes": [
            {"text": "The average is inferred.", "inferred": True},
            {"text": "The seed is stated.", "inferred": False},
        ],
    }
    return {**values, **changes}


def made_recipe(corpus: Corpus, base: Path | str, **changes: Any) -> Recipe:
    values = {
        "name": "made-documented",
        "summary": "A tiny model on made data.",
        "base_model": str(base),
        "max_length": 32,
        "corpus": corpus.model_dump(mode="json"),
        "training": {
            "learning_rate": 5e-3,
            "per_device_train_batch_size": 16,
            "num_train_epochs": 2,
            "seed": 7,
        },
        "evaluation": {"metrics": ["accuracy", "weighted_f1"], "metric_for_best_model": "accuracy"},
        "documented": documents(),
    }
    return Recipe.from_values({**values, **changes}, "test recipe")


@pytest.fixture(scope="module")
def without_test_split(made_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The made corpus whose test file is gone: whatever reads it fails."""
    folder = tmp_path_factory.mktemp("no-test-split") / "made"
    shutil.copytree(made_corpus.base_folder, folder)
    (folder / "test.csv").unlink()
    return made_corpus.model_copy(update={"base_folder": str(folder)})


@pytest.fixture(scope="module")
def reproduced(
    without_test_split: Corpus, tiny_base_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recipe, Path, Reproduction]:
    """A documented recipe, trained and compared; its run folder. Read only."""
    recipe = made_recipe(without_test_split, "someone/documented-base")
    folder = tmp_path_factory.mktemp("reproduced") / "run"
    return recipe, folder, reproduce(recipe, base_model=str(tiny_base_dir), output_dir=folder)


def no_training(*_: object, **__: object) -> RunRecord:
    pytest.fail("a finished run was trained again")


# ---- the rule


def test_an_accuracy_of_known_rows_is_judged_by_both_samples() -> None:
    # By hand: Wilson's intervals are 0.834 to 0.933 (134 of 150) and 0.885 to 0.923 (790 of 872), so the bounds are
    # d -+ sqrt of the sums of squares of the distances between each share and the end that matters.
    share, documented = 790 / 872, 134 / 150
    interval, method, verdict = judge(0.8933, share, 872, 150, (0.0, 0.1))
    assert interval is not None
    low = (share - documented) - math.hypot(share - 0.88476, 0.93345 - documented)
    high = (share - documented) + math.hypot(0.92350 - share, documented - 0.83367)
    assert interval == pytest.approx((low, high), abs=2e-4)
    assert (method, verdict) == ("newcombe", "agrees")


@pytest.mark.parametrize(("measured", "verdict"), [(0.93, "differs (higher)"), (0.88, "differs (lower)")])
def test_a_difference_that_the_rows_do_not_explain(measured: float, verdict: str) -> None:
    interval, method, found = judge(0.9065, measured, 2000, 2000, None)
    assert (method, found) == ("newcombe", verdict)
    assert interval is not None
    assert interval[0] < measured - 0.9065 < interval[1]


@pytest.mark.parametrize(
    ("documented", "verdict"),
    [
        (0.25, "inside our interval"),
        (0.2, "inside our interval"),
        (0.19, "outside our interval (higher)"),
        (0.31, "outside our interval (lower)"),
    ],
)
def test_a_figure_without_rows_is_placed_in_our_interval(documented: float, verdict: str) -> None:
    interval, method, found = judge(documented, 0.26, 2000, None, (0.2, 0.3))
    assert (method, found) == ("own interval", verdict)
    assert interval == pytest.approx((0.2 - documented, 0.3 - documented))


def test_a_figure_without_any_interval_is_not_judged() -> None:
    assert judge(0.5, 0.6, 2000, None, None) == (None, None, "cannot be judged")


def test_documented_accuracies_are_shares_of_the_inferred_rows() -> None:
    """The rule turns them into counts, which must give the documented figures back."""
    checked = 0
    for name in DOCUMENTED:
        documented = load_recipe(name).documented
        assert documented is not None
        for figures in (documented.headline, *documented.results):
            if documented.evaluated_rows is not None and figures.accuracy is not None:
                right = round(figures.accuracy * documented.evaluated_rows)
                assert figures.accuracy == pytest.approx(right / documented.evaluated_rows, abs=5e-5)
                checked += 1
    assert checked == 12 + 5


# ---- all five documents


def run_as_documented(recipe: Recipe) -> RunRecord:
    """The record of a run that measured on validation exactly what the document reports."""
    documented = recipe.documented
    assert documented is not None
    rows = [row.model_dump() for row in documented.results] or [
        {"step": 815, "epoch": 1.0, "loss": documented.loss_first},
        {"step": 2445, "epoch": 3.0, **documented.headline.model_dump()},
    ]
    history = [
        HistoryRow(
            training_loss=row.get("training_loss"),
            epoch=row["epoch"] or 5.0,
            step=row["step"],
            validation_loss=row["loss"],
            metrics={
                "accuracy": row.get("accuracy") or 0.5,
                **{
                    f"{average}_{kind}": row.get(f"{kind}_unstated_average") or 0.5
                    for average in ("macro", "weighted")
                    for kind in AVERAGES
                },
            },
        )
        for row in rows
    ]
    return make_run_record(recipe, history=history, exported_step=history[-1].step, stopped="finished")


def evaluation_of(run: RunRecord, **changes: Any) -> EvalRecord:
    """The evaluation on validation that gives the figures of the run's exported row again."""
    row = next(row for row in run.history if row.step == run.exported.step)
    figures = {**row.metrics, "log_loss": row.validation_loss}
    metrics = {name: Interval(value=value, low=value - 0.01, high=value + 0.01) for name, value in figures.items()}
    size = len(run.recipe["corpus"]["labels"])
    confusion = [[10 * (row == column) for column in range(size)] for row in range(size)]
    return make_eval_record(run, confusion=confusion, split="validation", metrics=metrics, **changes)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_run_that_measures_what_is_documented_differs_nowhere(name: str) -> None:
    recipe = load_recipe(name)
    documented, run = recipe.documented, run_as_documented(recipe)
    assert documented is not None
    found = compare(recipe, [run], evaluation_of(run))
    assert {figure.difference for figure in found.figures} == {0.0}
    assert {figure.verdict for figure in found.figures} <= {"agrees", "inside our interval", "cannot be judged"}
    assert all((figure.reason is None) == (figure.verdict != "cannot be judged") for figure in found.figures)
    assert all(figure.measured_as.endswith(("loss", "accuracy", *AVERAGES)) for figure in found.figures)
    reported = [value for value in documented.headline.model_dump().values() if value is not None]
    for row in documented.results:
        values = row.model_dump(exclude={"epoch", "step"}).values()
        reported += [value for value in values if value is not None]
    reported += [] if documented.loss_first is None else [documented.loss_first]
    assert sorted(figure.documented for figure in found.figures) == sorted(reported)
    assert found.notes == documented.notes
    assert found.rule == RULE


def test_the_averages_that_are_not_stated_are_those_that_the_recipe_measures() -> None:
    names = {}
    for name in DOCUMENTED:
        run = run_as_documented(load_recipe(name))
        found = compare(load_recipe(name), [run], evaluation_of(run))
        names[name] = {figure.measured_as for figure in found.figures} - {"loss", "training_loss", "accuracy"}
    assert names == {
        "bert-base-cased-emotion": set(),
        "bert-emotion": {"macro_precision", "macro_recall", "macro_f1"},
        "bert-tiny-emotion": {"weighted_f1"},
        "distilbert-emotion": {"weighted_f1"},
        "sst2-distilbert-5e": set(),
    }


# ---- what the table says about a run


def documented_recipe(**changes: Any) -> Recipe:
    """The recipe of the made records, with a document of rows at the steps 50 and 150."""
    results = [
        {"step": 50, "loss": 0.70, "accuracy": 0.78, "training_loss": 1.0},
        {"step": 150, "loss": 0.45, "accuracy": 0.87, "f1_unstated_average": 0.83},
    ]
    return make_recipe(documented=documents(results=results, train_rows=800, evaluated_rows=100), **changes)


def test_the_rows_of_the_same_step_are_compared_with_the_history() -> None:
    recipe = documented_recipe()
    run = make_run_record(recipe)
    found = compare(recipe, [run], make_eval_record(run, split="validation"))
    rows = {(figure.documented_at, figure.figure): figure for figure in found.figures}
    assert rows["step 50", "loss"].measured == 0.71
    assert rows["step 50", "loss"].reason == "only the exported weights were measured with intervals"
    assert rows["step 50", "training_loss"].reason is not None
    assert rows["step 50", "accuracy"].method == "newcombe"
    assert rows["step 150", "f1_unstated_average"].measured_as == "macro_f1"
    assert rows["headline", "loss"].measured == 0.5123
    assert rows["headline", "loss"].interval == pytest.approx((0.4511 - 0.9, 0.6042 - 0.9))
    assert any("its last row, step 150; exported here was step 100" in caveat for caveat in found.caveats)


def test_an_end_elsewhere_is_compared_with_the_last_evaluation_too() -> None:
    recipe = documented_recipe()
    run = make_run_record(recipe, history=make_run_record(recipe).history[:2], exported_step=50)
    found = compare(recipe, [run], make_eval_record(run, split="validation"))
    places = dict.fromkeys((figure.documented_at, figure.measured_at) for figure in found.figures)
    assert list(places) == [("headline", "exported, step 50"), ("headline", "last, step 100"), ("step 50", "step 50")]
    assert "This run has no evaluation at the documented step 150." in found.caveats


def test_a_run_that_differs_says_how() -> None:
    recipe = documented_recipe()
    run = make_run_record(
        recipe.with_overrides({"base_model": "someone/other"}),
        overrides={"learning_rate": 1e-4},
        data={"train": make_eval_record().data, "validation": make_eval_record().data},
    )
    caveats = compare(recipe, [run], make_eval_record(run)).caveats
    expected = [
        "The base model was someone/other, not someone/tiny-bert: another base model, so a difference says nothing",
        "Settings were replaced: learning_rate = 0.0001.",
        "Trained on 120 rows, the document on 800.",
        "measured on the test split",
        "Documented versions: Transformers 4.24.0 (here 5.23.0).",
    ]
    for text in expected:
        assert [caveat for caveat in caveats if text in caveat], text
    own = compare(recipe, [make_run_record(recipe)], make_eval_record(split="validation")).caveats
    assert [caveat for caveat in own if any(text in caveat for text in expected[:4])] == []


def test_a_run_that_max_steps_ended_is_not_judged() -> None:
    recipe = documented_recipe()
    run = make_run_record(recipe, stopped="max_steps", max_steps=150)
    found = compare(recipe, [run], make_eval_record(run, split="validation"))
    assert {figure.verdict for figure in found.figures} == {"cannot be judged"}
    assert {figure.reason for figure in found.figures} == {"--max-steps ended the classification stage"}


def test_the_base_model_of_two_stages_is_that_of_the_first() -> None:
    recipe = load_recipe("bert-tiny-emotion")
    second = run_as_documented(recipe).model_copy(
        update={"base_model": make_run_record().base_model.model_copy(update={"id": "masked_lm"})}
    )
    first = make_run_record(recipe, stage="masked_lm", stopped="max_steps")
    first.recipe["adaptation"]["corpus"]["name"] = "texts"
    found = compare(recipe, [first, second], evaluation_of(second))
    assert found.base_model == first.base_model
    assert not [caveat for caveat in found.caveats if "another base model" in caveat]
    assert [caveat for caveat in found.caveats if "--max-steps ended the masked_lm stage at step" in caveat]
    assert [caveat for caveat in found.caveats if "read other texts (hub:someone/feelings@" in caveat]
    assert {figure.verdict for figure in found.figures} == {"cannot be judged"}


# ---- the command


def test_trains_measures_and_compares(reproduced: tuple[Recipe, Path, Reproduction]) -> None:
    _, folder, found = reproduced
    run = RunRecord.load(folder / "run.json")
    assert Reproduction.load(folder / REPRODUCTION_FILE) == found
    assert (found.run_id, found.weights) == (run.run_id, run.exported.fingerprint)
    assert (found.split, found.data.rows, found.documented_rows) == ("validation", 60, 60)
    headline = {figure.figure: figure for figure in found.figures if figure.documented_at == "headline"}
    assert headline["accuracy"].measured == pytest.approx(run.exported.validation["accuracy"])
    assert headline["loss"].measured == pytest.approx(run.exported.validation["loss"], abs=1e-6)
    rows = {figure.documented_at: figure.measured for figure in found.figures if figure.figure == "loss"}
    assert [rows["step 15"], rows["step 30"]] == [row.validation_loss for row in run.history]
    assert any("another base model" in caveat for caveat in found.caveats)
    assert str(folder.parent) not in (folder / REPRODUCTION_FILE).read_text(encoding="utf-8")


def test_a_finished_run_is_taken_as_it_is(
    reproduced: tuple[Recipe, Path, Reproduction], tiny_base_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, folder, found = reproduced
    monkeypatch.setattr(module, "train", no_training)
    monkeypatch.setattr(module, "evaluate", no_training)
    assert reproduce(recipe, output_dir=folder) == found
    assert reproduce(recipe, base_model=str(tiny_base_dir), output_dir=folder) == found


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        ({"max_steps": 3}, "finished run of other settings"),
        ({"overrides": {"learning_rate": 1e-4}}, "finished run of other settings"),
        ({"base_model": "TINY"}, "whose weights are not those of"),
    ],
)
def test_a_finished_run_of_another_kind_is_refused(
    reproduced: tuple[Recipe, Path, Reproduction],
    tiny_model_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, Any],
    cause: str,
) -> None:
    recipe, folder, _ = reproduced
    monkeypatch.setattr(module, "train", no_training)
    if "base_model" in asked:
        asked = {"base_model": str(tiny_model_dir)}
    with pytest.raises(UsageError, match=cause):
        reproduce(recipe, output_dir=folder, **asked)


def test_the_first_stage_is_read_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe("bert-tiny-emotion")
    first = make_run_record(recipe, stage="masked_lm")
    previous = PreviousStage(
        stage="masked_lm",
        run_id=first.run_id,
        recipe_digest=first.recipe_digest,
        fingerprint=sha256("adapted"),
        base_model=first.base_model,
    )
    second = run_as_documented(recipe).model_copy(update={"previous": previous})
    first.save(tmp_path / "masked_lm" / "run.json")
    second.save(tmp_path / "run.json")
    monkeypatch.setattr(module, "train", no_training)
    monkeypatch.setattr(module, "evaluate", lambda *_, **__: evaluation_of(second))
    found = reproduce(recipe, output_dir=tmp_path)
    assert found.base_model == first.base_model
    assert not [caveat for caveat in found.caveats if "other texts" in caveat]


def test_a_recipe_of_two_stages_goes_through_both(
    without_test_split: Corpus, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"{text}\n" for text, _ in made_rows(80, seed=5)), encoding="utf-8")
    declared = load_recipe("bert-tiny-emotion").adaptation
    assert declared is not None
    adaptation = {**declared.model_dump(mode="json"), "max_length": 32}
    recipe = made_recipe(without_test_split, "someone/documented-base", adaptation=adaptation)
    given = {"base_model": str(tiny_base_dir), "texts": [texts], "output_dir": tmp_path / "run", "max_steps": 3}
    found = reproduce(recipe, **given)
    assert found.base_model.id == tiny_base_dir.name
    assert any("other texts (file:texts.txt) than those that the recipe names (imdb)" in line for line in found.caveats)
    assert {figure.reason for figure in found.figures} == {"--max-steps ended the classification stage"}
    monkeypatch.setattr(module, "train", no_training)
    assert reproduce(recipe, **given) == found


def test_the_test_split_is_read_only_when_asked_for(
    made_corpus: Corpus, reproduced: tuple[Recipe, Path, Reproduction], tmp_path: Path
) -> None:
    recipe, folder, found = reproduced  # trained and compared without a test file
    shutil.copytree(folder, tmp_path / "run")
    whole = recipe.model_copy(update={"corpus": made_corpus})
    measured = reproduce(whole, output_dir=tmp_path / "run", split="test")
    assert (measured.split, measured.data.rows) == ("test", 60)
    assert measured.data.fingerprint != found.data.fingerprint


def test_without_the_documented_base_model_one_sentence_offers_another(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        reproduce(load_recipe("distilbert-emotion"), output_dir=tmp_path / "run")
    message = str(caught.value)
    assert "the documented base model of distilbert-emotion is not within reach" in message
    assert "--base-model FOLDER_OR_ID" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_without_a_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="documents no figures"):
        reproduce(load_recipe("minilm-emotion"), output_dir=tmp_path)


def command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["reproduce", *arguments])
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def recipe_file(reproduced: tuple[Recipe, Path, Reproduction], monkeypatch: pytest.MonkeyPatch) -> str:
    """A name that the command finds the documented recipe under, whose run is finished."""
    monkeypatch.setattr("emohub.recipe.load_recipe", lambda _: reproduced[0])
    monkeypatch.setattr(module, "train", no_training)
    return "made-documented"


def test_the_command_prints_the_table(
    reproduced: tuple[Recipe, Path, Reproduction], recipe_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder, found = reproduced
    printed = " ".join(command([recipe_file, "--output-dir", str(folder)], capsys).split())
    for figure in found.figures:
        assert f"{figure.documented:.4f} {figure.measured:.4f} {figure.difference:+.4f}" in printed
    for text in ("A-Made-Model", "another base model", "The average is inferred.", "Newcombe's 95% interval"):
        assert text in printed
    assert "The seed is stated." not in printed


def test_the_command_prints_the_record(
    reproduced: tuple[Recipe, Path, Reproduction], recipe_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder, found = reproduced
    printed = command([recipe_file, "--output-dir", str(folder), "--format", "json"], capsys)
    assert json.loads(printed) == found.model_dump(mode="json")
