"""Changes of a text that no reader would answer otherwise for: letter case, typos, emoji, tags, punctuation."""

# ruff: noqa: RUF001 (apostrophes come in two forms)

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NEUTRAL_EMOJI = ("📌", "📎", "🕒", "🗓", "📷", "🚲", "🪑", "📦")
"""Emoji of things, which show no feeling."""
NEUTRAL_HASHTAGS = ("#monday", "#today", "#london", "#repost", "#diary", "#throwback")
MENTION = "@user"
"""How corpora of tweets mask a person's name."""
LINK = "https://example.org/a1b2c3"

_WORD = re.compile(r"(?<![@#\w/.])[^\W\d_]{4,}(?![\w/@]|\.\w|://)")
"""A word that a typo can be made in: four letters or more, and no tag, mention or part of an address."""
_EMOJI = re.compile("[\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d\u20e3\U0001f000-\U0001faff\U000e0020-\U000e007f]+")
_HASH = re.compile(r"(?<![\w&])#(?=\w)")
_PUNCTUATION = re.compile(r"[.,:!?…”]+(?!\w)|(?<!\w)“")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {key: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in _ROWS for at, key in enumerate(row)}
"""The keys on the left and on the right of each letter of a QWERTY keyboard."""

_VERBS = "is|are|was|were|do|does|did|has|have|had|could|would|should|must|need"
_PRONOUNS = "i|you|we|they|he|she|it"
_WRITTEN_OUT = (
    (re.compile(r"\b(ca) ?n['’]?t\b", re.IGNORECASE), r"\1nnot"),
    (re.compile(r"\b(w)on['’]t\b", re.IGNORECASE), r"\1ill not"),
    (re.compile(rf"\b({_VERBS}) ?n['’]?t\b", re.IGNORECASE), r"\1 not"),
    (re.compile(r"\b(i) ?['’]?m\b", re.IGNORECASE), r"\1 am"),
    (re.compile(r"\b(you|we|they) ?['’]re\b", re.IGNORECASE), r"\1 are"),
    (re.compile(r"\b(i|you|we|they) ?['’]ve\b", re.IGNORECASE), r"\1 have"),
    (re.compile(rf"\b({_PRONOUNS}) ?['’]ll\b", re.IGNORECASE), r"\1 will"),
)
"""Contractions that stand for one thing only, also where a corpus has lost the apostrophe; not 's and 'd."""
_CONTRACTED = (
    (re.compile(r"\b(ca)n ?not\b", re.IGNORECASE), r"\1n't"),
    (re.compile(r"\b(w)ill not\b", re.IGNORECASE), r"\1on't"),
    (re.compile(rf"\b({_VERBS}) not\b", re.IGNORECASE), r"\1n't"),
    (re.compile(r"\b(i) am(?= \w)", re.IGNORECASE), r"\1'm"),
    (re.compile(r"\b(you|we|they) are(?= \w)", re.IGNORECASE), r"\1're"),
    (re.compile(rf"\b({_PRONOUNS}) will(?= \w)", re.IGNORECASE), r"\1'll"),
)


@dataclass(frozen=True)
class Change:
    """One way to change a text."""

    name: str
    what: str
    """What is done to each text."""
    apply: Callable[[str, random.Random], str]
    """The changed text, or the same where there is nothing to change."""
    english: bool = False
    """Whether it is for English texts alone."""


def changed_rows(change: Change, texts: Sequence[str], seed: int) -> tuple[list[int], list[str]]:
    """The rows that a change makes a difference to, and what their texts become.

    What is drawn for a row depends on the seed, the change and the row alone. A row whose words would stay the same, or
    that would be empty, is left out.
    """
    rows, changed = [], []
    for row, text in enumerate(texts):
        other = change.apply(text, random.Random(f"{seed} {change.name} {row}"))
        if other.strip() and other.split() != text.split():
            rows.append(row)
            changed.append(other)
    return rows, changed


def _title(text: str, _: random.Random) -> str:
    return re.sub(r"(?<!\S)\w", lambda first: first[0].upper(), text)


def _typo(change: Callable[[str, random.Random], str]) -> Callable[[str, random.Random], str]:
    """A change of one word that is drawn among those of four letters or more; its first letter stays."""

    def apply(text: str, draw: random.Random) -> str:
        words = list(_WORD.finditer(text))
        if not words:
            return text
        word = draw.choice(words)
        return text[: word.start()] + change(word[0], draw) + text[word.end() :]

    return apply


def _swapped(word: str, draw: random.Random) -> str:
    places = [at for at in range(1, len(word) - 1) if word[at].lower() != word[at + 1].lower()]
    if not places:
        return word
    at = draw.choice(places)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _dropped(word: str, draw: random.Random) -> str:
    at = draw.randrange(1, len(word))
    return word[:at] + word[at + 1 :]


def _neighbouring(word: str, draw: random.Random) -> str:
    places = [at for at in range(1, len(word)) if word[at].lower() in _NEIGHBOURS]
    if not places:
        return word
    at = draw.choice(places)
    key = draw.choice(_NEIGHBOURS[word[at].lower()])
    return word[:at] + (key.upper() if word[at].isupper() else key) + word[at + 1 :]


def _with_emoji(text: str, draw: random.Random) -> str:
    return f"{text} {draw.choice(NEUTRAL_EMOJI)}"


def _with_hashtag(text: str, draw: random.Random) -> str:
    return f"{text} {draw.choice(NEUTRAL_HASHTAGS)}"


def _with_full_stop(text: str, _: random.Random) -> str:
    end = text.rstrip()
    return f"{end}." if end[-1:].isalnum() else text


def _rewritten(pairs: Sequence[tuple[re.Pattern[str], str]]) -> Callable[[str, random.Random], str]:
    def apply(text: str, _: random.Random) -> str:
        for pattern, replacement in pairs:
            text = pattern.sub(replacement, text)
        return text

    return apply


CHANGES: tuple[Change, ...] = (
    Change("upper case", "Every letter is a capital.", lambda text, _: text.upper()),
    Change("lower case", "Every letter is a small one.", lambda text, _: text.lower()),
    Change("title case", "Every word begins with a capital.", _title),
    Change("two letters swapped", "Two letters change places in one word of four letters or more.", _typo(_swapped)),
    Change("a letter dropped", "One word of four letters or more lacks a letter.", _typo(_dropped)),
    Change("a neighbouring key", "One letter is the one beside it on the keyboard.", _typo(_neighbouring)),
    Change("emoji added", "An emoji of a thing stands at the end.", _with_emoji),
    Change("emoji removed", "All emoji are taken away.", lambda text, _: _EMOJI.sub(" ", text)),
    Change("hashtag added", "A hashtag such as #monday stands at the end.", _with_hashtag),
    Change("hash signs removed", "Hashtags lose their sign and stay as words.", lambda text, _: _HASH.sub("", text)),
    Change("user mention added", f"{MENTION} stands at the beginning.", lambda text, _: f"{MENTION} {text}"),
    Change("link added", "A link stands at the end.", lambda text, _: f"{text} {LINK}"),
    Change(
        "punctuation removed",
        "Stops, commas, colons, question and exclamation marks are taken away.",
        lambda text, _: _PUNCTUATION.sub(" ", text),
    ),
    Change("full stop added", "A text that ends in a word gets a full stop.", _with_full_stop),
    Change("contractions written out", '"don\'t" becomes "do not", and so on.', _rewritten(_WRITTEN_OUT), english=True),
    Change("contractions made", '"do not" becomes "don\'t", and so on.', _rewritten(_CONTRACTED), english=True),
)
"""Every change, in the order of tables."""
