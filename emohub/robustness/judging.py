"""What answers to a test's texts say: counts, rates and differences with their intervals."""

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from emohub.metrics import mean_interval, paired_interval, wilson_interval
from emohub.record import FailedText, GroupProbe, GroupResult, Interval, RobustnessTest, UnfamiliarTexts
from emohub.record.robustness import SURE, TestKind
from emohub.robustness.templates import Probe

EXAMPLES = 3
"""Failures of each test that are kept as examples."""

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def share(count: int, n: int) -> Interval:
    """A share with Wilson's interval."""
    low, high = wilson_interval(count, n)
    return Interval(value=count / n, low=low, high=high)


def judged(
    name: str,
    kind: TestKind,
    what: str,
    failed: NDArray[np.bool_],
    *,
    examples: Iterable[FailedText] = (),
    accuracy_change: Interval | None = None,
) -> RobustnessTest:
    """A test by which of its texts failed, shape ``(n,)``; ``examples`` are what may be shown of them."""
    failures = int(failed.sum())
    return RobustnessTest(
        name=name,
        kind=kind,
        what=what,
        texts=len(failed),
        failures=failures,
        failure_rate=share(failures, len(failed)),
        accuracy_change=accuracy_change,
        examples=tuple(islice(examples, EXAMPLES)),
    )


def accuracy_change(labels: Ids, before: Ids, after: Ids) -> Interval:
    """Accuracy of the answers ``after`` less that of those ``before``, to the same rows; each of shape ``(n,)``."""
    lost = int(((before == labels) & (after != labels)).sum())
    won = int(((before != labels) & (after == labels)).sum())
    low, high = paired_interval(lost, won, len(labels))
    return Interval(value=(won - lost) / len(labels), low=low, high=high)


def probed(probe: Probe, probabilities: Floats, answers: Ids, *, resamples: int, seed: int) -> GroupProbe:
    """A probe by the answers to each sentence (rows) about each term (columns, the groups' terms one after the other).

    ``probabilities`` are those of the label that the sentence names. Intervals are 95% percentile bootstrap intervals
    for which sentences, and terms within their group, are drawn with replacement: both are some of many.
    """
    groups = list(probe.groups)
    sizes = [len(terms) for terms in probe.groups.values()]
    parts = np.split(probabilities, np.cumsum(sizes)[:-1], axis=1)
    means = np.array([part.mean() for part in parts])
    drawn = _resampled_means(parts, resamples, seed)
    differences = drawn - drawn.mean(axis=1, keepdims=True)
    usual = [np.bincount(row).argmax() for row in answers]
    failures = int((answers != np.array(usual)[:, None]).sum())
    return GroupProbe(
        name=probe.name,
        source=probe.source,
        sentences=len(probabilities),
        spread=_interval(float(np.ptp(means)), np.ptp(drawn, axis=1)),
        groups=tuple(
            GroupResult(
                group=group,
                terms=probe.groups[group],
                probability=float(means[index]),
                difference=_interval(float(means[index] - means.mean()), differences[:, index]),
            )
            for index, group in enumerate(groups)
        ),
        texts=answers.size,
        failures=failures,
        failure_rate=share(failures, answers.size),
    )


def _resampled_means(parts: Sequence[Floats], resamples: int, seed: int) -> Floats:
    """The mean of each group in each resample, shape ``(resamples, groups)``; groups share the drawn sentences."""
    draw = np.random.default_rng(seed)
    rows = len(parts[0])
    sentences = draw.multinomial(rows, np.full(rows, 1 / rows), size=resamples)
    means = []
    for part in parts:
        columns = part.shape[1]
        terms = draw.multinomial(columns, np.full(columns, 1 / columns), size=resamples)
        means.append(((sentences @ part) * terms).sum(axis=1) / (rows * columns))
    return np.stack(means, axis=1)


def _interval(value: float, drawn: Floats) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value=value, low=float(low), high=float(high))


def unfamiliar(
    name: str,
    what: str,
    probabilities: Floats,
    labels: Sequence[str],
    *,
    nothing_to_find: bool,
    none_of_them: Sequence[int],
    resamples: int,
    seed: int,
) -> UnfamiliarTexts:
    """How sure the answers to texts of another kind are: probabilities of shape ``(n, k)``, a column a label.

    ``none_of_them`` are the labels that say that there is nothing; to be sure of these is right.
    """
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    low, high = mean_interval(confidence, resamples=resamples, seed=seed)
    sure = (confidence >= SURE) & ~np.isin(answers, none_of_them)
    return UnfamiliarTexts(
        name=name,
        what=what,
        texts=len(answers),
        nothing_to_find=nothing_to_find,
        confidence=Interval(value=float(confidence.mean()), low=low, high=high),
        sure=share(int(sure.sum()), len(answers)),
        answers=dict(zip(labels, np.bincount(answers, minlength=len(labels)).tolist(), strict=True)),
    )
