"""``description.json``: what a card says of a model beside its results: its data, its answers, its errors, its speed.

It is made of the training and the validation split alone; the test split is never read for it.
"""

from typing import ClassVar, Literal

from emohub.recipe.declaration import Declaration, NotNegative, NotNegativeFloat, Positive, Share, Text
from emohub.record.base import Record
from emohub.record.environment import Environment
from emohub.record.identity import ModelIdentity, SplitIdentity


class LabelDescription(Declaration):
    """One label of the training split."""

    label: Text
    rows: NotNegative
    """Rows of the training split that carry it."""
    examples: tuple[Text, ...]
    """Texts with it, drawn by the seed."""


class SplitDescription(Declaration):
    """Counts of one split."""

    data: SplitIdentity
    labels: dict[str, NotNegative]
    """Rows by label, in the corpus' order."""
    conflicting: NotNegative
    """Different texts that stand in the split with two labels or more."""
    shared: dict[str, NotNegative]
    """Different texts of this split that stand in another one too, by the other split's name."""
    tokens: dict[Literal["shortest", "median", "p95", "longest"], NotNegative]
    """Lengths of the texts in tokens of the model, special tokens included, before any is cut."""


class Answer(Declaration):
    """A text of this project's own, and what the exported model really answered."""

    text: Text
    probabilities: dict[str, Share]
    """By label, in the model's order."""


class Mistake(Declaration):
    """A validation text that the model got wrong."""

    row: NotNegative
    text: Text
    label: Text
    predicted: Text
    confidence: Share
    """Probability of the predicted label."""


class Speed(Declaration):
    """How fast the exported model classifies texts of the validation split on the machine of the record."""

    threads: Positive
    texts: Positive
    """Texts that were timed one by one."""
    median_ms: NotNegativeFloat
    """Milliseconds for one text, tokenizing included."""
    p95_ms: NotNegativeFloat
    batch_size: Positive
    texts_per_second: NotNegativeFloat
    """Over the whole validation split, in batches."""


class DescriptionRecord(Record):
    """What was found out about one exported model beside its results."""

    kind: ClassVar[str] = "description"

    created: Text
    """UTC, ISO 8601."""
    model: ModelIdentity
    corpus: Text
    seed: int
    """Of the drawn examples."""
    labels: tuple[LabelDescription, ...]
    splits: dict[Literal["train", "validation"], SplitDescription]
    answers: tuple[Answer, ...]
    mistakes: tuple[Mistake, ...]
    """The most confident ones on validation, most confident first."""
    mistakes_in_all: NotNegative
    speed: Speed
    environment: Environment
