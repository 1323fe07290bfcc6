"""More texts to ask teachers about, made of the training texts: other words in other orders, no labels."""

import random
import string
from collections.abc import Sequence

from emohub.recipe import Augmentation

ATTEMPTS = 5
"""How often a text is drawn anew that came out as one that there is already."""
LONGEST_NGRAM = 5
"""Words in a row that n-gram sampling keeps at most, as in Tang et al. 2019, section 3.2."""
_PRIME = 1_000_003
"""Keeps the generators of neighbouring seeds, rows and copies apart."""


def made_texts(texts: Sequence[str], settings: Augmentation, seed: int) -> list[str]:
    """``copies`` changed versions of each text, in the order of the texts, each different from all others and from
    ``texts``; where none is found after some attempts, one less.

    What a text becomes depends on the seed, its row and the texts alone, not on the process that makes it.
    """
    words = [text.split() for text in texts]
    known = set(texts)
    made: list[str] = []
    for row in range(len(texts)):
        for copy in range(settings.copies):
            generator = random.Random((seed * _PRIME + row) * _PRIME + copy)
            for _ in range(ATTEMPTS):
                text = _changed(words[row], generator.choice(words), settings, generator)
                if text and text not in known:
                    known.add(text)
                    made.append(text)
                    break
    return made


def _changed(words: list[str], other: list[str], settings: Augmentation, generator: random.Random) -> str:
    """One version of a text; ``other`` is the text that it may go on as."""
    words = list(words)
    if words and other and generator.random() < settings.splice:
        words = words[: generator.randint(1, len(words))] + other[generator.randrange(len(other)) :]
    if words and generator.random() < settings.ngram:
        size = generator.randint(1, min(LONGEST_NGRAM, len(words)))
        start = generator.randint(0, len(words) - size)
        words = words[start : start + size]
    if settings.word_dropout:
        kept = [word for word in words if generator.random() >= settings.word_dropout]
        words = kept or words[:1]
    if settings.word_swap:
        for place in range(len(words) - 1):
            if generator.random() < settings.word_swap:
                words[place], words[place + 1] = words[place + 1], words[place]
    text = " ".join(words)
    if generator.random() < settings.casing:
        text = generator.choice((str.upper, str.lower, string.capwords))(text)
    return text
