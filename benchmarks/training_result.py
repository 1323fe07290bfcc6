"""What ``train_throughput`` measured, and the figures that follow from it."""

from pathlib import Path
from statistics import median
from typing import ClassVar, Literal

from emohub.recipe.declaration import Declaration, NotNegativeFloat, Positive, PositiveFloat, Text
from emohub.record import Environment
from emohub.record.base import Record

RESULT = Path(__file__).resolve().parent / "train_throughput.json"

Contender = Literal["trainer", "trainer_128", "accelerate", "ours", "products"]
"""``products`` is no trainer: it multiplies the matrices of the encoder's linear layers, and does nothing else."""
Precision = Literal["fp32", "bf16"]
CONTENDERS: tuple[Contender, ...] = ("trainer", "trainer_128", "accelerate", "ours", "products")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")


class Size(Declaration):
    """A model, and the batches that every contender trained it on."""

    name: Text
    parameters: Positive
    linear_weights: Positive
    """Weights of the encoder's linear layers: multiply-adds for one token in a forward pass."""
    steps: Positive
    """Optimizer steps of a round."""
    tokens: tuple[Positive, ...]
    """Tokens of each round's texts, without padding."""
    dynamic_positions: tuple[Positive, ...]
    """Positions of the same texts, each batch padded to its longest text."""


class Measured(Declaration):
    """One contender at one size, in one precision."""

    size: Text
    contender: Contender
    precision: Precision
    seconds: tuple[PositiveFloat, ...]
    """Of each round, in the order of the rounds."""
    threads: Positive
    """Threads that torch used for one operation."""
    peak_megabytes: PositiveFloat
    """Most memory that the process held, its start included; MB of 10^6 bytes."""
    device_megabytes: PositiveFloat | None
    """Most memory that torch took of a GPU; None without one."""


class TrainingResult(Record):
    """Every contender, asked in turn."""

    kind: ClassVar[str] = "training throughput"

    created: Text
    environment: Environment
    load_before: NotNegativeFloat
    """Mean number of busy processes in the minute before."""
    short: bool
    batch_size: Positive
    max_length: Positive
    rounds: Positive
    sizes: tuple[Size, ...]
    measured: tuple[Measured, ...]

    def size(self, name: str) -> Size:
        """The model of that name."""
        return next(size for size in self.sizes if size.name == name)

    def find(self, size: str, contender: Contender, precision: Precision) -> Measured | None:
        """What was measured of a contender; None when it was not asked."""
        wanted = (size, contender, precision)
        return next((each for each in self.measured if (each.size, each.contender, each.precision) == wanted), None)

    def samples_per_second(self, measured: Measured) -> float:
        """Texts a second, the median over the rounds."""
        texts = self.size(measured.size).steps * self.batch_size
        return median(texts / seconds for seconds in measured.seconds)

    def tokens_per_second(self, measured: Measured) -> float:
        """Tokens a second that are no padding, the median over the rounds."""
        tokens = self.size(measured.size).tokens
        return median(count / seconds for count, seconds in zip(tokens, measured.seconds, strict=True))

    def product_rate(self, size: str, precision: Precision) -> float | None:
        """Floating point operations a second of the matrix products alone, the median over the rounds."""
        products = self.find(size, "products", precision)
        return None if products is None else self.tokens_per_second(products) * operations(self.size(size))

    def product_share(self, measured: Measured) -> float | None:
        """The rate at which a contender does the encoder's linear layers, counted on tokens alone, as a share of the
        rate of these products by themselves; the median over the rounds."""
        products = self.find(measured.size, "products", measured.precision)
        return None if products is None else median(ratios(measured, products))


def operations(size: Size) -> int:
    """Floating point operations of the encoder's linear layers for one token: a multiplication and an addition for each
    weight, in the forward product and in the two of the backward pass (to the inputs, and to the weights)."""
    return 3 * 2 * size.linear_weights


def ratios(own: Measured, other: Measured) -> list[float]:
    """How many times as fast as the other, in each round; both trained on the same texts in it."""
    return [theirs / mine for mine, theirs in zip(own.seconds, other.seconds, strict=True)]
