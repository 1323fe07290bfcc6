"""Measure a classifier on a split of a corpus: ``eval.json``, and every prediction in a parquet file beside it."""

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from emohub.data import load_split, split_identity, write_predictions
from emohub.inference import Classifier
from emohub.labels import label_columns
from emohub.layout import EVAL_FILE, PREDICTIONS_FILE
from emohub.recipe import Corpus
from emohub.recipe.corpus import SplitName
from emohub.record import EvalRecord, check_output, current_environment, utc_now
from emohub.record.measuring import confidence, measure
from emohub.steps import run_steps


def evaluate(
    model: str | Path | Classifier,
    corpus: Corpus,
    split: SplitName,
    *,
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    resamples: int = 9999,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> EvalRecord:
    """Classify every text of ``split`` in float32 and measure the answers; labels are matched by name.

    With ``output_dir``, writes ``predictions.parquet`` and then ``eval.json`` there, each whole or not at all.
    ``resamples`` and ``seed`` belong to the 95% percentile bootstrap intervals. ``on_progress`` receives the texts
    done and all texts.

    Raises:
        ModelError: the model cannot be loaded or was never saved, or its labels are not the corpus' labels.
        DataError: the split cannot be loaded, or is not what the corpus declares.
        UsageError: ``output_dir`` holds the evaluation of another corpus or split.
        RecordError: ``output_dir`` cannot be written.
    """
    classifier = (
        model.in_float32 if isinstance(model, Classifier) else Classifier.from_pretrained(model, engine="torch")
    )
    identity = classifier.identity()
    columns = label_columns(classifier.labels, corpus.labels, classifier.id)
    data = load_split(corpus, split, data_dir=data_dir)
    if output_dir is not None:
        check_output(output_dir / EVAL_FILE, EvalRecord, corpus.name, split)

    def report(done: int) -> None:
        if on_progress is not None:
            on_progress(done, len(data.texts))

    started = time.perf_counter()
    answers = run_steps(classifier.answer_in_steps(data.texts), report)
    seconds = time.perf_counter() - started
    probabilities = answers.probabilities[:, columns]

    # Without an output folder the file is written all the same, because the record states its fingerprint.
    with tempfile.TemporaryDirectory() if output_dir is None else nullcontext(output_dir) as folder:
        predictions_sha256 = write_predictions(
            Path(folder) / PREDICTIONS_FILE,
            row=np.arange(len(data.texts)),
            label=data.labels,
            predicted=probabilities.argmax(axis=1),
            probabilities=probabilities,
            label_names=corpus.labels,
        )
    truncated = int((answers.tokens > classifier.max_length).sum())
    measures = measure(data.labels, probabilities, corpus.labels, resamples=resamples, seed=seed)
    temperature = classifier.calibration_temperature
    record = EvalRecord(
        created=utc_now(),
        model=identity,
        corpus=corpus.name,
        hub_id=corpus.hub_id,
        config=corpus.config,
        split=split,
        data=split_identity(data, truncated),
        labels=corpus.labels,
        metrics=measures.metrics,
        intervals=measures.intervals,
        per_label=measures.per_label,
        confusion_matrix=measures.confusion_matrix,
        calibration=measures.calibration,
        seconds=seconds,
        texts_per_second=len(data.texts) / seconds,
        predictions_sha256=predictions_sha256,
        environment=current_environment(classifier.device),
        uncalibrated=None if temperature is None else confidence(data.labels, probabilities, undone=temperature),
    )
    if output_dir is not None:
        record.save(output_dir / EVAL_FILE)
    return record


if __name__ == "__main__":
    from emohub.cli import main

    main(["evaluate", *sys.argv[1:]])
