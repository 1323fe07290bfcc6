"""Training: the same numbers as a loop in plain torch, the best checkpoint kept, and nothing half-written left."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    get_constant_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

from emohub.data import load_split
from emohub.errors import EmohubError, TrainingError, UsageError
from emohub.inference import Classifier
from emohub.recipe import Corpus, Recipe
from emohub.record import HistoryRow, RunRecord, sha256_file
from emohub.train import Progress, train
from emohub.train.batches import epoch_order
from emohub.train.measuring import Best
from emohub.train.optimization import learning_rate_factor


@pytest.fixture(scope="module")
def still_base_dir(tiny_base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base model with all dropout off, so that two implementations can be compared step for step."""
    folder = tmp_path_factory.mktemp("still") / "base"
    shutil.copytree(tiny_base_dir, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def make_recipe(corpus: Corpus, base: Path, **settings: object) -> Recipe:
    values = {
        "name": "made",
        "summary": "A tiny model on made data.",
        "base_model": str(base),
        "max_length": 32,
        "corpus": corpus.model_dump(mode="json"),
        "training": {
            "learning_rate": 5e-3,
            "per_device_train_batch_size": 16,
            "num_train_epochs": 2,
            "seed": 7,
            "weight_decay": 0.01,
            "warmup_steps": 4,
        },
    }
    return Recipe.from_values(values, "test recipe").with_overrides(dict(settings))


def reference_loop(recipe: Recipe, base: Path) -> tuple[list[float], list[float], torch.nn.Module]:
    """Losses, validation losses per epoch and the final model of a padded loop in plain torch."""
    settings = recipe.training
    rows = load_split(recipe.corpus, "train")
    validation = load_split(recipe.corpus, "validation")
    torch.manual_seed(settings.seed)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(recipe.corpus.labels))
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=settings.learning_rate,
    )
    batch_size = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    total = math.ceil(rows.rows / batch_size) * settings.num_train_epochs
    schedule = get_linear_schedule_with_warmup(optimizer, int(settings.warmup_steps), total)

    def logits(texts: list[str]) -> torch.Tensor:
        return model(**tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")).logits

    losses, validation_losses = [], []
    for epoch in range(settings.num_train_epochs):
        model.train()
        shuffled = epoch_order(rows.rows, settings.seed, epoch)
        for start in range(0, rows.rows, batch_size):
            batch = shuffled[start : start + batch_size]
            targets = torch.tensor([int(rows.labels[row]) for row in batch])
            loss = torch.nn.functional.cross_entropy(logits([rows.texts[row] for row in batch]), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            targets = torch.from_numpy(validation.labels)
            validation_losses.append(torch.nn.functional.cross_entropy(logits(validation.texts), targets).item())
    return losses, validation_losses, model


@pytest.mark.parametrize(
    "settings",
    [
        {},
        # 240 rows in steps of 3 x 14: the last step of an epoch has 30 texts in batches of 14, 14 and 2
        {"per_device_train_batch_size": 14, "gradient_accumulation_steps": 3},
    ],
    ids=["plain", "accumulated"],
)
def test_equals_a_plain_torch_loop_step_for_step(
    made_corpus: Corpus, still_base_dir: Path, tmp_path: Path, settings: dict[str, int]
) -> None:
    recipe = make_recipe(made_corpus, still_base_dir, num_train_epochs=8, metric_for_best_model="loss", **settings)
    seen: list[Progress] = []
    record = train(recipe, output_dir=tmp_path / "run", on_progress=seen.append)
    losses, validation_losses, model = reference_loop(recipe, still_base_dir)

    assert record.batching == "packed"
    assert [progress.step for progress in seen] == list(range(1, len(losses) + 1))
    np.testing.assert_allclose([progress.loss for progress in seen], losses, atol=1e-5)
    np.testing.assert_allclose([row.validation_loss for row in record.history], validation_losses, atol=1e-5)
    assert losses[-1] < losses[0] / 2  # it learned something, so the comparison is of more than the first forward pass
    if record.exported.step == len(losses):
        trained = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run" / "checkpoint")
        for name, weights in trained.state_dict().items():
            # Adding a constant to all keys changes no attention, so their bias has a gradient of pure rounding.
            if not name.endswith("key.bias"):
                torch.testing.assert_close(weights, model.state_dict()[name], atol=1e-4, rtol=0, msg=name)


@pytest.fixture(scope="module")
def trained(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, RunRecord]:
    folder = tmp_path_factory.mktemp("runs") / "run"
    recipe = make_recipe(made_corpus, tiny_base_dir, num_train_epochs=9, dtype="float16", seed=0)
    return folder, train(recipe, output_dir=folder)


def test_the_record_says_what_the_files_hold(trained: tuple[Path, RunRecord], made_corpus: Corpus) -> None:
    folder, record = trained
    assert RunRecord.load(folder / "run.json") == record
    assert record.exported.fingerprint == sha256_file(folder / "checkpoint" / "model.safetensors")
    assert record.steps_run == record.total_steps == 9 * 15
    assert record.stopped == "finished"
    assert record.data["train"].rows == 240
    assert [row.step for row in record.history] == [15 * epoch for epoch in range(1, 10)]
    best = max(record.history, key=lambda row: row.metrics["macro_f1"])
    assert record.exported.step == best.step
    assert record.exported.validation_before_export["macro_f1"] == best.metrics["macro_f1"]

    classifier = Classifier.from_pretrained(folder)
    assert classifier.labels == made_corpus.labels
    validation = load_split(made_corpus, "validation")
    predictions = classifier.predict_proba(validation.texts).argmax(axis=1)
    assert record.exported.validation["accuracy"] == accuracy_score(validation.labels, predictions)
    assert record.exported.validation["macro_f1"] == pytest.approx(
        f1_score(validation.labels, predictions, average="macro"), abs=1e-12
    )
    assert record.exported.validation["accuracy"] > 0.9


def test_the_checkpoint_loads_in_plain_transformers(trained: tuple[Path, RunRecord], made_corpus: Corpus) -> None:
    checkpoint = trained[0] / "checkpoint"
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    stored = load_file(checkpoint / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert tuple(model.config.id2label.values()) == made_corpus.labels
    assert AutoTokenizer.from_pretrained(checkpoint).model_max_length == 32
    assert {path.name for path in checkpoint.iterdir()} <= {
        "config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    }


def test_the_record_holds_no_absolute_path(trained: tuple[Path, RunRecord], made_corpus: Corpus) -> None:
    text = (trained[0] / "run.json").read_text()
    assert str(trained[0].parent) not in text
    assert str(Path(made_corpus.base_folder)) not in text


def test_training_twice_gives_the_same_bits(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir)
    first, second = (train(recipe, output_dir=tmp_path / name, max_steps=10) for name in ("first", "second"))
    assert first.exported.fingerprint == second.exported.fingerprint
    assert first.history == second.history
    assert first.total_steps == first.steps_run == 10
    assert first.stopped == "max_steps"


def test_bf16_then_fp32_in_one_process(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir)
    bf16 = train(recipe, overrides={"mixed_precision": "bf16"}, output_dir=tmp_path / "bf16", max_steps=5)
    fp32 = train(recipe, output_dir=tmp_path / "fp32", max_steps=5)
    assert bf16.mixed_precision == "bf16"
    assert bf16.history[0].training_loss == pytest.approx(fp32.history[0].training_loss, rel=0.1)
    assert bf16.exported.fingerprint != fp32.exported.fingerprint


def test_evaluation_every_n_steps_and_at_the_end(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, num_train_epochs=1, eval_strategy="steps", eval_steps=4)
    seen: list[Progress] = []
    record = train(recipe, output_dir=tmp_path / "run", on_progress=seen.append)
    assert [row.step for row in record.history] == [4, 8, 12, 15]
    losses = [progress.loss for progress in seen]
    expected = [np.mean(losses[start:end]) for start, end in ((0, 4), (4, 8), (8, 12), (12, 15))]
    assert [row.training_loss for row in record.history] == pytest.approx(expected)


def test_early_stopping_and_its_export(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    # A rate at which nothing moves: every evaluation ties with the first, which therefore is exported.
    recipe = make_recipe(
        made_corpus,
        tiny_base_dir,
        learning_rate=1e-12,
        num_train_epochs=9,
        early_stopping_patience=2,
        metric_for_best_model="accuracy",
    )
    record = train(recipe, output_dir=tmp_path / "run")
    assert record.stopped == "early"
    assert len(record.history) == 3
    assert record.exported.step == record.history[0].step


def test_best_prefers_the_lower_loss_and_the_earlier_tie() -> None:
    best = Best("loss", patience=None)
    model = torch.nn.Linear(1, 1)
    for step, loss in enumerate((0.5, 0.3, 0.3, 0.4), start=1):
        row = HistoryRow(training_loss=0.1, epoch=float(step), step=step, validation_loss=loss, metrics={})
        best.offer(row, model)
    assert best.row is not None
    assert best.row.step == 2
    assert not best.out_of_patience


@pytest.mark.parametrize("warmup", [0, 3, 10])
def test_schedules_equal_those_of_transformers(warmup: int) -> None:
    def rates(schedule: torch.optim.lr_scheduler.LambdaLR) -> list[float]:
        return [schedule.lr_lambdas[0](step) for step in range(11)]

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    ours = {kind: learning_rate_factor(kind, warmup, 10) for kind in ("linear", "constant")}
    linear = rates(get_linear_schedule_with_warmup(optimizer, warmup, 10))
    constant = rates(get_constant_schedule_with_warmup(optimizer, warmup))
    assert [ours["linear"](step) for step in range(11)] == pytest.approx(linear)
    assert [ours["constant"](step) for step in range(11)] == pytest.approx(constant)


def test_each_epoch_sees_every_row_once_in_another_order() -> None:
    first, second = (epoch_order(50, seed=3, epoch=epoch) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first == epoch_order(50, seed=3, epoch=0)
    assert first != epoch_order(50, seed=4, epoch=0)


def test_a_loss_that_is_not_finite_stops_the_run(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, learning_rate=1e30, warmup_steps=0, max_grad_norm=1e30)
    with pytest.raises(TrainingError, match=r"loss is nan at step \d+.*lower learning_rate"):
        train(recipe, output_dir=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_used_folder_is_refused_untouched(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    with pytest.raises(TrainingError, match="not empty"):
        train(make_recipe(made_corpus, tiny_base_dir), output_dir=tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_written_is_refused(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="--output-dir"):
        train(make_recipe(made_corpus, tiny_base_dir), output_dir=tmp_path / "file" / "run")


def test_a_wrong_setting_leaves_nothing(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no setting 'learning_rte'; did you mean 'learning_rate'"):
        train(make_recipe(made_corpus, tiny_base_dir), overrides={"learning_rte": 1.0}, output_dir=tmp_path / "run")
    with pytest.raises(EmohubError, match="no-such-model"):
        train(make_recipe(made_corpus, tiny_base_dir), base_model="./no-such-model", output_dir=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def write_recipe(folder: Path, corpus: Corpus, base: Path) -> Path:
    """A user's own recipe file, with its corpus declared in the same file."""
    for split in corpus.splits.values():
        assert split.file is not None
        shutil.copy(Path(corpus.base_folder) / split.file, folder / split.file)
    path = folder / "mine.toml"
    path.write_text(
        f"""
name = "mine"
summary = "My own model."
base_model = "{base}"
max_length = 32

[corpus]
name = "made"
title = "Made sentences"
labels = {json.dumps(list(corpus.labels))}
splits.train.file = "train.csv"
splits.validation.file = "validation.csv"

[training]
learning_rate = 5e-3
per_device_train_batch_size = 16
num_train_epochs = 1
seed = 1
"""
    )
    return path


@pytest.mark.parametrize(
    ("launcher", "processes"),
    [
        (["accelerate.commands.launch", "--cpu", "--num_processes=1", "--num_machines=1", "--dynamo_backend=no"], 1),
        (["torch.distributed.run", "--standalone", "--nproc_per_node=2"], 2),
    ],
    ids=["accelerate launch", "torchrun"],
)
def test_launchers_train_a_recipe_file(
    launcher: list[str], processes: int, made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, made_corpus, tiny_base_dir)
    run = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-m", *launcher, "-m", "emohub.train", str(recipe), "--output-dir", str(run)],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
    )
    assert done.returncode == 0, done.stderr
    record = RunRecord.load(run / "run.json")
    assert record.environment.num_processes == processes
    assert record.effective_batch_size == 16 * processes
    assert record.total_steps == math.ceil(240 / record.effective_batch_size)
    assert done.stdout.count("Exported step") == 1  # one process reports
    validation = load_split(made_corpus, "validation")
    predictions = Classifier.from_pretrained(run).predict_proba(validation.texts).argmax(axis=1)
    accuracy = accuracy_score(validation.labels, predictions)
    assert record.exported.validation["accuracy"] == accuracy
    # Measured by all processes together, each text once:
    assert record.exported.validation_before_export == {
        "loss": record.history[-1].validation_loss,
        **record.history[-1].metrics,
    }


def test_the_command_reports_the_run(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from emohub.cli import main

    recipe = write_recipe(tmp_path, made_corpus, tiny_base_dir)
    run = tmp_path / "run"
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(recipe), "--output-dir", str(run), "--set", "num_train_epochs=2", "--set", "seed=3"])
    assert stopped.value.code == 0
    printed = capsys.readouterr()
    record = RunRecord.load(run / "run.json")
    assert record.overrides == {"num_train_epochs": 2, "seed": 3}
    assert f"Exported step {record.exported.step}" in printed.out
    assert f"{record.history[0].metrics['macro_f1']:.4f}" in printed.out
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(recipe), "--set", "seed"])
    assert stopped.value.code == 2
