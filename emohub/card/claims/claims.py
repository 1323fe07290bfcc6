"""What a card claims: figures as they were printed, each with the line that it stands on."""

import re
from dataclasses import dataclass, field, replace

NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?"
"""A number as cards print it, thousands apart or not; it also matches nothing, so ask for a digit ahead of it."""

SCORES = ("accuracy", "f1", "precision", "recall")
"""Metrics between 0 and 1 of which more is better; ``loss`` is the only other one that is read."""

LEAST_PERCENTAGE = 2
"""From here on a score is read as a percentage; 1.2 is a mistake rather than 1.2%."""


@dataclass(frozen=True)
class Stated:
    """Something that a card states, in its own words."""

    text: str
    line: int | None = None


@dataclass(frozen=True)
class Figure:
    """One printed figure of a metric."""

    metric: str
    """``loss`` or one of :data:`SCORES`."""
    average: str | None
    """``macro``, ``weighted``, ``micro`` or ``binary``; None where the card does not say."""
    shown: str
    """As printed."""
    value: float
    """As a number; a percentage divided by 100."""
    decimals: int
    """Decimals of :attr:`value` that were printed, 10 at most, so that half a unit stays above a float's own error."""
    line: int | None = None

    @property
    def half(self) -> float:
        """Half a unit of the last decimal: how far the value before rounding can be away."""
        return 0.5 * 10.0**-self.decimals

    @property
    def name(self) -> str:
        """The metric with its average, for people."""
        metric = "F1" if self.metric == "f1" else self.metric
        return f"{self.average} {metric}" if self.average else metric

    def at_least(self, decimals: int) -> "Figure":
        """The same figure where a column shows that its zeros at the end were left out."""
        return replace(self, decimals=max(self.decimals, decimals))

    def agrees(self, other: "Figure") -> bool:
        """Whether one number, rounded, can have been printed as both."""
        return abs(self.value - other.value) <= (self.half + other.half) * (1 + 1e-9)


def figure(metric: str, shown: str, *, average: str | None = None, line: int | None = None) -> Figure | None:
    """A printed number (``0.9065``, ``90.65%``, ``90.65``, ``2e-05``, ``1,234``) as a figure; None when it is none."""
    text = shown.strip().rstrip("%").strip()
    if not re.search(r"\d", text) or not re.fullmatch(NUMBER, text):
        return None
    mantissa, _, exponent = text.replace(",", "").lower().partition("e")
    value = float(text.replace(",", ""))
    percent = shown.strip().endswith("%") or (metric in SCORES and LEAST_PERCENTAGE <= value <= 100)
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0) + (2 if percent else 0)
    return Figure(metric, average, shown.strip(), value / (100 if percent else 1), min(max(decimals, 0), 10), line)


@dataclass(frozen=True)
class Row:
    """One row of a table of results over the training."""

    line: int | None
    step: int | None
    epoch: Figure | None
    training_loss: Figure | None
    figures: tuple[Figure, ...]
    """Validation loss (as ``loss``) and metrics."""

    def figure(self, name: str) -> Figure | None:
        """The figure with that :attr:`Figure.name`; None where the row has none."""
        return next((figure for figure in self.figures if figure.name == name), None)

    @property
    def place(self) -> str:
        """How a person would find it."""
        if self.epoch is not None:
            whole = self.epoch.value == int(self.epoch.value)
            return f"epoch {int(self.epoch.value) if whole else self.epoch.shown}"
        return f"step {self.step:,}" if self.step is not None else f"the row on line {self.line}"


@dataclass(frozen=True)
class Change:
    """A sentence that says how a metric went from one value to another."""

    subject: str
    """What changed, in the card's words."""
    first: Figure
    last: Figure
    said: str
    """``fell``, ``rose`` or ``improved``."""
    line: int | None = None


@dataclass(frozen=True)
class Indexed:
    """One result of the front matter's ``model-index``."""

    dataset: str | None
    split: Stated | None
    figures: tuple[Figure, ...]
    line: int | None


@dataclass(frozen=True)
class Claims:
    """Everything that was read in a card or in a document about a model."""

    whole: bool = False
    """Whether a whole card was read, so that what is missing here is missing there."""
    classifier: bool = False
    """Whether it is known to be of a text classifier."""
    joins_texts: bool = False
    """Whether it is of a language model, whose training joins texts and cuts them into blocks."""
    binary: bool = False
    """Whether it is known to tell two labels apart."""
    headline: tuple[Figure, ...] = ()
    """The figures that it names first."""
    headline_split: Stated | None = None
    """``train``, ``validation``, ``test`` or ``evaluation`` (a split that is not named)."""
    rows: tuple[Row, ...] = ()
    """Results over the training, in the card's order."""
    exported: Row | None = None
    """The row that the card itself marks as that of the published weights."""
    rows_left_out: bool = False
    """Whether the card itself leaves rows out of that table."""
    other_metrics: tuple[str, ...] = ()
    """Names of figures beside the headline or in the rows' columns that are no metric of ours."""
    changes: tuple[Change, ...] = ()
    figures: tuple[Figure, ...] = ()
    """Every figure of the body that was read, those of the headline and of the rows among them."""
    index: tuple[Indexed, ...] = ()
    empty_index: Stated | None = None
    """A ``results: []`` in the model-index."""
    hyperparameters: dict[str, Stated] = field(default_factory=dict)
    """By the names of transformers' training arguments, as far as they have one."""
    split_rows: dict[str, Stated] = field(default_factory=dict)
    """Number of rows, by ``train``, ``validation``, ``test`` or ``evaluation``."""
    taught_texts: Stated | None = None
    """Number of texts that teachers answered: what an epoch of distillation goes over, made texts included."""
    datasets: tuple[Stated, ...] = ()
    config: Stated | None = None
    """Configuration of the dataset."""
    corpora: tuple[str, ...] = ()
    """Names of the built-in corpora that the datasets can be."""
    dataset_unknown: Stated | None = None
    """Words by which the card says that it does not name its dataset."""
    base_models: tuple[Stated, ...] = ()
    listed_base_models: tuple[Stated, ...] = ()
    """Those of them that the front matter names."""
    license: Stated | None = None
    frameworks: dict[str, Stated] = field(default_factory=dict)
    """Version by library in lower case; an empty text where the library is named without one."""
    placeholders: tuple[Stated, ...] = ()
    lowercasing: Stated | None = None
    """Where lower-casing is named as something that is done to the texts."""
    average: Stated | None = None
    """Where the card says which average its precision, recall and F1 are."""
    early_stop: Stated | None = None
    """Where it says that training ended before the configured epochs."""
    overfitting: Stated | None = None
    """Where it speaks of overfitting, or of where the validation loss was lowest."""
