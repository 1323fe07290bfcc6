"""Distillation: the losses of the papers, teachers asked once, and runs that go on with the same answers."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.utils import set_seed
from conftest import LABELS, MakeModel
from safetensors.torch import load_file
from scipy.special import rel_entr, softmax
from test_resume import assert_same_run, one_sitting
from test_train import make_recipe, write_recipe
from torch.nn import functional
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from emohub.audit import audit
from emohub.card import parse, write_card
from emohub.cli import main
from emohub.data import load_split
from emohub.errors import ModelError, RecipeError, StoppedError, TrainingError, UsageError
from emohub.evaluate import evaluate
from emohub.inference import Classifier
from emohub.jobs import job_plan
from emohub.metrics import classification_metrics
from emohub.publish import plan, preflight
from emohub.recipe import Corpus, Recipe, Search, load_recipe, load_text_corpus
from emohub.recipe.toml import recipe_toml
from emohub.record import RunRecord, sha256_file
from emohub.suspects import find_suspects
from emohub.train import Progress, find_learning_rate, train
from emohub.train.distillation import NO_LABEL, Distilled, gather_distillation, hidden_loss, soft_loss, softened
from emohub.train.teachers import Answers, Teachers
from emohub.tune import tune

SHAPE = {"num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 32, "vocab_size": 80}
WAYS = {"copies": 1, "splice": 0.5, "word_dropout": 0.2}


def distilling(recipe: Recipe, teachers: list[Path], **settings: Any) -> Recipe:
    """The recipe with the stage distillation."""
    values = recipe.model_dump(mode="json")
    values["distillation"] = {"teachers": list(map(str, teachers)), **settings}
    return Recipe.from_values(values, "test recipe")


@pytest.fixture(scope="module")
def teacher(made_corpus: Corpus, tiny_base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that tells the labels of the made corpus apart, from a base model that is known on the Hub."""
    folder = tmp_path_factory.mktemp("runs") / "teacher"
    values = make_recipe(made_corpus, tiny_base_dir).model_dump(mode="json")
    values |= {
        "name": "teacher",
        "base_model": "someone/tiny-base",
        "base_model_sha256": sha256_file(tiny_base_dir / "model.safetensors"),
    }
    train(Recipe.from_values(values, "test recipe"), base_model=tiny_base_dir, output_dir=folder)
    return folder


@pytest.fixture(scope="module")
def recipe(made_corpus: Corpus, teacher: Path) -> Recipe:
    """A smaller student of the teacher, on more texts, with every kind of loss."""
    plain = make_recipe(made_corpus, teacher)
    weights = {"temperature": 2.0, "soft_weight": 0.7, "label_weight": 0.3, "hidden_weight": 0.5}
    return distilling(plain, [teacher], **weights, student=SHAPE, augmentation=WAYS)


@pytest.fixture(scope="module")
def distilled(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run."""
    folder = tmp_path_factory.mktemp("runs") / "student"
    train(recipe, output_dir=folder)
    return folder


# The losses.


def test_the_soft_loss_is_the_divergence_of_softened_probabilities() -> None:
    generator = np.random.default_rng(0)
    own, given = generator.normal(size=(2, 7, 4)) * 3
    for temperature in (0.5, 1.0, 3.0):
        expected = rel_entr(softmax(given / temperature, axis=1), softmax(own / temperature, axis=1)).sum()
        loss = soft_loss(torch.tensor(own), torch.tensor(softmax(given, axis=1)), temperature)
        assert float(loss) == pytest.approx(expected * temperature**2, rel=1e-9)


def test_softened_probabilities_are_those_of_divided_logits() -> None:
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 4
    assert torch.allclose(softened(logits.softmax(dim=1), 2.5), (logits / 2.5).softmax(dim=1))
    certain = torch.tensor([[1.0, 0.0, 0.0]])
    assert softened(certain, 2.0).isfinite().all()


def test_with_a_certain_teacher_it_is_the_cross_entropy_of_the_labels() -> None:
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(2))
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 2, 1])
    loss = soft_loss(logits, functional.one_hot(labels, 3).float(), 1.0)
    assert float(loss) == pytest.approx(float(functional.cross_entropy(logits, labels, reduction="sum")), rel=1e-6)


def test_the_hidden_loss_is_the_mean_squared_error_of_each_text() -> None:
    mapped, states = np.random.default_rng(3).normal(size=(2, 5, 9)).astype(np.float32)
    expected = ((mapped - states) ** 2).mean(axis=1).sum()
    assert float(hidden_loss(torch.from_numpy(mapped), torch.from_numpy(states))) == pytest.approx(expected, rel=1e-5)


def test_a_run_with_a_certain_teacher_is_the_run_on_the_labels(
    made_corpus: Corpus, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_recipe(made_corpus, teacher)
    labels = train(plain, output_dir=tmp_path / "labels")
    one_hot = np.eye(len(LABELS), dtype=np.float32)[load_split(made_corpus, "train").labels]

    def certain(self: Teachers, *_: object) -> Answers:
        nobody = np.full((1, len(self.validation), len(LABELS)), 1 / len(LABELS), np.float32)
        return Answers(one_hot, np.empty((len(one_hot), 0), np.float16), nobody)

    monkeypatch.setattr(Teachers, "answers", certain)
    taught = train(distilling(plain, [teacher]), output_dir=tmp_path / "taught")
    for row, own in zip(labels.history, taught.history, strict=True):
        assert own.training_loss == pytest.approx(row.training_loss, rel=1e-4)
        assert own.validation_loss == pytest.approx(row.validation_loss, rel=1e-3)


# What a run reads, and what it makes of it.


def gathered(recipe: Recipe) -> Distilled:
    set_seed(recipe.training.seed)
    material = gather_distillation(recipe, None, None, None)
    material.begin(None, "cpu", None)
    return material


def test_the_loss_of_a_batch_is_the_weighed_sum_over_its_texts(recipe: Recipe, teacher: Path) -> None:
    material = gathered(recipe)
    rows = [3, 0, 240, 300]  # of the training split, and made of it
    batch = material.batch(rows, 0)
    assert batch.weight == 4
    model: Any = material.model.eval()
    with torch.inference_mode():
        loss = float(material.loss(model, batch.inputs, batch.targets))
    texts = [material.teachers.texts[row] for row in rows]
    given = Classifier.from_pretrained(teacher, engine="torch").predict_proba(texts)
    plain = AutoModelForSequenceClassification.from_pretrained(teacher / "checkpoint").eval()
    tokenizer = AutoTokenizer.from_pretrained(teacher / "checkpoint")
    labels = load_split(recipe.corpus, "train").labels
    expected = 0.0
    for row, text, probabilities in zip(rows, texts, given, strict=True):
        with torch.inference_mode():
            state = plain.bert(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, 0]
            output = model(torch.tensor([material.ids[row]]), output_hidden_states=True)
            logits = output.logits[0]
            mapped = model.map_to_teachers(output.hidden_states[-1][0, 0])
        target = softmax(np.log(probabilities) / 2)
        expected += 0.7 * 4 * rel_entr(target, softmax(logits.numpy() / 2)).sum()
        expected += 0.5 * float(((mapped - state) ** 2).mean())
        if row < 240:
            expected += 0.3 * float(functional.cross_entropy(logits, torch.tensor(labels[row])))
    assert loss == pytest.approx(expected, rel=2e-3)  # the states are kept in half precision


def test_packed_or_padded_the_loss_is_the_same(recipe: Recipe) -> None:
    losses = []
    for packing in (True, False):
        material = gathered(recipe.with_overrides({"packing": packing}))
        batch = material.batch(list(range(236, 252)), 0)
        assert material.packed is packing
        with torch.inference_mode():
            losses.append(float(material.loss(material.model.eval(), batch.inputs, batch.targets)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_constant_loss_is_that_of_the_best_constant_answer(recipe: Recipe) -> None:
    material = gathered(recipe)
    targets = softened(torch.from_numpy(material.answered[0].probabilities), 2.0).double().numpy()
    soft = rel_entr(targets, targets.mean(axis=0)).sum(axis=1).mean() * 4
    shares = np.bincount(load_split(recipe.corpus, "train").labels) / 240
    entropy = -(shares * np.log(shares)).sum() * 240 / material.size
    spread = material.answered[0].states.astype(np.float64).var(axis=0).mean()
    assert material.constant_loss == pytest.approx(0.7 * soft + 0.3 * entropy + 0.5 * spread, rel=1e-4)
    assert (material.batch([240], 0).targets[:, 0] == NO_LABEL).all()


def test_several_teachers_are_averaged_by_the_names_of_their_labels(
    recipe: Recipe, teacher: Path, make_tiny_model: MakeModel
) -> None:
    other = make_tiny_model(labels=["Anger", "sadness", "joy"], architecture="roberta", seed=4)
    material = gathered(distilling(recipe, [teacher, other], hidden_weight=1.0))
    texts = material.teachers.texts
    first, second = (Classifier.from_pretrained(each, engine="torch").predict_proba(texts) for each in (teacher, other))
    answers = material.answered[0]
    np.testing.assert_allclose(answers.probabilities, (first + second[:, [1, 2, 0]]) / 2, atol=1e-6)
    assert answers.states.shape == (240, 64)
    record = material.distillation
    assert [each.model.id for each in record.teachers] == ["teacher", other.name]
    assert record.validation["loss"] not in [each.validation["loss"] for each in record.teachers]


# The run.


def test_the_record_names_the_teacher_and_the_texts(distilled: Path, teacher: Path, made_corpus: Corpus) -> None:
    record = RunRecord.load(distilled / "run.json")
    assert record.stage == "distillation"
    assert record.distillation is not None
    (taught_by,) = record.distillation.teachers
    weights = teacher / "checkpoint" / "model.safetensors"
    assert (taught_by.model.id, taught_by.model.fingerprint) == ("teacher", sha256_file(weights))
    validation = load_split(made_corpus, "validation")
    given = Classifier.from_pretrained(teacher, engine="torch").predict_proba(validation.texts)
    expected = classification_metrics(validation.labels, given.argmax(axis=1), 3)
    assert {**taught_by.validation, "loss": 0.0} == {**expected, "loss": 0.0}
    assert record.distillation.validation == pytest.approx(taught_by.validation, rel=1e-6)
    assert 240 < record.distillation.texts <= 480
    assert record.data["train"].rows == 240
    assert record.recipe["distillation"]["teachers"] == ["teacher"]
    assert str(teacher) not in (distilled / "run.json").read_text()
    assert record.steps_run == 2 * -(-record.distillation.texts // 16)
    assert {path.name for path in distilled.iterdir()} == {"run.json", "checkpoint", "learning_curves.png"}


def test_the_student_has_its_shape_and_nothing_of_the_map_is_left(distilled: Path) -> None:
    record = RunRecord.load(distilled / "run.json")
    model, loaded = AutoModelForSequenceClassification.from_pretrained(
        distilled / "checkpoint", output_loading_info=True
    )
    assert not loaded["missing_keys"]
    assert not loaded["unexpected_keys"]
    assert (model.config.num_hidden_layers, model.config.hidden_size, model.config.vocab_size) == (1, 16, 80)
    assert record.exported.parameters == sum(each.numel() for each in model.parameters())
    assert not any("map" in name for name in load_file(distilled / "checkpoint" / "model.safetensors"))


def test_the_student_learns_what_the_teacher_answers(distilled: Path, teacher: Path, made_corpus: Corpus) -> None:
    texts = load_split(made_corpus, "test").texts
    own, given = (Classifier.from_pretrained(each).predict_proba(texts).argmax(axis=1) for each in (distilled, teacher))
    assert (own == given).mean() > 0.8


def test_training_twice_gives_the_same_bits(recipe: Recipe, distilled: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    train(recipe, output_dir=tmp_path / "again", on_teaching=lambda *counts: told.append(counts))
    assert_same_run(tmp_path / "again", distilled)
    total = 2 * RunRecord.load(distilled / "run.json").distillation.texts + 60  # type: ignore[union-attr]
    assert told[-1] == (total, total)
    assert told == sorted(told)


def stop_at(step: int) -> Callable[[Progress], None]:
    def stop(progress: Progress) -> None:
        if progress.step == step:
            signal.raise_signal(signal.SIGTERM)

    return stop


def test_stopped_it_goes_on_without_asking_again(recipe: Recipe, distilled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(StoppedError, match="stopped after step 9"):
        train(recipe, output_dir=folder, on_progress=stop_at(9))
    assert (folder / "resume" / "answers.safetensors").is_file()
    told: list[int] = []
    record = train(recipe, output_dir=folder, on_teaching=lambda done, _: told.append(done))
    assert (told, record.sittings) == ([], 2)
    assert_same_run(folder, distilled)


def test_damaged_answers_are_asked_for_again(recipe: Recipe, distilled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(StoppedError):
        train(recipe, output_dir=folder, on_progress=stop_at(4))
    answers = folder / "resume" / "answers.safetensors"
    answers.write_bytes(answers.read_bytes()[:-100])
    told: list[int] = []
    train(recipe, output_dir=folder, on_teaching=lambda done, _: told.append(done))
    assert told
    assert_same_run(folder, distilled)


def test_another_teacher_is_refused_with_the_difference(
    recipe: Recipe, teacher: Path, made_corpus: Corpus, make_tiny_model: MakeModel, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "teacher"
    shutil.copytree(make_tiny_model(seed=9), other)
    with pytest.raises(StoppedError):
        train(recipe, output_dir=tmp_path / "run", on_progress=stop_at(4))
    with pytest.raises(TrainingError, match=r"something else \(distillation\.teachers: .*--no-resume"):
        train(recipe, output_dir=tmp_path / "run", overrides={"distillation.teachers": [str(other)]})


KILLED = """
import os, signal, sys
from pathlib import Path
from emohub.recipe import load_recipe
from emohub.train import teachers, train

recipe, folder, where = sys.argv[1], Path(sys.argv[2]), sys.argv[3]

def die(*arguments):
    if where == "file":
        Path(arguments[1]).write_bytes(b"half a file")
    os.kill(os.getpid(), signal.SIGKILL)

if where == "file":
    teachers.save_file = die
train(
    load_recipe(recipe),
    output_dir=folder,
    on_teaching=(lambda done, total: die() if done > 200 else None) if where == "asking" else None,
    on_progress=die if where == "first step" else None,
)
"""


def test_killed_while_teachers_answer_or_later_it_ends_as_if_it_had_not_been(
    made_corpus: Corpus, teacher: Path, tmp_path: Path
) -> None:
    path = write_recipe(tmp_path, made_corpus, teacher)
    path.write_text(
        path.read_text()
        + "checkpoint_steps = 3\n\n"
        + f"[distillation]\nteachers = [{json.dumps(str(teacher))}]\nhidden_weight = 0.5\n\n"
        + "[distillation.student]\nnum_hidden_layers = 1\n\n[distillation.augmentation]\ncopies = 1\nsplice = 1.0\n"
    )
    assert one_sitting(path, tmp_path / "undisturbed") == 0
    folder = tmp_path / "run"
    for where in ("asking", "file", "first step"):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), str(folder), where],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert (folder / "resume" / "answers.safetensors").is_file() == (where == "first step")
    assert one_sitting(path, folder, 8) == -signal.SIGKILL
    assert one_sitting(path, folder) == 0
    assert_same_run(folder, tmp_path / "undisturbed")


# Refusals.


def test_teachers_that_cannot_teach_are_refused(
    recipe: Recipe, make_tiny_model: MakeModel, tiny_base_dir: Path, tmp_path: Path
) -> None:
    others = make_tiny_model(labels=["sadness", "joy", "fear"])
    for teacher, message in (
        (others, "are not the corpus' labels: it lacks anger and also has fear"),
        (tiny_base_dir, "not a trained text classifier"),
        (Path("./no-such-teacher"), "no-such-teacher"),
    ):
        with pytest.raises(ModelError, match=message):
            train(recipe, output_dir=tmp_path / "run", overrides={"distillation.teachers": [str(teacher)]})
    assert list(tmp_path.iterdir()) == []


def test_contradictions_in_a_recipe_are_refused(recipe: Recipe) -> None:
    for changes, message in (
        ({"distillation.soft_weight": 0.0, "distillation.hidden_weight": 0.0}, "the teachers teach nothing"),
        ({"distillation.teachers": []}, "teachers"),
        ({"class_weights": "balanced"}, "class_weights belongs to classification"),
    ):
        with pytest.raises(RecipeError, match=message):
            recipe.with_overrides(changes)
    with pytest.raises(UsageError, match=r"no stage classification.*use distillation"):
        train(recipe, stage="classification")


def test_the_digest_counts_the_stage_and_is_the_same_without_it(recipe: Recipe) -> None:
    plain = recipe.model_copy(update={"distillation": None})
    changed = recipe.with_overrides({"distillation.temperature": 3.0})
    assert len({plain.digest, recipe.digest, changed.digest}) == 3
    assert recipe.stages == ("distillation",)
    assert recipe.with_overrides({"distillation.student.hidden_size": 8}).distillation.student.hidden_size == 8  # type: ignore[union-attr]
    assert "distillation" not in plain.model_dump(mode="json", exclude_none=True)


def test_a_recipe_goes_through_toml(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(recipe_toml(recipe), encoding="utf-8")
    assert load_recipe(str(tmp_path / "recipe.toml")).distillation == recipe.distillation


def test_the_recipe_of_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "distillation.md").read_text(encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(page.partition("```toml")[2].partition("```")[0], encoding="utf-8")
    declared = load_recipe(str(tmp_path / "tiny.toml"))
    assert declared.stages == ("distillation",)
    assert declared.distillation is not None
    assert declared.distillation.student is not None
    assert declared.distillation.student.intermediate_size == 512


# Everything else that reads runs.


def test_the_card_says_whom_it_learned_from_and_where_all_began(
    distilled: Path, made_corpus: Corpus, tmp_path: Path
) -> None:
    distilled = shutil.copytree(distilled, tmp_path / "student")
    run = RunRecord.load(distilled / "run.json")
    assert run.base_model.id == "teacher"
    assert run.origin is not None
    assert run.origin.id == "someone/tiny-base"
    evaluate(distilled, made_corpus, split="test", output_dir=distilled)
    card = write_card(distilled).read_text(encoding="utf-8")
    assert "It learned from `teacher`, on texts of *Made sentences" in card
    assert "by its own record that training began with `someone/tiny-base`" in card
    assert "### Teachers" in card
    assert "| This model |" in card
    for key in ("temperature", "hidden_weight", "hidden_size", "splice"):
        assert f"| {key} |" in card
    assert parse(card).front_matter["base_model"] == "someone/tiny-base"
    sentences = preflight(plan(str(distilled), "ada/tiny"))
    assert len(sentences) == 7
    (audited,) = audit(str(distilled))
    assert audited.findings == ()


def test_what_starts_from_a_model_of_this_project_names_the_one_on_the_hub(
    made_corpus: Corpus, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe may name a model of this project with its SHA-256, and is yet no proof of an id on the Hub."""
    project, run = tmp_path / "project", tmp_path / "run"
    (project / "models").mkdir(parents=True)
    shutil.copytree(teacher, project / "runs" / "teacher")
    monkeypatch.chdir(project)
    fingerprint = RunRecord.load(teacher / "run.json").exported.fingerprint
    values = make_recipe(made_corpus, Path("teacher")).model_dump(mode="json") | {"base_model_sha256": fingerprint}
    record = train(Recipe.from_values(values, "test recipe"), output_dir=run, max_steps=1)
    assert (record.base_model.id, record.base_model.fingerprint) == ("teacher", fingerprint)
    assert record.origin == record.pretrained == RunRecord.load(teacher / "run.json").base_model
    evaluate(run, made_corpus, split="test", output_dir=run)
    assert parse(write_card(run).read_text(encoding="utf-8")).front_matter["base_model"] == "someone/tiny-base"


@pytest.mark.parametrize("missing", ["base_model", "distillation.teachers"])
def test_a_model_that_is_not_trained_yet_is_asked_for_nowhere(
    missing: str,
    recipe: Recipe,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *names, **_: asked.append(names))
    monkeypatch.setattr("emohub.train.classification.load_split", lambda *_, **__: pytest.fail("data was read"))
    name: str | list[str] = "minilm-emotion" if missing == "base_model" else ["minilm-emotion"]
    (tmp_path / "tiny.toml").write_text(recipe_toml(recipe.with_overrides({missing: name})), encoding="utf-8")
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["train", "tiny.toml", "--progress", "quiet"])
    assert ended.value.code
    said = " ".join(capsys.readouterr().err.split())
    assert "there is no model 'minilm-emotion' here (models/: none)" in said
    assert "train it with `emohub train minilm-emotion --output-dir runs/minilm-emotion`, or give the folder" in said
    assert asked == []


def test_texts_without_labels_are_learned_from_too(made_corpus: Corpus, teacher: Path, tmp_path: Path) -> None:
    train_texts, validation = (load_split(made_corpus, split).texts for split in ("train", "validation"))
    own = [f"{text} again" for text in train_texts[:20]]
    lines = [*own, *own[:5], *train_texts[:3], *validation[:2]]  # repeats, and what the splits hold already
    (tmp_path / "more.txt").write_text("\n".join(lines))
    (tmp_path / "more.toml").write_text('name = "more"\ntitle = "More texts"\nfiles = ["more.txt"]\n')
    path = write_recipe(tmp_path, made_corpus, teacher)
    path.write_text(
        path.read_text().replace(
            "[training]", f'[distillation]\nteachers = ["{teacher}"]\nunlabelled = ["more.toml"]\n\n[training]'
        )
    )
    recipe = load_recipe(str(path)).with_overrides({"mixed_precision": "bf16"})
    set_seed(1)
    read = gather_distillation(recipe, None, None, None)
    assert read.teachers.texts == [*train_texts, *own]
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "recipe.toml").write_text(recipe_toml(recipe))
    again = load_recipe(str(tmp_path / "deeper" / "recipe.toml"))
    assert gather_distillation(again, None, None, None).teachers.texts == read.teachers.texts
    named = distilling(recipe, [teacher], unlabelled=[load_text_corpus("emotion-texts").model_dump(mode="json")])
    assert 'unlabelled = ["emotion-texts"]' in recipe_toml(named)
    assert read.teachers.in_bfloat16
    assert recipe.digest != distilling(make_recipe(made_corpus, teacher), [teacher]).digest

    record = train(recipe, output_dir=tmp_path / "run", max_steps=3)
    assert record.distillation is not None
    assert (record.distillation.texts, record.distillation.unlabelled) == (260, 20)
    assert record.distillation.teachers[0].validation == RunRecord.load(teacher / "run.json").exported.validation
    assert str(tmp_path) not in (tmp_path / "run" / "run.json").read_text()
    evaluate(tmp_path / "run", made_corpus, "test", output_dir=tmp_path / "run", resamples=50)
    write_card(tmp_path / "run")
    card = (tmp_path / "run" / "README.md").read_text()
    assert "to 260 texts: those of the training split, and 20 without a label of *More texts*." in card


def test_in_bfloat16_teachers_say_nearly_what_they_say_in_float32(recipe: Recipe, teacher: Path) -> None:
    answers = []
    for precision in ("no", "bf16"):
        read = gather_distillation(recipe.with_overrides({"mixed_precision": precision}), None, None, None)
        answers.append(read.teachers.answers(None, "cpu"))
    exact, rounded = answers
    assert 0 < np.abs(exact.probabilities - rounded.probabilities).max() < 0.05
    assert 0 < np.abs(exact.states - rounded.states).max() < 0.1
    np.testing.assert_array_equal(exact.validation, rounded.validation)


def test_a_student_is_calibrated_like_any_model(recipe: Recipe, tmp_path: Path) -> None:
    record = train(recipe.with_overrides({"calibrate": True}), output_dir=tmp_path / "run", max_steps=4)
    assert record.exported.calibration is not None
    temperature = Classifier.from_pretrained(tmp_path / "run", engine="torch").calibration_temperature
    assert temperature == record.exported.calibration.temperature
    again = train(recipe, base_model=tmp_path / "run", output_dir=tmp_path / "again", max_steps=1)
    assert again.exported.calibration is None
    assert Classifier.from_pretrained(tmp_path / "again", engine="torch").calibration_temperature is None


def test_rows_that_teachers_have_seen_are_no_rows_to_suspect(distilled: Path) -> None:
    with pytest.raises(UsageError, match="learned from teachers, which have seen the rows"):
        find_suspects(str(distilled))


def test_a_job_cannot_ask_a_teacher_of_this_machine(recipe: Recipe) -> None:
    with pytest.raises(UsageError, match=r"the teacher .* is a model of this machine, which a job does not see"):
        job_plan("minilm-emotion", recipe, flavor="cpu-basic", timeout="1h")


def test_the_range_test_asks_the_teachers(recipe: Recipe, tmp_path: Path) -> None:
    test = find_learning_rate(recipe, output_dir=tmp_path, steps=20)
    assert (test.stage, len(test.rates)) == ("distillation", 20)
    assert {path.name for path in tmp_path.iterdir()} == {"range_test.json", "range_test.png"}


def test_its_settings_can_be_searched(made_corpus: Corpus, teacher: Path, tmp_path: Path) -> None:
    searched = {"distillation.temperature": Search(choices=(1.0, 4.0))}
    plain = distilling(make_recipe(made_corpus, teacher), [teacher])
    record = tune(plain, trials=1, search=searched, output_dir=tmp_path, max_steps=2)
    assert record.trials[0].state == "finished"
    best = load_recipe(str(tmp_path / "best.toml"))
    assert best.distillation is not None
    assert best.distillation.temperature in (1.0, 4.0)


def test_the_command_tells_of_the_teachers(
    made_corpus: Corpus,
    teacher: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_recipe(tmp_path, made_corpus, teacher)
    path.write_text(f"{path.read_text()}\n[distillation]\nteachers = [{json.dumps(str(teacher))}]\n")
    command = ["train", str(path), "--stage", "distillation", "--max-steps", "2", "--output-dir", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--progress", "json"])
    assert not ended.value.code
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"event": "teaching", "done": 300, "total": 300} in events
    assert [event["event"] for event in events[-3:]] == ["step", "step", "finished"]
    monkeypatch.setenv("COLUMNS", "160")
    with pytest.raises(SystemExit):
        main([*command[:-1], str(tmp_path / "bar")])
    assert "300/300" in capsys.readouterr().err


def test_after_a_masked_lm_stage_the_student_starts_from_it(
    recipe: Recipe, tiny_base_dir: Path, made_corpus: Corpus, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(load_split(made_corpus, "train").texts), encoding="utf-8")
    values = recipe.model_dump(mode="json") | {
        "base_model": str(tiny_base_dir),
        "adaptation": {
            "corpus": {"name": "plain", "title": "Plain", "files": [str(texts)], "validation_share": 0.1},
            "max_length": 24,
            "training": recipe.training.model_dump(mode="json"),
        },
    }
    both = Recipe.from_values(values, "test recipe")
    assert both.stages == ("masked_lm", "distillation")
    record = train(both, output_dir=tmp_path / "both", max_steps=3)
    first = RunRecord.load(tmp_path / "both" / "masked_lm" / "run.json")
    assert record.stage == "distillation"
    assert record.previous is not None
    assert record.previous.fingerprint == first.exported.fingerprint == record.base_model.fingerprint
    assert first.recipe["distillation"]["teachers"] == ["teacher"]


def test_two_processes_learn_what_one_does(made_corpus: Corpus, teacher: Path, tmp_path: Path) -> None:
    path = write_recipe(tmp_path, made_corpus, teacher)
    settings = f"dropout = 0.0\nattention_dropout = 0.0\n\n[distillation]\nteachers = [{json.dumps(str(teacher))}]\n"
    path.write_text(f"{path.read_text()}{settings}hidden_weight = 0.5\n")
    alone = train(load_recipe(str(path)), output_dir=tmp_path / "alone", overrides={"per_device_train_batch_size": 16})
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command = ["-m", "emohub.train", str(path), "--output-dir", str(tmp_path / "run"), "--progress", "quiet"]
    done = subprocess.run(
        [*launcher, *command, "--set", "per_device_train_batch_size=8"],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
    )
    assert done.returncode == 0, done.stderr
    together = RunRecord.load(tmp_path / "run" / "run.json")
    assert together.environment.num_processes == 2
    for row, own in zip(alone.history, together.history, strict=True):
        assert own.training_loss == pytest.approx(row.training_loss, rel=1e-3)
        assert own.validation_loss == pytest.approx(row.validation_loss, rel=1e-2)
    assert together.distillation == alone.distillation
