"""Classifiers side by side on a labelled split, with paired tests."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emohub.compare.labels import require_classifiers
from emohub.data import LabelledTexts, load_split
from emohub.errors import ModelError
from emohub.inference import Classifier
from emohub.labels import label_columns
from emohub.metrics import bootstrap_intervals, classification_metrics, holm, mcnemar_exact
from emohub.recipe import Corpus, Declaration
from emohub.record import Interval, IntervalMethod, ModelIdentity


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
    require_classifiers(classifiers)
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
