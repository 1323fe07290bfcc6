"""How much each word adds to the probability of a label, by three methods, and whether the answer rests on it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from emohub.errors import UsageError
from emohub.explain.words import Span, keep, words_of
from emohub.inference import MAX_TEXT_CHARS
from emohub.labels import label_key

if TYPE_CHECKING:
    from emohub.inference.attribution import PathGradients

MAX_WORDS = 512
"""Longest text that is explained; leaving out takes one forward pass for each word."""
TOLERANCE = 0.005
"""What integrated gradients may miss of the change in probability that they add up to."""
MAX_POINTS = 512
"""Points of the path after which they stop nevertheless, and say what they miss."""
_NODES, _WEIGHTS = (values / 2 for values in np.polynomial.legendre.leggauss(8))
"""Gauss and Legendre's rule for a stretch of length 1 around 0; points that are asked for in one call."""

Method = Literal["gradient_x_input", "integrated_gradients", "leave_one_out"]


class Explainable(Protocol):
    """What of a ``Classifier`` is asked here."""

    labels: tuple[str, ...]

    @property
    def in_float32(self) -> "Explainable":
        """The same classifier with all its digits: a word may matter less than half precision rounds."""

    def predict_proba(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """Probabilities of shape ``(n_texts, n_labels)``."""

    def characters_read(self, text: str, /) -> int:
        """How many characters of the text the model reads."""

    def path_gradients(self, text: str, label: str, points: Sequence[float], /) -> "PathGradients":
        """Gradients on the way from a baseline to the text."""


@dataclass(frozen=True)
class Word:
    """A word of the text: ``text[start:end]``."""

    text: str
    start: int
    end: int
    score: float
    """How much it adds to the label's probability, by the method's measure; negative when it speaks against it."""
    read: bool
    """False for a word beyond the tokens that the model reads; its score is 0."""


@dataclass(frozen=True)
class Faithfulness:
    """Whether the words with the greatest scores carry the answer together (ERASER, DeYoung et al. 2020).

    The baselines are means over random choices of as many words; an attribution that is no better says nothing.
    """

    top_k: int
    comprehensiveness: float
    """Probability of the label minus that without the top words; high is good."""
    sufficiency: float
    """Probability of the label minus that with the top words alone; low is good."""
    random_comprehensiveness: float
    random_sufficiency: float
    random_draws: int
    seed: int


@dataclass(frozen=True)
class Path:
    """What integrated gradients were integrated along, and how exactly."""

    baseline: str
    """The token that stands for every word at the start of the path; see ``PathGradients``."""
    baseline_probability: float
    """Of the label, there."""
    points: int
    """Points of the path at which the gradient was taken."""
    residual: float
    """Sum of all scores minus the change in probability that they should add up to (completeness)."""


@dataclass(frozen=True)
class Attribution:
    """How much each word of a text adds to the probability of one label."""

    text: str
    label: str
    probability: float
    """Of ``label``, for the whole text."""
    method: Method
    words: tuple[Word, ...]
    """In the order of the text; between them is nothing but whitespace."""
    elsewhere: float
    """What the tokens add that belong to no word, such as those that the tokenizer adds."""
    path: Path | None
    """Of integrated gradients; else None."""
    faithfulness: Faithfulness
    seconds: float = field(compare=False)
    """Wall time of scores and faithfulness."""

    @property
    def ranked(self) -> tuple[Word, ...]:
        """The words by falling score; ties in the order of the text, and words that were not read last."""
        return tuple(sorted(self.words, key=lambda word: (not word.read, -word.score)))


@dataclass(frozen=True)
class _Question:
    """What a method is asked about."""

    classifier: Explainable
    text: str
    spans: list[Span]
    read: int
    """How many of the words, from the first on, the model reads."""
    label: str
    column: int
    probability: float

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Of the label, for each text."""
        return self.classifier.predict_proba(texts)[:, self.column].astype(np.float64)

    def without(self, words: set[int]) -> str:
        """The text without some words, and without those that are not read, which would move up into what is read."""
        return keep(self.text, self.spans, set(range(self.read)) - words)


@dataclass(frozen=True)
class _Scores:
    words: NDArray[np.float64]
    """One for each word that is read."""
    elsewhere: float = 0.0
    path: Path | None = None


def gradient_x_input(
    classifier: Explainable,
    text: str,
    label: str | None = None,
    *,
    top_k: int | None = None,
    random_draws: int = 32,
    seed: int = 0,
) -> Attribution:
    """Multiply the embedding of each token by the gradient of the probability of ``label``, by default the answer.

    One pass back through the model gives all scores. They are a linear estimate around the text, and small throughout
    where the model is sure: their order and signs count (Shrikumar et al. 2016).

    Raises:
        UsageError: the text has no word or more than ``MAX_WORDS``, the label is unknown, or a number is out of range.
        DataError: the text is not valid Unicode.
        ModelError: the model cannot be asked for gradients.
    """
    return _attribute("gradient_x_input", _gradient_scores, classifier, text, label, top_k, random_draws, seed)


def integrated_gradients(
    classifier: Explainable,
    text: str,
    label: str | None = None,
    *,
    top_k: int | None = None,
    random_draws: int = 32,
    seed: int = 0,
) -> Attribution:
    """Follow the gradient from a text of mask tokens to ``text`` (Sundararajan et al. 2017).

    The scores are in units of probability, and with ``elsewhere`` add up to the difference between both ends, but for
    ``path.residual``. Where the probability turns sharply the path is divided further, until all of its stretches
    together miss no more than ``TOLERANCE``, or ``MAX_POINTS`` were taken.

    Raises:
        UsageError, DataError, ModelError: as for :func:`gradient_x_input`.
    """
    return _attribute("integrated_gradients", _integrated_scores, classifier, text, label, top_k, random_draws, seed)


def leave_one_out(
    classifier: Explainable,
    text: str,
    label: str | None = None,
    *,
    top_k: int | None = None,
    random_draws: int = 32,
    seed: int = 0,
) -> Attribution:
    """Remove each word by itself: its score is what goes of the probability of ``label``, by default the answer.

    ``top_k`` words are judged together; None takes a fifth of them, and at least one.

    Raises:
        UsageError, DataError: as for :func:`gradient_x_input`.
    """
    return _attribute("leave_one_out", _drops, classifier, text, label, top_k, random_draws, seed)


METHODS: dict[Method, Callable[..., Attribution]] = {
    "gradient_x_input": gradient_x_input,
    "integrated_gradients": integrated_gradients,
    "leave_one_out": leave_one_out,
}
"""Every method by its name, the quickest first."""


def _attribute(
    method: Method,
    score: Callable[[_Question], _Scores],
    classifier: Explainable,
    text: str,
    label: str | None,
    top_k: int | None,
    random_draws: int,
    seed: int,
) -> Attribution:
    started = time.perf_counter()
    question = _ask(classifier.in_float32, text, label)
    if random_draws < 1 or (top_k is not None and not 1 <= top_k <= question.read):
        raise UsageError(
            f"top_k is {top_k} and random_draws {random_draws}",
            f"give top_k from 1 to the number of words, {question.read}, and at least one draw",
        )
    scores = score(question)
    faithfulness = _judge(question, scores.words, top_k or math.ceil(question.read / 5), random_draws, seed)
    return Attribution(
        text=text,
        label=question.label,
        probability=question.probability,
        method=method,
        words=_words(question, scores.words),
        elsewhere=scores.elsewhere,
        path=scores.path,
        faithfulness=faithfulness,
        seconds=time.perf_counter() - started,
    )


def _ask(classifier: Explainable, text: str, label: str | None) -> _Question:
    if len(text) > MAX_TEXT_CHARS:
        raise UsageError(f"the text has {len(text):,} characters, the limit is {MAX_TEXT_CHARS:,}", "shorten it")
    spans = words_of(text)
    if not spans:
        raise UsageError("the text is empty", "give at least one word")
    if len(spans) > MAX_WORDS:
        raise UsageError(f"the text has {len(spans):,} words", f"explain at most {MAX_WORDS} words at once")
    named = None if label is None else _column(classifier.labels, label)
    probabilities = classifier.predict_proba([text])[0]
    column = int(probabilities.argmax()) if named is None else named
    characters = classifier.characters_read(text)
    return _Question(
        classifier=classifier,
        text=text,
        spans=spans,
        # At least one word counts as read: of a text that is cut within its first word, that one.
        read=max(1, sum(start < characters for start, _ in spans)),
        label=classifier.labels[column],
        column=column,
        probability=float(probabilities[column]),
    )


def _column(labels: Sequence[str], label: str) -> int:
    for index, name in enumerate(labels):
        if label_key(name) == label_key(label):
            return index
    raise UsageError(f"the model has no label {label!r}", f"use one of {', '.join(labels)}")


# The three methods


def _gradient_scores(question: _Question) -> _Scores:
    gradients = question.classifier.path_gradients(question.text, question.label, [1.0])
    words, elsewhere = _merge(question, gradients.spans, gradients.times_input[0])
    return _Scores(words, elsewhere)


@dataclass(frozen=True)
class _Stretch:
    """A part of the path, and what the gradient adds along it."""

    low: float
    high: float
    at_low: float
    """Probability at the lower end."""
    at_high: float
    tokens: NDArray[np.float64]

    @property
    def residual(self) -> float:
        return float(self.tokens.sum()) - (self.at_high - self.at_low)


def _integrated_scores(question: _Question) -> _Scores:
    ends = question.classifier.path_gradients(question.text, question.label, [0.0, 1.0])
    at_baseline, at_text = ends.values.tolist()
    stretches = [_stretch(question, 0.0, 1.0, at_baseline)]
    points = 2 + len(_NODES) + 1
    while sum(abs(stretch.residual) for stretch in stretches) > TOLERANCE and points < MAX_POINTS:
        worst = max(stretches, key=lambda stretch: abs(stretch.residual))
        stretches.remove(worst)
        middle = (worst.low + worst.high) / 2
        lower = _stretch(question, worst.low, middle, worst.at_low)
        stretches += [lower, _stretch(question, middle, worst.high, lower.at_high)]
        points += 2 * (len(_NODES) + 1)
    by_token = np.sum([stretch.tokens for stretch in stretches], axis=0)
    words, elsewhere = _merge(question, ends.spans, by_token)
    residual = float(by_token.sum()) - (at_text - at_baseline)
    return _Scores(words, elsewhere, Path(ends.baseline, at_baseline, points, residual))


def _stretch(question: _Question, low: float, high: float, at_low: float) -> _Stretch:
    points = [*((low + high) / 2 + (high - low) * _NODES).tolist(), high]
    gradients = question.classifier.path_gradients(question.text, question.label, points)
    tokens = (high - low) * (_WEIGHTS @ gradients.times_difference[:-1])
    return _Stretch(low, high, at_low, float(gradients.values[-1]), tokens)


def _drops(question: _Question) -> _Scores:
    rest = [question.without({index}) for index in range(question.read)]
    return _Scores(question.probability - question.probabilities(rest))


def _merge(
    question: _Question, spans: Sequence[Span], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Scores of tokens as scores of the words that are read, and what belongs to none of them.

    A token that stands in several words is divided among them by the number of characters.
    """
    words = np.zeros(question.read)
    elsewhere = 0.0
    first = 0
    for (start, end), score in zip(spans, scores.tolist(), strict=True):
        while first < question.read and start != end and question.spans[first][1] <= start:
            first += 1
        shares = {}
        for index in range(first, question.read):
            word_start, word_end = question.spans[index]
            if word_start >= end:
                break
            shares[index] = min(end, word_end) - max(start, word_start)
        if not shares:
            elsewhere += score
        for index, share in shares.items():
            words[index] += score * share / sum(shares.values())
    return words, elsewhere


# What is told about the scores


def _words(question: _Question, scores: NDArray[np.float64]) -> tuple[Word, ...]:
    padded = [*scores.tolist(), *[0.0] * (len(question.spans) - question.read)]
    return tuple(
        Word(question.text[start:end], start, end, score, read=index < question.read)
        for index, ((start, end), score) in enumerate(zip(question.spans, padded, strict=True))
    )


def _judge(question: _Question, scores: NDArray[np.float64], top_k: int, random_draws: int, seed: int) -> Faithfulness:
    """Hold the words with the greatest scores against random choices of as many."""
    generator = np.random.default_rng(seed)
    chosen = [set(np.argsort(-scores, kind="stable")[:top_k].tolist())]
    chosen += [set(generator.choice(question.read, top_k, replace=False).tolist()) for _ in range(random_draws)]
    removed = question.probability - question.probabilities([question.without(words) for words in chosen])
    alone = question.probability - question.probabilities(
        [keep(question.text, question.spans, words) for words in chosen]
    )
    return Faithfulness(
        top_k=top_k,
        comprehensiveness=float(removed[0]),
        sufficiency=float(alone[0]),
        random_comprehensiveness=float(removed[1:].mean()),
        random_sufficiency=float(alone[1:].mean()),
        random_draws=random_draws,
        seed=seed,
    )
