"""What classifiers make of a text once some of its words are gone or replaced."""

from collections.abc import Mapping
from dataclasses import dataclass

from emohub.errors import UsageError
from emohub.explain.words import edit, words_of
from emohub.inference import Classifier, Prediction


@dataclass(frozen=True)
class WhatIf:
    """Every classifier's answer to a text and to the changed text."""

    text: str
    changed_text: str
    before: dict[str, Prediction]
    """By the classifier's name, in the order given."""
    after: dict[str, Prediction]


def what_if(classifiers: Mapping[str, Classifier], text: str, changes: Mapping[int, str]) -> WhatIf:
    """Let every classifier answer ``text`` before and after ``changes``.

    ``changes`` holds what stands in the place of a word, by the word's position in ``words_of(text)``; an empty string
    takes the word away.

    Raises:
        UsageError: no classifier was given, a word does not exist, no word is left, or a text is empty or too long.
    """
    if not classifiers:
        raise UsageError("there is no model to ask", "name at least one")
    spans = words_of(text)
    unknown = [index for index in changes if not 0 <= index < len(spans)]
    if unknown:
        raise UsageError(f"there is no word {unknown[0]}", f"the text has {len(spans):,} words, counted from 0")
    changed = edit(text, spans, changes)
    if text.strip() and not changed.strip():
        raise UsageError("no word is left", "keep at least one")
    return WhatIf(
        text=text,
        changed_text=changed,
        before={name: classifier.classify(text) for name, classifier in classifiers.items()},
        after={name: classifier.classify(changed) for name, classifier in classifiers.items()},
    )
