"""What a robustness record adds to a card: tests, groups of people, texts of another kind, and what is weak."""

from collections.abc import Iterator
from typing import Any

from emohub.card.markdown import Markdown
from emohub.card.tables import Table
from emohub.record import SURE, WEAK, FailedText, GroupProbe, RobustnessRecord, RobustnessTest, UnfamiliarTexts


def robustness_context(record: RobustnessRecord) -> dict[str, Any]:
    """What the part ``robustness`` of a card shows."""
    return {
        "split": record.split,
        "texts": record.texts,
        "all_texts": record.data.rows,
        "accuracy": record.accuracy,
        "tests": Table(
            ["Test", "What is asked", "Texts", "Failures", "Change of accuracy"],
            [[t.name, t.what, t.texts, t.failure_rate, t.accuracy_change] for t in record.tests],
        ),
        "made": any(test.kind != "invariance" for test in record.tests),
        "failed": Table(
            ["Test", "Text", "Before the change", "Right", "Answered"],
            [_failed(test, test.examples[0]) for test in record.tests if test.examples],
        ),
        "probes": Table(
            ["People", "Sentences", "Spread", "Answers that the person changes"],
            [[probe.name, probe.sentences, probe.spread, probe.failure_rate] for probe in record.probes],
        ),
        "groups": Table(
            ["People", "Group", "Terms", "Mean probability", "Less the mean of the groups"],
            [
                [probe.name, group.group, len(group.terms), group.probability, group.difference]
                for probe in record.probes
                for group in probe.groups
            ],
        ),
        "sources": [(probe.name, probe.source.rstrip(".")) for probe in record.probes],
        "unfamiliar": Table(
            ["Texts", "What they are", "Number", "Mean confidence", "Sure"],
            [[other.name, other.what, other.texts, other.confidence, other.sure] for other in record.unfamiliar],
        ),
        "confidence": record.confidence,
        "sure": f"{SURE:.0%}",
        "weak": f"{WEAK:.0%}",
        "weak_difference": f"{WEAK:g}",
        "left_out": record.left_out,
        "seed": record.seed,
    }


def weak_spots(record: RobustnessRecord | None) -> list[str]:
    """A sentence for each weak spot, as the record's own rule finds them; none without a record."""
    return [] if record is None else list(_weak_spots(record))


def _weak_spots(record: RobustnessRecord) -> Iterator[str]:
    for test in record.tests:
        if test.is_weak:
            yield f'Weak spot "{test.name}": {_failures(test)}.'
    for probe in record.probes:
        if probe.is_weak:
            yield f'Weak spot "{probe.name}": {_differences(probe)}.'
    for other in record.unfamiliar:
        if other.is_weak:
            yield f'Weak spot "{other.name}": {_too_sure(other)}.'


def _failures(test: RobustnessTest) -> str:
    happens = {
        "invariance": "get another label when they are changed like this",
        "minimum functionality": "do not get their label",
        "direction": "keep a label that they should lose",
    }
    what = "texts of the corpus" if test.kind == "invariance" else "made sentences"
    change = test.accuracy_change
    accuracy = "" if change is None else f", which changes the accuracy by {change.value:+.4f}"
    return f"{test.failure_rate.value:.1%} of {test.texts:,} {what} {happens[test.kind]}{accuracy}"


def _differences(probe: GroupProbe) -> str:
    highest, lowest = (choose(probe.groups, key=lambda group: group.probability) for choose in (max, min))
    return (
        f"{probe.failure_rate.value:.1%} of {probe.texts:,} made sentences are answered otherwise than the same "
        f"sentence about most other people, and the probability of the label that a sentence names is "
        f"{probe.spread.value:.4f} "
        f"higher on average for the group {highest.group} than for the group {lowest.group}"
    )


def _too_sure(other: UnfamiliarTexts) -> str:
    return (
        f"{other.sure.value:.1%} of {other.texts:,} sentences to which no label applies get one with a probability of "
        f"{SURE:.0%} or more"
    )


def _failed(test: RobustnessTest, example: FailedText) -> list[Any]:
    right = f"not {example.expected}" if test.kind == "direction" else example.expected
    before = Markdown("") if example.before is None else example.before
    return [test.name, example.text, before, right, example.answered]
