"""What ``benchmarks.architectures`` measured: the documented architectures beside the models that ship here."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from benchmarks.inference_result import Spread
from emohub.recipe.declaration import Declaration, NotNegativeFloat, Positive, PositiveFloat, Text
from emohub.record import Environment, Record

RESULT = Path(__file__).resolve().parent / "architectures.json"


class Contender(Declaration):
    """One model, and its turns."""

    name: Text
    """Hub id of a documented base model, or the name of a model under ``models/``."""
    kind: Literal["documented", "ours"]
    """A documented architecture at full size with fresh weights, or a model that ships."""
    parameters: Positive
    tokens_per_text: PositiveFloat
    """Mean, special tokens included; each model has a tokenizer of its own."""
    single_ms: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)]
    """Of each round the median milliseconds for one text."""
    seconds: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)]
    """Of each round the seconds for all texts at once."""


class ArchitecturesResult(Record):
    """Every model through the same engine on the same texts, in turn."""

    kind: ClassVar[str] = "architectures"

    created: Text
    """UTC, ISO 8601."""
    environment: Environment
    load_before: NotNegativeFloat
    """Busy processes in the minute before."""
    engine: Text
    """What ``--engine`` calls it."""
    threads: Positive
    corpus: Text
    texts: Positive
    """Texts at once in a round, from the validation split."""
    single: Positive
    """Texts one by one in a round."""
    contenders: tuple[Contender, ...]

    def find(self, name: str) -> Contender | None:
        """The contender of that name; None where it was not measured."""
        return next((each for each in self.contenders if each.name == name), None)


def times_as_fast(own: Contender, other: Contender) -> Spread:
    """How many texts one answers while the other answers one, many at once; each round by itself."""
    return Spread.of([theirs / ours for ours, theirs in zip(own.seconds, other.seconds, strict=True)])


def times_as_fast_alone(own: Contender, other: Contender) -> Spread:
    """How many times as long the other takes for a single text; each round by itself."""
    return Spread.of([theirs / ours for ours, theirs in zip(own.single_ms, other.single_ms, strict=True)])
