"""``description.json``: what a card says of a model beside its results: its data, its answers, its errors, its speed.

It is made of the training and the validation split alone; the test split is read for one thing only: which of its
texts stand in those.
"""

from typing import ClassVar, Literal

from emohub.recipe.declaration import Declaration, NotNegative, NotNegativeFloat, Positive, Share, Text
from emohub.record.base import Record
from emohub.record.environment import Environment
from emohub.record.identity import ModelIdentity, SplitIdentity

ENGLISH_EXAMPLES = (
    "I did not expect such a warm welcome, I could have hugged them all.",
    "They lost my order again and nobody even answers the phone.",
)
"""Texts that the Hub's widget offers and the usage example classifies; written for this purpose, from no dataset."""


DescribedSplit = Literal["train", "validation"]
LengthQuantile = Literal["shortest", "median", "p95", "longest"]


class LabelDescription(Declaration):
    """One label of the training split."""

    label: Text
    rows: NotNegative
    """Rows of the training split that carry it."""
    examples: tuple[Text, ...]
    """Texts with it that are fit to be shown, drawn by the seed; few or none where there are no more."""


class SplitDescription(Declaration):
    """Counts of one split."""

    data: SplitIdentity
    labels: dict[str, NotNegative]
    """Rows by label, in the corpus' order."""
    conflicting: NotNegative
    """Different texts that stand in the split with two labels or more."""
    shared: dict[str, NotNegative]
    """Different texts of this split that stand in another one too, by the other split's name."""
    tokens: dict[LengthQuantile, NotNegative]
    """Lengths of the texts in tokens of the model, special tokens included, before any is cut."""


class Answer(Declaration):
    """What the exported model really answered to one of ``ENGLISH_EXAMPLES``, or, for a corpus in another language, to
    a text of its training split."""

    text: Text
    probabilities: dict[str, Share]
    """By label, in the model's order."""


class Mistake(Declaration):
    """A validation text that the model got wrong."""

    row: NotNegative
    """Counted from 0."""
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
    """Most texts in one forward pass, when many are given at once."""
    texts_per_second: NotNegativeFloat
    """Over the whole validation split, given at once."""


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
    splits: dict[DescribedSplit, SplitDescription]
    in_test: dict[DescribedSplit, NotNegative] | None = None
    """Different texts of each split that stand in the test split too; None when the corpus has none."""
    answers: tuple[Answer, ...]
    mistakes: tuple[Mistake, ...]
    """The most confident ones on validation of those that are fit to be shown, most confident first."""
    mistakes_in_all: NotNegative
    speed: Speed
    environment: Environment
