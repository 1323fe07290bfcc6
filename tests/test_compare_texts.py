"""Several texts compared at once: the same answers as one by one, those furthest apart first."""

import json
from pathlib import Path

import pytest

from emohub.cli import main
from emohub.compare import TextComparison, compare_text, compare_texts, rank, relate
from emohub.errors import UsageError
from emohub.inference import Classifier, Prediction
from tests.conftest import MakeModel

TEXTS = ["i am happy", "my friend is crying so much today", "furious and lost", "the sunny home", "i am happy"]


@pytest.fixture(scope="module")
def classifiers(make_tiny_model: MakeModel) -> dict[str, Classifier]:
    folders: dict[str, Path] = {
        "feelings": make_tiny_model(seed=1, scale=0.3),
        "moods": make_tiny_model(seed=2, scale=0.3, labels=("joy", "Anger", "optimism")),
        "polarity": make_tiny_model(seed=3, scale=0.3, labels=("negative", "positive")),
    }
    return {name: Classifier.from_pretrained(folder) for name, folder in folders.items()}


def answer(**probabilities: float) -> Prediction:
    return Prediction(
        text="t",
        labels=tuple(probabilities),
        probabilities=tuple(probabilities.values()),
        label=max(probabilities, key=lambda label: probabilities[label]),
        tokens=3,
        max_length=32,
        truncated=False,
        seconds=0.0,
    )


def comparison(first: Prediction, second: Prediction) -> TextComparison:
    return relate("t", {"first": first, "second": second})


def test_each_text_gets_the_answers_that_it_gets_alone(classifiers: dict[str, Classifier]) -> None:
    compared = compare_texts(classifiers, TEXTS)
    assert compared.models == tuple(classifiers)
    assert sorted(text.row for text in compared.texts) == list(range(len(TEXTS)))
    for text in compared.texts:
        alone = compare_text(classifiers, TEXTS[text.row])
        assert text.comparison.text == TEXTS[text.row]
        assert text.comparison.pairs == alone.pairs
        assert text.comparison.labels == alone.labels
        for name in classifiers:
            given, expected = text.comparison.predictions[name], alone.predictions[name]
            assert given.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
            assert (given.label, given.tokens) == (expected.label, expected.tokens)


def test_the_order_is_that_of_the_distances_worked_out_by_hand(classifiers: dict[str, Classifier]) -> None:
    compared = compare_texts(classifiers, TEXTS)
    keys = []
    for text in compared.texts:
        feelings, moods = (
            dict(
                zip(
                    map(str.lower, text.comparison.predictions[name].labels),
                    text.comparison.predictions[name].probabilities,
                    strict=True,
                )
            )
            for name in ("feelings", "moods")
        )
        apart = max(abs(feelings[label] - moods[label]) for label in ("joy", "anger"))
        assert text.distance == pytest.approx(apart, abs=1e-12)
        keys.append((not text.disagree, -apart, text.row))
    assert keys == sorted(keys)
    assert compared.disagreements == sum(not calm for calm, *_ in keys)


def test_disagreements_come_before_agreements_that_are_further_apart() -> None:
    far = comparison(answer(joy=0.99, anger=0.01), answer(joy=0.51, anger=0.49))
    near = comparison(answer(joy=0.51, anger=0.49), answer(joy=0.49, anger=0.51))
    strangers = comparison(answer(joy=0.9, anger=0.1), answer(good=0.9, bad=0.1))
    compared = rank([far, strangers, near])
    assert [text.row for text in compared.texts] == [2, 0, 1]
    assert [text.disagree for text in compared.texts] == [True, False, False]
    assert [text.distance for text in compared.texts] == [pytest.approx(0.02), pytest.approx(0.48), None]
    assert compared.disagreements == 1


def test_labels_that_one_does_not_know_do_not_count() -> None:
    (only,) = rank([comparison(answer(joy=0.1, love=0.9), answer(joy=0.3, optimism=0.7))]).texts
    assert only.distance == pytest.approx(0.2)
    assert not only.disagree


def test_what_cannot_be_compared_is_refused(classifiers: dict[str, Classifier]) -> None:
    for models, texts in ((classifiers, []), ({}, TEXTS), (classifiers, ["i am", " "])):
        with pytest.raises(UsageError):
            compare_texts(models, texts)


def run(*arguments: str) -> int:
    """Run a command in this process and return its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    return int(stopped.value.code or 0)


def test_the_command_line_compares_the_lines_of_a_file(
    make_tiny_model: MakeModel, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    models = [str(make_tiny_model(seed=seed, scale=0.3)) for seed in (1, 2)]
    path = tmp_path / "texts.txt"
    path.write_text("\r\n".join([TEXTS[0], "", f"  {TEXTS[1]} ", TEXTS[2]]), encoding="utf-8-sig")
    expected = compare_texts({model: Classifier.from_pretrained(model) for model in models}, TEXTS[:3])

    assert run("compare", *models, "--texts", str(path), "--format", "json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert [text["row"] for text in printed["texts"]] == [text.row for text in expected.texts]
    for shown, text in zip(printed["texts"], expected.texts, strict=True):
        assert shown["distance"] == pytest.approx(text.distance, abs=1e-6)
        assert shown["comparison"]["text"] == TEXTS[text.row]

    assert run("compare", *models, "--texts", str(path)) == 0
    shown = capsys.readouterr().out
    assert f"disagree on {expected.disagreements} of 3 texts" in shown
    places = [shown.index(text.comparison.text) for text in expected.texts]
    assert places == sorted(places)

    path.write_bytes(b"\xff\xfe")
    for code, arguments in (
        (1, ["--texts", str(path)]),
        (1, ["--texts", "no-such-file"]),
        (2, ["--texts", str(path), "--corpus", "emotion"]),
    ):
        assert run("compare", *models, *arguments) == code
