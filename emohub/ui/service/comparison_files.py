"""A comparison as a file that people keep: CSV for a spreadsheet, JSON as the library and the command line give it."""

import csv
import io
from collections.abc import Iterable

from emohub.compare import TextComparison, TextsComparison
from emohub.data import escape_formula

COLUMNS = ("model", "label", "probability", "answer")
"""Of one text: a row for each label of each model."""
TEXT_COLUMNS = ("rank", "row", "text", "disagree", "distance")
"""Of several texts, before each model's answer and the probability of it."""


def comparison_csv(comparison: TextComparison) -> bytes:
    """A row for each label of each model, in the models' own order; what a spreadsheet could run is made text."""
    return _csv(
        COLUMNS,
        (
            (name, label, repr(probability), "yes" if label == prediction.label else "no")
            for name, prediction in comparison.predictions.items()
            for label, probability in zip(prediction.labels, prediction.probabilities, strict=True)
        ),
    )


def texts_csv(compared: TextsComparison) -> bytes:
    """A row for each text, those furthest apart first; what a spreadsheet could run is made text.

    ``row`` is the place of the text among those that were given, from 1.
    """
    heads = [head for name in compared.models for head in (name, f"{name}: probability")]
    return _csv(
        (*TEXT_COLUMNS, *heads),
        (
            (
                str(rank),
                str(text.row + 1),
                text.comparison.text,
                "yes" if text.disagree else "no",
                "" if text.distance is None else repr(text.distance),
                *(
                    cell
                    for prediction in text.comparison.predictions.values()
                    for cell in (prediction.label, repr(max(prediction.probabilities)))
                ),
            )
            for rank, text in enumerate(compared.texts, start=1)
        ),
    )


def comparison_json(comparison: TextComparison | TextsComparison) -> bytes:
    """Everything that the library knows of it."""
    return comparison.model_dump_json(indent=2).encode()


def _csv(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(map(escape_formula, columns))
    writer.writerows([map(escape_formula, row) for row in rows])
    return buffer.getvalue().encode()
