"""The robustness suite: planted weaknesses fail exactly the tests that are for them, and an oracle passes all."""

import json
import random
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from card_text import rows, section
from conftest import LABELS, MakeModel, write_rows
from factories import make_eval_record, make_recipe, make_run_record
from scipy import stats

from emohub.card import render, render_folder, validate, write_card
from emohub.card.robustness import weak_spots
from emohub.cli import main
from emohub.data import load_split
from emohub.errors import CardError, DataError, ModelError, RecipeError, RecordError, UsageError
from emohub.inference import Classifier
from emohub.inference.answers import Answers
from emohub.labels import NONE_OF_THEM
from emohub.metrics import mean_interval, paired_interval
from emohub.publish import plan, preflight
from emohub.publish.files import SHOWN
from emohub.recipe import Corpus, list_corpora, load_corpus
from emohub.record import ModelIdentity, RobustnessRecord, RunRecord, sha256_file
from emohub.robustness import load_templates, measure_robustness
from emohub.robustness.changes import CHANGES, NEUTRAL_EMOJI, NEUTRAL_HASHTAGS, changed_rows
from emohub.robustness.judging import probed
from emohub.robustness.templates import Probe

RESAMPLES = 200
TYPOS = {"two letters swapped", "a letter dropped", "a neighbouring key"}
MADE = load_templates()
NEGATED = {negated for label in MADE.labels for _, negated in MADE.pairs(label)}
TELLING = {text: label.names[0] for label in MADE.labels for text in label.sentences}
CHANGED = {change.name: change for change in CHANGES}


def run_cli(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


class Planted(Classifier):
    """A classifier that answers as a function says; None makes all labels equally likely."""

    def __init__(self, answer: Callable[[str], str | None], labels: Sequence[str] = LABELS) -> None:
        self.id, self.labels, self.max_length, self._answer = "planted", tuple(labels), 512, answer

    @property
    def in_float32(self) -> "Planted":
        return self

    @property
    def device(self) -> str:
        return "cpu"

    def identity(self) -> ModelIdentity:
        return ModelIdentity(id=self.id, revision=None, fingerprint="0" * 64)

    def count_tokens(self, texts):
        return np.array([len(text.split()) for text in texts])

    def answer_in_steps(self, texts):
        yield len(texts)
        answers = [self._answer(text) for text in texts]
        even = np.full(len(self.labels), 1 / len(self.labels), np.float32)
        rows = [even if each is None else np.eye(len(self.labels))[self.labels.index(each)] for each in answers]
        return Answers(np.array(rows, np.float32), self.count_tokens(texts))


def number(text: str) -> int | None:
    """The number that a text of the corpus carries through every change; None for any other text."""
    found = re.match(r"(?:@user )?no (\d+)\b", text, re.IGNORECASE)
    return int(found[1]) if found else None


def named(text: str) -> str | None:
    """The label whose word stands in a made sentence."""
    words = {word: label.names[0] for label in MADE.labels for word in label.words}
    return next((words[word] for word in re.findall(r"\w+", text) if word in words), None)


def right(text: str) -> str | None:
    """The answer to every text of the suite."""
    row = number(text)
    if row is not None:
        return LABELS[row % 3]
    label = TELLING.get(text) or named(text)
    return another(label) if text in NEGATED and label else label


def another(label: str | None) -> str | None:
    return None if label is None else LABELS[(LABELS.index(label) + 1) % 3]


def wrong_where(weakness: Callable[[str], bool], *, made_too: bool = False) -> Callable[[str], str | None]:
    """The oracle, except for texts (of the corpus, or made ones too) with the weakness."""

    def answer(text: str) -> str | None:
        applies = (made_too or number(text) is not None) and weakness(text)
        return another(right(text)) if applies else right(text)

    return answer


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Texts that every change applies to."""
    folder = tmp_path_factory.mktemp("robust")
    text = "No {}: I don't think that we do not sleep at home, right? 🙂 at the #fun place {}"
    words = ["red", "blue", "green", "white"]
    rows = [(text.format(row, words[row % 4]), row % 3) for row in range(60)]
    for split in ("validation", "test"):
        write_rows(folder / f"{split}.csv", rows)
    values = {
        "name": "robust",
        "title": "Made texts",
        "language": ["en"],
        "labels": list(LABELS),
        "splits": {split: {"file": f"{split}.csv"} for split in ("validation", "test")},
        "base_folder": str(folder),
    }
    return Corpus.from_values(values, "robust corpus")


def measured(answer: Callable[[str], str | None], corpus: Corpus, **options: object) -> RobustnessRecord:
    return measure_robustness(Planted(answer), corpus, resamples=RESAMPLES, **options)  # type: ignore[arg-type]


def failing(record: RobustnessRecord) -> set[str]:
    return {each.name for each in (*record.tests, *record.probes) if each.failures}


# Planted models ------------------------------------------------------------------------------------------------------


def test_an_oracle_passes_every_test(corpus: Corpus) -> None:
    record = measured(right, corpus)
    assert failing(record) == set()
    assert {test.name for test in record.tests} == {
        *CHANGED,
        *(f"{label} named" for label in LABELS),
        "shown, not named",
        "negation",
    }
    assert all(test.texts == 60 for test in record.tests if test.name in CHANGED)
    assert {test.name: test.texts for test in record.tests if test.name not in CHANGED} == {
        **{f"{label} named": 36 for label in LABELS},
        "shown, not named": 18,
        "negation": 108,
    }
    assert (record.accuracy.value, record.confidence, record.left_out) == (1.0, 1.0, ())
    assert all(probe.spread.value == 0 for probe in record.probes)
    assert [(other.name, other.sure.value) for other in record.unfamiliar] == [("plain facts", 0.0)]
    assert record.unfamiliar[0].confidence.value == pytest.approx(1 / 3)
    assert weak_spots(record) == []


@pytest.mark.parametrize(
    ("weakness", "expected"),
    [
        (lambda text: text == text.upper(), {"upper case"}),
        (lambda text: text == text.lower(), {"lower case"}),
        (lambda text: " Think " in text, {"title case"}),
        (lambda text: "think" not in text.lower(), TYPOS),
        (lambda text: any(emoji in text for emoji in NEUTRAL_EMOJI), {"emoji added"}),
        (lambda text: "🙂" not in text, {"emoji removed"}),
        (lambda text: any(tag in text for tag in NEUTRAL_HASHTAGS), {"hashtag added"}),
        (lambda text: "#" not in text, {"hash signs removed"}),
        (lambda text: "@user" in text, {"user mention added"}),
        (lambda text: "http" in text, {"link added"}),
        (lambda text: "?" not in text, {"punctuation removed"}),
        (lambda text: text.endswith("."), {"full stop added"}),
        (lambda text: "n't" not in text.lower(), {"contractions written out"}),
        (lambda text: " not " not in text.lower(), {"contractions made"}),
    ],
)
def test_a_planted_weakness_fails_the_test_that_is_for_it(
    weakness: Callable[[str], bool], expected: set[str], corpus: Corpus
) -> None:
    record = measured(wrong_where(weakness), corpus)
    assert failing(record) == expected
    for test in record.tests:
        if test.name in expected - TYPOS:
            assert (test.failures, test.failure_rate.value) == (60, 1.0)
            assert test.accuracy_change is not None
            assert test.accuracy_change.value == -1.0
            assert test.is_weak
            assert len(test.examples) == 3
            first = test.examples[0]
            assert (first.expected, first.answered) == ("sadness", "joy")
            assert first.before == load_split(corpus, "validation").texts[0]
            assert first.text == CHANGED[test.name].apply(first.before, random.Random(f"0 {test.name} 0"))
    assert len(weak_spots(record)) == sum(test.is_weak for test in record.tests) >= 1


def test_a_bag_of_words_that_ignores_not_fails_negation(corpus: Corpus) -> None:
    record = measured(lambda text: named(text) if text in NEGATED else right(text), corpus)
    assert failing(record) == {"negation"}
    negation = record.tests[-1]
    assert (negation.kind, negation.failures, negation.texts) == ("direction", 108, 108)
    assert negation.examples[0].before == "I am sad."
    assert negation.examples[0].text == "I am not sad."
    assert weak_spots(record) == [
        'Weak spot "negation": 100.0% of 108 made sentences keep a label that they should lose.'
    ]


def test_who_does_not_know_a_label_fails_its_sentences_alone(corpus: Corpus) -> None:
    record = measured(lambda text: "anger" if number(text) is None and right(text) == "joy" else right(text), corpus)
    assert {test.name: test.failures for test in record.tests if test.failures} == {
        "joy named": 36,
        "shown, not named": 6,
    }
    assert record.tests[-1].texts == 72  # joy is not named, so that there is nothing to take away from it


def test_a_trigger_name_shows_in_the_probe_for_names_alone(corpus: Corpus) -> None:
    record = measured(lambda text: "anger" if re.search(r"\bMary\b", text) else right(text), corpus)
    assert failing(record) == {"first names"}
    names = record.probes[0]
    # 3 labels, 2 words, 4 patterns; one of 20 names is answered otherwise, but for the sentences that name anger.
    assert (names.sentences, names.texts, names.failures) == (24, 480, 16)
    men, women = names.groups
    assert men.probability == 1.0
    assert women.probability == pytest.approx(1 - 16 / 240)
    assert names.spread.value == pytest.approx(16 / 240)
    assert women.difference.value == pytest.approx(-8 / 240)
    assert not names.is_weak  # one name of ten


def test_a_group_that_is_answered_otherwise_is_a_weak_spot(corpus: Corpus) -> None:
    women = next(probe for probe in MADE.probes if probe.name == "first names").groups["women"]
    record = measured(lambda text: "anger" if text.startswith(women) else right(text), corpus)
    assert failing(record) == {"first names"}
    assert record.probes[0].is_weak
    (said,) = weak_spots(record)
    assert "0.6667 higher on average for the group men than for the group women" in said


def test_who_is_sure_of_plain_facts_is_told_so(corpus: Corpus) -> None:
    facts = set(MADE.plain_facts)
    record = measured(lambda text: "joy" if text in facts else right(text), corpus)
    assert failing(record) == set()
    (other,) = record.unfamiliar
    assert other.answers == {"sadness": 0, "joy": len(facts), "anger": 0}
    assert other.sure.value == other.confidence.value == 1.0
    assert len(weak_spots(record)) == 1
    labels = ("sadness", "joy", "Neutral")
    with_a_way_out = corpus.model_copy(update={"labels": labels})
    assert "neutral" in NONE_OF_THEM
    answer = lambda text: "Neutral" if text in facts or right(text) == "anger" else right(text)  # noqa: E731
    record = measure_robustness(Planted(answer, labels), with_a_way_out, resamples=RESAMPLES)
    assert record.unfamiliar[0].sure.value == 0.0
    assert record.left_out == ("There are no made sentences for Neutral.",)


# Figures -------------------------------------------------------------------------------------------------------------


def test_rates_and_changes_are_what_counting_and_scipy_give(corpus: Corpus) -> None:
    data = load_split(corpus, "validation")

    def answer(text: str) -> str | None:  # right for half of the texts, and the other half in capitals
        row = number(text)
        if row is None:
            return right(text)
        is_right = row % 5 < 3 if text == text.upper() else row % 2 == 0
        return LABELS[row % 3] if is_right else another(LABELS[row % 3])

    record = measured(answer, corpus)
    upper = record.tests[0]
    before = np.array([answer(text) == LABELS[row % 3] for row, text in enumerate(data.texts)])
    after = np.array([answer(text.upper()) == LABELS[row % 3] for row, text in enumerate(data.texts)])
    assert upper.name == "upper case"
    assert upper.failures == (before != after).sum()
    wilson = stats.binomtest(upper.failures, 60).proportion_ci(method="wilson")
    assert (upper.failure_rate.low, upper.failure_rate.high) == pytest.approx((wilson.low, wilson.high))
    assert upper.accuracy_change is not None
    assert upper.accuracy_change.value == pytest.approx(after.mean() - before.mean())
    assert upper.accuracy_change.low < upper.accuracy_change.value < upper.accuracy_change.high
    assert record.accuracy.value == before.mean()


def test_the_interval_of_two_paired_shares_keeps_its_level() -> None:
    draw = np.random.default_rng(0)
    for lost, won, n in ((0.05, 0.02, 100), (0.2, 0.2, 60), (0.01, 0.0, 200)):
        rows = draw.multinomial(n, [lost, won, 1 - lost - won], size=2000)
        inside = [low <= won - lost <= high for low, high in (paired_interval(b, c, n) for b, c, _ in rows.tolist())]
        assert 0.93 < np.mean(inside) <= 1.0
    # By hand, for 4 lost and 1 won of 18: (2 - 5) / 20, and the variance (2 / 20 + 5 / 20 - 0.15²) / 20.
    half = 1.959964 * ((7 / 20 - 0.15**2) / 20) ** 0.5
    assert paired_interval(4, 1, 18) == pytest.approx((-0.15 - half, -0.15 + half), rel=1e-6)
    assert paired_interval(1, 4, 18) == pytest.approx((0.15 - half, 0.15 + half), rel=1e-6)
    low, high = paired_interval(3, 0, 3)
    assert low == -1.0 <= high
    for counts in ((-1, 0, 5), (3, 3, 5), (0, 0, 0)):
        with pytest.raises(DataError, match="rows lost"):
            paired_interval(*counts)


def test_the_interval_of_a_mean_is_scipys() -> None:
    values = np.random.default_rng(1).beta(2, 1, size=80)
    ours = mean_interval(values, resamples=9999, seed=3)
    reference = stats.bootstrap((values,), np.mean, n_resamples=9999, method="percentile", rng=4).confidence_interval
    assert ours == pytest.approx((reference.low, reference.high), abs=0.005)


def test_the_interval_of_a_group_covers_sentences_and_terms() -> None:
    probe = Probe(name="p", source="made", groups={"a": ("a1", "a2"), "b": ("b1",)})
    constant = np.array([[0.9, 0.7, 0.4]] * 5)
    answers = np.array([[0, 0, 1]] * 4 + [[1, 1, 1]])
    result = probed(probe, constant, answers, resamples=2000, seed=0)
    assert (result.failures, result.texts) == (4, 15)
    assert result.spread.value == pytest.approx(0.4)
    a, b = result.groups
    assert (a.probability, b.probability) == pytest.approx((0.8, 0.4))
    assert (a.difference.value, b.difference.value) == pytest.approx((0.2, -0.2))
    # Sentences do not differ; a's two names give 0.7, 0.8 or 0.9, each end a quarter of the time.
    assert (a.difference.low, a.difference.high) == pytest.approx((0.15, 0.25))
    assert (result.spread.low, result.spread.high) == pytest.approx((0.3, 0.5))
    assert result.is_weak


# Changes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("upper case", "so good", "SO GOOD"),
        ("title case", "it's so 4you @ada", "It's So 4you @ada"),
        ("emoji removed", "yes ❤️ 👍🏽 no", "yes     no"),
        ("hash signs removed", "#joy and &#39; a#b ##c", "joy and &#39; a#b #c"),
        ("user mention added", "hi", "@user hi"),
        ("punctuation removed", "Well, 3.5 is it? See example.org!", "Well  3.5 is it  See example.org "),
        ("full stop added", "so it is ", "so it is."),
        ("full stop added", "so it is!", "so it is!"),
        ("contractions written out", "Don't, he can't and i won't", "Do not, he cannot and i will not"),
        ("contractions written out", "im sad, i m sad, it is n't, didnt", "i am sad, i am sad, it is not, did not"),
        ("contractions written out", "we've heard they'll say you're", "we have heard they will say you are"),
        ("contractions written out", "what he'd wants: Ann's, wont, i mean", "what he'd wants: Ann's, wont, i mean"),
        ("contractions made", "I am here but I will not, do not", "I'm here but I won't, don't"),
        ("contractions made", "so I am", "so I am"),
        ("contractions made", "i cannot, can not", "i can't, can't"),
    ],
)
def test_a_change_does_what_it_says(name: str, text: str, expected: str) -> None:
    assert CHANGED[name].apply(text, random.Random(0)) == expected


def test_a_typo_is_one_and_leaves_first_letters_tags_and_addresses_alone() -> None:
    text = "@somebody wrote #something on https://example.org/page for Ann and me"
    for name in TYPOS:
        for seed in range(50):
            (changed,) = {CHANGED[name].apply(text, random.Random(seed))}
            before, after = text.split(), changed.split()
            differing = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
            assert all(a == "wrote" and b[0] == "w" for a, b in differing)
            assert len(differing) == 1
            ((_, typo),) = differing
            assert (sorted(typo) == sorted("wrote")) == (name == "two letters swapped")
            assert len(typo) == (4 if name == "a letter dropped" else 5)


def test_a_change_depends_on_seed_and_row_alone() -> None:
    texts = [f"text number {row} about nothing" for row in range(20)]
    for change in CHANGES:
        rows, changed = changed_rows(change, texts, 7)
        assert changed_rows(change, texts, 7) == (rows, changed)
        some = changed_rows(change, texts[:5], 7)
        assert some == ([row for row in rows if row < 5], changed[: len(some[1])])
    rows, _ = changed_rows(CHANGED["a letter dropped"], ["so it is", "something", ""], 0)
    assert rows == [1]
    assert changed_rows(CHANGED["emoji removed"], ["👍", "a  b", "👍 x"], 0) == ([2], ["  x"])
    drawn = {tuple(changed_rows(CHANGED["a neighbouring key"], texts, seed)[1]) for seed in range(3)}
    assert len(drawn) == 3


# Made sentences ------------------------------------------------------------------------------------------------------


def test_the_sentences_that_ship_are_whole() -> None:
    assert {
        name for name in list_corpora() for label in load_corpus(name).labels if MADE.words_of(label) is None
    } == set()
    assert len(MADE.labels) >= 10
    everything = [*MADE.plain_facts]
    for label in MADE.labels:
        pairs = MADE.pairs(label)
        assert len(label.words) == len(label.sentences) == 6
        assert len({text for pair in pairs for text in pair}) == 2 * len(pairs) == 72
        everything += [*label.sentences, *(text for pair in pairs for text in pair)]
    assert len(set(everything)) == len(everything)
    assert all(re.match(r"[A-Z].*[.!?]$", text) for text in everything)
    words = [word for label in MADE.labels for word in label.words]
    assert len(set(words)) == len(words)
    facts = " ".join(MADE.plain_facts).lower()
    assert not [word for word in words if re.search(rf"\b{word}\b", facts)]
    for probe in MADE.probes:
        terms = [term for group in probe.groups.values() for term in group]
        assert len(set(terms)) == len(terms) >= 5
        assert len(probe.source) > 10
    assert len(MADE.probes) >= 5


OWN = """language = ["de"]
[frames.f]
pairs = [["Ich bin {word}.", "Ich bin nicht {word}."]]
about = ["{person} ist {word}."]
[[labels]]
names = ["JOY"]
frames = "f"
words = ["froh", "heiter", "munter"]
[[probes]]
name = "p"
source = "ours"
groups.a = ["Er"]
groups.b = ["Sie"]
"""


def test_sentences_of_ones_own_are_asked_whatever_the_corpus_says_of_its_language(
    corpus: Corpus, tmp_path: Path
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN, encoding="utf-8")
    record = measured(lambda text: "joy" if "nicht" not in text else "anger", corpus, templates=path)
    made = [test for test in record.tests if test.kind != "invariance"]
    assert [(test.name, test.texts, test.failures) for test in made] == [("joy named", 3, 0), ("negation", 3, 0)]
    assert [(probe.name, probe.texts) for probe in record.probes] == [("p", 4)]
    assert (record.templates, record.unfamiliar) == ("own.toml", ())
    assert record.left_out == ("There are no made sentences for sadness, anger.",)
    record = measured(lambda text: "anger", corpus, templates=path)
    assert record.left_out[-1].startswith("No sentence that names a label gets it")


def test_made_sentences_are_left_out_of_other_languages(corpus: Corpus) -> None:
    for language, said in ((("de",), "is in de"), ((), "in a language that it does not state")):
        record = measured(right, corpus.model_copy(update={"language": language}))
        assert {test.kind for test in record.tests} == {"invariance"}
        assert not {test.name for test in record.tests} & {"contractions made", "contractions written out"}
        assert (record.templates, record.probes, record.unfamiliar) == (None, (), ())
        assert said in record.left_out[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"Ich bin {word}."', '"Ich bin froh."', r"must hold \{word\}"),
        ('"{person} ist {word}."', '"Wer ist {word}?"', r"must hold \{person\} and \{word\}"),
        ('frames = "f"', 'frames = "g"', "names the frames 'g'"),
        ('names = ["JOY"]', "names = []", "no names"),
        ('groups.b = ["Sie"]', "", "two groups"),
        ('groups.b = ["Sie"]', "groups.b = []", "none of them empty"),
        ("pairs", "pears", "unknown key 'frames.f.pears'"),
    ],
)
def test_sentences_that_do_not_fit_together_are_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        load_templates(path)


# Real models, files and the command line -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model_dir(make_tiny_model: MakeModel) -> Path:
    """Untrained, with weights so wide that it gives different labels to different texts."""
    return make_tiny_model(scale=0.5)


def test_a_real_model_is_measured_the_same_each_time_and_kept(model_dir: Path, corpus: Corpus, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    record = measure_robustness(
        model_dir, corpus, output_dir=tmp_path, resamples=RESAMPLES, on_progress=lambda *at: seen.append(at)
    )
    assert RobustnessRecord.load(tmp_path / "robustness.json") == record
    again = measure_robustness(Classifier.from_pretrained(model_dir), corpus, resamples=RESAMPLES)
    assert again.model_copy(update={"created": record.created}) == record
    assert seen[-1][0] == seen[-1][1] >= 60 * 17
    assert record.model.id == model_dir.name
    classifier = Classifier.from_pretrained(model_dir, engine="torch")
    texts = load_split(corpus, "validation").texts
    before, after = (classifier.predict_proba(each).argmax(axis=1) for each in (texts, [t.upper() for t in texts]))
    assert record.tests[0].failures == (before != after).sum()
    measure_robustness(model_dir, corpus, output_dir=tmp_path, resamples=RESAMPLES)  # replaces its own kind
    with pytest.raises(UsageError, match="is of robust, validation, and would be replaced by that of robust, test"):
        measure_robustness(model_dir, corpus, "test", output_dir=tmp_path, resamples=RESAMPLES)
    (tmp_path / "robustness.json").write_text("{")
    with pytest.raises(RecordError, match="not JSON"):
        RobustnessRecord.load(tmp_path / "robustness.json")
    with pytest.raises(ModelError, match="are not the corpus' labels"):
        measure_robustness(model_dir, corpus.model_copy(update={"labels": ("a", "b", "c")}))


def test_no_text_of_the_test_split_is_shown(corpus: Corpus) -> None:
    weak = wrong_where(lambda text: text == text.upper())
    assert measured(weak, corpus).tests[0].examples
    assert measured(weak, corpus, split="test").tests[0].examples == ()


def test_more_texts_than_are_needed_are_drawn(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emohub.robustness.suite.MAX_TEXTS", 20)
    weak = wrong_where(lambda text: text == text.upper())
    first, again, other = (measured(weak, corpus, seed=seed) for seed in (0, 0, 1))
    assert (first.texts, first.data.rows, first.tests[0].texts) == (20, 60, 20)
    assert first.tests == again.tests
    assert first.tests[0].examples != other.tests[0].examples


def test_texts_of_other_corpora_are_asked_where_their_files_are(corpus: Corpus, tmp_path: Path) -> None:
    texts = [(f"other text {row}", row % 2) for row in range(872)]
    write_rows(tmp_path / "sst2" / "validation.parquet", texts)
    answer = lambda text: "joy" if text.startswith("other") else right(text)  # noqa: E731
    record = measured(answer, corpus, data_dir=tmp_path)
    facts, sst2 = record.unfamiliar
    assert (sst2.name, sst2.texts, sst2.answers["joy"], sst2.nothing_to_find) == ("sst2", 500, 500, False)
    assert not sst2.is_weak  # nothing says that joy is wrong for them
    assert facts.name == "plain facts"


def declaration(corpus: Corpus, folder: Path) -> Path:
    path = folder / "robust.toml"
    splits = "\n".join(
        f'[splits.{name}]\nfile = "{corpus.base_folder}/{split.file}"' for name, split in corpus.splits.items()
    )
    path.write_text(
        f'name = "robust"\ntitle = "Made texts"\nlanguage = ["en"]\nlabels = {json.dumps(corpus.labels)}\n{splits}\n',
        encoding="utf-8",
    )
    return path


def test_the_command_measures_shows_and_writes(
    model_dir: Path, corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("evaluate", model_dir, "--corpus", declaration(corpus, tmp_path), "--suite", "robustness")
    assert run_cli(*arguments, "--resamples", "50") == 0
    shown = capsys.readouterr()
    folder = tmp_path / "runs" / "evaluations" / f"{model_dir.name}-robust-validation"
    record = RobustnessRecord.load(folder / "robustness.json")
    assert "robustness.json" in shown.err
    for name in (*(test.name for test in record.tests), *(probe.name for probe in record.probes), "plain facts"):
        assert name in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert run_cli(*arguments, "--resamples", "50", "--format", "json", "--output-dir", tmp_path / "out") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["tests"] == json.loads((folder / "robustness.json").read_text())["tests"]


# Cards and what is published -----------------------------------------------------------------------------------------


def recorded(run: RunRecord, answer: Callable[[str], str | None], corpus: Corpus) -> RobustnessRecord:
    """The robustness of a planted model as if the run had exported it."""
    record = measured(answer, corpus)
    identity = ModelIdentity(id="tiny", revision=None, fingerprint=run.exported.fingerprint)
    data = run.data["validation"]
    return record.model_copy(update={"model": identity, "corpus": run.recipe["corpus"]["name"], "data": data})


def test_a_card_shows_tests_groups_and_weak_spots_when_there_is_a_record(corpus: Corpus) -> None:
    run = make_run_record()
    evaluation = make_eval_record(run)
    plain = render(run, evaluation)
    assert "Robustness" not in plain
    assert "Weak spot" not in plain
    robustness = recorded(run, lambda text: named(text) if text in NEGATED else right(text), corpus)
    card = render(run, evaluation, robustness=robustness)
    assert [finding for finding in validate(card) if finding.severity == "error"] == []
    assert "\n\n\n" not in card
    names = re.findall(r"emohub:begin ([a-z-]+) ", card)
    assert names[:5] == ["summary", "usage", "results", "robustness", "training"]
    assert (
        re.sub(r"<!-- emohub:begin robustness.*?end robustness -->\n\n|- Weak spot.*?\n", "", card, flags=re.S) == plain
    )
    shown = {row[0]: row for row in rows(section(card, "Robustness"))}
    assert shown["negation"][2:] == ["108", "1.0000 (0.9657 to 1.0000)", "–"]
    assert shown["upper case"][2:4] == ["60", "0.0000 (0.0000 to 0.0602)"]
    assert "| negation | I am not sad. | I am sad. | not sadness | sadness |" in card
    assert "- surnames: US Census Bureau, Frequently Occurring Surnames" in card
    limits = section(card, "Uses and limits")
    assert '- Weak spot "negation": 100.0% of 108 made sentences keep a label that they should lose.\n' in limits


def test_a_card_of_nothing_but_changes_has_no_empty_parts(corpus: Corpus) -> None:
    run = make_run_record()
    robustness = recorded(run, right, corpus.model_copy(update={"language": ("de",)}))
    card = render(run, make_eval_record(run), robustness=robustness)
    assert "\n\n\n" not in card
    for said in ("different people", "Texts of another kind", "One failure of each", "made for its labels", "Weak"):
        assert said not in card
    assert "Not asked:\n\n- The made sentences are English, and robust is in de: give --templates." in card


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": ModelIdentity(id="x", revision=None, fingerprint="1" * 64)}, "other weights"),
        ({"corpus": "another"}, "not measured on the run's corpus"),
        ({"labels": ("anger", "joy", "sadness")}, "not measured on the run's corpus"),
        ({"split": "train"}, "another train split"),
    ],
)
def test_a_record_that_contradicts_the_run_gives_no_card(changes: dict[str, object], said: str, corpus: Corpus) -> None:
    run = make_run_record()
    robustness = recorded(run, right, corpus)
    with pytest.raises(CardError, match=said):
        render(run, make_eval_record(run), robustness=robustness.model_copy(update=changes))


def test_a_rate_that_was_edited_gives_no_card(corpus: Corpus) -> None:
    run = make_run_record()
    robustness = recorded(run, wrong_where(lambda text: text == text.upper()), corpus)
    first, *others = robustness.tests
    tests = (first.model_copy(update={"failures": 3}), *others)
    with pytest.raises(CardError, match="failures of 'upper case' contradict their rate"):
        render(run, make_eval_record(run), robustness=robustness.model_copy(update={"tests": tests}))


def test_the_record_beside_a_run_is_in_its_card_and_among_its_files(corpus: Corpus, tmp_path: Path) -> None:
    run = make_run_record()
    run.save(tmp_path / "run.json")
    make_eval_record(run).save(tmp_path / "eval.json")
    assert "Robustness" not in render_folder(tmp_path)
    recorded(run, right, corpus).save(tmp_path / "robustness.json")
    assert "## Robustness" in render_folder(tmp_path)
    assert "robustness.json" in SHOWN["classification"]
    assert SHOWN["classification"] == SHOWN["distillation"]


def test_the_record_is_published_with_the_model(run_folder: Path, corpus: Corpus) -> None:
    assert plan(str(run_folder), "ada/tiny").file("robustness.json") is None
    robustness = recorded(RunRecord.load(run_folder / "run.json"), wrong_where(lambda text: "http" in text), corpus)
    robustness.save(run_folder / "robustness.json")
    planned = plan(str(run_folder), "ada/tiny")
    file = planned.file("robustness.json")
    assert file is not None
    assert file.sha256 == sha256_file(run_folder / "robustness.json")
    with pytest.raises(CardError, match="is not what its records give"):
        preflight(planned)
    write_card(run_folder)
    preflight(plan(str(run_folder), "ada/tiny"))


def test_a_run_names_its_corpus_and_keeps_the_record(
    model_dir: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    folder = tmp_path / "runs" / "mine"
    shutil.copytree(model_dir, folder / "checkpoint")
    make_run_record(make_recipe(corpus=corpus), fingerprint=sha256_file(model_dir / "model.safetensors")).save(
        folder / "run.json"
    )
    assert run_cli("evaluate", "mine", "--suite", "robustness", "--resamples", "50") == 0
    assert RobustnessRecord.load(folder / "robustness.json").corpus == "robust"
    capsys.readouterr()
    assert run_cli("evaluate", model_dir, "--suite", "robustness") == 2
    assert "name it with --corpus" in " ".join(capsys.readouterr().err.split())
    assert run_cli("evaluate", "mine", "--templates", "own.toml") == 2
    assert "--templates belongs to the robustness suite" in " ".join(capsys.readouterr().err.split())
