"""Cascades of real models: they answer as declared, are chosen by the stated rule, and can be named as models."""

import inspect
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LABELS, TRIGGERS, made_rows
from sklearn.metrics import accuracy_score

from emohub import cascade as making
from emohub.cascade import make_cascade
from emohub.cli import main
from emohub.data import load_split
from emohub.errors import DataError, EmohubError, ModelError, RecordError, UsageError
from emohub.evaluate import evaluate
from emohub.explain import METHODS
from emohub.inference import Cascade, Checkpoint, Classifier, Prediction, find_checkpoint
from emohub.inference.cost import multiply_adds
from emohub.layout import served_models, shipped_models
from emohub.pictures import read_digest
from emohub.pictures.cascade import cascade_digest, draw_cascade
from emohub.recipe import Corpus
from emohub.record import Interval
from emohub.record.cascade import CascadePoint, CascadeRecord
from emohub.ui import strings
from emohub.ui.api.answers import classification
from emohub.ui.service import ModelStore, Service, comparing
from emohub.ui.tabs import classify, comparison
from emohub.ui.tabs import models as models_tab

MakeModel = Callable[..., Path]
TEXTS = [text for text, _ in made_rows(40, seed=5)]
MARGIN = 0.4
"""So wide that sixty rows are enough to choose by."""


def deeper(folder: Path, target: Path, layers: int) -> Path:
    """A fresh model like that of ``folder`` with so many layers, its labels in another order."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    shutil.copytree(folder, target)
    config = AutoConfig.from_pretrained(folder)
    config.num_hidden_layers = layers
    config.id2label = dict(enumerate(reversed(LABELS)))
    config.label2id = {label: index for index, label in config.id2label.items()}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        AutoModelForSequenceClassification.from_config(config).save_pretrained(target)
    return target


@pytest.fixture(scope="module")
def project(make_tiny_model: MakeModel, made_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the models ``small`` and ``large`` under models/, and ``both``, made of them. Read only."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(make_tiny_model(scale=0.5), root / "models" / "small")
    deeper(root / "models" / "small", root / "models" / "large", layers=3)
    models = root / "models"
    make_cascade(
        str(models / "small"),
        str(models / "large"),
        made_corpus,
        output_dir=models / "both",
        margin=MARGIN,
        resamples=50,
    )
    return root


@pytest.fixture
def models(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``models/`` of the project, which is the working directory."""
    monkeypatch.chdir(project)
    return project / "models"


@pytest.fixture(scope="module")
def pair(project: Path) -> tuple[Classifier, Classifier]:
    small, large = (
        Classifier.from_pretrained(project / "models" / name, engine="torch") for name in ("small", "large")
    )
    return small, large


@pytest.fixture(scope="module")
def alone(pair: tuple[Classifier, Classifier]) -> tuple[np.ndarray, np.ndarray]:
    """What each of the two makes of :data:`TEXTS`, columns in the order of the large one."""
    small, large = (classifier.predict_proba(TEXTS) for classifier in pair)
    return small[:, ::-1], large


def middle(probabilities: np.ndarray) -> float:
    """A threshold that about half of the rows reach, and that is near to none of them."""
    levels = np.sort(probabilities.max(axis=1).astype(np.float64))
    return float(levels[len(levels) // 2 - 1 : len(levels) // 2 + 1].mean())


def run_cli(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


# Answers -------------------------------------------------------------------------------------------------------------


def test_every_text_is_answered_by_the_model_that_should(
    pair: tuple[Classifier, Classifier], alone: tuple[np.ndarray, np.ndarray]
) -> None:
    small, large = alone
    assert (small.argmax(axis=1) != large.argmax(axis=1)).any(), "models that agree would prove little"
    for threshold in (0.0, middle(small), 1.01):
        both = Cascade(*pair, threshold, id="both")
        assert both.labels == tuple(reversed(LABELS))
        sure = small.max(axis=1) >= threshold
        assert sure.sum() == {0.0: 40, 1.01: 0}.get(threshold, 20)
        expected = np.where(sure[:, None], small, large)
        np.testing.assert_allclose(both.predict_proba(TEXTS), expected, atol=1e-6)
        predictions = both.classify_many(TEXTS)
        np.testing.assert_allclose([each.probabilities for each in predictions], expected, atol=1e-6)
        assert [each.answered_by for each in predictions] == ["small" if one else "large" for one in sure]
        assert [each.label for each in predictions] == [both.labels[best] for best in expected.argmax(axis=1)]
        assert {each.labels for each in predictions} == {both.labels}
        assert both.classify(TEXTS[0]).probabilities == pytest.approx(predictions[0].probabilities, abs=1e-6)


def test_groups_come_back_in_order_with_the_texts_done(
    pair: tuple[Classifier, Classifier], alone: tuple[np.ndarray, np.ndarray]
) -> None:
    both = Cascade(*pair, middle(alone[0]), id="both")
    groups: list[Sequence[str]] = [TEXTS[:7], [], TEXTS[7:8], TEXTS[8:]]
    steps = list(both.answer_groups(groups))
    answers = [step for step in steps if not isinstance(step, int)]
    assert [len(each.probabilities) for each in answers] == [7, 0, 1, 32]
    joined = np.concatenate([each.probabilities for each in answers])
    np.testing.assert_allclose(joined, both.predict_proba(TEXTS), atol=1e-6)
    done = [step for step in steps if isinstance(step, int)]
    assert done == sorted(done)
    assert done[-1] == 40
    np.testing.assert_array_equal(answers[0].tokens, both.count_tokens(TEXTS[:7]))
    streamed = np.concatenate([each.probabilities for each in both.predict_stream(iter(TEXTS))])
    np.testing.assert_allclose(streamed, joined, atol=1e-6)


def test_no_text_gives_no_answer_and_a_bad_one_its_number(pair: tuple[Classifier, Classifier]) -> None:
    both = Cascade(*pair, 0.5, id="both")
    assert both.predict_proba([]).shape == (0, 3)
    assert both.classify_many([]) == []
    with pytest.raises(DataError, match="text 2"):
        both.predict_proba(["so", "happy", "\udc80"])
    with pytest.raises(UsageError, match="the text is empty"):
        both.classify(" ")


def test_both_read_as_much_as_the_one_that_reads_less(make_tiny_model: MakeModel) -> None:
    small = Classifier.from_pretrained(make_tiny_model(max_length=16))
    both = Cascade(small, Classifier.from_pretrained(make_tiny_model(max_length=32)), 1.01, id="both")
    prediction = both.classify("so " * 20 + "happy")
    assert (both.max_length, prediction.max_length, prediction.truncated, prediction.tokens) == (16, 16, True, 23)
    assert both.characters_read(prediction.text) == prediction.read_chars == 14 * 3 - 1


def test_models_of_other_labels_are_refused(pair: tuple[Classifier, Classifier], make_tiny_model: MakeModel) -> None:
    other = Classifier.from_pretrained(make_tiny_model(labels=("good", "bad")))
    with pytest.raises(ModelError, match=r"sadness, joy, anger, and .* good, bad; make a cascade of two models of the"):
        Cascade(pair[0], other, 0.5, id="both")


def test_nothing_of_a_single_model_is_left_in_a_cascade() -> None:
    """Whatever of a classifier reads its own engine, tokenizer or checkpoint must be answered by the two."""
    own = ("self._engine", "self._tokenizer", "self._checkpoint", "self._loading", "self._exact", "self._batch_size")
    reading = []
    for name, member in vars(Classifier).items():
        function = member.fget if isinstance(member, property) else member
        if inspect.isfunction(function) and any(each in inspect.getsource(function) for each in own):
            reading.append(name)
    private = {"_tokenize", "_passes", "_read_chars"}  # called by what is replaced alone
    assert set(reading) - set(vars(Cascade)) == private
    assert len(reading) >= 12
    for name in ("engine", "revision", "device", "threads", "num_parameters", "fingerprint"):
        assert isinstance(vars(Cascade)[name], property)


def test_what_it_says_of_itself(pair: tuple[Classifier, Classifier]) -> None:
    small, large = pair
    both = Cascade(small, large, 0.5, id="both")
    assert both.num_parameters == small.num_parameters + large.num_parameters
    assert (both.engine, both.device, both.revision, both.calibration_temperature) == ("torch", "cpu", None, None)
    assert both.threads == large.threads
    assert both.in_float32 is both
    assert both.identity().id == "both"
    fingerprints = {
        Cascade(*models, threshold, id="both").fingerprint
        for models in ((small, large), (large, small))
        for threshold in (0.5, 0.6)
    }
    assert len(fingerprints) == 4
    narrow = Cascade(
        *(Classifier.of(each._checkpoint, engine="torch-bf16") for each in pair if each._checkpoint), 0.5, id="both"
    )
    assert (narrow.engine, narrow.in_float32.engine, narrow.in_float32.threshold) == ("torch-bf16", "torch", 0.5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("threshold", [0.0, 1.01])
def test_words_are_explained_by_the_model_that_answers(
    method: str, threshold: float, pair: tuple[Classifier, Classifier]
) -> None:
    text = f"i am so {TRIGGERS['joy'][0]} today"
    theirs = METHODS[method](pair[0] if threshold == 0 else pair[1], text, "joy", top_k=1, seed=0)
    ours = METHODS[method](Cascade(*pair, threshold, id="both"), text, "joy", top_k=1, seed=0)
    assert [word.score for word in ours.words] == pytest.approx([word.score for word in theirs.words], abs=1e-5)


# The declaration -----------------------------------------------------------------------------------------------------


def record_of(folder: Path) -> CascadeRecord:
    return CascadeRecord.load(folder / "cascade.json")


def test_the_record_equals_what_the_models_answer(project: Path, made_corpus: Corpus) -> None:
    record = record_of(project / "models" / "both")
    rows = load_split(made_corpus, "validation")
    small, large = (
        Classifier.from_pretrained(project / "models" / name, engine="torch").predict_proba(rows.texts)
        for name in ("small", "large")
    )
    large = large[:, ::-1]
    confidence = small.max(axis=1).astype(np.float64)
    for point in (*record.points, record.chosen):
        sure = confidence >= point.threshold
        answers = np.where(sure, small.argmax(axis=1), large.argmax(axis=1))
        assert point.asked == (~sure).sum()
        assert point.share == pytest.approx((~sure).mean())
        assert point.accuracy.value == pytest.approx(accuracy_score(rows.labels, answers))
        assert point.accuracy.low < point.accuracy.value < point.accuracy.high
        difference = point.accuracy.value - accuracy_score(rows.labels, large.argmax(axis=1))
        assert point.difference.value == pytest.approx(difference)
    assert [point.share for point in record.points] == sorted({point.share for point in record.points})
    assert (record.points[0].share, record.points[-1].share) == (0, 1)
    assert record.small.metrics["accuracy"].value == pytest.approx(record.points[0].accuracy.value)
    assert record.large.metrics["accuracy"].value == pytest.approx(record.points[-1].accuracy.value)
    assert record.metrics["accuracy"].value == pytest.approx(record.chosen.accuracy.value)
    assert record.metrics["macro_f1"].value == pytest.approx(record.chosen.macro_f1)
    assert record.chosen.difference.low > -MARGIN
    assert (record.split, record.corpus, record.data.rows, record.data.truncated) == ("validation", "made", 60, 0)
    assert (record.small.model.id, record.large.model.id) == ("small", "large")
    assert str(project) not in record.model_dump_json()


def test_costs_are_those_of_both_models(project: Path) -> None:
    record = record_of(project / "models" / "both")
    assert record.small.multiply_adds is not None
    assert record.large.multiply_adds == pytest.approx(1.5 * record.small.multiply_adds)  # 3 layers beside 2
    assert record.points[0].multiply_adds == pytest.approx(record.small.multiply_adds)
    assert record.points[-1].multiply_adds == pytest.approx(2.5 * record.small.multiply_adds)
    assert record.saves == pytest.approx(1 - (record.chosen.multiply_adds or 0) / record.large.multiply_adds)


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta"])
def test_multiply_adds_are_those_that_torch_counts(architecture: str, make_tiny_model: MakeModel) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoModelForSequenceClassification

    folder = make_tiny_model(architecture=architecture)
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    for tokens in (5, 30):
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            model(input_ids=torch.full((1, tokens), 7), attention_mask=torch.ones(1, tokens, dtype=torch.long))
        head = 32 * 32 + 32 * len(LABELS)
        counted = multiply_adds(find_checkpoint(folder), np.array([tokens]))
        assert counted is not None
        assert counted.tolist() == [counter.get_total_flops() / 2 - head]


def test_what_a_model_of_another_family_costs_is_not_known(tmp_path: Path) -> None:
    for config in ("", "[]", '{"model_type": "t5"}', '{"model_type": "bert", "hidden_size": "wide"}'):
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
        assert multiply_adds(Checkpoint(tmp_path, "other"), np.array([3])) is None


def point_at(share: float, difference: float, low: float) -> CascadePoint:
    interval = Interval(value=difference, low=low, high=difference + 0.01)
    return CascadePoint(
        threshold=share,
        asked=int(100 * share),
        share=share,
        accuracy=Interval(value=0.9, low=0.8, high=1.0),
        macro_f1=0.9,
        difference=interval,
        multiply_adds=None,
    )


def test_the_cheapest_threshold_that_is_surely_within_the_margin_is_chosen() -> None:
    points = [point_at(0, -0.03, -0.04), point_at(0.2, 0.001, -0.006), point_at(0.3, -0.002, -0.004)]
    points += [point_at(0.4, 0.0, -0.001), point_at(1, 0.0, -0.01)]
    assert making.choose(points, 0.005).share == 0.3
    assert making.choose(points, 0.05).share == 0
    assert making.choose(points, 0.002).share == 0.4
    assert making.choose(points, 0.0).share == 1


def test_a_cascade_is_loaded_by_its_folder_and_answers_as_it_was_measured(project: Path, made_corpus: Corpus) -> None:
    folder = project / "models" / "both"
    record = record_of(folder)
    both = Classifier.from_pretrained(folder, engine="torch")
    assert isinstance(both, Cascade)
    assert (both.id, both.threshold, both.fingerprint) == ("both", record.chosen.threshold, record.fingerprint)
    evaluation = evaluate(folder, made_corpus, "validation", resamples=20)
    assert evaluation.metrics["accuracy"].value == pytest.approx(record.metrics["accuracy"].value)
    assert (evaluation.model.id, evaluation.model.fingerprint) == ("both", record.fingerprint)
    assert evaluation.data == record.data


def test_another_model_of_the_same_name_is_refused(
    project: Path, make_tiny_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(project / "models", tmp_path / "models")
    shutil.rmtree(tmp_path / "models" / "small")
    with pytest.raises(ModelError, match="small, which the cascade both asks, is not here; put it beside") as missing:
        Classifier.from_pretrained("both")
    assert str(tmp_path) not in str(missing.value)
    shutil.copytree(make_tiny_model(seed=3), tmp_path / "models" / "small")
    with pytest.raises(ModelError, match="small is another model than the one that the cascade both was measured with"):
        Classifier.from_pretrained("both")
    (tmp_path / "models" / "both" / "cascade.json").write_text("{", encoding="utf-8")
    with pytest.raises(RecordError, match="is not JSON"):
        Classifier.from_pretrained("both")


def test_models_that_lie_elsewhere_are_found_by_their_names(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project / "models" / "both", tmp_path / "elsewhere" / "both")
    monkeypatch.chdir(project)
    assert Classifier.from_pretrained(tmp_path / "elsewhere" / "both").classify("so happy").answered_by is not None


def test_a_cascade_is_no_model_to_train_from_or_to_export(models: Path) -> None:
    with pytest.raises(ModelError, match="both is a cascade, which is made of two models; name one of the two"):
        find_checkpoint("both")
    assert list(shipped_models()) == ["large", "small"]
    assert list(served_models()) == ["large", "small", "both"]


@pytest.mark.parametrize(
    ("small", "large", "target", "error", "message"),
    [
        ("large", "small", "new", UsageError, "large costs no less than small; name the smaller model first"),
        ("small", "small", "new", UsageError, "small costs no less than small"),
        ("small", "large", "small", UsageError, "is the folder of a model"),
        ("small", "both", "new", ModelError, "both is a cascade"),
    ],
)
def test_what_cannot_be_a_cascade_is_refused(
    small: str, large: str, target: str, error: type[EmohubError], message: str, models: Path, made_corpus: Corpus
) -> None:
    with pytest.raises(error, match=message):
        make_cascade(small, large, made_corpus, output_dir=models / target, resamples=10)
    assert not (models / "new").exists()


def test_a_folder_that_would_not_find_its_models_is_refused_before_anything_is_computed(
    project: Path, made_corpus: Corpus, tmp_path: Path
) -> None:
    small, large = (str(project / "models" / name) for name in ("small", "large"))
    with pytest.raises(ModelError, match="small would not be found by a cascade in"):
        make_cascade(small, large, made_corpus, output_dir=tmp_path / "both", resamples=10)


# The picture ---------------------------------------------------------------------------------------------------------


def test_the_picture_says_what_it_shows_and_comes_out_the_same(project: Path, tmp_path: Path) -> None:
    folder = project / "models" / "both"
    record = record_of(folder)
    draw_cascade(record, tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == (folder / "cascade.png").read_bytes()
    assert read_digest(folder / "cascade.png") == cascade_digest(record)
    unknown = record.model_copy(update={"large": record.large.model_copy(update={"multiply_adds": None})})
    draw_cascade(unknown, tmp_path / "unknown.png")
    assert cascade_digest(unknown) != cascade_digest(record)


# The command line ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def declaration(made_corpus: Corpus) -> Path:
    """The made corpus as a file that the command line takes."""
    path = Path(made_corpus.base_folder) / "made-for-cascades.toml"
    splits = "\n".join(
        f'[splits.{name}]\nfile = "{split.file}"\nrows = {split.rows}' for name, split in made_corpus.splits.items()
    )
    path.write_text(
        f'name = "made"\ntitle = "Made"\nlabels = {json.dumps(made_corpus.labels)}\n{splits}\n', encoding="utf-8"
    )
    return path


def test_the_command_shows_the_curve_and_writes_a_model(
    project: Path,
    declaration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    shutil.copytree(project / "models", tmp_path / "models", ignore=shutil.ignore_patterns("both"))
    asked = ("cascade", "small", "large", "--corpus", declaration, "--resamples", "20", "--margin", "0.4")
    assert run_cli(*asked) == 0
    printed = capsys.readouterr()
    record = record_of(tmp_path / "runs" / "small-large")
    assert "Wrote runs/small-large/cascade.json and cascade.png" in printed.err
    assert f"{record.chosen.threshold:.4f}" in printed.out
    assert all(len(line) <= 80 for line in printed.out.splitlines()[1:-1])
    assert run_cli(*asked, "--format", "json") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["chosen"] == record.model_dump(mode="json")["chosen"]

    assert run_cli("classify", "small-large", "so happy", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["answered_by"] in ("small", "large")


@pytest.mark.parametrize(
    ("asked", "whole", "verdict"),
    [
        (0, 60, "small alone is within 0.4000 of large: nothing is left for large to answer."),
        (60, 60, "No threshold is sure to stay within 0.4000 of large: large answers all."),
        (15, 60, "small answers 75.0% of the texts, large the other 25.0%, with 50% fewer multiply-adds."),
    ],
)
def test_the_choice_is_said_in_a_sentence(
    asked: int, whole: int, verdict: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from emohub.cli.cascade import show_cascade

    record = record_of(project / "models" / "both")
    alone = record.large.multiply_adds or 0.0
    chosen = record.chosen.model_copy(update={"asked": asked, "share": asked / whole, "multiply_adds": alone / 2})
    show_cascade(record.model_copy(update={"chosen": chosen}))
    assert verdict in " ".join(capsys.readouterr().out.split())


def test_who_answered_is_said(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answered = Classifier.from_pretrained("both").classify("so happy today").answered_by
    assert run_cli("classify", "both", "so happy today") == 0
    assert f"answered by {answered}" in capsys.readouterr().err
    assert run_cli("classify", "small", "so happy today") == 0
    assert "answered by" not in capsys.readouterr().err
    assert run_cli("compare", "both", "small", "so happy today", "--format", "json") == 0
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    assert [predictions[name]["answered_by"] for name in ("both", "small")] == [answered, None]
    assert run_cli("compare", "both", "small", "so happy today") == 0
    assert f"(by {answered})" in capsys.readouterr().out.replace("\n", " ")
    assert run_cli("compare", "small", "both") == 2
    assert "'both', is a model and no text" in capsys.readouterr().err


def test_it_can_be_evaluated_and_compared_by_its_name(
    models: Path, declaration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ("--output-dir", tmp_path / "evaluation", "--resamples", "10")
    assert run_cli("evaluate", "both", "--corpus", declaration, *output) == 0
    written = json.loads((tmp_path / "evaluation" / "eval.json").read_text(encoding="utf-8"))
    assert written["model"] == {"id": "both", "revision": None, "fingerprint": record_of(models / "both").fingerprint}
    capsys.readouterr()
    asked = ("compare", "both", "large", "--corpus", declaration, "--engine", "torch", "--resamples", "10")
    assert run_cli(*asked, "--format", "json") == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["models"]["both"]["accuracy"]["value"] == pytest.approx(written["metrics"]["accuracy"]["value"])
    with (tmp_path / "in.csv").open("w", encoding="utf-8") as file:
        file.write("text\nso happy\nso gloomy\n")
    assert run_cli("classify", "both", "--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv") == 0
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize(
    "arguments",
    [("export", "both"), ("describe", "both"), ("verify", "both"), ("card", "both"), ("publish", "both", "--dry-run")],
)
def test_what_takes_one_model_refuses_a_cascade_in_a_sentence(
    arguments: tuple[str, ...], models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--repo-id", "someone/both") if arguments[0] == "publish" else ()
    assert run_cli(*arguments, *more) != 0
    errors = capsys.readouterr().err
    assert errors.startswith("Error: ")
    assert "Traceback" not in errors
    assert errors.count("\n") == 1


# The page ------------------------------------------------------------------------------------------------------------


def test_the_page_serves_it_and_says_who_answered(models: Path) -> None:
    store = ModelStore(served_models())
    service = Service(store, max_requests=4)
    prediction = service.classify("so happy today", "both")
    said = strings.ANSWERED_BY.format(model=prediction.answered_by)
    assert prediction.answered_by in ("small", "large")
    assert said in classify.render("both", prediction)
    assert "answered by" not in classify.render("small", service.classify("so happy today", "small"))
    assert classification("both", prediction)["answered_by"] == prediction.answered_by
    one = comparing.compare(service, "so happy today", ["both", "small"])
    assert comparison.render(one).count("answered by") == 1
    several = comparing.compare_texts(service, TEXTS[:3], ["both", "small"])
    assert comparison.render_texts(several, 0.1).count("answered by") == 3


def test_the_tab_of_models_says_what_it_is(models: Path, tmp_path: Path) -> None:
    record = record_of(models / "both")
    said = models_tab.about_cascade("both", models / "both")
    figures = (record.metrics, record.small.metrics, record.large.metrics)
    assert all(f"{metrics['accuracy'].value:.4f} (" in said for metrics in figures)
    assert f"at least {record.chosen.threshold:.4f}, large the rest" in said
    (tmp_path / "cascade.json").write_text("{", encoding="utf-8")
    assert models_tab.about_cascade("both", tmp_path).startswith("both/cascade.json is not JSON")


def test_names_of_models_are_escaped_where_they_answered() -> None:
    values: dict[str, Any] = {"text": "t", "labels": ("a", "b"), "probabilities": (0.6, 0.4), "label": "a", "tokens": 3}
    hostile = Prediction(**values, max_length=8, truncated=False, seconds=0.1, answered_by="<b>x</b>")
    assert "<b>x" not in classify.render("m", hostile)
