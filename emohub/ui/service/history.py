"""What was asked in a session: the browser keeps it and sends it along, so the server holds nothing of it."""

import csv
import io
import json
from collections.abc import Sequence
from typing import TypedDict

from emohub.data import escape_formula
from emohub.errors import UsageError
from emohub.inference import Prediction
from emohub.ui.service.limits import MAX_HISTORY, MAX_HISTORY_CHARS


class Entry(TypedDict):
    """One answer that was asked for."""

    text: str
    model: str
    label: str
    probability: float


COLUMNS = ("text", "model", "label", "probability")


def checked_history(value: object) -> list[Entry]:
    """The entries that a browser sends, newest first; nothing at all counts as none.

    Raises:
        UsageError: they are not what this page has given to it.
    """
    if value is None:
        return []
    if (
        not isinstance(value, list)
        or len(value) > MAX_HISTORY
        or not all(map(_is_entry, value))
        or sum(len(entry["text"]) for entry in value) > MAX_HISTORY_CHARS
    ):
        raise UsageError("the history is damaged", "open the page again")
    return value


def with_answer(history: Sequence[Entry], model: str, prediction: Prediction) -> list[Entry]:
    """The history with one more answer; a question that was asked before moves to the top.

    The oldest go where there are more than ``MAX_HISTORY``, or more than ``MAX_HISTORY_CHARS`` characters.
    """
    probability = max(prediction.probabilities)
    new = Entry(text=prediction.text, model=model, label=prediction.label, probability=probability)
    others = [entry for entry in history if (entry["text"], entry["model"]) != (new["text"], model)]
    kept: list[Entry] = []
    room = MAX_HISTORY_CHARS
    for entry in [new, *others][:MAX_HISTORY]:
        room -= len(entry["text"])
        if room < 0:
            break
        kept.append(entry)
    return kept


def history_csv(history: Sequence[Entry]) -> bytes:
    """The history as CSV, newest first; what a spreadsheet could run is made text."""
    buffer = io.StringIO(newline="")
    rows = csv.writer(buffer)
    rows.writerow(COLUMNS)
    for entry in history:
        words = (entry["text"], entry["model"], entry["label"])
        rows.writerow([*map(escape_formula, words), entry["probability"]])
    return buffer.getvalue().encode()


def history_json(history: Sequence[Entry]) -> bytes:
    """The history as JSON, newest first, with every character as it was typed."""
    return json.dumps(history, ensure_ascii=False, indent=2).encode()


def _is_entry(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == set(COLUMNS)
        and all(isinstance(value[name], str) for name in COLUMNS[:3])
        and isinstance(value["probability"], float | int)
        and 0 <= value["probability"] <= 1
    )
