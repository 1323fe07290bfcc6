"""What a card says of a model beside its results: ``description.json``, from the training and validation splits."""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emohub import layout
from emohub.data import (
    LabelledTexts,
    RawSplit,
    Rows,
    audit,
    is_fit_to_show,
    load_run_split,
    load_split,
    split_identity,
    text_key,
)
from emohub.errors import ModelError, UsageError
from emohub.inference import Classifier
from emohub.labels import label_columns
from emohub.recipe import Corpus, Recipe
from emohub.record import (
    ENGLISH_EXAMPLES,
    Answer,
    DescriptionRecord,
    LabelDescription,
    Mistake,
    RunRecord,
    Speed,
    SplitDescription,
    check_writable,
    current_environment,
    utc_now,
)
from emohub.record.description import DescribedSplit, LengthQuantile

EXAMPLES = 3
"""Training texts shown for each label."""
MISTAKES = 10
"""Mistakes that are shown."""
TIMED_TEXTS = 200
"""Texts that are timed one by one: enough for a 95th percentile with ten texts above it."""
WARM_UP_TEXTS = 10
"""Texts classified before the clock starts: the first ones set up memory and kernels."""
QUANTILES: dict[LengthQuantile, float] = {"shortest": 0.0, "median": 0.5, "p95": 0.95, "longest": 1.0}
"""Each is the length of a real text: the shortest that at least this share of the texts does not exceed."""

SPLITS: tuple[DescribedSplit, ...] = ("train", "validation")
"""The splits that are described. The test split is for the one measurement in ``eval.json``."""

Report = Callable[[str, int, int], None]
"""Receives what is being done, and how much of how much."""


def describe(
    model: str | Path,
    *,
    corpus: Corpus | None = None,
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    seed: int = 0,
    on_progress: Report | None = None,
) -> DescriptionRecord:
    """Describe a run's model: its data, what it answers, what it gets wrong, and how fast it is.

    A text is shown only when it is short and undamaged, and nothing else speaks against it (``is_fit_to_show``); a
    training text, moreover, only when all its occurrences have one label.

    Args:
        model: a run folder, or the name of a model under ``models/`` with records under ``cards/``.
        corpus: the run's corpus, where its record does not lead to the files; the rows must be the run's.
        data_dir: folder with the corpora as parquet files, instead of the Hub.
        output_dir: where ``description.json`` is written; nowhere when None.
        seed: draws the examples, and the texts that are timed.
        on_progress: told where the work is.

    Raises:
        UsageError: there is no such run, or its model is no classifier.
        ModelError: the model cannot be loaded, or its weights are not those that the run exported.
        DataError: the rows cannot be loaded, or are not the run's.
        RecordError: the run record is damaged, or ``output_dir`` cannot be written.
    """
    run = _run_of(model)
    recorded = Recipe.from_values(run.recipe, "the recipe in the run record").corpus
    files = [Path(recorded.base_folder, split.file) for split in recorded.splits.values() if split.file]
    if corpus is None and not all(file.is_file() for file in files):
        raise UsageError(
            f"the record of {model} does not say where the files of the corpus {recorded.name} lie",
            "give the declaration of the corpus with --corpus",
        )
    corpus = corpus or recorded
    if output_dir is not None:
        check_writable(output_dir)
    classifier = Classifier.from_pretrained(model, engine="torch")
    if classifier.fingerprint != run.exported.fingerprint:
        raise ModelError(f"the weights of {model} are not those that its run exported", "give the folder of the run")
    columns = label_columns(classifier.labels, corpus.labels, classifier.id)
    train, validation = (load_run_split(corpus, split, run, data_dir=data_dir) for split in SPLITS)

    rows = dict(zip(SPLITS, (Rows(RawSplit.of(data), corpus) for data in (train, validation)), strict=True))
    labels = _labels(rows["train"], seed)
    speed, probabilities = _measure_speed(classifier, validation, seed, on_progress)
    mistakes = _mistakes(validation, probabilities[:, columns], corpus.labels)
    record = DescriptionRecord(
        created=utc_now(),
        model=classifier.identity(),
        corpus=corpus.name,
        seed=seed,
        labels=labels,
        splits=_splits(classifier, corpus, dict(zip(SPLITS, (train, validation), strict=True))),
        in_test=_in_test(corpus, rows, data_dir),
        answers=tuple(_answer(classifier, text) for text in _questions(corpus, labels)),
        mistakes=tuple([mistake for mistake in mistakes if is_fit_to_show(mistake.text)][:MISTAKES]),
        mistakes_in_all=len(mistakes),
        speed=speed,
        environment=current_environment(classifier.device),
    )
    if output_dir is not None:
        record.save(output_dir / layout.DESCRIPTION_FILE)
    return record


def _run_of(model: str | Path) -> RunRecord:
    records = layout.find_records(str(model))
    if records is None:
        raise UsageError(f"there is no run {str(model)!r}", "give a run folder, or a name under cards/")
    run = RunRecord.load(records / layout.RUN_FILE)
    if run.stage == "masked_lm":
        raise UsageError(f"{model} is a run of the stage {run.stage}, which has no labels", "give the run after it")
    return run


def _labels(train: Rows, seed: int) -> tuple[LabelDescription, ...]:
    """Every label of the corpus with its rows and some of its texts, each drawn without regard to other labels."""
    by_label: dict[int, list[str]] = {}
    for text, rows in train.by_text.items():
        known = train.labels_of(text)
        if len(known) == 1:
            by_label.setdefault(known.pop(), []).append(train.readable[rows[0]])
    described = []
    for label, name in enumerate(train.corpus.labels):
        texts = list(filter(is_fit_to_show, by_label.get(label, [])))
        drawn = random.Random(f"{seed} {label}").sample(texts, min(EXAMPLES, len(texts)))
        count = int((train.label_ids == label).sum())
        described.append(LabelDescription(label=name, rows=count, examples=tuple(drawn)))
    return tuple(described)


def _splits(
    classifier: Classifier, corpus: Corpus, splits: dict[DescribedSplit, LabelledTexts]
) -> dict[DescribedSplit, SplitDescription]:
    """Counts of each split, by the audit's own definitions."""
    lengths: dict[str, NDArray[np.int64]] = {name: classifier.count_tokens(data.texts) for name, data in splits.items()}
    found = audit(
        corpus,
        {name: RawSplit.of(data) for name, data in splits.items()},
        lengths=lengths,
        max_length=classifier.max_length,
    )
    described: dict[DescribedSplit, SplitDescription] = {}
    for name, data in splits.items():
        counted = found.splits[name]
        conflicting = counted.counts["two_labels"]
        described[name] = SplitDescription(
            data=split_identity(data, counted.cut or 0),
            labels=counted.labels,
            conflicting=conflicting.count if conflicting else 0,
            shared={
                other: next((pair.texts for pair in found.shared if {pair.first, pair.second} == {name, other}), 0)
                for other in splits
                if other != name
            },
            tokens={
                quantile: int(np.quantile(lengths[name], share, method="inverted_cdf"))
                for quantile, share in QUANTILES.items()
            },
        )
    return described


def _in_test(
    corpus: Corpus, rows: dict[DescribedSplit, Rows], data_dir: Path | None
) -> dict[DescribedSplit, int] | None:
    """How many texts of each split the test split has too. Nothing else is read of it, least of all its labels."""
    if "test" not in corpus.splits:
        return None
    texts = {text_key(text) for text in load_split(corpus, "test", data_dir=data_dir).texts}
    return {split: len(texts & set(found.by_text)) for split, found in rows.items()}


def _questions(corpus: Corpus, labels: Sequence[LabelDescription]) -> Sequence[str]:
    """Texts for the model to answer: this project's own, or for another language the first examples of the labels."""
    if corpus.language == ("en",):
        return ENGLISH_EXAMPLES
    return [label.examples[0] for label in labels if label.examples][: len(ENGLISH_EXAMPLES)]


def _answer(classifier: Classifier, text: str) -> Answer:
    prediction = classifier.classify(text)
    return Answer(text=text, probabilities=dict(zip(prediction.labels, prediction.probabilities, strict=True)))


def _mistakes(data: LabelledTexts, probabilities: NDArray[np.float32], labels: Sequence[str]) -> list[Mistake]:
    """Every row that is given another label than it has, the most confident first."""
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != data.labels)
    return [
        Mistake(
            row=int(row),
            text=data.texts[row],
            label=labels[data.labels[row]],
            predicted=labels[predicted[row]],
            confidence=float(confidence[row]),
        )
        for row in wrong[np.argsort(-confidence[wrong], kind="stable")]
    ]


def _measure_speed(
    classifier: Classifier, data: LabelledTexts, seed: int, report: Report | None
) -> tuple[Speed, NDArray[np.float32]]:
    """How long single texts and the whole split take, and the probabilities that the split is given."""

    counts = [0]

    def classified(done: int) -> None:
        counts.append(done)
        if report is not None:
            report("Classifying", done, data.rows)

    timed = random.Random(seed).sample(data.texts, min(TIMED_TEXTS, data.rows))
    for text in timed[:WARM_UP_TEXTS]:
        classifier.predict_proba([text])
    milliseconds = []
    for done, text in enumerate(timed, start=1):
        started = time.perf_counter()
        classifier.predict_proba([text])
        milliseconds.append(1000 * (time.perf_counter() - started))
        if report is not None:
            report("Timing", done, len(timed))
    started = time.perf_counter()
    probabilities = classifier.predict_proba(data.texts, on_progress=classified)
    seconds = time.perf_counter() - started
    speed = Speed(
        threads=classifier.threads,
        texts=len(timed),
        median_ms=float(np.median(milliseconds)),
        p95_ms=float(np.quantile(milliseconds, 0.95)),
        batch_size=int(np.diff(counts).max()),
        texts_per_second=data.rows / seconds,
    )
    return speed, probabilities
