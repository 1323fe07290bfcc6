"""Where a model is weak, by the figures of its own records."""

from typing import Any

from emohub.labels import NONE_OF_THEM, label_key
from emohub.recipe import Corpus
from emohub.record import SURE, DescriptionRecord, EvalRecord, LabelResult

FEW_ROWS = 100
"""A label with fewer rows than this in the measured split has a figure that a few other rows would move."""


def weakest(evaluation: EvalRecord) -> dict[str, Any] | None:
    """The label with the lowest F1 among those that the split has rows of, and what it is most often taken for.

    None when nothing is wrong.
    """
    seen = [result for result in evaluation.per_label if result.support and result.f1.value < 1]
    if not seen:
        return None
    result: LabelResult = min(seen, key=lambda each: each.f1.value)
    index = evaluation.labels.index(result.label)
    row = evaluation.confusion_matrix[index]
    wrong = {label: row[other] for other, label in enumerate(evaluation.labels) if other != index}
    taken_for = max(wrong, key=lambda label: wrong[label])
    return {"result": result, "taken_for": taken_for, "times": wrong[taken_for]}


def strongest_confusion(evaluation: EvalRecord) -> dict[str, Any] | None:
    """The two labels of three or more that are taken for each other most often, both ways together.

    None when nothing is wrong.
    """
    matrix, labels = evaluation.confusion_matrix, evaluation.labels
    pairs = [(one, other) for one in range(len(labels)) for other in range(one)]
    one, other = max(pairs, key=lambda pair: matrix[pair[0]][pair[1]] + matrix[pair[1]][pair[0]])
    times = matrix[one][other] + matrix[other][one]
    wrong = evaluation.data.rows - sum(matrix[index][index] for index in range(len(labels)))
    return {"pair": [labels[other], labels[one]], "times": times, "wrong": wrong} if times and len(labels) > 2 else None


def doubtful(evaluation: EvalRecord) -> list[str]:
    """Labels whose figures rest on few rows, each with their number."""
    return [f"{result.label} ({result.support})" for result in evaluation.per_label if 0 < result.support < FEW_ROWS]


def overconfidence(evaluation: EvalRecord) -> dict[str, Any] | None:
    """How many of the most confident answers are wrong; None when none is, or when the model is never sure."""
    filled = [
        (part, part.accuracy) for part in evaluation.calibration if part.accuracy is not None and part.lower >= SURE
    ]
    if not filled:
        return None
    top, accuracy = filled[-1]
    wrong = round(top.count * (1 - accuracy))
    return {"above": f"{top.lower:.0%}", "texts": top.count, "wrong": wrong} if wrong else None


def mean_confidence(evaluation: EvalRecord) -> float | None:
    """Mean highest probability over the split, from the calibration bins."""
    bins = [(part.count, part.confidence) for part in evaluation.calibration if part.confidence is not None]
    count = sum(n for n, _ in bins)
    return sum(n * confidence for n, confidence in bins) / count if count else None


def kind_of_texts(corpus: Corpus, description: DescriptionRecord | None) -> dict[str, Any]:
    """What is known of the texts that a model is for: their lengths, and whether any label stands for none of them."""
    tokens = None if description is None else description.splits["train"].tokens
    return {"tokens": tokens, "no_way_out": NONE_OF_THEM.isdisjoint(map(label_key, corpus.labels))}
