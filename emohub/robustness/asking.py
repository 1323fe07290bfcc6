"""The tests of the suite: what each asks, and how it judges the answers.

All texts are asked together, because that is fastest, and every test finds the answers to its own again. A test is
therefore made before there are any answers, and is then a function of all of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from emohub.data import is_fit_to_show
from emohub.labels import NONE_OF_THEM, label_key
from emohub.record import FailedText, GroupProbe, RobustnessTest, UnfamiliarTexts
from emohub.robustness.changes import CHANGES, changed_rows
from emohub.robustness.judging import Floats, Ids, accuracy_change, judged, probed, unfamiliar
from emohub.robustness.templates import LabelWords, Probe, Templates


@dataclass
class Questions:
    """All texts that the model is to answer, and how they were drawn."""

    labels: tuple[str, ...]
    """The labels of the corpus: the columns of every array of probabilities."""
    seed: int
    resamples: int
    texts: list[str] = field(default_factory=list)

    def add(self, texts: Sequence[str]) -> slice:
        """Ask these too; their answers are the rows of the slice."""
        begin = len(self.texts)
        self.texts += texts
        return slice(begin, len(self.texts))


@dataclass(frozen=True)
class CorpusTexts:
    """Texts of the corpus, asked as they stand."""

    texts: Sequence[str]
    labels: Ids
    asked: slice
    may_be_shown: bool
    """Whether those that fail may be examples."""


@dataclass(frozen=True)
class Known:
    """A label of the corpus with the sentences that name it."""

    index: int
    """Column of the label."""
    name: str
    words: LabelWords
    pairs: list[tuple[str, str]]
    asked: slice
    """The first of each pair."""


def invariances(
    questions: Questions, corpus: CorpusTexts, *, english: bool
) -> Iterator[tuple[str, Callable[[Floats], RobustnessTest] | None]]:
    """A test for each change, by its name; None where no text has anything to change."""
    for change in CHANGES:
        if change.english and not english:
            continue
        rows, changed = changed_rows(change, corpus.texts, questions.seed)
        yield change.name, _invariance(questions, corpus, change.name, change.what, rows, changed) if rows else None


def _invariance(
    questions: Questions, corpus: CorpusTexts, name: str, what: str, rows: list[int], changed: list[str]
) -> Callable[[Floats], RobustnessTest]:
    asked = questions.add(changed)

    def judge(probabilities: Floats) -> RobustnessTest:
        before, after = probabilities[corpus.asked].argmax(axis=1)[rows], probabilities[asked].argmax(axis=1)
        failed = before != after
        examples = (
            FailedText(
                text=changed[at],
                before=corpus.texts[rows[at]],
                expected=questions.labels[before[at]],
                answered=questions.labels[after[at]],
            )
            for at in np.flatnonzero(failed).tolist()
            if corpus.may_be_shown and is_fit_to_show(corpus.texts[rows[at]])
        )
        return judged(
            name,
            "invariance",
            f"{what} The answer must stay.",
            failed,
            examples=examples,
            accuracy_change=accuracy_change(corpus.labels[rows], before, after),
        )

    return judge


def known_labels(questions: Questions, templates: Templates) -> list[Known]:
    """The labels of the corpus that the templates speak of; the sentences that name them are asked."""
    known = []
    for index, name in enumerate(questions.labels):
        words = templates.words_of(name)
        if words is not None:
            pairs = templates.pairs(words)
            known.append(Known(index, name, words, pairs, questions.add([plain for plain, _ in pairs])))
    return known


def functionality(questions: Questions, known: Sequence[Known]) -> Iterator[Callable[[Floats], RobustnessTest]]:
    """Sentences that name a label, a test for each; and those that show one, together."""
    for label in known:
        if label.pairs:
            texts = [plain for plain, _ in label.pairs]
            wanted = np.full(len(texts), label.index)
            what = f"Sentences that name {label.name} must get it."
            yield _right_answers(questions, f"{label.name} named", what, texts, wanted, label.asked)
    shown = [(text, label.index) for label in known for text in label.words.sentences]
    if shown:
        texts, labels = [text for text, _ in shown], np.array([index for _, index in shown])
        what = "Sentences that show a label without naming it must get it."
        yield _right_answers(questions, "shown, not named", what, texts, labels, questions.add(texts))


def _right_answers(
    questions: Questions, name: str, what: str, texts: Sequence[str], labels: Ids, asked: slice
) -> Callable[[Floats], RobustnessTest]:
    def judge(probabilities: Floats) -> RobustnessTest:
        answers = probabilities[asked].argmax(axis=1)
        examples = (
            FailedText(
                text=texts[at],
                before=None,
                expected=questions.labels[labels[at]],
                answered=questions.labels[answers[at]],
            )
            for at in np.flatnonzero(answers != labels).tolist()
        )
        return judged(name, "minimum functionality", what, answers != labels, examples=examples)

    return judge


def negation(questions: Questions, known: Sequence[Known]) -> Callable[[Floats], RobustnessTest | None]:
    """Negated sentences must lose the label; None if the model gives it to no sentence that is not negated."""
    asked = [questions.add([negated for _, negated in label.pairs]) for label in known]
    pairs = [pair for label in known for pair in label.pairs]
    labels = np.array([label.index for label in known for _ in label.pairs], dtype=np.int64)

    def judge(probabilities: Floats) -> RobustnessTest | None:
        plain = np.concatenate([probabilities[label.asked].argmax(axis=1) for label in known])
        negated = np.concatenate([probabilities[part].argmax(axis=1) for part in asked])
        named = np.flatnonzero(plain == labels)
        if not len(named):
            return None
        failed = negated[named] == labels[named]
        examples = (
            FailedText(
                text=pairs[at][1],
                before=pairs[at][0],
                expected=questions.labels[labels[at]],
                answered=questions.labels[negated[at]],
            )
            for at in named[failed].tolist()
        )
        what = "Sentences that name a label and get it must lose it when they are negated."
        return judged("negation", "direction", what, failed, examples=examples)

    return judge


def group_probe(
    questions: Questions, known: Sequence[Known], templates: Templates, probe: Probe
) -> Callable[[Floats], GroupProbe] | None:
    """The sentences about people of each group; None where no label has any."""
    terms = [term for group in probe.groups.values() for term in group]
    rows = [(label.index, texts) for label in known for texts in templates.about(label.words, terms)]
    if not rows:
        return None
    asked = questions.add([text for _, texts in rows for text in texts])
    labels = np.array([index for index, _ in rows])

    def judge(probabilities: Floats) -> GroupProbe:
        answered = probabilities[asked].reshape(len(rows), len(terms), -1)
        named = np.take_along_axis(answered, labels[:, None, None], axis=2)[:, :, 0]
        return probed(probe, named, answered.argmax(axis=2), resamples=questions.resamples, seed=questions.seed)

    return judge


def unfamiliar_texts(
    questions: Questions, name: str, what: str, texts: Sequence[str], *, nothing_to_find: bool
) -> Callable[[Floats], UnfamiliarTexts]:
    """Texts that are not what the model is for."""
    asked = questions.add(texts)
    none_of_them = [at for at, label in enumerate(questions.labels) if label_key(label) in NONE_OF_THEM]

    def judge(probabilities: Floats) -> UnfamiliarTexts:
        return unfamiliar(
            name,
            what,
            probabilities[asked],
            questions.labels,
            nothing_to_find=nothing_to_find,
            none_of_them=none_of_them,
            resamples=questions.resamples,
            seed=questions.seed,
        )

    return judge
