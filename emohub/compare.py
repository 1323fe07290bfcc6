"""Classifiers side by side: on one text, or on a labelled split with paired tests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emohub.data import LabelledTexts, load_split
from emohub.errors import ModelError, UsageError
from emohub.inference import Classifier, Prediction
from emohub.labels import label_columns, label_key
from emohub.metrics import bootstrap_intervals, classification_metrics, holm, mcnemar_exact
from emohub.recipe import Corpus, Declaration
from emohub.record import Interval, IntervalMethod, ModelIdentity

Relation = Literal["agree", "disagree", "not comparable"]


class PairOnText(Declaration):
    """How the answers of two classifiers to one text relate."""

    first: str
    second: str
    relation: Relation
    """``not comparable``: the answers differ, but one of the two classifiers does not know the other's answer."""


class TextComparison(Declaration):
    """What several classifiers make of one text."""

    text: str
    labels: tuple[str, ...]
    """Every label that any of them knows, in the order met."""
    shared_labels: tuple[str, ...]
    """The labels that all of them know."""
    predictions: dict[str, Prediction]
    """By the classifier's name, in the order given."""
    table: dict[str, tuple[float | None, ...]]
    """By classifier, the probability of each of ``labels``; None where it does not know the label."""
    pairs: tuple[PairOnText, ...]
    agree: bool
    """Whether all of them give the same label."""


class Measured(Declaration):
    """One classifier on the split."""

    model: ModelIdentity
    accuracy: Interval
    macro_f1: Interval


class PairOnSplit(Declaration):
    """Two classifiers on the same rows."""

    first: str
    second: str
    only_first_right: int
    """Rows that the first gets right and the second wrong."""
    only_second_right: int
    difference: Interval
    """Accuracy of the first minus accuracy of the second, with its paired bootstrap interval."""
    p_value: float
    """Two-sided exact McNemar test."""
    p_holm: float
    """``p_value`` adjusted for the number of pairs (Holm 1979)."""


class Disagreement(Declaration):
    """A row that the classifiers do not all answer alike."""

    row: int
    """Position in the split, from 0."""
    text: str
    label: str
    """The corpus' label."""
    predicted: dict[str, str]
    """By classifier, its answer."""


class CorpusComparison(Declaration):
    """Several classifiers on one labelled split."""

    corpus: str
    split: str
    rows: int
    fingerprint: str
    """Of the rows; see ``data.fingerprint``."""
    source: str
    labels: tuple[str, ...]
    models: dict[str, Measured | None]
    """By the classifier's name, in the order given; None when its labels are not the corpus' labels."""
    unaligned: dict[str, str]
    """Why, for each None in ``models``."""
    intervals: IntervalMethod
    agreement: float
    """Share of rows that all measured classifiers answer alike."""
    pairs: tuple[PairOnSplit, ...]
    disagreements: tuple[Disagreement, ...]


def align_labels(label_sets: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The union of label sets by name, spelled and ordered as first met; case does not count."""
    spelling: dict[str, str] = {}
    for labels in label_sets:
        for name in labels:
            spelling.setdefault(label_key(name), name)
    return tuple(spelling.values())


def compare_text(classifiers: Mapping[str, Classifier], text: str) -> TextComparison:
    """Let every classifier answer ``text``; their labels are matched by name.

    Raises:
        UsageError: no classifier was given, or the text is empty or too long.
    """
    _require_classifiers(classifiers)
    predictions = {name: classifier.classify(text) for name, classifier in classifiers.items()}
    labels = align_labels(prediction.labels for prediction in predictions.values())
    by_key = {
        name: dict(zip(map(label_key, prediction.labels), prediction.probabilities, strict=True))
        for name, prediction in predictions.items()
    }
    pairs = tuple(
        PairOnText(first=first, second=second, relation=_relation(predictions[first], predictions[second]))
        for first, second in combinations(predictions, 2)
    )
    return TextComparison(
        text=text,
        labels=labels,
        shared_labels=tuple(name for name in labels if all(label_key(name) in known for known in by_key.values())),
        predictions=predictions,
        table={name: tuple(known.get(label_key(label)) for label in labels) for name, known in by_key.items()},
        pairs=pairs,
        agree=all(pair.relation == "agree" for pair in pairs),
    )


def compare_corpus(
    classifiers: Mapping[str, Classifier],
    corpus: Corpus,
    split: str,
    *,
    data_dir: Path | None = None,
    resamples: int = 9999,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> CorpusComparison:
    """Measure every classifier on the same rows and test each pair of them.

    A classifier whose labels are not the corpus' labels is listed as unaligned and not measured.
    ``on_progress`` receives the classifier's name, the texts done and all texts.

    Raises:
        UsageError: no classifier was given.
        ModelError: not one of them has the corpus' labels.
        DataError: the split cannot be loaded, or is not what the corpus declares.
    """
    _require_classifiers(classifiers)
    columns: dict[str, list[int]] = {}
    unaligned: dict[str, str] = {}
    for name, classifier in classifiers.items():
        try:
            columns[name] = label_columns(classifier.labels, corpus.labels, name)
        except ModelError as error:
            unaligned[name] = error.cause
    if not columns:
        raise ModelError(
            f"none of the models has the labels of {corpus.name}, {', '.join(corpus.labels)}",
            "choose models or a corpus that fit each other",
        )
    data = load_split(corpus, split, data_dir=data_dir)
    total = len(data.texts)
    models: dict[str, Measured | None] = dict.fromkeys(classifiers)
    predicted: dict[str, NDArray[np.int64]] = {}
    for name, order in columns.items():

        def report(done: int, name: str = name) -> None:
            if on_progress is not None:
                on_progress(name, done, total)

        probabilities = classifiers[name].predict_proba(data.texts, on_progress=report)[:, order]
        predicted[name] = probabilities.argmax(axis=1)
        models[name] = _measure(classifiers[name], data.labels, probabilities, resamples, seed)
    answers = np.stack(list(predicted.values()))
    alike = (answers == answers[0]).all(axis=0)
    return CorpusComparison(
        corpus=corpus.name,
        split=split,
        rows=total,
        fingerprint=data.fingerprint,
        source=data.source,
        labels=corpus.labels,
        models=models,
        unaligned=unaligned,
        intervals=IntervalMethod(level=0.95, resamples=resamples, seed=seed),
        agreement=float(alike.mean()),
        pairs=_compare_pairs(data.labels, predicted, resamples, seed),
        disagreements=_disagreements(data, predicted, np.flatnonzero(~alike), corpus.labels),
    )


def _require_classifiers(classifiers: Mapping[str, Classifier]) -> None:
    if not classifiers:
        raise UsageError("there is no model to compare", "name at least one")


def _relation(first: Prediction, second: Prediction) -> Relation:
    if label_key(first.label) == label_key(second.label):
        return "agree"
    known_to_both = {*map(label_key, first.labels)} & {*map(label_key, second.labels)}
    return "disagree" if {label_key(first.label), label_key(second.label)} <= known_to_both else "not comparable"


def _measure(
    classifier: Classifier, references: NDArray[np.int64], probabilities: NDArray[np.float32], resamples: int, seed: int
) -> Measured:
    values = classification_metrics(references, probabilities.argmax(axis=1), probabilities.shape[1])
    intervals = bootstrap_intervals(references, probabilities, resamples=resamples, seed=seed).metrics
    accuracy, macro_f1 = (
        Interval(value=values[metric], low=intervals[metric][0], high=intervals[metric][1])
        for metric in ("accuracy", "macro_f1")
    )
    return Measured(model=classifier.identity(), accuracy=accuracy, macro_f1=macro_f1)


def _compare_pairs(
    references: NDArray[np.int64], predicted: Mapping[str, NDArray[np.int64]], resamples: int, seed: int
) -> tuple[PairOnSplit, ...]:
    rows = len(references)
    right = {name: answers == references for name, answers in predicted.items()}
    named = list(combinations(right, 2))
    counts = [
        (int((right[first] & ~right[second]).sum()), int((right[second] & ~right[first]).sum()))
        for first, second in named
    ]
    p_values = [mcnemar_exact(*count) for count in counts]
    pairs = []
    for (first, second), (b, c), p_value, p_holm in zip(named, counts, p_values, holm(p_values), strict=True):
        # Resampling rows with replacement draws these three counts from a multinomial distribution.
        drawn = np.random.default_rng(seed).multinomial(rows, [b / rows, c / rows, (rows - b - c) / rows], resamples)
        low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / rows, [0.025, 0.975])
        pairs.append(
            PairOnSplit(
                first=first,
                second=second,
                only_first_right=b,
                only_second_right=c,
                difference=Interval(value=(b - c) / rows, low=float(low), high=float(high)),
                p_value=p_value,
                p_holm=float(p_holm),
            )
        )
    return tuple(pairs)


def _disagreements(
    data: LabelledTexts,
    predicted: Mapping[str, NDArray[np.int64]],
    rows: NDArray[np.int64],
    labels: Sequence[str],
) -> tuple[Disagreement, ...]:
    return tuple(
        Disagreement(
            row=row,
            text=data.texts[row],
            label=labels[data.labels[row]],
            predicted={name: labels[answers[row]] for name, answers in predicted.items()},
        )
        for row in rows.tolist()
    )
