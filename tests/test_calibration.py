"""Calibration: the temperature that scipy finds, in weights that give everybody the same probabilities."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from card_text import rows, section
from conftest import LABELS, MakeModel, made_rows
from factories import make_eval_record, make_run_record
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from test_resume import assert_same_run, one_sitting
from test_train import make_recipe, write_recipe
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline

from emohub.card import audit_card, check_card, parse, render, validate, write_card
from emohub.cli import main
from emohub.data import load_split
from emohub.errors import DataError, ModelError
from emohub.evaluate import evaluate
from emohub.export import ComparedTexts, export
from emohub.inference import Classifier
from emohub.inference.loading import last_layer, load_for_training, save_pretrained
from emohub.metrics import TEMPERATURES, at_temperature, expected_calibration_error, fit_temperature, log_loss
from emohub.recipe import Corpus, Recipe, list_recipes, load_recipe
from emohub.record import Calibration, Confidence, EvalRecord, RunRecord
from emohub.train import train

FAMILIES = ("bert", "distilbert", "roberta")
TEXTS = [text for text, _ in made_rows(40, seed=3)]


def drawn(seed: int, n: int, k: int, scale: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels drawn from what logits say, and these logits made wider by ``scale``: their temperature is about that."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, k))
    labels = np.array([generator.choice(k, p=row) for row in softmax(logits, axis=1)])
    return labels, logits * scale


def best_temperature(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> float:
    """The same minimum by another method, on another scale."""

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / math.exp(log_temperature), axis=1)[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(loss, bounds=tuple(map(math.log, TEMPERATURES)), method="bounded", options={"xatol": 1e-10})
    return math.exp(found.x)


# The temperature


@pytest.mark.parametrize(("n", "k"), [(30, 2), (400, 3), (2000, 6), (500, 28)])
@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_the_temperature_is_the_one_that_scipy_finds(n: int, k: int, scale: float) -> None:
    labels, logits = drawn(n + k, n, k, scale)
    temperature = fit_temperature(labels, softmax(logits, axis=1))
    assert temperature == pytest.approx(best_temperature(labels, logits), rel=1e-6)
    if n >= 400:
        assert temperature == pytest.approx(scale, rel=0.25)


def test_single_precision_loses_nothing() -> None:
    labels, logits = drawn(1, 1000, 4, 5.0)
    exact, single = softmax(logits, axis=1), softmax(logits, axis=1).astype(np.float32)
    assert fit_temperature(labels, single) == pytest.approx(fit_temperature(labels, exact), rel=1e-6)


def test_the_temperature_of_one_confidence_has_a_closed_form() -> None:
    """All answers have the log odds d and the share a is right: log loss is lowest where d / T is the log odds of a."""
    odds, right, n = 4.0, 37, 50
    probabilities = np.tile(softmax([odds, 0.0]), (n, 1))
    labels = np.array([0] * right + [1] * (n - right))
    expected = odds / math.log(right / (n - right))
    assert fit_temperature(labels, probabilities) == pytest.approx(expected, rel=1e-12)


def test_the_temperature_stays_within_its_bounds() -> None:
    sure = np.array([[0.6, 0.4], [0.3, 0.7], [0.9, 0.1]])
    assert fit_temperature(np.array([0, 1, 0]), sure) == TEMPERATURES[0]  # all right: the surer the better
    assert fit_temperature(np.array([1, 0, 1]), sure) == TEMPERATURES[1]  # all wrong
    assert fit_temperature(np.array([1, 0, 1]), np.full((3, 2), 0.5)) == 1.0  # nothing that it could change
    never = np.array([[1, 0], [0, 1]], np.float32)
    assert fit_temperature(np.array([0, 1]), never) == TEMPERATURES[0]


def test_probabilities_at_a_temperature_are_those_of_the_divided_logits() -> None:
    labels, logits = drawn(2, 300, 5, 3.0)
    probabilities = softmax(logits, axis=1)
    for temperature in (0.3, 1.0, 2.5):
        changed = at_temperature(probabilities, temperature)
        np.testing.assert_allclose(changed, softmax(logits / temperature, axis=1), rtol=1e-10)
        np.testing.assert_allclose(at_temperature(changed, 1 / temperature), probabilities, rtol=1e-9)
        assert (changed.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        again = fit_temperature(labels, changed)
        assert again == pytest.approx(fit_temperature(labels, probabilities) / temperature, rel=1e-9)


def test_probabilities_of_zero_and_one_have_a_temperature_too() -> None:
    probabilities = np.array([[1, 0, 0], [0, 0.5, 0.5]], np.float32)
    changed = at_temperature(probabilities, 2.0)
    assert changed.dtype == np.float32
    np.testing.assert_allclose(changed, probabilities, atol=1e-6)
    np.testing.assert_allclose(at_temperature(probabilities, 0.5), probabilities, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(DataError, match=r"the temperature is .*; give a positive number"):
        at_temperature(np.array([[0.5, 0.5]]), temperature)


# The files


def saved(base_dir: Path, folder: Path, temperature: float | None, dtype: str = "float32") -> Path:
    base = load_for_training(base_dir, LABELS)
    save_pretrained(base.model, base.tokenizer(32), folder, dtype, temperature=temperature)
    return folder


def by_pipeline(folder: Path) -> NDArray[np.float64]:
    """The probabilities that transformers' own pipeline gives, in the order of the labels."""
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
    answers = [{answer["label"]: answer["score"] for answer in row} for row in classify(TEXTS, top_k=None)]
    return np.array([[row[label] for label in LABELS] for row in answers])


@pytest.mark.parametrize("architecture", FAMILIES)
def test_everybody_gets_the_calibrated_probabilities(
    architecture: str, make_tiny_model: MakeModel, tmp_path: Path
) -> None:
    base_dir = make_tiny_model(architecture=architecture, scale=0.5)
    plain = Classifier.from_pretrained(saved(base_dir, tmp_path / "plain", None), engine="torch")
    assert plain.calibration_temperature is None
    assert "calibration_temperature" not in json.loads((tmp_path / "plain" / "config.json").read_text())

    folder = saved(base_dir, tmp_path / "calibrated", 1.7)
    assert json.loads((folder / "config.json").read_text())["calibration_temperature"] == 1.7
    assert AutoConfig.from_pretrained(folder).calibration_temperature == 1.7
    calibrated = Classifier.from_pretrained(folder, engine="torch")
    assert calibrated.calibration_temperature == calibrated.in_float32.calibration_temperature == 1.7
    expected = at_temperature(plain.predict_proba(TEXTS), 1.7)
    answers = calibrated.predict_proba(TEXTS)
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    np.testing.assert_allclose(by_pipeline(folder), answers, atol=1e-5)
    assert (answers.argmax(axis=1) == plain.predict_proba(TEXTS).argmax(axis=1)).all()
    assert np.abs(answers - plain.predict_proba(TEXTS)).max() > 0.01

    in_half = Classifier.from_pretrained(folder, engine="torch-bf16")
    assert in_half.calibration_temperature == 1.7
    np.testing.assert_allclose(in_half.predict_proba(TEXTS), answers, atol=0.05)


def test_only_the_last_layer_of_the_file_is_divided(make_tiny_model: MakeModel, tmp_path: Path) -> None:
    base = load_for_training(make_tiny_model(architecture="roberta"), LABELS)
    before = {name: tensor.clone() for name, tensor in base.model.state_dict().items()}
    save_pretrained(base.model, base.tokenizer(32), tmp_path, "float32", temperature=2.0)
    for name, tensor in load_file(tmp_path / "model.safetensors").items():
        divisor = 2.0 if name.startswith("classifier.out_proj.") else 1.0
        torch.testing.assert_close(tensor, before[name] / divisor, rtol=0, atol=0, msg=name)
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.model.state_dict().items())
    assert not hasattr(base.model.config, "calibration_temperature")


def test_onnx_files_of_a_calibrated_model_are_calibrated(make_tiny_model: MakeModel, tmp_path: Path) -> None:
    folder = saved(make_tiny_model(scale=0.5), tmp_path / "calibrated", 1.7)
    export(folder, int8=False, compared=ComparedTexts(TEXTS, "made rows"))
    classifier = Classifier.from_pretrained(folder, engine="onnx")
    assert classifier.calibration_temperature == 1.7
    expected = Classifier.from_pretrained(folder, engine="torch").predict_proba(TEXTS)
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), expected, atol=1e-5)


def test_a_model_that_is_trained_on_is_calibrated_no_longer(make_tiny_model: MakeModel, tmp_path: Path) -> None:
    folder = saved(make_tiny_model(), tmp_path / "calibrated", 1.7)
    again = saved(folder, tmp_path / "again", None)
    assert Classifier.from_pretrained(again, engine="torch").calibration_temperature is None
    assert "calibration_temperature" not in json.loads((again / "config.json").read_text())


@pytest.mark.parametrize("stated", ["1.5", 0, -2.0, True, math.nan, math.inf, [1.0]])
def test_a_temperature_that_is_none_is_refused(stated: object, tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "calibration_temperature": stated}))
    with pytest.raises(ModelError, match=r"calibration_temperature of copy is .*, no positive number"):
        Classifier.from_pretrained(folder, engine="torch")


def test_a_model_whose_last_layer_cannot_be_told_is_refused_before_training(
    made_corpus: Corpus, make_tiny_model: MakeModel, tmp_path: Path
) -> None:
    many = [f"label {number}" for number in range(32)]  # as many as the layer before the last has values
    model = load_for_training(make_tiny_model(architecture="distilbert", labels=many), many).model
    with pytest.raises(ModelError, match="has 2 layers that could give its logits, and cannot be calibrated; leave"):
        last_layer(model)
    assert last_layer(load_for_training(make_tiny_model(labels=many), many).model) == "classifier"

    base = make_tiny_model(architecture="distilbert", labels=many)
    corpus = made_corpus.model_copy(update={"labels": tuple(many)})
    with pytest.raises(ModelError, match="cannot be calibrated"):
        train(make_recipe(corpus, base, calibrate=True), output_dir=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


# A run


@pytest.fixture(scope="module")
def plain_run(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, RunRecord]:
    """Stopped before it has learned everything, so that some answers are wrong."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    return folder, train(make_recipe(made_corpus, tiny_base_dir, num_train_epochs=5), output_dir=folder)


@pytest.fixture(scope="module")
def calibrated_run(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, RunRecord]:
    """The same with a temperature."""
    folder = tmp_path_factory.mktemp("calibrated") / "run"
    recipe = make_recipe(made_corpus, tiny_base_dir, num_train_epochs=5, calibrate=True)
    return folder, train(recipe, output_dir=folder)


def test_a_run_calibrates_on_validation(
    plain_run: tuple[Path, RunRecord], calibrated_run: tuple[Path, RunRecord], made_corpus: Corpus
) -> None:
    (plain_folder, plain), (folder, record) = plain_run, calibrated_run
    assert plain.exported.calibration is None
    assert record.history == plain.history
    validation = load_split(made_corpus, "validation")
    answers = Classifier.from_pretrained(plain_folder, engine="torch").predict_proba(validation.texts)
    assert 0.5 < plain.exported.validation["accuracy"] < 1  # else there would be no lowest loss

    calibration = record.exported.calibration
    assert calibration is not None
    expected = best_temperature(validation.labels, np.log(answers.astype(np.float64)))
    assert calibration.temperature == pytest.approx(expected, rel=1e-4)
    assert json.loads((folder / "checkpoint" / "config.json").read_text())["calibration_temperature"] == (
        calibration.temperature
    )
    assert calibration.before.log_loss == pytest.approx(log_loss(validation.labels, answers), rel=1e-5)
    error = expected_calibration_error(validation.labels, answers)
    assert calibration.before.expected_calibration_error == pytest.approx(error, abs=1e-5)
    after = Classifier.from_pretrained(folder, engine="torch").predict_proba(validation.texts)
    assert calibration.after.log_loss == record.exported.validation["loss"] == log_loss(validation.labels, after)
    assert calibration.after.log_loss < calibration.before.log_loss
    for name, value in plain.exported.validation.items():
        if name != "loss":
            assert record.exported.validation[name] == value
    assert record.exported.validation_before_export == plain.exported.validation_before_export


def test_an_evaluation_says_what_it_would_be_without(
    plain_run: tuple[Path, RunRecord], calibrated_run: tuple[Path, RunRecord], made_corpus: Corpus, tmp_path: Path
) -> None:
    plain = evaluate(plain_run[0], made_corpus, "test", resamples=99)
    assert plain.uncalibrated is None
    calibrated = evaluate(calibrated_run[0], made_corpus, "test", resamples=99, output_dir=tmp_path)
    assert calibrated.uncalibrated is not None
    for name in Confidence.model_fields:
        assert getattr(calibrated.uncalibrated, name) == pytest.approx(plain.metrics[name].value, rel=1e-4)
        assert calibrated.metrics[name].value != pytest.approx(plain.metrics[name].value, rel=1e-3)
    assert calibrated.confusion_matrix == plain.confusion_matrix
    assert EvalRecord.load(tmp_path / "eval.json") == calibrated
    again = evaluate(calibrated_run[0], made_corpus, "test", resamples=99)
    assert (again.metrics, again.uncalibrated) == (calibrated.metrics, calibrated.uncalibrated)


def test_the_card_of_a_calibrated_run_is_checked_like_any_other(
    calibrated_run: tuple[Path, RunRecord], made_corpus: Corpus, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(calibrated_run[0], tmp_path / "run"))
    evaluation = evaluate(folder, made_corpus, "test", output_dir=folder, resamples=99)
    card = write_card(folder).read_text()
    assert check_card(folder) == folder / "README.md"
    assert evaluation.uncalibrated is not None
    error = evaluation.uncalibrated.expected_calibration_error
    table = {row[0]: row[1:] for row in rows(section(card, "Calibration"))}
    assert table["Expected calibration error on test"][0] == f"{error:.4f}"
    assert [finding for finding in audit_card(card) if finding.severity == "error"] == []


def test_the_command_tells_both(
    calibrated_run: tuple[Path, RunRecord], made_corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    declaration = Path(made_corpus.base_folder) / "calibration.toml"
    declaration.write_text(
        f'name = "made"\ntitle = "Made"\nlabels = {json.dumps(LABELS)}\n[splits.test]\nfile = "test.csv"\n'
    )
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(calibrated_run[0]), "--corpus", str(declaration), "--split", "test", "--resamples", "9"])
    assert not stopped.value.code
    record = EvalRecord.load(calibrated_run[0] / "eval.json")
    assert record.uncalibrated is not None
    without = record.uncalibrated
    assert (
        "Without the temperature that calibrates it: expected_calibration_error "
        f"{without.expected_calibration_error:.4f}, log_loss {without.log_loss:.4f}"
    ) in " ".join(capsys.readouterr().out.split())


def test_the_command_that_trains_tells_the_temperature(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path, made_corpus, tiny_base_dir)
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(recipe), "--output-dir", str(tmp_path / "run"), "--set", "calibrate=true"])
    assert not stopped.value.code
    calibration = RunRecord.load(tmp_path / "run" / "run.json").exported.calibration
    assert calibration is not None
    assert (
        f"Calibrated by the temperature {calibration.temperature:.3g}: validation log loss "
        f"{calibration.before.log_loss:.4f} without it, {calibration.after.log_loss:.4f} with it"
    ) in capsys.readouterr().out


def test_half_precision_is_measured_with_the_temperature_in_it(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, calibrated_run: tuple[Path, RunRecord]
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, num_train_epochs=5, calibrate=True, dtype="float16")
    record, single = train(recipe, output_dir=tmp_path / "run"), calibrated_run[1]
    assert record.exported.calibration is not None
    assert single.exported.calibration is not None
    assert record.exported.calibration.temperature == single.exported.calibration.temperature
    validation = load_split(made_corpus, "validation")
    answers = Classifier.from_pretrained(tmp_path / "run", engine="torch").predict_proba(validation.texts)
    assert record.exported.calibration.after.log_loss == log_loss(validation.labels, answers)
    assert record.exported.calibration.after.log_loss == pytest.approx(
        single.exported.calibration.after.log_loss, rel=1e-2
    )


def test_a_killed_run_ends_with_the_same_temperature(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, made_corpus, tiny_base_dir)
    recipe.write_text(f"{recipe.read_text()}checkpoint_steps = 3\n\n[export]\ncalibrate = true\n")
    assert one_sitting(recipe, tmp_path / "undisturbed") == 0
    assert one_sitting(recipe, tmp_path / "run", kill_at=7) != 0
    assert one_sitting(recipe, tmp_path / "run") == 0
    assert_same_run(tmp_path / "run", tmp_path / "undisturbed")
    assert RunRecord.load(tmp_path / "run" / "run.json").exported.calibration is not None


# Recipes, records and cards of before


def test_a_recipe_without_calibration_keeps_its_digest() -> None:
    recipe = load_recipe("minilm-sst2-teacher-1")
    assert recipe.with_overrides({"calibrate": False}).digest == recipe.digest
    calibrated = recipe.with_overrides({"calibrate": True})
    assert calibrated.export.calibrate
    assert calibrated.digest != recipe.digest
    values = json.loads(recipe.model_dump_json())
    del values["export"]["calibrate"]  # as records of before have it
    assert Recipe.from_values(values, "an older record").digest == recipe.digest
    assert not any(load_recipe(name).export.calibrate for name in list_recipes() if load_recipe(name).documented)


def test_records_of_before_are_read_as_they_stand(tmp_path: Path) -> None:
    run = make_run_record()
    values, evaluated = json.loads(run.model_dump_json()), json.loads(make_eval_record(run).model_dump_json())
    del values["exported"]["calibration"], evaluated["uncalibrated"], values["recipe"]["export"]["calibrate"]
    for name, record in (("run.json", values), ("eval.json", evaluated)):
        (tmp_path / name).write_text(json.dumps(record))
    run, evaluation = RunRecord.load(tmp_path / "run.json"), EvalRecord.load(tmp_path / "eval.json")
    card = render(run, evaluation)
    assert card == render(make_run_record(), make_eval_record())
    assert "temperature" not in card
    assert "calibrate " not in card


def test_a_card_says_what_calibration_did() -> None:
    plain = make_run_record()
    recipe = Recipe.from_values(plain.recipe, "test run").with_overrides({"calibrate": True})
    calibration = Calibration(
        temperature=1.4321,
        before=Confidence(expected_calibration_error=0.0911, log_loss=0.612),
        after=Confidence(expected_calibration_error=0.0322, log_loss=0.4321),
    )
    run = make_run_record(recipe)
    run = run.model_copy(update={"exported": run.exported.model_copy(update={"calibration": calibration})})
    evaluation = make_eval_record(run, uncalibrated=Confidence(expected_calibration_error=0.0871, log_loss=0.5987))
    card = render(run, evaluation)
    assert [finding for finding in validate(card) if finding.severity == "error"] == []
    assert audit_card(card) == audit_card(render(plain, make_eval_record(plain)))
    assert "\n\n\n" not in card

    said = section(card, "Calibration")
    assert "The last layer is divided by a temperature of 1.4321, which was fitted on the validation split" in said
    assert rows(said)[:5] == [
        ["Figure", "Without the temperature", "With it"],
        ["Expected calibration error on validation", "0.0911", "0.0322"],
        ["Log loss on validation", "0.6120", "0.4321"],
        ["Expected calibration error on test", "0.0871", "0.0412"],
        ["Log loss on test", "0.5987", "0.5123"],
    ]
    assert "\nTheir loss differs by the temperature, too.\n\n|" in section(card, "What the export cost")
    assert ["calibrate", "True", "False", "recipe"] in rows(section(card, "Settings"))
    assert parse(card).front_matter == parse(render(plain, make_eval_record(plain))).front_matter
