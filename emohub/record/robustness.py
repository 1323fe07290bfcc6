"""``robustness.json``: how a model answers texts that were changed, made up, or are about something else.

The tests are behavioural ones in the manner of CheckList (Ribeiro et al. 2020): of invariance, where an answer should
stay; of minimum functionality, where any model for the task should be right; and of direction, where an answer should
change.
"""

from typing import ClassVar, Literal

from emohub.recipe.corpus import SplitName
from emohub.recipe.declaration import Declaration, NotNegative, Positive, Share, Text
from emohub.record.base import Record
from emohub.record.environment import Environment
from emohub.record.evaluation import Interval
from emohub.record.identity import ModelIdentity, SplitIdentity

SURE = 0.8
"""A model that gives its answer this probability or more is sure of it."""
WEAK = 0.05
"""What fails surely more often than this is a weak spot; so is a group whose probability is surely that far off."""

TestKind = Literal["invariance", "minimum functionality", "direction"]


class FailedText(Declaration):
    """A text that a test failed on."""

    text: Text
    """As it was classified."""
    before: Text | None
    """What it was before it was changed; None for a made sentence that nothing was changed in."""
    expected: Text
    """The label that it should get; in a test of direction, the one that it should lose."""
    answered: Text


class RobustnessTest(Declaration):
    """What came of one kind of text."""

    name: Text
    kind: TestKind
    what: Text
    """What was asked, and what counts as a failure."""
    texts: Positive
    failures: NotNegative
    failure_rate: Interval
    """With Wilson's 95% interval."""
    accuracy_change: Interval | None
    """Accuracy on the changed texts less that on the same texts unchanged; None where the texts carry no label."""
    examples: tuple[FailedText, ...]
    """The first failures whose texts are fit to be shown; none of the test split."""

    @property
    def is_weak(self) -> bool:
        """Whether its failures are, with the lower end of their interval, more than :data:`WEAK`."""
        return self.failure_rate.low > WEAK


class GroupResult(Declaration):
    """How sentences about people of one group were answered."""

    group: Text
    terms: tuple[Text, ...]
    """The names or words that stood for the group."""
    probability: Share
    """Mean probability of the label that the sentence names, over all sentences and terms."""
    difference: Interval
    """That mean less the mean over all groups."""


class GroupProbe(Declaration):
    """The same sentences about people of different groups: a probe for bias."""

    name: Text
    source: Text
    """Where groups and terms come from."""
    sentences: Positive
    """Each was asked with each term of each group."""
    spread: Interval
    """Mean probability of the group with the highest less that of the group with the lowest. It cannot be negative, so
    that chance alone makes it, and its interval, positive."""
    groups: tuple[GroupResult, ...]
    texts: Positive
    failures: NotNegative
    """Texts that are not answered as most of the texts of the same sentence are."""
    failure_rate: Interval
    """With Wilson's 95% interval."""

    @property
    def is_weak(self) -> bool:
        """Whether a name changes the answer surely more often than :data:`WEAK`, or a group's difference is as large
        and surely there."""
        return self.failure_rate.low > WEAK or any(
            abs(group.difference.value) > WEAK and not group.difference.low <= 0 <= group.difference.high
            for group in self.groups
        )


class UnfamiliarTexts(Declaration):
    """How sure the model is of texts that are not what it is for."""

    name: Text
    what: Text
    texts: Positive
    nothing_to_find: bool
    """Whether none of the labels applies to any of them, so that to be sure is wrong."""
    confidence: Interval
    """Mean highest probability, with a 95% percentile bootstrap interval."""
    sure: Interval
    """Share that gets a label with a probability of :data:`SURE` or more, with Wilson's 95% interval; a label that says
    that there is nothing, such as neutral, does not count."""
    answers: dict[str, NotNegative]
    """Texts by the label that they got."""

    @property
    def is_weak(self) -> bool:
        """Whether it is sure, more often than :data:`WEAK`, where there is nothing to find."""
        return self.nothing_to_find and self.sure.low > WEAK


class RobustnessRecord(Record):
    """What one model answered to all of these texts."""

    kind: ClassVar[str] = "robustness"

    created: Text
    """UTC, ISO 8601."""
    model: ModelIdentity
    corpus: Text
    split: SplitName
    data: SplitIdentity
    labels: tuple[Text, ...]
    texts: Positive
    """Texts of the split that were changed: all, or as many as are drawn by the seed."""
    accuracy: Interval
    """On them as they stand, with Wilson's 95% interval."""
    confidence: Share
    """Mean highest probability on them."""
    templates: Text | None
    """Name of the file with the made sentences; None where there were none to ask."""
    resamples: Positive
    seed: int
    """Of what was drawn and changed, and of the bootstrap."""
    tests: tuple[RobustnessTest, ...]
    probes: tuple[GroupProbe, ...]
    unfamiliar: tuple[UnfamiliarTexts, ...]
    left_out: tuple[Text, ...]
    """What could not be asked and why, one sentence each."""
    environment: Environment
