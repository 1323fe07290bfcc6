"""Classifiers side by side on a labelled split of a corpus."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from emohub.compare.labels import require_classifiers
from emohub.compare.side_by_side import LabelledRows, SideBySide, answering_only, side_by_side_steps
from emohub.data import load_split
from emohub.errors import ModelError
from emohub.inference import Classifier
from emohub.labels import label_columns
from emohub.recipe import Corpus
from emohub.steps import run_steps


class CorpusComparison(SideBySide):
    """Several classifiers on one labelled split; ``labels`` are the corpus' labels, and theirs are the same."""

    corpus: str
    split: str


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
    """Measure every classifier on the same rows, test each pair of them, and cut the rows into slices.

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
    steps = side_by_side_steps(
        LabelledRows(data.texts, data.labels, corpus.labels, np.arange(len(data.texts)), {}),
        classifiers,
        columns,
        resamples=resamples,
        seed=seed,
    )
    fields = run_steps(steps, answering_only(on_progress))
    return CorpusComparison(source=data.source, unaligned=unaligned, corpus=corpus.name, split=split, **fields)
