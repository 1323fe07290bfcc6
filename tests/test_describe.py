"""The description of a model: its figures counted again here, its texts fit to be shown, its mistakes real."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emohub.data import MAX_SHOWN_CHARS, load_split, reasons_to_hide, split_identity
from emohub.describe import EXAMPLES, MISTAKES, describe
from emohub.errors import DataError, EmohubError, ModelError, RecordError, UsageError
from emohub.inference import Classifier
from emohub.recipe import Corpus, Recipe
from emohub.record import ENGLISH_EXAMPLES, DescriptionRecord, sha256_file
from emohub.train.stage import recorded_recipe
from tests.conftest import LABELS, MakeModel, made_rows, write_rows
from tests.factories import make_run_record

SPLITS = ("train", "validation")


def run_cli(*arguments: str | Path) -> int:
    from emohub.cli import main

    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def write_corpus(folder: Path, **changes: object) -> Corpus:
    """The made corpus as files, with flaws: texts with two labels, shared texts, and texts not to be shown."""
    rows = made_rows(300, seed=3)
    hidden = [
        ("i am happy write to ada@example.org", 1),
        ("i am happy @ada", 1),
        ("so furious http t co", 2),
        ("call 030 1234 567 i am lonely", 0),
        ("i hate " + "so very " * 40, 2),
        ("crying &amp; lost", 0),
    ]
    conflicting = [("The lonely  friend", 0), ("the lonely friend", 1), ("i am lost", 0), ("i am lost", 0)]
    parts = {
        "train": [*rows[:200], *hidden, *conflicting],
        "validation": [*rows[200:270], rows[0], (rows[1][0].upper(), rows[1][1]), *hidden[:3]],
        "test": [*rows[270:], (rows[2][0].upper(), rows[2][1]), *hidden[:2]],
    }
    for split, part in parts.items():
        write_rows(folder / f"{split}.csv", part)
    values = {
        "name": "flawed",
        "title": "Made sentences with flaws",
        "labels": list(LABELS),
        "splits": {split: {"file": f"{split}.csv"} for split in parts},
        "base_folder": str(folder),
    }
    return Corpus.from_values({**values, **changes}, "flawed corpus")


def write_run(folder: Path, corpus: Corpus, model: Path) -> Path:
    """A run folder around a model, as if the corpus had been trained on."""
    shutil.copytree(model, folder / "checkpoint")
    recipe = Recipe.from_values(
        {
            "name": "tiny",
            "summary": "A tiny model.",
            "base_model": "someone/tiny",
            "max_length": 32,
            "corpus": corpus.model_dump(mode="json"),
            "training": {
                "learning_rate": 1e-3,
                "per_device_train_batch_size": 8,
                "num_train_epochs": 1,
                "seed": 1,
            },
        },
        "test recipe",
    )
    recorded = recorded_recipe(recipe, recipe.base_model)
    data = {split: split_identity(load_split(corpus, split)) for split in SPLITS}
    fingerprint = sha256_file(folder / "checkpoint" / "model.safetensors")
    make_run_record(recorded, fingerprint=fingerprint, data=data).save(folder / "run.json")
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("flawed"))


@pytest.fixture(scope="module")
def run(corpus: Corpus, make_tiny_model: MakeModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "a-run", corpus, make_tiny_model(scale=0.5))


@pytest.fixture(scope="module")
def record(run: Path, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> DescriptionRecord:
    folder = tmp_path_factory.mktemp("described")
    described = describe(run, corpus=corpus, output_dir=folder)
    assert DescriptionRecord.load(folder / "description.json") == described
    return described


def same(text: str) -> str:
    """What makes two texts of the made corpus, which is plain ASCII, the same."""
    return " ".join(text.lower().split())


def test_examples_are_training_texts_of_their_label_alone(record: DescriptionRecord, corpus: Corpus) -> None:
    train = load_split(corpus, "train")
    labels: dict[str, set[int]] = {}
    for text, label in zip(train.texts, train.labels.tolist(), strict=True):
        labels.setdefault(same(text), set()).add(label)

    assert [each.label for each in record.labels] == list(LABELS)
    for index, each in enumerate(record.labels):
        assert each.rows == (train.labels == index).sum()
        assert len(set(map(same, each.examples))) == EXAMPLES
        for text in each.examples:
            assert text in train.texts
            assert labels[same(text)] == {index}


def test_the_seed_draws_the_examples(record: DescriptionRecord, run: Path, corpus: Corpus) -> None:
    changing = {"created", "speed"}
    again = describe(run, corpus=corpus)
    other = describe(run, corpus=corpus, seed=1)

    assert again.model_dump(exclude=changing) == record.model_dump(exclude=changing)
    assert all(a.examples != b.examples for a, b in zip(other.labels, record.labels, strict=True))
    assert other.mistakes == record.mistakes


def test_no_seed_shows_what_should_not_be_shown(run: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing but such texts left beside few others, each label still gets only those others."""
    monkeypatch.setattr("emohub.describe.EXAMPLES", 1000)
    monkeypatch.setattr("emohub.describe.MISTAKES", 1000)
    described = describe(run, corpus=corpus)
    shown = [text for label in described.labels for text in label.examples]
    shown_wrong = [mistake.text for mistake in described.mistakes]

    assert len(shown) > 190
    assert len(shown_wrong) > 10
    for text in [*shown, *shown_wrong]:
        assert len(text) <= MAX_SHOWN_CHARS
        assert not any(trace in text for trace in ("@", "http", "1234", "&amp;")), text


def test_the_splits_are_counted(record: DescriptionRecord, corpus: Corpus, run: Path) -> None:
    data = {split: load_split(corpus, split) for split in SPLITS}
    texts = {split: set(map(same, data[split].texts)) for split in SPLITS}
    classifier = Classifier.from_pretrained(run, engine="torch")
    assert set(record.splits) == set(SPLITS)
    for split, other in (SPLITS, SPLITS[::-1]):
        found = record.splits[split]
        lengths = sorted(classifier.count_tokens(data[split].texts).tolist())
        assert found.data.fingerprint == data[split].fingerprint
        assert found.data.rows == len(lengths)
        assert found.data.duplicates == len(lengths) - len(set(data[split].texts))
        assert found.data.truncated == sum(length > 32 for length in lengths)
        assert found.labels == {name: (data[split].labels == index).sum() for index, name in enumerate(LABELS)}
        assert found.shared == {other: len(texts[split] & texts[other])}
        assert found.shared[other] == 5
        assert (found.tokens["shortest"], found.tokens["longest"]) == (lengths[0], lengths[-1])
        for name, share in (("median", 0.5), ("p95", 0.95)):
            assert sum(length <= found.tokens[name] for length in lengths) >= share * len(lengths)
            assert sum(length < found.tokens[name] for length in lengths) < share * len(lengths)
    in_test = set(map(same, load_split(corpus, "test").texts))
    assert record.in_test == {split: len(texts[split] & in_test) for split in SPLITS}
    assert record.in_test["train"] > record.in_test["validation"] == 2
    assert record.splits["train"].conflicting == 1
    assert record.splits["validation"].conflicting == 0
    assert record.splits["train"].data.truncated > 0


def test_answers_and_mistakes_are_the_models_own(record: DescriptionRecord, corpus: Corpus, run: Path) -> None:
    classifier = Classifier.from_pretrained(run, engine="torch")
    for answer in record.answers:
        prediction = classifier.classify(answer.text)
        assert answer.probabilities == dict(zip(prediction.labels, prediction.probabilities, strict=True))

    validation = load_split(corpus, "validation")
    answers = [classifier.classify(text) for text in validation.texts]
    wrong = {
        row: max(answer.probabilities)
        for row, answer in enumerate(answers)
        if answer.label != LABELS[validation.labels[row]]
    }
    assert record.mistakes_in_all == len(wrong) > MISTAKES
    assert len(record.mistakes) == MISTAKES
    fit = {row: value for row, value in wrong.items() if not any(c in validation.texts[row] for c in ("@", "http"))}
    expected = sorted(fit.values(), reverse=True)[:MISTAKES]
    assert [mistake.confidence for mistake in record.mistakes] == pytest.approx(expected, abs=1e-5)
    for mistake in record.mistakes:
        assert mistake.text == validation.texts[mistake.row]
        assert mistake.label == LABELS[validation.labels[mistake.row]]
        assert mistake.predicted == answers[mistake.row].label
        assert mistake.label != mistake.predicted


def test_english_is_answered_in_our_words_and_other_languages_in_theirs(
    record: DescriptionRecord, run: Path, tmp_path: Path
) -> None:
    english = describe(run, corpus=write_corpus(tmp_path, language=["en"]))
    assert [answer.text for answer in english.answers] == list(ENGLISH_EXAMPLES)
    assert [answer.text for answer in record.answers] == [label.examples[0] for label in record.labels[:2]]


def test_labels_are_matched_by_name(
    record: DescriptionRecord, corpus: Corpus, make_tiny_model: MakeModel, tmp_path: Path
) -> None:
    """The same weights under permuted names make other mistakes, named as the corpus names them."""
    permuted = ("anger", "Sadness", "JOY")
    run = write_run(tmp_path / "permuted", corpus, make_tiny_model(labels=permuted, scale=0.5))
    described = describe(run, corpus=corpus)
    right = len(load_split(corpus, "validation").texts) - described.mistakes_in_all
    classifier, validation = Classifier.from_pretrained(run, engine="torch"), load_split(corpus, "validation")
    answers = [classifier.classify(text).label.lower() for text in validation.texts]
    true = [LABELS[label] for label in validation.labels]

    assert right == sum(answer == label for answer, label in zip(answers, true, strict=True))
    assert {mistake.predicted for mistake in described.mistakes} <= set(LABELS)
    assert list(described.answers[0].probabilities) == list(permuted)
    assert described.mistakes != record.mistakes


def test_speed_says_what_was_timed(record: DescriptionRecord) -> None:
    speed = record.speed
    assert speed.texts == 75  # all of validation, which has fewer than would be timed
    assert speed.threads >= 1
    assert 0 < speed.median_ms <= speed.p95_ms
    assert 1 <= speed.batch_size <= 75
    assert speed.texts_per_second > 0


def test_the_largest_batch_is_counted(run: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emohub.inference.devices._BATCH_TOKENS_CPU", 1)
    assert describe(run, corpus=corpus).speed.batch_size == 1


def test_no_test_text_is_classified_and_no_test_label_counts(
    run: Path, record: DescriptionRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_corpus(tmp_path)
    test = load_split(corpus, "test")
    write_rows(tmp_path / "test.csv", [(text, 0) for text in test.texts])
    classified: list[str] = []
    predict_proba = Classifier.predict_proba

    def listen(self: Classifier, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        classified.extend(texts)
        return predict_proba(self, texts, **options)

    monkeypatch.setattr(Classifier, "predict_proba", listen)
    found = describe(run, corpus=corpus)
    measured = {"created", "speed", "environment"}
    assert found.model_dump(exclude=measured) == record.model_dump(exclude=measured)
    known = set(load_split(corpus, "validation").texts) | {answer.text for answer in found.answers}
    assert set(classified) <= known
    assert set(test.texts) - known


def test_a_corpus_without_a_test_split_is_described(run: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    splits = {name: split for name, split in corpus.splits.items() if name != "test"}
    assert describe(run, corpus=corpus.model_copy(update={"splits": splits})).in_test is None


def test_the_record_holds_no_path(run: Path, corpus: Corpus, tmp_path: Path) -> None:
    text = describe(run, corpus=corpus, output_dir=tmp_path).model_dump_json()
    assert "a-run" in text
    assert str(run.parent) not in text
    assert str(Path.home()) + "/" not in text
    assert f"{tmp_path.parts[0]}{tmp_path.parts[1]}/" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["description.json"]


def test_progress_counts_every_text(run: Path, corpus: Corpus) -> None:
    seen: list[tuple[str, int, int]] = []
    describe(run, corpus=corpus, on_progress=lambda *where: seen.append(where))
    assert Counter(task for task, _, _ in seen)["Timing"] == 75
    assert seen[-1] == ("Classifying", 75, 75)
    assert [done for task, done, _ in seen if task == "Timing"] == list(range(1, 76))


def test_a_label_without_texts_to_show_has_none(
    make_tiny_model: MakeModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write_corpus(tmp_path)
    kept = [(text, label) for text, label in made_rows(60, seed=5) if label != 2]
    write_rows(tmp_path / "train.csv", [*kept, ("so furious @ada", 2), ("i hate www example org", 2)])
    run = write_run(tmp_path / "run", corpus, make_tiny_model())
    described = describe(run, corpus=corpus)
    assert (described.labels[2].rows, described.labels[2].examples) == (2, ())
    assert len(described.labels[0].examples) == EXAMPLES
    assert len(described.answers) == 2


# Refusals -------------------------------------------------------------------------------------------------------------


def refused(kind: type[EmohubError], match: str, *arguments: object, **options: object) -> None:
    with pytest.raises(kind, match=match) as caught:
        describe(*arguments, **options)  # type: ignore[arg-type]
    assert str(caught.value).count("\n") == 0


def test_other_weights_are_refused(run: Path, corpus: Corpus, make_tiny_model: MakeModel, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(run, folder)
    shutil.copy(make_tiny_model(seed=9) / "model.safetensors", folder / "checkpoint")
    refused(ModelError, "weights of .* are not those that its run exported", folder, corpus=corpus, output_dir=tmp_path)
    assert not (tmp_path / "description.json").exists()


def test_other_rows_are_refused(run: Path, made_corpus: Corpus) -> None:
    refused(DataError, "train rows of made are not those of the run", run, corpus=made_corpus)


def test_other_labels_are_refused(corpus: Corpus, make_tiny_model: MakeModel, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", corpus, make_tiny_model(labels=("sadness", "joy", "fear")))
    refused(ModelError, "lacks anger and also has fear", folder, corpus=corpus)


def test_what_is_no_run_is_refused(tiny_model_dir: Path, corpus: Corpus, run: Path, tmp_path: Path) -> None:
    refused(UsageError, "there is no run", tiny_model_dir, corpus=corpus)
    shutil.copytree(run, tmp_path / "run")
    stage = json.loads((run / "run.json").read_text()) | {"stage": "masked_lm"}
    (tmp_path / "run" / "run.json").write_text(json.dumps(stage))
    refused(UsageError, "stage masked_lm, which has no labels", tmp_path / "run", corpus=corpus)
    (tmp_path / "run" / "run.json").write_text("{")
    refused(RecordError, "is not JSON", tmp_path / "run", corpus=corpus)


def test_a_corpus_of_files_must_be_given_again(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record says which files, by content, and not where they lie."""
    monkeypatch.chdir(tmp_path)
    refused(UsageError, "does not say where the files of the corpus flawed lie; give .* --corpus", run)


# What is shown --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("write to ada.lovelace@example.org please", "email"),
        ("write to ada (at) example.org", "email"),
        ("ada\N{FULLWIDTH COMMERCIAL AT}example.org", "email"),
        ("thanks @ada_l !", "handle"),
        ("@user that is sad", "handle"),
        (".@ada said so", "handle"),
        ("see https://example.org/x", "url"),
        ("see WWW.Example.org", "url"),
        ("read example.com/page today", "url"),
        ("i feel href http t co", "url"),
        ("call +49 (30) 123-4567", "phone"),
        ("my number is 5551234567", "phone"),
        ("\N{FULLWIDTH DIGIT ONE}" * 8, "phone"),
        ("what the FUCK", "offensive"),
        ("you faggots", "offensive"),
    ],
)
def test_a_reason_to_hide_is_found(text: str, reason: str) -> None:
    assert reason in reasons_to_hide(text)


@pytest.mark.parametrize(
    "text",
    [
        "i was born in 1984 and moved in 2001",
        "it costs 30 euros , or 12.50 for two",
        "the end.so sad",
        "a snigger , and scunthorpe",
        "i feel at home . no one asked",
        "3 and a half hours , 6.75 each",
        "caf\N{LATIN SMALL LETTER E WITH ACUTE} com leite",
    ],
)
def test_harmless_texts_are_shown(text: str) -> None:
    assert reasons_to_hide(text) == set()


# The command ----------------------------------------------------------------------------------------------------------


def test_the_command_records_beside_the_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    folder = tmp_path / "a-run"
    shutil.copytree(run, folder)
    write_corpus(tmp_path)
    declaration = "\n".join(
        [
            'name = "flawed"',
            'title = "Made sentences with flaws"',
            f"labels = {json.dumps(LABELS)}",
            *(f'[splits.{split}]\nfile = "{split}.csv"' for split in (*SPLITS, "test")),
        ]
    )
    (tmp_path / "flawed.toml").write_text(declaration, encoding="utf-8")

    assert run_cli("describe", folder, "--corpus", tmp_path / "flawed.toml") == 0
    shown = capsys.readouterr()
    record = DescriptionRecord.load(folder / "description.json")
    assert f"Wrote {folder / 'description.json'}" in shown.err
    for label in record.labels:
        assert label.examples[0] in shown.out
    for mistake in record.mistakes:
        assert mistake.text in shown.out
        assert f"{mistake.confidence:.3f}" in shown.out
    assert f"{record.mistakes_in_all} mistakes" in shown.out

    options = ("--output-dir", tmp_path / "here", "--seed", "4", "--format", "json")
    assert run_cli("describe", folder, "--corpus", tmp_path / "flawed.toml", *options) == 0
    printed = DescriptionRecord.from_values(json.loads(capsys.readouterr().out), "stdout")
    assert printed == DescriptionRecord.load(tmp_path / "here" / "description.json")
    assert printed.seed == 4


def test_the_command_refuses_with_a_sentence(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("describe", "no-such-run") == 2
    assert "there is no run 'no-such-run'" in capsys.readouterr().err
    assert run_cli("describe", run, "--corpus", "no-such-corpus") == 2
    assert "there is no corpus" in capsys.readouterr().err
