"""Two processes, started as a user starts them, train what one process trains with the same effective batch."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import write_rows
from sklearn.metrics import accuracy_score
from test_train import still_base_dir

from emohub.data import load_split
from emohub.errors import TrainingError
from emohub.inference import Classifier
from emohub.recipe import Corpus
from emohub.record import RunRecord
from emohub.train import train
from emohub.train.accelerator import this_process
from emohub.train.batches import share_of

__all__ = ["still_base_dir"]  # a fixture

TWO_PROCESSES = ["accelerate.commands.launch", "--config_file", "configs/accelerate/cpu-2.yaml"]
ROOT = Path(__file__).resolve().parent.parent


def launch(recipe: Path, run: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """``accelerate launch`` with the configuration that the repository holds, on two CPU processes (gloo)."""
    return subprocess.run(
        [sys.executable, "-m", *TWO_PROCESSES, "-m", "emohub.train", str(recipe), "--output-dir", str(run), *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
    )


@pytest.fixture(scope="module")
def recipe_file(made_corpus: Corpus, still_base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """225 rows in steps of 2 x 4 x 2: the last step of an epoch has a single row, so that one process has none."""
    folder = tmp_path_factory.mktemp("uneven")
    for split in ("validation", "test"):
        shutil.copy(Path(made_corpus.base_folder) / f"{split}.csv", folder)
    with (Path(made_corpus.base_folder) / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    write_rows(folder / "train.csv", rows[:225])
    path = folder / "uneven.toml"
    path.write_text(
        f"""
name = "uneven"
summary = "A tiny model."
base_model = "{still_base_dir}"
max_length = 32

[corpus]
name = "uneven"
title = "Made sentences"
labels = ["sadness", "joy", "anger"]
splits.train.file = "train.csv"
splits.validation.file = "validation.csv"

[training]
learning_rate = 4e-3
per_device_train_batch_size = 4
gradient_accumulation_steps = 2
num_train_epochs = 5
seed = 1
checkpoint_steps = 20
class_weights = "balanced"
label_smoothing = 0.05
""",
        encoding="utf-8",
    )
    return path


def test_two_processes_give_the_metrics_and_losses_of_one(recipe_file: Path, tmp_path: Path) -> None:
    from emohub.recipe import load_recipe

    done = launch(recipe_file, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Exported step") == 1  # one process reports
    two = RunRecord.load(tmp_path / "two" / "run.json")
    recipe = load_recipe(str(recipe_file))
    losses: list[float] = []
    one = train(
        recipe,
        overrides={"per_device_train_batch_size": 16, "gradient_accumulation_steps": 1},
        output_dir=tmp_path / "one",
        on_progress=lambda progress: losses.append(progress.loss),
    )
    assert two.environment.num_processes == 2
    assert two.effective_batch_size == one.effective_batch_size == 16
    assert two.total_steps == one.total_steps == 5 * 15
    assert losses[-1] < 0.9 * losses[0]  # it learned something
    for ours, theirs in zip(two.history, one.history, strict=True):
        assert ours.metrics == theirs.metrics  # to the last bit: each text is counted once
        assert ours.training_loss == pytest.approx(theirs.training_loss, abs=1e-4)
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, abs=1e-4)
    assert two.exported.validation["accuracy"] == one.exported.validation["accuracy"]
    validation = load_split(recipe.corpus, "validation")
    predictions = Classifier.from_pretrained(tmp_path / "two").predict_proba(validation.texts).argmax(axis=1)
    assert two.exported.validation["accuracy"] == accuracy_score(validation.labels, predictions)
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"run.json", "checkpoint", "learning_curves.png"}


@pytest.mark.parametrize(("rows", "processes"), [(1, 2), (16, 2), (7, 3), (2, 8)])
def test_every_row_is_in_one_share(rows: int, processes: int) -> None:
    shares = [share_of(range(rows), process, processes) for process in range(processes)]
    assert sorted(row for share in shares for row in share) == list(range(rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_processes_that_do_not_find_each_other_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As they start without ACCELERATE_USE_CPU on a machine without a GPU: each would train by itself."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="started 2 processes, and each finds itself alone; set ACCELERATE_USE_CPU"):
        this_process()


def test_what_the_main_process_refuses_all_refuse(recipe_file: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("not a run")
    done = launch(recipe_file, tmp_path / "run")
    assert done.returncode == 1
    assert done.stderr.count("Error: the run folder") == 2
    assert "rank1]: Traceback" not in done.stderr
