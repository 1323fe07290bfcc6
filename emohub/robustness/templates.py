"""Made sentences: declared in a TOML file, and put together for the labels of a corpus."""

from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import product
from pathlib import Path

from emohub.errors import RecipeError
from emohub.labels import label_key
from emohub.recipe import Declaration
from emohub.recipe.declaration import Text, read_toml

PROBED_WORDS = 2
"""Words of each label, the first ones, that stand in sentences about people: each is asked with every name."""


class Frames(Declaration):
    """Sentence patterns; ``{word}`` stands for a word of a label, ``{person}`` for a person."""

    pairs: tuple[tuple[Text, Text], ...]
    """Patterns with ``{word}``, each beside its negation."""
    about: tuple[Text, ...] = ()
    """Patterns with ``{person}``, at the beginning, and ``{word}``."""


class LabelWords(Declaration):
    """How one label is spoken of."""

    names: tuple[Text, ...]
    """What corpora call the label."""
    frames: Text | None = None
    """Name of the frames that its words go into; None where it has no words."""
    words: tuple[Text, ...] = ()
    """Words that name it; the first ones are the plainest."""
    sentences: tuple[Text, ...] = ()
    """Whole sentences that anybody would give this label, though they do not name it."""


class Probe(Declaration):
    """Groups of people who should be answered alike."""

    name: Text
    source: Text
    """Where groups and terms come from."""
    groups: dict[Text, tuple[Text, ...]]
    """What stands for ``{person}``, by group."""


class Templates(Declaration):
    """Everything that is asked beside the texts of a corpus."""

    language: tuple[Text, ...]
    """ISO 639 codes; they are asked of corpora in these languages."""
    frames: dict[Text, Frames]
    labels: tuple[LabelWords, ...] = ()
    probes: tuple[Probe, ...] = ()
    plain_facts: tuple[Text, ...] = ()
    """Sentences to which no label applies but one for texts without any."""

    def words_of(self, label: str) -> LabelWords | None:
        """How a label of a corpus is spoken of; None when it is not known."""
        key = label_key(label)
        return next((known for known in self.labels if key in map(label_key, known.names)), None)

    def pairs(self, words: LabelWords) -> list[tuple[str, str]]:
        """Every sentence that names a label, beside its negation."""
        if words.frames is None:
            return []
        frames = self.frames[words.frames]
        return [
            (_filled(plain, word=word), _filled(negated, word=word))
            for word, (plain, negated) in product(words.words, frames.pairs)
        ]

    def about(self, words: LabelWords, terms: Sequence[str]) -> list[list[str]]:
        """Sentences about people that name a label: one row a sentence, one column a term."""
        if words.frames is None:
            return []
        patterns = product(words.words[:PROBED_WORDS], self.frames[words.frames].about)
        return [[_filled(pattern, word=word, person=term) for term in terms] for word, pattern in patterns]


def load_templates(path: Path | None = None) -> Templates:
    """The sentences of a TOML file; those that ship, in English, when ``path`` is None.

    Raises:
        RecipeError: the file cannot be read, or its parts do not fit together.
    """
    path = path or Path(str(resources.files("emohub").joinpath("robustness", "english.toml")))
    templates = Templates.from_values(read_toml(path), str(path))
    for finding in _findings(templates):
        raise RecipeError(f"{path}: {finding}", "correct the file; docs/robustness.md says what it holds")
    return templates


def _findings(templates: Templates) -> Iterator[str]:
    """What is wrong with the parts of a file that are each valid."""
    for name, frames in templates.frames.items():
        for pattern in (pattern for pair in frames.pairs for pattern in pair):
            if "{word}" not in pattern or "{person}" in pattern:
                yield f"frames.{name}.pairs: {pattern!r} must hold {{word}} and no {{person}}"
        for pattern in frames.about:
            if "{word}" not in pattern or "{person}" not in pattern:
                yield f"frames.{name}.about: {pattern!r} must hold {{person}} and {{word}}"
    for label in templates.labels:
        if not label.names:
            yield "a label has no names"
        elif label.words and label.frames not in templates.frames:
            yield f"the label {label.names[0]!r} names the frames {label.frames!r}, which are not there"
    for probe in templates.probes:
        if len(probe.groups) < 2 or not all(probe.groups.values()):
            yield f"the probe {probe.name!r} needs two groups or more, none of them empty"


def _filled(pattern: str, **values: str) -> str:
    for name, value in values.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return pattern
