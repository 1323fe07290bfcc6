"""What ``benchmarks.inference`` measured, and the figures and verdicts that follow from it.

The record holds what was measured, round by round. Medians, ranges, ratios and verdicts are computed from it here, so
that whoever shows a figure computes it in the same way.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import ClassVar, Literal

from emohub.recipe.declaration import Declaration, NotNegative, NotNegativeFloat, Positive, PositiveFloat, Share, Text
from emohub.record import Environment, ModelIdentity, Record

RESULT = Path(__file__).resolve().parent / "inference.json"
BASELINE = "pipeline"
"""The contender that every ratio is against: transformers' ``pipeline`` as it comes."""
DEFAULT_THROUGHPUT = 6
"""Throughput of the default engine over the baseline's, at least."""
DEFAULT_LATENCY = 2 / 3
"""Time of one text of the default engine over the baseline's, at most."""
FASTEST_THROUGHPUT = 9
"""Throughput of the fastest engine over the baseline's, at least."""
FASTEST_LATENCY = 1 / 4
"""Time of one text of the fastest engine over the baseline's, at most."""
ACCURACY_LOSS = 0.002
"""How far an engine's accuracy on validation may lie from the baseline's."""
AGREEMENT = 0.98
"""Share of texts that must get the baseline's label; an engine below it is wrong, however fast."""


class Checked(Declaration):
    """Answers held to the reference's: those of the pipeline as it comes, for each text by itself."""

    agreement: Share
    """Share of the texts that got the reference's label."""
    difference: NotNegativeFloat
    """The largest difference of a probability from the reference's."""


class Round(Checked):
    """One contender's turn in one round; everybody gets the same texts in the same order."""

    number: NotNegative
    single_ms: tuple[PositiveFloat, ...]
    """Milliseconds of single texts, one after the other."""
    texts: Positive
    """How many texts were given at once for ``seconds``."""
    seconds: PositiveFloat

    @property
    def rate(self) -> float:
        """Texts per second."""
        return self.texts / self.seconds


class Many(Checked):
    """A long input at once, measured one time."""

    texts: Positive
    """How many of the input's texts; a slow contender gets the first of them only."""
    seconds: PositiveFloat
    checked: Positive
    """How many of them have a reference."""

    @property
    def rate(self) -> float:
        """Texts per second."""
        return self.texts / self.seconds


class Validation(Checked):
    """The labelled texts of validation, once."""

    accuracy: Share


class Memory(Declaration):
    """The most memory that the contender's process held so far (``VmHWM``), in MB of 10^6 bytes."""

    first_answer: PositiveFloat
    """After the model was loaded and one text answered."""
    rounds: PositiveFloat
    """After the rounds."""
    many: PositiveFloat
    """After the long input."""


class Contender(Declaration):
    """One way to classify, in a process of its own."""

    name: Text
    """For engines of emohub the name that ``--engine`` takes."""
    kind: Literal["engine", "peer", "not kept"]
    """An engine of emohub, what people would use instead, or what was tried and is no part of emohub."""
    how: Text
    """What it does, in one sentence."""
    file_bytes: Positive
    """Size of the file that its weights are read from."""
    memory: Memory
    rounds: tuple[Round, ...]
    many: Many
    validation: Validation
    cold_start: tuple[PositiveFloat, ...] = ()
    """Seconds from the start of a new process until it has printed the answer to one text and ended; empty where this
    was not measured."""

    def percentile_ms(self, share: float) -> float:
        """That percentile of the milliseconds for one text, over all rounds; the nearest rank."""
        return percentile([each for turn in self.rounds for each in turn.single_ms], share)

    @property
    def wrong(self) -> bool:
        """Whether its answers are not the model's, so that its speed counts for nothing."""
        held: tuple[Checked, ...] = (*self.rounds, self.many, self.validation)
        return min(each.agreement for each in held) < AGREEMENT


class Missing(Declaration):
    """A contender that could not be measured."""

    name: Text
    reason: Text


class InferenceResult(Record):
    """All that was measured in one go."""

    kind: ClassVar[str] = "inference benchmark"

    short: bool
    """True for the short form, whose figures are for a look and not for the report."""
    created: Text
    """When it began; UTC, ISO 8601."""
    minutes: PositiveFloat
    environment: Environment
    packages: dict[str, str | None]
    """Versions of what the environment does not state; None when it is not installed."""
    threads: Positive
    """Threads of torch in a process that sets none."""
    load_before: NotNegativeFloat
    """The machine's load over the last minute before it began."""
    model: ModelIdentity
    default: Text
    """The engine that ``auto`` chose on this machine."""
    test_texts: Positive
    test_tokens: PositiveFloat
    """Mean tokens of a test text, special ones included."""
    many_texts: Positive
    """Texts of the long input."""
    many_unique: Positive
    """Different ones among them."""
    validation_texts: Positive
    contenders: tuple[Contender, ...]
    missing: tuple[Missing, ...] = ()

    def contender(self, name: str) -> Contender | None:
        """The contender of that name; None where it was not measured."""
        return next((each for each in self.contenders if each.name == name), None)

    @property
    def fastest(self) -> Contender:
        """The engine of emohub with the highest throughput among those whose answers are right."""
        engines = [each for each in self.contenders if each.kind == "engine" and not each.wrong]
        return max(engines, key=lambda each: throughput(each).median)


@dataclass(frozen=True)
class Spread:
    """A figure of every round: its median and its range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Aim:
    """Something that was aimed at, and whether it was reached."""

    engine: str
    what: str
    wanted: str
    found: Spread
    met: bool


def throughput(contender: Contender) -> Spread:
    """Texts per second on the test texts."""
    return Spread.of([turn.rate for turn in contender.rounds])


def latency_ms(contender: Contender) -> Spread:
    """The median milliseconds for one text, round by round."""
    return Spread.of([median(turn.single_ms) for turn in contender.rounds])


def ratio(one: Contender, other: Contender, figure: Callable[[Round], float]) -> Spread:
    """A figure of one contender over another's, each round by itself."""
    pairs = zip(one.rounds, other.rounds, strict=True)
    return Spread.of([figure(own) / figure(others) for own, others in pairs])


def throughput_ratio(result: InferenceResult, contender: Contender) -> Spread:
    """Its throughput over the baseline's, round by round."""
    return ratio(contender, baseline(result), lambda turn: turn.rate)


def latency_ratio(result: InferenceResult, contender: Contender) -> Spread:
    """Its time for one text over the baseline's, the medians of each round."""
    return ratio(contender, baseline(result), lambda turn: median(turn.single_ms))


def baseline(result: InferenceResult) -> Contender:
    """The contender that ratios are against; without it nothing is measured."""
    return next(each for each in result.contenders if each.name == BASELINE)


def aims(result: InferenceResult) -> list[Aim]:
    """What was aimed at, for the default engine and for the fastest one; of ratios the median decides."""
    default = next(each for each in result.contenders if each.name == result.default)
    return [
        *_aims(result, default, DEFAULT_THROUGHPUT, DEFAULT_LATENCY),
        *_aims(result, result.fastest, FASTEST_THROUGHPUT, FASTEST_LATENCY),
    ]


def _aims(result: InferenceResult, engine: Contender, throughput: float, latency: float) -> list[Aim]:
    faster, sooner = throughput_ratio(result, engine), latency_ratio(result, engine)
    right = engine.validation
    lost = baseline(result).validation.accuracy - right.accuracy
    return [
        Aim(
            engine.name,
            f"throughput over that of `{BASELINE}`",
            f"at least {throughput:g}",
            faster,
            faster.median >= throughput and not engine.wrong,
        ),
        Aim(
            engine.name,
            f"time of one text over that of `{BASELINE}`",
            f"at most {latency:.2f}",
            sooner,
            sooner.median <= latency and not engine.wrong,
        ),
        Aim(
            engine.name,
            f"accuracy on validation below that of `{BASELINE}`, in points",
            f"at most {100 * ACCURACY_LOSS:g}",
            Spread.of([100 * lost]),
            # Accuracies are shares of whole texts: rounding must not decide.
            lost <= ACCURACY_LOSS + 1e-9,
        ),
        Aim(
            engine.name,
            f"share of validation with the label of `{BASELINE}`",
            f"at least {AGREEMENT:g}",
            Spread.of([right.agreement]),
            right.agreement >= AGREEMENT,
        ),
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]
