"""Explaining, for the page and its API: which words an answer rests on, and what other words would have changed."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emohub.data import escape_formula
from emohub.errors import UsageError
from emohub.explain import METHODS, Attribution, WhatIf, what_if, words_of
from emohub.inference import Classifier, check_text
from emohub.ui.service.checks import checked_name, checked_names, checked_text
from emohub.ui.service.limits import MAX_EXPLAINED_CHARS, MAX_EXPLAINED_WORDS, MAX_MODELS, MAX_PASS_TEXTS
from emohub.ui.service.service import Service
from emohub.ui.service.turns import Turns

if TYPE_CHECKING:
    from emohub.inference.attribution import PathGradients

CSV_COLUMNS = ("position", "word", "start", "end", "score", "read", "label", "method")


def explain(
    service: Service, text: object, model: object, label: object = None, method: object = "gradient_x_input"
) -> Attribution:
    """What each word of a text adds to the probability of a label; nothing, or an empty one, means the answer's.

    Others get their turn after every few texts.

    Raises:
        UsageError: the text is empty or too long, or there is no such model, label or method.
        DataError: the text is not valid Unicode.
        ModelError: the model cannot be loaded, or asked by that method.
        BusyError: too many requests wait already.
    """
    checked, name, wanted = checked_text(text), checked_name(model), checked_text(label)
    check_text(checked)
    found = next((each for key, each in METHODS.items() if key == method), None)
    if found is None:
        raise UsageError("there is no such method", f"choose one of {', '.join(METHODS)}")
    if len(checked) > MAX_EXPLAINED_CHARS:
        raise UsageError(
            f"the text has {len(checked):,} characters", f"explain at most {MAX_EXPLAINED_CHARS:,} at once here"
        )
    words = len(words_of(checked))
    if words > MAX_EXPLAINED_WORDS:
        raise UsageError(f"the text has {words:,} words", f"explain at most {MAX_EXPLAINED_WORDS} words at once here")
    with service.place():
        classifier = service.store.get(name)
        return found(_Sharing(classifier, service.computing), checked, wanted or None)


def change_words(service: Service, text: object, models: object, changes: object) -> WhatIf:
    """What several models make of a text before and after some of its words were removed or replaced.

    ``changes`` holds what stands in the place of a word, by the word's position; an empty string removes it.

    Raises:
        UsageError: a text is empty or too long, a word or model does not exist, or there are too many models.
        DataError, ModelError, BusyError: as :func:`explain`.
    """
    checked, names = checked_text(text), checked_names(models)
    check_text(checked)
    if len(names) > MAX_MODELS:
        raise UsageError(f"{len(names)} models were named", f"name at most {MAX_MODELS}")
    replaced = _checked_changes(changes)
    with service.place():
        loading = [service.store.begin(name) for name in names]
        classifiers = {name: each.result() for name, each in zip(names, loading, strict=True)}
        with service.computing:
            return what_if(classifiers, checked, replaced)


def attribution_csv(attribution: Attribution) -> bytes:
    """The words and their scores as CSV; what a spreadsheet could run is made text."""
    buffer = io.StringIO(newline="")
    rows = csv.writer(buffer)
    rows.writerow(CSV_COLUMNS)
    label = escape_formula(attribution.label)
    for position, word in enumerate(attribution.words):
        shown = escape_formula(word.text)
        rows.writerow([position, shown, word.start, word.end, word.score, word.read, label, attribution.method])
    return buffer.getvalue().encode()


def attribution_json(attribution: Attribution) -> bytes:
    """All of it as JSON, with every character as it was typed."""
    return json.dumps(asdict(attribution), ensure_ascii=False, indent=2).encode()


def _checked_changes(value: object) -> dict[int, str]:
    if not isinstance(value, dict):
        raise UsageError("the changes are not by word", "send what stands in the place of each word, by its position")
    changes: dict[int, str] = {}
    for word, replacement in value.items():
        if isinstance(word, bool) or not isinstance(word, int):
            raise UsageError("a word is not given by its position", "count the words from 0")
        changes[word] = checked_text(replacement)
    return changes


class _Sharing:
    """A classifier for a job of many passes: whoever else waits gets a turn in between."""

    def __init__(self, classifier: Classifier, computing: Turns) -> None:
        self._classifier, self._computing = classifier, computing
        self.labels = classifier.labels

    @property
    def in_float32(self) -> "_Sharing":
        return _Sharing(self._classifier.in_float32, self._computing)

    def predict_proba(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        parts = []
        for start in range(0, len(texts), MAX_PASS_TEXTS):
            with self._computing:
                parts.append(self._classifier.predict_proba(texts[start : start + MAX_PASS_TEXTS]))
        return np.concatenate(parts)

    def characters_read(self, text: str, /) -> int:
        return self._classifier.characters_read(text)

    def path_gradients(self, text: str, label: str, points: Sequence[float], /) -> "PathGradients":
        with self._computing:
            return self._classifier.path_gradients(text, label, points)
