"""Several classifiers on the same labelled rows: each measured, each pair tested, and the rows where they differ."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emohub.compare.labels import align_labels
from emohub.compare.slices import Slicing, slicings
from emohub.data import fingerprint
from emohub.inference import Classifier
from emohub.labels import label_key
from emohub.metrics import holm, mcnemar_exact
from emohub.recipe import Declaration
from emohub.record import CalibrationBin, Interval, IntervalMethod, LabelResult, ModelIdentity
from emohub.record.measuring import Measures, measure_steps
from emohub.steps import map_steps


class Measured(Declaration):
    """One classifier on the rows."""

    model: ModelIdentity
    accuracy: Interval
    macro_f1: Interval
    """Over the rows' labels alone, whatever else the classifier knows."""
    log_loss: Interval
    expected_calibration_error: Interval
    per_label: tuple[LabelResult, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Rows: true label, columns: answer, both in the order of the comparison's ``labels``."""
    other_answers: tuple[int, ...]
    """For each true label, the rows that were given a label that no row carries."""
    calibration: tuple[CalibrationBin, ...]
    truncated: int
    """Texts that are longer than the classifier reads."""


class PairOnSplit(Declaration):
    """Two classifiers on the same rows."""

    first: str
    second: str
    both_right: int
    only_first_right: int
    """Rows that the first gets right and the second wrong."""
    only_second_right: int
    both_wrong: int
    error_overlap: float | None
    """Rows that both get wrong, out of those that at least one does (Jaccard 1912); None where there are none."""
    difference: Interval
    """Accuracy of the first minus accuracy of the second, with its paired bootstrap interval."""
    p_value: float
    """Two-sided exact McNemar test."""
    p_holm: float
    """``p_value`` adjusted for the number of pairs (Holm 1979)."""


class Disagreement(Declaration):
    """A row that the classifiers do not all answer alike."""

    row: int
    """Position in the split or file, from 0."""
    text: str
    label: str
    """The row's own label."""
    predicted: dict[str, str]
    """By classifier, its answer."""


class SideBySide(Declaration):
    """Several classifiers on the same labelled rows."""

    source: str
    rows: int
    fingerprint: str
    """Of the rows; see ``data.fingerprint``."""
    labels: tuple[str, ...]
    models: dict[str, Measured | None]
    """By the classifier's name, in the order given; None when its labels do not fit the rows' labels."""
    unaligned: dict[str, str]
    """Why, for each None in ``models``."""
    intervals: IntervalMethod
    agreement: float
    """Share of rows that all measured classifiers answer alike."""
    pairs: tuple[PairOnSplit, ...]
    slicings: tuple[Slicing, ...]
    """The rows cut by length, by label, and by each column that was asked for."""
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True)
class LabelledRows:
    """Texts that somebody labelled."""

    texts: Sequence[str]
    labels: NDArray[np.int64]
    """Positions in ``names``, shape (n_texts,)."""
    names: tuple[str, ...]
    positions: NDArray[np.int64]
    """Where each row stands in its split or file, from 0."""
    columns: Mapping[str, Sequence[str]]
    """What else is known of each row, to cut by."""

    def in_order(self, labels: Sequence[str]) -> "LabelledRows":
        """The same rows with their label names in the order of ``labels``, which holds all of them."""
        rank = {label_key(label): place for place, label in enumerate(labels)}
        order = sorted(range(len(self.names)), key=lambda index: rank[label_key(self.names[index])])
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return replace(self, labels=place[self.labels], names=tuple(self.names[index] for index in order))


class Step(NamedTuple):
    """How far a comparison is."""

    model: str
    part: Literal["answering", "measuring"]
    """Whether ``done`` and ``total`` count texts that the model answers, or resamples of its answers."""
    done: int
    total: int


def answering_only(on_progress: Callable[[str, int, int], None] | None) -> Callable[[Step], None] | None:
    """What shows ``on_progress`` the steps in which a model answers: its name, the texts done and all texts."""
    if on_progress is None:
        return None

    def on_step(step: Step) -> None:
        if step.part == "answering":
            on_progress(step.model, step.done, step.total)

    return on_step


def side_by_side_steps(
    rows: LabelledRows,
    classifiers: Mapping[str, Classifier],
    columns: Mapping[str, Sequence[int]],
    *,
    resamples: int,
    seed: int,
) -> Generator[Step, None, dict[str, Any]]:
    """Let the classifiers in ``columns`` answer every row, one after the other, and hold the answers together.

    ``columns`` gives the order in which their probabilities are read: the rows' labels, then what else they know.
    Returns the fields of :class:`SideBySide` that are not about names.
    """
    known = {name: [classifiers[name].labels[column] for column in order] for name, order in columns.items()}
    names = align_labels([rows.names, *known.values()])
    number = {label_key(name): index for index, name in enumerate(names)}
    models: dict[str, Measured | None] = dict.fromkeys(classifiers)
    predicted: dict[str, NDArray[np.int64]] = {}
    for name, order in columns.items():
        answers, truncated = yield from _answer(name, classifiers[name], rows.texts)
        probabilities = answers[:, order]
        predicted[name] = np.array([number[label_key(label)] for label in known[name]])[probabilities.argmax(axis=1)]
        measuring = measure_steps(rows.labels, probabilities, rows.names, resamples=resamples, seed=seed)
        measures = yield from map_steps(measuring, partial(Step, name, "measuring", total=resamples))
        models[name] = _measured(classifiers[name], measures, truncated)
    given = np.stack(list(predicted.values()))
    alike = (given == given[0]).all(axis=0)
    right = {name: answers == rows.labels for name, answers in predicted.items()}
    return {
        "rows": len(rows.texts),
        "fingerprint": fingerprint(rows.texts, rows.labels),
        "labels": rows.names,
        "models": models,
        "intervals": IntervalMethod(level=0.95, resamples=resamples, seed=seed),
        "agreement": float(alike.mean()),
        "pairs": _compare_pairs(right, resamples, seed),
        "slicings": slicings(rows.texts, rows.labels, rows.names, rows.columns, right),
        "disagreements": _disagreements(rows, predicted, np.flatnonzero(~alike), names),
    }


def _answer(
    name: str, classifier: Classifier, texts: Sequence[str]
) -> Generator[Step, None, tuple[NDArray[np.float32], int]]:
    """The probabilities of every text, and how many texts are longer than the classifier reads."""
    answering = partial(Step, name, "answering", total=len(texts))
    answers = yield from map_steps(classifier.answer_in_steps(texts), answering)
    return answers.probabilities, int((answers.tokens > classifier.max_length).sum())


def _measured(classifier: Classifier, measures: Measures, truncated: int) -> Measured:
    return Measured(
        model=classifier.identity(),
        accuracy=measures.metrics["accuracy"],
        macro_f1=measures.metrics["macro_f1"],
        log_loss=measures.metrics["log_loss"],
        expected_calibration_error=measures.metrics["expected_calibration_error"],
        per_label=measures.per_label,
        confusion_matrix=measures.confusion_matrix,
        other_answers=measures.other_answers,
        calibration=measures.calibration,
        truncated=truncated,
    )


def _compare_pairs(right: Mapping[str, NDArray[np.bool_]], resamples: int, seed: int) -> tuple[PairOnSplit, ...]:
    named = list(combinations(right, 2))
    counts = [_counts(right[first], right[second]) for first, second in named]
    p_values = [mcnemar_exact(b, c) for _, b, c, _ in counts]
    pairs = []
    for (first, second), (a, b, c, d), p_value, p_holm in zip(named, counts, p_values, holm(p_values), strict=True):
        rows = a + b + c + d
        # Resampling rows with replacement draws these three counts from a multinomial distribution.
        drawn = np.random.default_rng(seed).multinomial(rows, [b / rows, c / rows, (rows - b - c) / rows], resamples)
        low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / rows, [0.025, 0.975])
        pairs.append(
            PairOnSplit(
                first=first,
                second=second,
                both_right=a,
                only_first_right=b,
                only_second_right=c,
                both_wrong=d,
                error_overlap=d / (rows - a) if rows > a else None,
                difference=Interval(value=(b - c) / rows, low=float(low), high=float(high)),
                p_value=p_value,
                p_holm=float(p_holm),
            )
        )
    return tuple(pairs)


def _counts(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Rows that both get right, the first alone, the second alone, and neither."""
    return (
        int((first & second).sum()),
        int((first & ~second).sum()),
        int((second & ~first).sum()),
        int((~first & ~second).sum()),
    )


def _disagreements(
    rows: LabelledRows,
    predicted: Mapping[str, NDArray[np.int64]],
    differing: NDArray[np.int64],
    names: Sequence[str],
) -> tuple[Disagreement, ...]:
    return tuple(
        Disagreement(
            row=int(rows.positions[row]),
            text=rows.texts[row],
            label=rows.names[rows.labels[row]],
            predicted={name: names[answers[row]] for name, answers in predicted.items()},
        )
        for row in differing.tolist()
    )
