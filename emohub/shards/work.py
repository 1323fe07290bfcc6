"""A shard answered: read, classified, written whole or not at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emohub import layout
from emohub.batch import answer_file, check_file
from emohub.data import TableFile, TableOutline
from emohub.errors import EmohubError
from emohub.inference import Classifier
from emohub.shards.note import Asked, ShardNote, note_name
from emohub.shards.storage import Folder, Stored, open_folder
from emohub.steps import run_steps


@dataclass(frozen=True)
class Job:
    """What a process needs to know to answer shards."""

    model: str
    """A folder of this machine, by its whole path, or a Hub id."""
    revision: str | None
    """Commit on the Hub; None for a folder."""
    asked: Asked
    source: str
    """Address of the folder of the shards."""
    target: str
    """Address of the folder of the answers."""


@dataclass(frozen=True)
class ShardResult:
    """What became of a shard: either its note or why there is none."""

    shard: Stored
    note: ShardNote | None = None
    failure: str | None = None


def job_of(model: str, classifier: Classifier, column: str, source: Folder, target: Folder) -> Job:
    """The job of answering shards as ``classifier``, which was loaded by the name ``model``, answers them."""
    folder = layout.find_model(model)
    asked = Asked(
        model=classifier.identity(),
        engine=classifier.engine,
        labels=classifier.labels,
        max_length=classifier.max_length,
        column=column,
    )
    return Job(
        model=str(folder.resolve()) if folder is not None else model,
        revision=classifier.revision,
        asked=asked,
        source=str(source.local or source.address),
        target=str(target.local or target.address),
    )


def answer_shards(job: Job, classifier: Classifier, shards: Sequence[Stored]) -> Iterator[ShardResult]:
    """Answer one shard after the other; a failure of one leaves the others as they are."""
    source, target = open_folder(job.source), open_folder(job.target)
    for shard in shards:
        yield answer_shard(job.asked, classifier, source, shard, target)


def answer_shard(asked: Asked, classifier: Classifier, source: Folder, shard: Stored, target: Folder) -> ShardResult:
    """Answer one shard."""
    where = source.shown_file(shard.name)
    file = None
    try:
        with source.as_local(shard.name) as file:
            return ShardResult(shard, _answer(asked, classifier, file, shard, target))
    except EmohubError as error:
        failure = str(error)
        if file is not None:
            failure = failure.replace(str(file), where)
        return ShardResult(shard, failure=failure if where in failure else f"{where}: {failure}")
    except Exception as error:  # another shard may fare better; the text of an unknown error could quote a row
        return ShardResult(shard, failure=f"{where} cannot be answered ({type(error).__name__}); leave it out.")


def _answer(asked: Asked, classifier: Classifier, file: Path, shard: Stored, target: Folder) -> ShardNote:
    notes: list[ShardNote] = []

    def write(answers_file: Path) -> None:
        outline = TableOutline(answers_file)
        with TableFile(file) as table:
            run_steps(check_file(table, asked.column, outline))
            answers = run_steps(answer_file(classifier, table, asked.column, outline))
        note = ShardNote(
            name=shard.name,
            source_size=shard.size,
            source_stamp=shard.stamp,
            asked=asked,
            rows=answers.rows,
            truncated=answers.truncated,
            size=answers_file.stat().st_size,
        )
        target.write(note_name(shard.name), f"{note.model_dump_json(indent=2)}\n".encode())
        notes.append(note)

    target.clear(shard.name)
    target.place(shard.name, write)
    return notes[0]
