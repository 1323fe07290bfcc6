"""Which words an answer rests on, by leaving each one out, and how far that can be trusted."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from emohub.errors import UsageError
from emohub.inference import Classifier
from emohub.labels import label_key

MAX_WORDS = 512
"""Longest text that is explained; each word costs one more forward pass."""


@dataclass(frozen=True)
class Word:
    """A run of characters between whitespace: ``text[start:end]``."""

    text: str
    start: int
    end: int
    drop: float
    """How much of the label's probability goes when this word alone is removed; negative when it rises."""


@dataclass(frozen=True)
class Faithfulness:
    """Whether the words with the greatest drops carry the answer together (ERASER, DeYoung et al. 2020).

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
class Attribution:
    """How much each word of a text adds to the probability of one label."""

    text: str
    label: str
    probability: float
    """Of ``label``, for the whole text."""
    words: tuple[Word, ...]
    """In the order of the text; between them is nothing but whitespace."""
    faithfulness: Faithfulness

    @property
    def ranked(self) -> tuple[Word, ...]:
        """The words by falling drop; ties in the order of the text."""
        return tuple(sorted(self.words, key=lambda word: -word.drop))


def leave_one_out(
    classifier: Classifier,
    text: str,
    label: str | None = None,
    *,
    top_k: int | None = None,
    random_draws: int = 32,
    seed: int = 0,
) -> Attribution:
    """Remove each word by itself and see what becomes of the probability of ``label``, by default the answer.

    ``top_k`` words are judged together; None takes a fifth of them, and at least one.

    Raises:
        UsageError: the text has no word or more than ``MAX_WORDS``, the label is unknown, or a number is out of range.
    """
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    if not spans:
        raise UsageError("the text is empty", "give at least one word")
    if len(spans) > MAX_WORDS:
        raise UsageError(f"the text has {len(spans):,} words", f"explain at most {MAX_WORDS} words at once")
    if random_draws < 1 or (top_k is not None and not 1 <= top_k <= len(spans)):
        raise UsageError(
            f"top_k is {top_k} and random_draws {random_draws}",
            f"give top_k from 1 to the number of words, {len(spans)}, and at least one draw",
        )
    k = top_k or math.ceil(len(spans) / 5)
    everything = range(len(spans))

    without_one = [_keep(text, spans, set(everything) - {index}) for index in everything]
    probabilities = classifier.predict_proba([text, *without_one]).astype(np.float64)
    column = int(probabilities[0].argmax()) if label is None else _column(classifier.labels, label)
    probability = float(probabilities[0, column])
    drops = (probability - probabilities[1:, column]).tolist()

    generator = np.random.default_rng(seed)
    chosen = [set(sorted(everything, key=lambda index: -drops[index])[:k])]
    chosen += [set(generator.choice(len(spans), k, replace=False).tolist()) for _ in range(random_draws)]
    removed = classifier.predict_proba([_keep(text, spans, set(everything) - words) for words in chosen])
    alone = classifier.predict_proba([_keep(text, spans, words) for words in chosen])
    comprehensiveness = probability - removed[:, column]
    sufficiency = probability - alone[:, column]
    return Attribution(
        text=text,
        label=classifier.labels[column],
        probability=probability,
        words=tuple(Word(text[start:end], start, end, drop) for (start, end), drop in zip(spans, drops, strict=True)),
        faithfulness=Faithfulness(
            top_k=k,
            comprehensiveness=float(comprehensiveness[0]),
            sufficiency=float(sufficiency[0]),
            random_comprehensiveness=float(comprehensiveness[1:].mean()),
            random_sufficiency=float(sufficiency[1:].mean()),
            random_draws=random_draws,
            seed=seed,
        ),
    )


def _keep(text: str, spans: Sequence[tuple[int, int]], kept: Collection[int]) -> str:
    """The text without the words that are not in ``kept``; each goes with the whitespace that follows it."""
    starts = [start for start, _ in spans] + [len(text)]
    pieces = (text[starts[index] : starts[index + 1]] for index in range(len(spans)) if index in kept)
    return (text[: starts[0]] + "".join(pieces)).rstrip() if len(kept) < len(spans) else text


def _column(labels: Sequence[str], label: str) -> int:
    for index, name in enumerate(labels):
        if label_key(name) == label_key(label):
            return index
    raise UsageError(f"the model has no label {label!r}", f"use one of {', '.join(labels)}")
