"""What ``benchmarks.cold_start`` measured."""

from pathlib import Path
from typing import ClassVar

from emohub.recipe.declaration import Declaration, NotNegative, NotNegativeFloat, Positive, PositiveFloat, Text
from emohub.record import Environment, Record

RESULT = Path(__file__).resolve().parent / "cold_start.json"


class Library(Declaration):
    """What one top-level package cost to import."""

    name: Text
    ms: NotNegativeFloat
    """Milliseconds in its own modules, without those of other packages that they import."""
    modules: Positive


class Start(Declaration):
    """What one command costs to start."""

    command: Text
    """As a person types it."""
    until: Text
    """What ended the time."""
    seconds: tuple[PositiveFloat, ...]
    """Wall time of each start, from the start of its process on."""
    import_ms: NotNegativeFloat
    """Milliseconds of all imports in one start more, under ``-X importtime``, which takes its own share of them."""
    modules: NotNegative
    """How many modules were imported."""
    slowest: tuple[Library, ...]
    """The packages that took longest, the slowest first."""


class ColdStartResult(Record):
    """All that was measured in one go."""

    kind: ClassVar[str] = "cold start"

    created: Text
    """When it began; UTC, ISO 8601."""
    environment: Environment
    load_before: NotNegativeFloat
    """The machine's load over the last minute before it began."""
    model: Text
    starts: tuple[Start, ...]
