"""Word attributions against a model whose probabilities are known in closed form."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emohub.cli import main
from emohub.errors import UsageError
from emohub.explain import MAX_WORDS, leave_one_out
from emohub.inference import Classifier

WEIGHTS = {"happy": 3.0, "fine": 1.0, "awful": -2.0}


def joy(*words: str) -> float:
    """What the planted model answers to these words, in closed form."""
    return 1 / (1 + math.exp(-sum(WEIGHTS.get(word, 0.0) for word in words)))


class Planted:
    """A logistic model of word weights: the probability of joy is the sigmoid of their sum."""

    labels = ("sadness", "joy")

    def __init__(self) -> None:
        self.seen: list[str] = []

    @property
    def in_float32(self) -> "Planted":
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.seen += texts
        of_joy = np.array([joy(*text.split()) for text in texts])
        return np.stack([1 - of_joy, of_joy], axis=1).astype(np.float32)

    def characters_read(self, text: str) -> int:
        return len(text)


def test_drops_equal_the_closed_form_and_the_trigger_comes_first() -> None:
    attribution = leave_one_out(Planted(), "it was a happy and fine day")

    whole = joy("happy", "fine")
    drops = {word.text: word.score for word in attribution.words}
    assert attribution.label == "joy"
    assert attribution.probability == pytest.approx(whole, abs=1e-6)
    assert drops["happy"] == pytest.approx(whole - joy("fine"), abs=1e-6)
    assert drops["fine"] == pytest.approx(whole - joy("happy"), abs=1e-6)
    assert drops["day"] == 0
    assert [word.text for word in attribution.ranked[:2]] == ["happy", "fine"]


def test_another_label_turns_the_signs_around() -> None:
    attribution = leave_one_out(Planted(), "an awful happy day", "SADNESS")

    assert attribution.label == "sadness"
    assert attribution.ranked[0].text == "awful"
    assert attribution.ranked[-1].text == "happy"
    assert attribution.ranked[-1].score < 0


class ShortSighted(Planted):
    """One that reads the first 20 characters."""

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return super().predict_proba([text[:20] for text in texts])

    def characters_read(self, text: str) -> int:
        return min(20, len(text))


def test_no_word_moves_up_into_what_is_read_when_another_goes() -> None:
    attribution = leave_one_out(ShortSighted(), "so fine it was today awful awful", top_k=5)

    assert [word.score for word in attribution.words if word.text != "fine"] == [0] * 6
    assert [word.read for word in attribution.words] == [True] * 5 + [False] * 2
    assert attribution.faithfulness.comprehensiveness == pytest.approx(joy("fine") - joy(), abs=1e-6)


def test_faithfulness_equals_the_closed_form_and_beats_chance() -> None:
    text = "happy a b c d e f g h fine"
    faithfulness = leave_one_out(Planted(), text, top_k=2, random_draws=400).faithfulness

    whole = joy("happy", "fine")
    assert faithfulness.comprehensiveness == pytest.approx(whole - joy(), abs=1e-6)
    assert faithfulness.sufficiency == pytest.approx(0, abs=1e-6)
    # Two of ten words, drawn without order: both 1/45, happy alone 8/45, fine alone 8/45, neither 28/45.
    shares = np.array([1, 8, 8, 28]) / 45
    removed = np.array([joy(), joy("fine"), joy("happy"), whole])
    kept = np.array([whole, joy("happy"), joy("fine"), joy()])
    assert faithfulness.random_comprehensiveness == pytest.approx(whole - shares @ removed, abs=0.04)
    assert faithfulness.random_sufficiency == pytest.approx(whole - shares @ kept, abs=0.04)


def test_a_real_classifier_is_asked_about_the_text_without_each_word(tiny_model_dir: Path) -> None:
    classifier = Classifier.from_pretrained(tiny_model_dir, engine="torch")
    attribution = leave_one_out(classifier, "i feel happy today")

    whole = classifier.classify("i feel happy today")
    assert attribution.label == whole.label
    assert attribution.probability == pytest.approx(max(whole.probabilities), abs=1e-6)
    column = classifier.labels.index(whole.label)
    for word, rest in zip(
        attribution.words, ("feel happy today", "i happy today", "i feel today", "i feel happy"), strict=True
    ):
        expected = whole.probabilities[column] - classifier.classify(rest).probabilities[column]
        assert word.score == pytest.approx(expected, abs=1e-5)


def test_the_command_shows_words_and_how_far_to_trust_them(
    tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "am https://x.org/[bold] happy!"
    with pytest.raises(SystemExit) as stopped:
        main(["explain", str(tiny_model_dir), text, "--label", "JOY", "--top-k", "2"])
    shown = capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["explain", str(tiny_model_dir), text, "--label", "joy", "--top-k", "2", "--format", "json"])
    printed = json.loads(capsys.readouterr().out)

    assert stopped.value.code in (None, 0)
    assert printed["label"] == "joy"
    for word in printed["words"]:
        assert f"{word['score']:+.4f}" in shown
    assert "https://x.org/[bold]" in shown
    assert f"{printed['faithfulness']['comprehensiveness']:+.4f}" in shown
    assert "Top 2 of 4 words" in shown


def test_the_baseline_is_seeded() -> None:
    first, again, other = (leave_one_out(Planted(), "so happy on a fine day", seed=seed) for seed in (0, 0, 1))

    assert first == again
    assert first.words == other.words
    assert first.faithfulness.random_sufficiency != other.faithfulness.random_sufficiency


@pytest.mark.parametrize("text", ["  two  words \n", "one", "tab\tand\u00a0nbsp, it's — “quoted”!", "日本 語 🙂 x"])
def test_words_and_the_space_between_them_make_up_the_text(text: str) -> None:
    words = leave_one_out(Planted(), text).words

    assert all(text[word.start : word.end] == word.text for word in words)
    gaps = re.sub(r"\S", "", text)
    assert "".join(word.text for word in words) == "".join(text.split())
    assert len(text) == len(gaps) + sum(len(word.text) for word in words)


def test_a_removed_word_takes_its_space_along() -> None:
    model = Planted()
    leave_one_out(model, "one two  three")

    assert model.seen[:4] == ["one two  three", "two  three", "one three", "one two"]


@pytest.mark.parametrize(
    ("text", "options", "cause"),
    [
        (" \n", {}, "the text is empty"),
        ("a " * (MAX_WORDS + 1), {}, "513 words"),
        ("a b", {"label": "jo"}, "no label 'jo'"),
        ("a b", {"top_k": 3}, "top_k is 3"),
        ("a b", {"random_draws": 0}, "random_draws 0"),
    ],
)
def test_what_cannot_be_explained_is_refused(text: str, options: dict[str, object], cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        leave_one_out(Planted(), text, **options)
