"""The evaluation record, recomputed with scikit-learn from the predictions that stand beside it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import write_rows
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)

from emohub.cli import main
from emohub.data import load_split
from emohub.errors import DataError, ModelError, RecordError, UsageError
from emohub.evaluate import evaluate
from emohub.inference import Classifier
from emohub.recipe import Corpus
from emohub.record import EvalRecord

MakeModel = Callable[..., Path]
RESAMPLES = 300


@pytest.fixture(scope="module")
def model_dir(make_tiny_model: MakeModel) -> Path:
    """Untrained, with weights so wide that it gives different labels to different texts."""
    return make_tiny_model(scale=0.5)


@pytest.fixture(scope="module")
def evaluation(
    model_dir: Path, made_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> tuple[EvalRecord, Path]:
    folder = tmp_path_factory.mktemp("evaluation") / "new" / "folder"
    return evaluate(model_dir, made_corpus, "test", output_dir=folder, resamples=RESAMPLES), folder


@pytest.fixture(scope="module")
def predictions(evaluation: tuple[EvalRecord, Path]) -> dict[str, np.ndarray]:
    """The columns of the predictions, read with nothing of emohub."""
    table = pq.read_table(evaluation[1] / "predictions.parquet")
    return {name: table[name].to_numpy() for name in table.column_names}


@pytest.fixture(scope="module")
def made_declaration(made_corpus: Corpus) -> Path:
    """The made corpus as a file that the command line takes."""
    path = Path(made_corpus.base_folder) / "made.toml"
    splits = "\n".join(
        f'[splits.{name}]\nfile = "{split.file}"\nrows = {split.rows}' for name, split in made_corpus.splits.items()
    )
    labels = json.dumps(made_corpus.labels)
    path.write_text(f'name = "made"\ntitle = "Made"\nlabels = {labels}\n{splits}\n', encoding="utf-8")
    return path


def run_cli(*arguments: str | Path) -> int:
    """Run a command in this process and return its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def test_predictions_are_the_classifiers_own(
    evaluation: tuple[EvalRecord, Path], predictions: dict[str, np.ndarray], model_dir: Path, made_corpus: Corpus
) -> None:
    data = load_split(made_corpus, "test")
    probabilities = np.stack([predictions[f"probability_{label}"] for label in made_corpus.labels], axis=1)

    np.testing.assert_array_equal(predictions["row"], np.arange(60))
    np.testing.assert_array_equal(predictions["label"], data.labels)
    np.testing.assert_array_equal(predictions["predicted"], probabilities.argmax(axis=1))
    assert len(set(predictions["predicted"])) > 1, "a constant model would prove little"
    one_by_one = [
        Classifier.from_pretrained(model_dir, engine="torch").classify(text).probabilities for text in data.texts[:5]
    ]
    np.testing.assert_allclose(probabilities[:5], one_by_one, atol=1e-6)
    assert set(predictions) == {"row", "label", "predicted", *(f"probability_{label}" for label in made_corpus.labels)}
    written = (evaluation[1] / "predictions.parquet").read_bytes()
    assert hashlib.sha256(written).hexdigest() == evaluation[0].predictions_sha256


def test_every_metric_equals_scikit_learns(
    evaluation: tuple[EvalRecord, Path], predictions: dict[str, np.ndarray], made_corpus: Corpus
) -> None:
    record, _ = evaluation
    true, predicted = predictions["label"], predictions["predicted"]
    ids = range(len(made_corpus.labels))
    expected = {"accuracy": accuracy_score(true, predicted)}
    for average in ("macro", "weighted"):
        values = precision_recall_fscore_support(true, predicted, labels=ids, average=average, zero_division=0)
        expected |= {
            f"{average}_{name}": value for name, value in zip(("precision", "recall", "f1"), values, strict=False)
        }
    probabilities = np.stack([predictions[f"probability_{label}"] for label in made_corpus.labels], axis=1)
    expected["log_loss"] = log_loss(true, probabilities, labels=list(ids))
    confidence, right = probabilities.max(axis=1), true == predicted
    expected["expected_calibration_error"] = sum(
        inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
        for low in np.arange(15) / 15
        if (inside := (confidence > low) & (confidence <= low + 1 / 15)).any()
    )

    assert set(record.metrics) == set(expected)
    for name, value in expected.items():
        assert record.metrics[name].value == pytest.approx(value, abs=1e-6), name
        if name != "expected_calibration_error":  # resamples are biased upwards there
            assert record.metrics[name].low < value < record.metrics[name].high, name


def test_labels_confusion_and_calibration_equal_scikit_learns(
    evaluation: tuple[EvalRecord, Path], predictions: dict[str, np.ndarray]
) -> None:
    record, _ = evaluation
    true, predicted = predictions["label"], predictions["predicted"]
    columns = precision_recall_fscore_support(true, predicted, labels=range(3), zero_division=0)

    assert record.labels == tuple(row.label for row in record.per_label) == ("sadness", "joy", "anger")
    for row, precision, recall, f1, support in zip(record.per_label, *columns, strict=True):
        for interval, value in ((row.precision, precision), (row.recall, recall), (row.f1, f1)):
            assert interval.value == pytest.approx(value, abs=1e-12)
            assert interval.low <= interval.value <= interval.high
        assert row.support == support
    assert [row.predicted for row in record.per_label] == np.bincount(predicted, minlength=3).tolist()
    np.testing.assert_array_equal(record.confusion_matrix, confusion_matrix(true, predicted, labels=range(3)))
    assert len(record.calibration) == 15
    assert sum(part.count for part in record.calibration) == 60
    hits = sum(part.count * part.accuracy for part in record.calibration if part.accuracy is not None)
    assert hits == pytest.approx((true == predicted).sum())


def test_the_record_says_what_was_measured(
    evaluation: tuple[EvalRecord, Path], model_dir: Path, made_corpus: Corpus
) -> None:
    record, folder = evaluation
    weights = (model_dir / "model.safetensors").read_bytes()

    assert EvalRecord.load(folder / "eval.json") == record
    assert (record.corpus, record.split, record.hub_id, record.config) == ("made", "test", None, None)
    assert record.model.id == model_dir.name
    assert record.model.fingerprint == hashlib.sha256(weights).hexdigest()
    assert record.data.rows == 60
    assert record.data.fingerprint == load_split(made_corpus, "test").fingerprint
    assert record.data.fingerprint != load_split(made_corpus, "validation").fingerprint
    assert record.data.source == "file:test.csv"
    assert record.data.truncated == 0
    assert record.intervals.resamples == RESAMPLES
    assert record.environment.device == "cpu"
    assert record.texts_per_second == pytest.approx(60 / record.seconds)
    assert sorted(path.name for path in folder.iterdir()) == ["eval.json", "predictions.parquet"]
    text = (folder / "eval.json").read_text(encoding="utf-8")
    assert str(folder.anchor + folder.parts[1]) not in text, "a record holds no absolute path"


def test_measuring_again_gives_the_same_numbers(
    evaluation: tuple[EvalRecord, Path], model_dir: Path, made_corpus: Corpus
) -> None:
    changing = {"created", "seconds", "texts_per_second"}
    again = evaluate(model_dir, made_corpus, "test", resamples=RESAMPLES)
    other_seed = evaluate(model_dir, made_corpus, "test", resamples=RESAMPLES, seed=1)

    assert again.model_dump(exclude=changing) == evaluation[0].model_dump(exclude=changing)
    assert other_seed.metrics["accuracy"].value == again.metrics["accuracy"].value
    assert other_seed.metrics["log_loss"].low != again.metrics["log_loss"].low


def test_labels_are_matched_by_name_not_position(
    evaluation: tuple[EvalRecord, Path], make_tiny_model: MakeModel, made_corpus: Corpus
) -> None:
    """The same weights under permuted names answer other labels; their numbers follow the names."""
    permuted = ("anger", "Sadness", "JOY")
    folder = make_tiny_model(labels=permuted, scale=0.5)
    record = evaluate(folder, made_corpus, "test", resamples=10)
    data = load_split(made_corpus, "test")
    answers = [Classifier.from_pretrained(folder, engine="torch").classify(text).label.lower() for text in data.texts]

    assert record.labels == made_corpus.labels
    expected = np.mean(
        [made_corpus.labels[label] == answer for label, answer in zip(data.labels, answers, strict=True)]
    )
    assert record.metrics["accuracy"].value == pytest.approx(expected)
    # What the model in the corpus' order calls label j, this one calls permuted[j].
    columns = [made_corpus.labels.index(name.lower()) for name in permuted]
    np.testing.assert_array_equal(np.array(record.confusion_matrix)[:, columns], evaluation[0].confusion_matrix)


def test_progress_counts_every_text(model_dir: Path, made_corpus: Corpus) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(
        model_dir,
        made_corpus,
        "validation",
        resamples=1,
        on_progress=lambda done, total: seen.append((done, total)),
    )

    assert seen[-1] == (60, 60)
    assert seen == sorted(seen)


def test_truncated_texts_are_counted(make_tiny_model: MakeModel, tmp_path: Path) -> None:
    rows = [("i am happy", 1), ("so " * 6 + "gloomy", 0), ("hate " * 7, 2)]
    write_rows(tmp_path / "test.csv", rows)
    corpus = Corpus.from_values(
        {
            "name": "long",
            "title": "Long",
            "labels": ["sadness", "joy", "anger"],
            "splits": {"test": {"file": "test.csv"}},
            "base_folder": str(tmp_path),
        },
        "test",
    )

    assert evaluate(make_tiny_model(max_length=8), corpus, "test", resamples=1).data.truncated == 2


@pytest.mark.parametrize(
    ("labels", "cause"),
    [
        (("sadness", "joy", "fear"), "lacks anger and also has fear"),
        (("sadness", "joy"), "lacks anger"),
        (("sadness", "joy", "anger", "love"), "also has love"),
    ],
)
def test_a_model_with_other_labels_is_refused(
    labels: tuple[str, ...], cause: str, make_tiny_model: MakeModel, made_corpus: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=cause):
        evaluate(make_tiny_model(labels=labels), made_corpus, "test", output_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    model_dir: Path, made_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(Classifier, "answer_in_steps", lambda *_, **__: pytest.fail("texts were classified"))

    with pytest.raises(RecordError, match="nothing can be written into"):
        evaluate(model_dir, made_corpus, "test", output_dir=tmp_path / "file" / "out")
    with pytest.raises(RecordError, match="nothing can be written into"):
        evaluate(model_dir, made_corpus, "test", output_dir=tmp_path / ("x" * 300))
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere, so that chmod proves nothing
    with pytest.raises(RecordError, match="nothing can be written into"):
        evaluate(model_dir, made_corpus, "test", output_dir=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_evaluation_of_another_split_is_not_replaced(model_dir: Path, made_corpus: Corpus, tmp_path: Path) -> None:
    evaluate(model_dir, made_corpus, "validation", output_dir=tmp_path, resamples=1)
    before = (tmp_path / "eval.json").read_bytes()

    with pytest.raises(UsageError, match="is of made, validation, and would be replaced by that of made, test"):
        evaluate(model_dir, made_corpus, "test", output_dir=tmp_path, resamples=1)
    assert (tmp_path / "eval.json").read_bytes() == before
    (tmp_path / "eval.json").write_text("{damaged")
    assert evaluate(model_dir, made_corpus, "test", output_dir=tmp_path, resamples=1).split == "test"


def test_a_split_that_does_not_exist_is_refused(model_dir: Path, made_corpus: Corpus) -> None:
    only_test = made_corpus.model_copy(update={"splits": {"test": made_corpus.splits["test"]}})

    with pytest.raises((DataError, UsageError), match="train"):
        evaluate(model_dir, only_test, "train")


def test_the_command_shows_and_records(
    model_dir: Path,
    made_declaration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    options = ("--corpus", made_declaration, "--resamples", "20")
    assert run_cli("evaluate", model_dir, *options) == 0

    shown = capsys.readouterr().out
    record = EvalRecord.load(tmp_path / "runs" / "evaluations" / f"{model_dir.name}-made-test" / "eval.json")
    for name, interval in record.metrics.items():
        assert name in shown
        assert f"{interval.value:.4f}" in shown
        assert f"{interval.low:.4f} to {interval.high:.4f}" in shown
    for row in record.per_label:
        assert f"{row.recall.value:.4f}" in shown
    assert "Support" in shown
    assert "Confusion matrix" in shown

    assert run_cli("evaluate", model_dir, *options, "--output-dir", "here", "--format", "json") == 0
    printed = EvalRecord.from_values(json.loads(capsys.readouterr().out), "stdout")
    assert printed == EvalRecord.load(tmp_path / "here" / "eval.json")
    assert printed.metrics == record.metrics


def test_a_run_is_evaluated_into_its_own_folder(
    model_dir: Path, made_declaration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "runs" / "a-run"
    run.mkdir(parents=True)
    (run / "checkpoint").symlink_to(model_dir, target_is_directory=True)
    (run / "run.json").write_text("{}")
    monkeypatch.chdir(tmp_path)

    assert run_cli("evaluate", run, "--corpus", made_declaration, "--resamples", "1") == 0
    assert EvalRecord.load(run / "eval.json").split == "test"


def test_the_command_refuses_with_a_sentence(
    model_dir: Path, made_declaration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run_cli("evaluate", empty, "--corpus", made_declaration) == 1
    assert "config.json" in capsys.readouterr().err
    assert run_cli("evaluate", model_dir, "--corpus", "no-such-corpus") == 2
    assert "there is no corpus 'no-such-corpus'" in capsys.readouterr().err
    assert run_cli("evaluate", model_dir, "--corpus", made_declaration, "--split", "dev") == 2
    assert run_cli("evaluate", model_dir) == 2
    assert capsys.readouterr().out == ""
