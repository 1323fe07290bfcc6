"""What stands beside an answered shard: what it was made of, so that a run that goes on knows what it need not do."""

import json
from typing import ClassVar, Self

from emohub.errors import RecipeError
from emohub.inference import EngineName
from emohub.recipe import Declaration
from emohub.recipe.declaration import NotNegative, Positive, Text
from emohub.record import ModelIdentity, Record

NOTES_FOLDER = "_emohub"
"""Folder among the answers that holds the notes; readers of datasets pass over names with an underscore."""


class Asked(Declaration):
    """What every shard of a run is asked."""

    model: ModelIdentity
    engine: EngineName
    """What computes; never ``auto``."""
    labels: tuple[Text, ...]
    max_length: Positive
    """Tokens that the model reads of a text."""
    column: Text
    """The one that holds the texts."""

    def difference(self, other: "Asked") -> str | None:
        """What the other one is asked otherwise, in words; None when the answers are the same ones."""
        if self.model.fingerprint != other.model.fingerprint:
            return f"with other weights ({other.model.id})"
        if (self.labels, self.max_length) != (other.labels, other.max_length):
            return f"with another configuration of {other.model.id}"
        if self.engine != other.engine:
            return f"with the engine {other.engine}"
        if self.column != other.column:
            return f"for the column {other.column!r}"
        return None


class ShardNote(Record):
    """One answered shard. It is written before the shard appears, so a shard without one is not ours."""

    kind: ClassVar[str] = "shard"

    name: Text
    """Of the shard and of its answers, below their folders."""
    source_size: NotNegative
    """Bytes."""
    source_stamp: Text
    """The hash that the Hub gives the file, else when it was written (nanoseconds since 1970)."""
    asked: Asked
    rows: NotNegative
    truncated: NotNegative
    """Texts with more tokens than the model reads."""
    size: NotNegative
    """Bytes of the answers' file."""

    @classmethod
    def parse(cls, content: bytes) -> Self | None:
        """Read a note back; None when it is damaged, or of another version."""
        try:
            values = json.loads(content)
            return cls.from_values(values, "the note") if isinstance(values, dict) else None
        except (ValueError, RecipeError):
            return None


def note_name(shard: str) -> str:
    """Where the note of a shard lies, below the folder of the answers."""
    return f"{NOTES_FOLDER}/{shard}.json"
