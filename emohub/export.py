"""A model in a format for other runtimes, checked against the original before it gets its name."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emohub import __version__, layout
from emohub.data import load_run_split, read_table
from emohub.errors import DataError, ModelError, RecordError, UsageError
from emohub.inference import Checkpoint, Classifier, EngineName, find_checkpoint
from emohub.layout import CONFIG_FILE, ONNX_EXPORT_FILE, ONNX_FILES, ONNX_FOLDER
from emohub.recipe import Recipe
from emohub.record import ExportedFile, ExportRecord, RunRecord, check_writable, sha256_file, utc_now
from emohub.tokenizing import TOKENIZER_FILES

MAX_DIFFERENCE = 1e-4
"""Most that a probability of the float32 graph may differ from the original's."""
MIN_AGREEMENT = 0.98
"""Least share of texts to which the int8 graph must give the original's label."""
MAX_TEXTS = 2000
"""Texts of a split or file that are compared, from its start: enough to see one label in a thousand change."""

OnnxEngineName = Literal["onnx", "onnx-int8"]
Report = Callable[[str, int, int], None]
"""Receives what is being done, and how much of how much."""

_OPENINGS = (
    "",
    "After the call with my sister ",
    "It is late, the train is not coming, and ",
    "We talked about the film, the house and the long way home, and now ",
    "Three years of work lie behind us; last night we looked at all of it once more, page by page, and ",
)
_FEELINGS = (
    "i feel happy and proud of what we have done",
    "i feel so cheerful that i keep singing",
    "i am delighted with this wonderful present!",
    "i feel sad and lonely",
    "i feel hopeless, as if nothing would ever be good again",
    "i am heartbroken and i cannot stop crying.",
    "i feel furious about how we were treated",
    "i am so angry that i could scream!",
    "i feel annoyed and irritated by all of them",
    "i feel afraid of what will happen tomorrow",
    "i am terrified, and my hands are shaking",
    "i feel nervous and anxious about the exam.",
    "i feel surprised and amazed at how it ended",
    "i am shocked, i did not expect that at all",
    "i feel loving and tender towards my little daughter",
    "i adore him, he is a sweet and caring man",
    "it was a terrible, boring waste of time and money.",
    "it was excellent: funny, clever and beautifully made.",
    "everything is disgusting here, and i hate it",
    "i am grateful and full of hope for the new year",
)
SENTENCES = (*(opening + feeling for opening, feeling in product(_OPENINGS, _FEELINGS)), "ok", "so sad " * 350)
"""What is compared where there are no texts of the model's own kind: short, long, and longer than a model reads."""


@dataclass(frozen=True)
class ComparedTexts:
    """Texts that both forms of a model classify."""

    texts: Sequence[str]
    source: str
    """Where they came from; never an absolute path."""


def export(
    model: str | Path, *, int8: bool = False, compared: ComparedTexts | None = None, on_progress: Report | None = None
) -> ExportRecord:
    """Write a local classifier as ONNX files into ``onnx/`` of its folder, with the record of what was checked.

    Each file is held against the probabilities of the weights in float32 (:data:`MAX_DIFFERENCE`,
    :data:`MIN_AGREEMENT`) before it replaces one of its name. Files of an earlier export that are not written again go.

    Args:
        model: a folder, a run, or a model under ``models/``.
        int8: also write the smaller and faster file with integer weights.
        compared: what both forms classify; :data:`SENTENCES` when None.
        on_progress: told where the work is.

    Raises:
        UsageError: a package is missing, or the model is not on this machine.
        ModelError: the model cannot be loaded or exported, or the exported file answers otherwise; nothing is written.
        RecordError: the folder cannot be written.
    """
    from emohub.inference.onnx_graph import OPSET, PACKAGES, load_onnx  # noqa: PLC0415 - torch comes with it

    load_onnx()
    compared = compared or ComparedTexts(SENTENCES, f"{len(SENTENCES)} sentences made for this check")
    report = on_progress or _unheard
    if layout.find_model(str(model)) is None:
        raise UsageError(
            f"{model} is not a model on this machine, so there is no folder to write into",
            "fetch it with `hf download MODEL --local-dir DIR`, and export that folder",
        )
    checkpoint = find_checkpoint(model)
    check_writable(checkpoint.folder)
    engines: tuple[OnnxEngineName, ...] = ("onnx", "onnx-int8") if int8 else ("onnx",)
    reference = _answers(checkpoint, "torch", compared.texts, report)
    with _copy(checkpoint) as copy:
        _write_graphs(checkpoint, copy.folder, engines, report)
        files = tuple(
            _checked(copy, engine, reference, _answers(copy, engine, compared.texts, report)) for engine in engines
        )
        record = ExportRecord(
            created=utc_now(),
            emohub=__version__,
            packages={name: metadata.version(name) for name in PACKAGES},
            model=checkpoint.identity,
            opset=OPSET,
            texts=len(compared.texts),
            source=compared.source,
            files=files,
        )
        _put_in_place(copy.folder, checkpoint.folder, record)
    return record


def _unheard(task: str, done: int, total: int) -> None:
    """Progress that nobody follows."""


def texts_of_file(path: Path, column: str) -> ComparedTexts:
    """The first texts of a table, to compare answers on.

    Raises:
        UsageError: the file is of another kind.
        DataError: it cannot be read, or has no such column or no rows.
    """
    texts = read_table(path).texts(column)
    if not texts:
        raise DataError(f"{path} has no rows", "give a file with at least one")
    return ComparedTexts(texts[:MAX_TEXTS], f"file:{path.name}")


def texts_of_run(model: str | Path, data_dir: Path | None = None) -> ComparedTexts | None:
    """The first validation texts of the run that made a model; None where run or rows cannot be had.

    Raises:
        RecordError: the run record is damaged.
        DataError: there are rows in ``data_dir``, and they are not the run's.
    """
    records = layout.find_records(str(model))
    if records is None:
        return None
    run = RunRecord.load(records / layout.RUN_FILE)
    corpus = Recipe.from_values(run.recipe, "the recipe in the run record").corpus
    try:
        validation = load_run_split(corpus, "validation", run, data_dir=data_dir)
    except DataError:
        if data_dir is not None:  # somebody wants these rows
            raise
        return None
    return ComparedTexts(validation.texts[:MAX_TEXTS], f"{corpus.name}, validation split")


def _answers(checkpoint: Checkpoint, engine: EngineName, texts: Sequence[str], report: Report) -> NDArray[np.float32]:
    classifier = Classifier.of(checkpoint, engine=engine)
    return classifier.predict_proba(texts, on_progress=lambda done: report(f"Answers of {engine}", done, len(texts)))


@contextmanager
def _copy(checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """A folder inside the model's with all that a classifier is loaded from beside its weights; gone in the end."""
    with tempfile.TemporaryDirectory(dir=checkpoint.folder, prefix=".export-") as name:
        for file in (CONFIG_FILE, *TOKENIZER_FILES):
            if (checkpoint.folder / file).is_file():
                shutil.copyfile(checkpoint.folder / file, Path(name, file))
        yield Checkpoint(Path(name), checkpoint.id)


def _write_graphs(checkpoint: Checkpoint, folder: Path, engines: Sequence[OnnxEngineName], report: Report) -> None:
    from emohub.inference.onnx_graph import trace  # noqa: PLC0415 - torch comes with it
    from emohub.inference.onnx_int8 import quantize  # noqa: PLC0415

    (folder / ONNX_FOLDER).mkdir()
    report("Tracing", 0, 1)
    graph = trace(checkpoint)
    for engine in engines:
        if engine == "onnx-int8":
            quantize(graph)
        (folder / ONNX_FILES[engine]).write_bytes(graph.SerializeToString())
    report("Tracing", 1, 1)


def _checked(
    checkpoint: Checkpoint, engine: OnnxEngineName, reference: NDArray[np.float32], answers: NDArray[np.float32]
) -> ExportedFile:
    """What a record says of a file, once its answers are near enough."""
    agreement = float((answers.argmax(axis=1) == reference.argmax(axis=1)).mean())
    difference = float(np.abs(answers - reference).max())
    path = ONNX_FILES[engine]
    if engine == "onnx" and not difference <= MAX_DIFFERENCE:  # not: NaN is no small difference
        raise ModelError(
            f"{path} of {checkpoint.id} differs from the original by {difference:.2g} in a probability; at most "
            f"{MAX_DIFFERENCE:g} is let through",
            "use the engine torch for this model",
        )
    if not (agreement >= MIN_AGREEMENT and np.isfinite(difference)):
        raise ModelError(
            f"{path} of {checkpoint.id} gives {agreement:.1%} of {len(answers):,} texts the label of the original "
            f"(probabilities differ by up to {difference:.2g}); at least {MIN_AGREEMENT:.0%} is let through",
            "leave --int8 out, or give texts of the model's own kind with --input",
        )
    file = checkpoint.folder / path
    return ExportedFile(
        path=path,
        sha256=sha256_file(file),
        size_bytes=file.stat().st_size,
        weights="float32" if engine == "onnx" else "int8",
        agreement=agreement,
        max_difference=difference,
    )


def _put_in_place(made: Path, folder: Path, record: ExportRecord) -> None:
    """Move the files to their names; the record, which vouches for them, goes first and comes last."""
    try:
        (folder / ONNX_FOLDER).mkdir(exist_ok=True)
        (folder / ONNX_EXPORT_FILE).unlink(missing_ok=True)
        for path in ONNX_FILES.values():
            if record.file(path) is None:
                (folder / path).unlink(missing_ok=True)
            else:
                (made / path).replace(folder / path)
    except OSError as error:
        raise RecordError(
            f"{folder / ONNX_FOLDER} cannot be written ({error.strerror})",
            "make the folder writable, or take what stands in its place away",
        ) from None
    record.save(folder / ONNX_EXPORT_FILE)
