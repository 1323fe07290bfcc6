"""Two models made a cascade: every threshold tried on validation, the cheapest good one kept in ``cascade.json``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emohub.data import load_split, split_identity
from emohub.errors import ModelError, UsageError
from emohub.inference import Cascade, Checkpoint, Classifier, find_checkpoint
from emohub.inference.cascade import find_member
from emohub.inference.cost import multiply_adds
from emohub.labels import label_columns
from emohub.layout import CASCADE_FILE, CASCADE_PICTURE_FILE, CHECKPOINT_FOLDER, CONFIG_FILE
from emohub.metrics import paired_interval, wilson_interval
from emohub.metrics.cascade import CascadeCurve, cascade_curve
from emohub.pictures.cascade import draw_cascade
from emohub.recipe import Corpus
from emohub.record import Interval, check_writable, current_environment, utc_now
from emohub.record.cascade import CascadeMember, CascadePoint, CascadeRecord
from emohub.record.measuring import Measures, measure
from emohub.steps import run_steps

MARGIN = 0.005
"""Accuracy that a cascade may lose by default: half a point."""

Report = Callable[[str, int, int], None]
"""Receives a model's name, the texts done and all texts."""


def make_cascade(
    small: str,
    large: str,
    corpus: Corpus,
    *,
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    margin: float = MARGIN,
    resamples: int = 9999,
    seed: int = 0,
    on_progress: Report | None = None,
) -> CascadeRecord:
    """Let both models answer the validation split in float32, and choose the threshold between them.

    It is the cheapest at which the 95% interval of the cascade's accuracy less the large model's lies above ``-margin``
    as a whole. With ``output_dir`` that folder becomes the cascade: a picture, and then ``cascade.json``. ``resamples``
    and ``seed`` belong to the bootstrap intervals of the three models' metrics.

    Raises:
        UsageError: the small model costs no less than the large one, or ``output_dir`` is the folder of a model.
        ModelError: a model cannot be loaded, or would not be found again from ``output_dir``; or their labels are not
            the corpus' labels.
        DataError: the split cannot be loaded, or is not what the corpus declares.
        RecordError: ``output_dir`` cannot be written.
    """
    checkpoints = (find_checkpoint(small), find_checkpoint(large))
    if output_dir is not None:
        _check_output(output_dir, checkpoints)
    first, second = (Classifier.of(checkpoint, engine="torch") for checkpoint in checkpoints)
    both = Cascade(first, second, 0.0, id="cascade")  # they read as much of a text from now on as they will in it
    for classifier in (first, second):
        label_columns(classifier.labels, corpus.labels, classifier.id)
    data = load_split(corpus, "validation", data_dir=data_dir)
    little, much = (
        _answer(checkpoint, classifier, corpus, data.texts, on_progress)
        for checkpoint, classifier in zip(checkpoints, (first, second), strict=True)
    )
    if little.costs is not None and much.costs is not None and little.costs.sum() >= much.costs.sum():
        raise UsageError(f"{first.id} costs no less than {second.id}", "name the smaller model first")

    curve = cascade_curve(data.labels, little.probabilities, much.probabilities)
    points = _points(curve, little.costs, much.costs)
    chosen = choose(points, margin)

    def measured(probabilities: NDArray[np.float32]) -> Measures:
        return measure(data.labels, probabilities, corpus.labels, resamples=resamples, seed=seed)

    def member(checkpoint: Checkpoint, classifier: Classifier, of: _Answered) -> CascadeMember:
        return CascadeMember(
            model=checkpoint.identity,
            parameters=classifier.num_parameters,
            multiply_adds=None if of.costs is None else float(of.costs.mean()),
            metrics=measured(of.probabilities).metrics,
        )

    asked = curve.order[: chosen.asked]
    together = little.probabilities.copy()
    together[asked] = much.probabilities[asked]
    measures = measured(together)
    tokens = little.tokens.copy()
    tokens[asked] = much.tokens[asked]
    record = CascadeRecord(
        created=utc_now(),
        small=member(checkpoints[0], first, little),
        large=member(checkpoints[1], second, much),
        chosen=chosen,
        margin=margin,
        metrics=measures.metrics,
        intervals=measures.intervals,
        points=_each_percent(points),
        corpus=corpus.name,
        data=split_identity(data, int((tokens > both.max_length).sum())),
        labels=corpus.labels,
        environment=current_environment(both.device),
    )
    if output_dir is not None:
        draw_cascade(record, output_dir / CASCADE_PICTURE_FILE)
        record.save(output_dir / CASCADE_FILE)
    return record


def choose(points: list[CascadePoint], margin: float) -> CascadePoint:
    """The first of rising thresholds, which is the cheapest, whose difference lies above ``-margin`` as a whole.

    The last is the large model itself, which differs from itself by nothing.
    """
    return next((point for point in points[:-1] if point.difference.low > -margin), points[-1])


@dataclass(frozen=True)
class _Answered:
    """What one model makes of n texts."""

    probabilities: NDArray[np.float32]
    """Shape (n, k), columns in the order of the corpus' labels."""
    tokens: NDArray[np.int64]
    """Of each whole text; shape (n,)."""
    costs: NDArray[np.float64] | None
    """Multiply-adds of each text, shape (n,); None where the model's shape is not known."""


def _answer(
    checkpoint: Checkpoint, classifier: Classifier, corpus: Corpus, texts: Sequence[str], on_progress: Report | None
) -> _Answered:
    def report(done: int) -> None:
        if on_progress is not None:
            on_progress(checkpoint.id, done, len(texts))

    answers = run_steps(classifier.answer_in_steps(texts), report)
    return _Answered(
        answers.probabilities[:, label_columns(classifier.labels, corpus.labels, classifier.id)],
        answers.tokens,
        multiply_adds(checkpoint, np.minimum(answers.tokens, classifier.max_length)),
    )


def _points(
    curve: CascadeCurve, small: NDArray[np.float64] | None, large: NDArray[np.float64] | None
) -> list[CascadePoint]:
    """Every threshold in a record's terms, given what each row costs in either model."""
    n = len(curve.order)
    costs = None
    if small is not None and large is not None:
        costs = (small.sum() + np.concatenate([[0.0], large[curve.order].cumsum()])[curve.asked]) / n
    points = []
    for at, (threshold, asked, right) in enumerate(
        zip(curve.thresholds.tolist(), curve.asked.tolist(), curve.right.tolist(), strict=True)
    ):
        only_cascade, only_large = int(curve.only_cascade[at]), int(curve.only_large[at])
        points.append(
            CascadePoint(
                threshold=threshold,
                asked=asked,
                share=asked / n,
                accuracy=_interval(right / n, wilson_interval(right, n)),
                macro_f1=float(curve.macro_f1[at]),
                difference=_interval((only_cascade - only_large) / n, paired_interval(only_large, only_cascade, n)),
                multiply_adds=None if costs is None else float(costs[at]),
            )
        )
    return points


def _each_percent(points: list[CascadePoint]) -> tuple[CascadePoint, ...]:
    """The first of ``points`` that asks at least each whole percent of the texts, from none to all."""
    kept: list[CascadePoint] = []
    for point in points:
        if not kept or int(100 * point.share) > int(100 * kept[-1].share):
            kept.append(point)
    return tuple(kept)


def _interval(value: float, bounds: tuple[float, float]) -> Interval:
    return Interval(value=value, low=bounds[0], high=bounds[1])


def _check_output(folder: Path, checkpoints: tuple[Checkpoint, Checkpoint]) -> None:
    """Refuse, before any text is classified, a folder where the cascade cannot be, or would not find its models."""
    check_writable(folder)
    if (folder / CONFIG_FILE).exists() or (folder / CHECKPOINT_FOLDER).exists():
        raise UsageError(f"{folder} is the folder of a model", "give another folder with --output-dir")
    for checkpoint in checkpoints:
        try:
            find_member(folder, checkpoint.identity)
        except ModelError:
            raise ModelError(
                f"{checkpoint.id} would not be found by a cascade in {folder}",
                "put it beside that folder, or under models/ or runs/; a cascade names its models and holds neither",
            ) from None
