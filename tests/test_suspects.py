"""Mislabelled rows: planted ones are found, by models that did not see them, and a killed search goes on."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from conftest import LABELS, MakeModel, made_rows, write_rows
from factories import make_recipe

from emohub.cli import main
from emohub.data import read_table
from emohub.errors import DataError, EmohubError, ModelError, TrainingError, UsageError
from emohub.inference import Classifier
from emohub.recipe import Corpus, Recipe
from emohub.record import RunRecord
from emohub.suspects import Suspects, assign_folds, find_suspects, rank
from emohub.train import train

ROOT = Path(__file__).resolve().parent.parent
ROWS = 720
PLANTED = {row: (row // 10) % 2 + 1 for row in range(0, ROWS, 10)}
"""Rows, from 0, whose label is wrong, and by how much it was moved: every tenth."""
DECLARATION = """
name = "planted"
title = "Made sentences, some of them mislabelled"
labels = ["sadness", "joy", "anger"]

[splits]
train = { file = "train.csv" }
validation = { file = "validation.csv" }
test = { file = "test.csv" }
"""


@pytest.fixture(scope="module")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made corpus with planted errors; one of the planted rows is repeated with other spaces."""
    folder = tmp_path_factory.mktemp("planted")
    rows = made_rows(ROWS + 120, seed=0)
    wrong = [(text, (label + PLANTED.get(row, 0)) % len(LABELS)) for row, (text, label) in enumerate(rows[:ROWS])]
    *right, (last, label) = rows[ROWS + 60 :]
    write_rows(folder / "train.csv", [*wrong, (f" {wrong[10][0].upper()} ", wrong[10][1])])
    write_rows(folder / "validation.csv", rows[ROWS : ROWS + 60])
    write_rows(folder / "test.csv", [*right, (last, (label + 1) % len(LABELS))])
    (folder / "corpus.toml").write_text(DECLARATION, encoding="utf-8")
    return folder / "corpus.toml"


@pytest.fixture(scope="module")
def corpus(corpus_file: Path) -> Corpus:
    from emohub.recipe import load_corpus

    return load_corpus(str(corpus_file))


@pytest.fixture(scope="module")
def base_dir(make_tiny_model: MakeModel) -> Path:
    """Wide initial weights, with which so small a model learns the made corpus in a few epochs from any order."""
    return make_tiny_model(scale=0.1)


@pytest.fixture(scope="module")
def recipe(corpus: Corpus, base_dir: Path) -> Recipe:
    training = {"learning_rate": 3e-3, "num_train_epochs": 6, "per_device_train_batch_size": 16, "seed": 0}
    return make_recipe(
        corpus=corpus,
        base_model=str(base_dir),
        max_length=32,
        training={**training, "dropout": 0.2, "warmup_steps": 0.1},
        evaluation={"metric_for_best_model": "loss"},
        export={"dtype": "float32"},
    )


@pytest.fixture(scope="module")
def run_dir(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(recipe, output_dir=folder)
    return folder


@pytest.fixture(scope="module")
def found(
    run_dir: Path, corpus: Corpus, base_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Suspects, Path]:
    folder = tmp_path_factory.mktemp("suspects") / "work"
    suspects = find_suspects(str(run_dir), corpus=corpus, folds=3, base_model=str(base_dir), work_dir=folder)
    return suspects, folder


def test_most_planted_errors_are_found(found: tuple[Suspects, Path]) -> None:
    suspects, _ = found
    wrong = {row + 1 for row in PLANTED} | {ROWS + 1}
    flagged = {suspect.row for suspect in suspects.ranked}
    recall, precision = len(wrong & flagged) / len(wrong), len(wrong & flagged) / len(flagged)
    assert recall >= 0.9, recall
    assert precision >= 0.9, precision


def test_the_right_label_is_suggested(found: tuple[Suspects, Path]) -> None:
    suspects, _ = found
    rows = made_rows(ROWS, seed=0)
    planted = [suspect for suspect in suspects.ranked if suspect.row - 1 in PLANTED]
    right = [suspect for suspect in planted if suspect.suggested_label == LABELS[rows[suspect.row - 1][1]]]
    assert len(right) >= 0.9 * len(planted)
    for suspect in suspects.ranked:
        given = suspects.labels.index(suspect.label)
        others = [value for index, value in enumerate(suspect.probabilities) if index != given]
        assert suspect.self_confidence == suspect.probabilities[given]
        assert suspect.normalized_margin == pytest.approx((suspect.self_confidence - max(others) + 1) / 2, abs=1e-6)
    confidences = [suspect.self_confidence for suspect in suspects.ranked]
    assert confidences == sorted(confidences)


def test_each_row_is_judged_by_a_model_that_did_not_see_it(found: tuple[Suspects, Path]) -> None:
    _, folder = found
    judged: list[int] = []
    for fold in (1, 2, 3):
        held_out = {int(row) for row in read_table(folder / f"fold-{fold}" / "predictions.parquet").values("row")}
        kept = set(read_table(folder / "data" / f"fold-{fold}" / "train.parquet").values("text"))
        rows = read_table(folder / "data" / f"fold-{fold}" / "train.parquet")
        assert len(rows) + len(held_out) == ROWS + 1
        texts = [text for text, _ in made_rows(ROWS, seed=0)]
        assert kept.isdisjoint(texts[row] for row in held_out if row < ROWS)
        assert (10 in held_out) == (ROWS in held_out)  # one text in two spellings
        assert not (folder / f"fold-{fold}" / "checkpoint").exists()
        run = RunRecord.load(folder / f"fold-{fold}" / "run.json")
        assert run.recipe["corpus"]["name"] == f"planted-fold-{fold}-of-3"
        judged += held_out
    assert sorted(judged) == list(range(ROWS + 1))


def test_finished_folds_are_not_trained_again(
    found: tuple[Suspects, Path], run_dir: Path, corpus: Corpus, base_dir: Path
) -> None:
    suspects, folder = found
    told: list[str] = []
    again = find_suspects(
        str(run_dir),
        corpus=corpus,
        folds=3,
        base_model=str(base_dir),
        work_dir=folder,
        on_progress=lambda what, done, total: told.append(what),
    )
    assert again == suspects
    assert told == []


PROGRAM = """
import os, signal, sys
from pathlib import Path
from emohub.recipe import load_corpus
from emohub.suspects import find_suspects

run, corpus, base, folder, kill_fold = sys.argv[1:]

def kill(what, done, total):
    if what == f"Fold {kill_fold} of 3" and done == 30:
        os.kill(os.getpid(), signal.SIGKILL)

find_suspects(run, corpus=load_corpus(corpus), folds=3, base_model=base, work_dir=Path(folder), on_progress=kill)
"""


def test_a_killed_search_goes_on(
    found: tuple[Suspects, Path], run_dir: Path, corpus_file: Path, corpus: Corpus, base_dir: Path, tmp_path: Path
) -> None:
    suspects, _ = found
    arguments = [str(run_dir), str(corpus_file), str(base_dir), str(tmp_path / "work"), "2"]
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    told: list[str] = []
    again = find_suspects(
        str(run_dir),
        corpus=corpus,
        folds=3,
        base_model=str(base_dir),
        work_dir=tmp_path / "work",
        on_progress=lambda what, done, total: told.append(what),
    )
    assert set(told) == {"Fold 2 of 3", "Fold 3 of 3"}
    assert again == suspects


def test_rows_of_other_splits_are_judged_by_the_run_itself(run_dir: Path, corpus: Corpus) -> None:
    test = find_suspects(str(run_dir), split="test", corpus=corpus)
    assert [suspect.row for suspect in test.ranked] == [60]  # the only wrong one
    judged = Classifier.from_pretrained(run_dir, engine="torch").predict_proba([test.ranked[0].text])[0]
    assert test.ranked[0].probabilities == pytest.approx(judged.tolist(), abs=1e-6)
    assert "checkpoint" not in test.basis
    validation = find_suspects(str(run_dir), split="validation", corpus=corpus)
    assert "its checkpoint was chosen on these rows" in validation.basis


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_are_even_in_size_and_in_labels(folds: int) -> None:
    rows = made_rows(200, seed=1)
    texts, labels = [text for text, _ in rows], np.array([label for _, label in rows])
    assigned = assign_folds(texts, labels, folds, seed=3)
    assert max(Counter(assigned).values()) - min(Counter(assigned).values()) <= 1
    for label in range(len(LABELS)):
        counts = np.bincount(assigned[labels == label], minlength=folds)
        assert counts.max() - counts.min() <= 1
    assert (assigned == assign_folds(texts, labels, folds, seed=3)).all()
    assert (assigned != assign_folds(texts, labels, folds, seed=4)).any()


def test_equal_texts_share_a_fold_whatever_their_labels() -> None:
    texts = [f"text {number}" for number in range(20)] * 2 + ["Text  3", "TEXT 3", "te\u0301xt", "t\u00e9xt"]
    labels = np.array([number % 2 for number in range(len(texts))])
    assigned = assign_folds(texts, labels, 4, seed=0)
    assert (assigned[:20] == assigned[20:40]).all()
    assert assigned[40] == assigned[41] == assigned[3]
    assert assigned[42] == assigned[43]


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(UsageError, match="2 different texts cannot make 3 folds"):
        assign_folds(["a", "b", "B"], np.array([0, 1, 1]), 3, seed=0)
    with pytest.raises(DataError, match="label with id 1 has too few"):
        assign_folds(["a", "b", "c", "d"], np.array([0, 0, 0, 1]), 2, seed=0)


def test_the_ranking_equals_its_definition() -> None:
    """Confident learning by hand: rows with a probability above the mean of those that carry the other label."""
    labels = np.array([0] * 10 + [1] * 10)
    first = np.array([0.9] * 8 + [0.1, 0.2] + [0.1] * 9 + [0.95])
    probabilities = np.stack([first, 1 - first], axis=1).astype(np.float32)
    # Thresholds: 0.75 for label 0 and 0.815 for label 1. Row 8 passes as label 1 and row 19 as label 0; row 9, with
    # 0.8 for label 1, does not.
    found = rank(labels, probabilities)
    assert [row for row, _, _ in found] == [19, 8]
    assert [confidence for _, confidence, _ in found] == pytest.approx([0.05, 0.1], abs=1e-6)
    assert [margin for _, _, margin in found] == pytest.approx([0.05, 0.1], abs=1e-6)


def test_a_label_without_rows_is_no_obstacle() -> None:
    probabilities = np.full((20, 3), 0.05, np.float32)
    labels = np.array([0, 1] * 10)
    probabilities[np.arange(20), labels] = 0.9
    probabilities[3] = (0.9, 0.05, 0.05)
    assert [row for row, _, _ in rank(labels, probabilities)] == [3]


def test_what_cannot_be_judged_is_refused(
    run_dir: Path,
    corpus: Corpus,
    made_corpus: Corpus,
    base_dir: Path,
    tiny_model_dir: Path,
    found: tuple[Suspects, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(kind: type[EmohubError], match: str, run: str = str(run_dir), **options: object) -> None:
        given = {"corpus": corpus, "base_model": str(base_dir), "work_dir": tmp_path / "work", **options}
        with pytest.raises(kind, match=match):
            find_suspects(run, **given)  # type: ignore[arg-type]
        assert list(tmp_path.iterdir()) == []

    refused(UsageError, "there is no run 'none'", run="none")
    refused(DataError, "not those of the run", corpus=made_corpus)
    refused(ModelError, "is not what the run started from", base_model=str(tiny_model_dir))
    refused(ModelError, "give the base model of the run with --base-model", base_model=None)
    refused(TrainingError, "was trained for something else", work_dir=found[1], max_steps=3)
    monkeypatch.setattr(metadata, "version", _without_cleanlab(metadata.version))
    refused(UsageError, r"pip install 'emohub\[suspects\]'")


def _without_cleanlab(real):
    def version(name: str) -> str:
        if name == "cleanlab":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    return version


def test_the_command(
    found: tuple[Suspects, Path],
    run_dir: Path,
    corpus_file: Path,
    base_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    suspects, folder = found
    arguments = ["data", "suspects", str(run_dir), "--corpus", str(corpus_file), "--base-model", str(base_dir)]
    arguments += ["--folds", "3", "--work-dir", str(folder), "--output", str(tmp_path / "found.csv")]

    def run(*more: str) -> str:
        with pytest.raises(SystemExit) as stop:
            main([*arguments, *more])
        printed = capsys.readouterr()
        assert stop.value.code == 0, printed.err
        assert f"Wrote {len(suspects.ranked)} rows to" in printed.err
        return printed.out

    out = run()
    assert f"{len(suspects.ranked)} of {ROWS + 1} rows are suspect" in out
    assert "read the text before changing its label" in out
    assert json.loads(run("--format", "json"))["ranked"][0]["row"] == suspects.ranked[0].row
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["row"]) for row in rows] == [suspect.row for suspect in suspects.ranked]
    assert [row["text"] for row in rows] == [suspect.text for suspect in suspects.ranked]
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    assert float(rows[0]["probability_joy"]) == suspects.ranked[0].probabilities[1]


def test_the_record_of_a_run_stays_as_it_was(run_dir: Path, found: tuple[Suspects, Path]) -> None:
    assert sorted(path.name for path in run_dir.iterdir()) == ["checkpoint", "learning_curves.png", "run.json"]
    assert RunRecord.load(run_dir / "run.json").stage == "classification"
