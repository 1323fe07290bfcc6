"""What is left to do: the shards that have no answers yet."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from emohub.errors import UsageError
from emohub.shards.note import NOTES_FOLDER, Asked, ShardNote, note_name
from emohub.shards.storage import Folder, Stored

_READERS = 16
"""Notes that are read at once: far away, each of them takes the time of a request."""


@dataclass(frozen=True)
class Plan:
    """The shards of a run."""

    waiting: tuple[Stored, ...]
    finished: tuple[ShardNote, ...]


def plan_shards(shards: Sequence[Stored], target: Folder, asked: Asked) -> Plan:
    """Tell the shards that were answered already from those that wait.

    A shard is finished when its answers are there, whole, beside a note that says the same as this run would.

    Raises:
        UsageError: there are answers that this run would not give, or files that are no answers of emohub's.
        DataError: the folder of the answers cannot be reached.
    """
    there = {stored.name: stored for stored in target.list()}
    answered = [shard for shard in shards if shard.name in there]
    with ThreadPoolExecutor(_READERS) as readers:
        notes = list(readers.map(lambda shard: _note(shard, there, target), answered))
    for shard, note in zip(answered, notes, strict=True):
        problem = _problem(shard, note, there[shard.name], asked)
        if problem is not None:
            raise UsageError(
                f"{target.shown_file(shard.name)} {problem}", "give another --output, or delete what is in the way"
            )
    names = {shard.name for shard in answered}
    waiting = tuple(shard for shard in shards if shard.name not in names)
    return Plan(waiting, tuple(note for note in notes if note is not None))


def _note(shard: Stored, there: dict[str, Stored], target: Folder) -> ShardNote | None:
    name = note_name(shard.name)
    return ShardNote.parse(target.read(name)) if name in there else None


def _problem(shard: Stored, note: ShardNote | None, answers: Stored, asked: Asked) -> str | None:
    """Why the answers that are there are not those of this run; None when they are."""
    if note is None:
        return f"is there already, without a note in {NOTES_FOLDER} that says what it is"
    difference = asked.difference(note.asked)
    if difference is not None:
        return f"was answered {difference}"
    if (note.source_size, note.source_stamp) != (shard.size, shard.stamp):
        return "was answered before its shard was changed"
    if note.size != answers.size:
        return "was changed after it was answered"
    return None
