"""Answering: emohub's engines beside what people would use instead, on the same texts, asked in turn.

    python -m benchmarks.inference --data-dir DATA
    python -m benchmarks.inference --data-dir DATA --short --output FILE

Each contender is loaded in a process of its own, which is kept alive and asked in every round for single texts and for
all test texts at once; then once for a long input. Every answer is held to that of transformers' ``pipeline`` as it
comes. Labels are read of validation only. What was measured goes to ``benchmarks/inference.json``, and
``python -m benchmarks.report`` writes the page.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.asked import ROOT, Asked, ProcessFailedError
from benchmarks.inference_contenders import ONNX_FILE, QUANTIZED_FILE, WAYS, Probabilities
from benchmarks.inference_result import (
    BASELINE,
    RESULT,
    Checked,
    Contender,
    InferenceResult,
    Many,
    Memory,
    Missing,
    Round,
    Validation,
    aims,
)
from benchmarks.inference_worker import Job, Outcome
from emohub.data import load_split
from emohub.data.source import find_rows
from emohub.errors import EmohubError
from emohub.inference import Classifier
from emohub.recipe import Corpus, load_corpus
from emohub.record import current_environment, utc_now

PACKAGES = ("onnxruntime", "openvino")
SEED = 6
TRAIN_SHARE = 4
"""Texts of train in the long input for each of validation and test, whose answers are known."""
PATIENCE = 480
"""Seconds that a contender may take for the long input; a slower one gets the first ``Sizes.share`` of its texts."""
COLD_PIPELINE = """\
import json, sys
from transformers import pipeline

print(json.dumps(pipeline("text-classification", model=sys.argv[1])(sys.argv[2])[0]))
"""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    contenders: tuple[str, ...]
    rounds: int
    single: int
    """Single texts of a round."""
    whole: int
    """Test texts that are given at once in a round, and labelled texts of validation."""
    many: int
    """Texts of the long input."""
    share: int
    """How many of them a slow contender gets."""
    starts: int
    """Cold starts of each contender."""


WHOLE = Sizes(tuple(WAYS), rounds=3, single=100, whole=2000, many=100_000, share=2000, starts=3)
SHORT = Sizes(
    tuple(name for name, way in WAYS.items() if way.kind != "not kept"),
    rounds=3,
    single=100,
    whole=400,
    many=5000,
    share=400,
    starts=2,
)


@dataclass(frozen=True)
class Texts:
    """What is classified."""

    test: list[str]
    validation: list[str]
    labels: list[int]
    """Of validation, as the model numbers them."""
    many: list[str]
    """Different texts over and over, shuffled."""


def read_texts(corpus: Corpus, sizes: Sizes, labels: Sequence[str], data_dir: Path | None) -> Texts:
    """The texts of a corpus; of test the texts alone are read.

    Raises:
        UsageError, DataError: as ``load_split`` does.
    """
    test = find_rows(corpus, "test", file=corpus.splits["test"].file, data_dir=data_dir)[0].texts(corpus.text_column)
    validation = load_split(corpus, "validation", data_dir=data_dir)
    train = load_split(corpus, "train", data_dir=data_dir)
    column = [labels.index(name) for name in corpus.labels]
    asked = [*validation.texts[: sizes.whole], *test[: sizes.whole]]
    return Texts(
        test[: sizes.whole],
        validation.texts[: sizes.whole],
        [column[label] for label in validation.labels[: sizes.whole]],
        repeated([*asked, *train.texts[: TRAIN_SHARE * len(asked)]], sizes.many),
    )


def repeated(texts: Sequence[str], count: int) -> list[str]:
    """So many texts: all of them, over and over, in an order that is drawn once."""
    return [texts[number % len(texts)] for number in np.random.default_rng(SEED).permutation(count)]


class Lane:
    """One contender in its process."""

    def __init__(self, name: str, process: Asked, folder: Path) -> None:
        """``folder`` is for the files that texts and answers travel in."""
        self.name, self._process = name, process
        self._texts, self._answers = folder / f"{name}.json", folder / f"{name}.npy"

    def ask(self, texts: Sequence[str], *, one_by_one: bool = False) -> tuple[Outcome, Probabilities]:
        """What a job took, and its answers.

        Raises:
            ProcessFailedError: the contender failed.
        """
        self._texts.write_text(json.dumps(texts), encoding="utf-8")
        outcome = Outcome(**self._process.ask(asdict(Job(str(self._texts), str(self._answers), one_by_one))))
        return outcome, np.load(self._answers)


class Reference:
    """The right answers, by text: those of the pipeline as it comes."""

    def __init__(self, baseline: Lane, texts: Sequence[str]) -> None:
        """Ask it for every text."""
        self._known = dict(zip(texts, baseline.ask(texts)[1], strict=True))

    def check(self, texts: Sequence[str], answers: Probabilities) -> tuple[int, Checked]:
        """How many of the texts are known, and how their answers agree.

        Raises:
            ProcessFailedError: the answers are not one row of probabilities for each text.
        """
        if len(answers) != len(texts) or not np.isfinite(answers).all():
            raise ProcessFailedError(f"{len(texts)} texts got {len(answers)} rows, or numbers that are none")
        rows = [row for row, text in enumerate(texts) if text in self._known]
        right, found = np.stack([self._known[texts[row]] for row in rows]), answers[rows]
        return len(rows), Checked(
            agreement=float((right.argmax(axis=-1) == found.argmax(axis=-1)).mean()),
            difference=float(np.abs(right - found).max()),
        )


@contextmanager
def lanes(names: Sequence[str], model: Path, folder: Path) -> Iterator[tuple[dict[str, Lane], list[Missing]]]:
    """Every contender that can be loaded, in its process, and why the others cannot.

    Raises:
        ProcessFailedError: the baseline is among the others, or a process broke down.
    """
    loaded: dict[str, Lane] = {}
    missing: list[Missing] = []
    with ExitStack() as stack:
        for name in names:
            if not (model / WAYS[name].file).is_file():
                missing.append(Missing(name=name, reason=f"the model has no {WAYS[name].file}"))
                continue
            arguments = [name, str(model)]
            process = stack.enter_context(Asked("benchmarks.inference_worker", arguments, folder / f"{name}.log"))
            reason = process.hear()["missing"]
            if reason is None:
                loaded[name] = Lane(name, process, folder)
            else:
                missing.append(Missing(name=name, reason=reason.replace(str(model), model.name)))
        if BASELINE not in loaded:
            raise ProcessFailedError(f"without {BASELINE} there is nothing to compare with: {missing}")
        yield loaded, missing


def with_onnx(model: Path, folder: Path) -> Path:
    """A copy of a model with its ONNX files, exported where it has none.

    Where that fails the copy lacks them, and what needs them is missing from the record.
    """
    copy = Path(shutil.copytree(model, folder / model.name))
    if not all((copy / file).is_file() for file in (ONNX_FILE, QUANTIZED_FILE)):
        command = ["-m", "emohub", "export", str(copy), "--format", "onnx", "--int8"]
        done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            say(f"`emohub export MODEL --format onnx --int8` failed, so ONNX is left out:\n{done.stderr.strip()}")
    return copy


def measure_rounds(loaded: Mapping[str, Lane], texts: Texts, sizes: Sizes, right: Reference) -> dict[str, list[Round]]:
    """All contenders in turn, round by round; every second round in the opposite order."""
    rounds: dict[str, list[Round]] = {name: [] for name in loaded}
    for number in range(sizes.rounds):
        drawn = np.random.default_rng([SEED, number]).choice(len(texts.test), sizes.single, replace=False)
        single = [texts.test[row] for row in drawn]
        for name in list(loaded)[:: 1 if number % 2 == 0 else -1]:
            alone, alone_answers = loaded[name].ask(single, one_by_one=True)
            together, answers = loaded[name].ask(texts.test)
            _, checked = right.check([*single, *texts.test], np.concatenate([alone_answers, answers]))
            rounds[name].append(
                Round(
                    number=number,
                    single_ms=tuple(alone.ms),
                    texts=len(texts.test),
                    seconds=together.ms[0] / 1000,
                    **checked.model_dump(),
                )
            )
        say(f"round {number + 1} of {sizes.rounds}")
    return rounds


def measure_many(lane: Lane, texts: Sequence[str], right: Reference) -> tuple[Many, float]:
    """A long input at once, and the most memory that the process has held by then."""
    outcome, answers = lane.ask(texts)
    known, checked = right.check(texts, answers)
    seconds = outcome.ms[0] / 1000
    return Many(texts=len(texts), seconds=seconds, checked=known, **checked.model_dump()), outcome.peak_megabytes


def long_input(texts: Sequence[str], rate: float, share: int, kind: str) -> Sequence[str]:
    """All texts for an engine or a peer that is done with them in time at ``rate`` texts/s, else the first of them."""
    return texts if kind != "not kept" and len(texts) / rate <= PATIENCE else texts[:share]


def cold_command(name: str, model: Path, text: str) -> list[str] | None:
    """What a person runs to get one text answered; None for a contender that is no command."""
    if WAYS[name].kind == "engine":
        return ["-m", "emohub", "classify", str(model), text, "--engine", name, "--format", "json"]
    return ["-c", COLD_PIPELINE, str(model), text] if name == BASELINE else None


def measure_starts(names: Sequence[str], model: Path, text: str, label: str, times: int) -> dict[str, list[float]]:
    """Seconds of new processes that answer one text, all contenders in turn.

    Raises:
        ProcessFailedError: one failed, or gave another label.
    """
    commands = {name: command for name in names if (command := cold_command(name, model, text))}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            started = time.perf_counter()
            done = subprocess.run(
                [sys.executable, *command],
                cwd=ROOT,
                env=os.environ | {"HF_HUB_OFFLINE": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            seconds[name].append(round(time.perf_counter() - started, 3))
            if done.returncode or json.loads(done.stdout)["label"] != label:
                raise ProcessFailedError(f"the cold start of {name} failed:\n{done.stdout}{done.stderr}")
    return seconds


def measure(model: Path, corpus: Corpus, sizes: Sizes, data_dir: Path | None) -> InferenceResult:
    """Everything, in the order of the record.

    Raises:
        EmohubError: the model or the texts cannot be read.
        ProcessFailedError: a contender broke down in the middle.
    """
    began, created, load = time.perf_counter(), utc_now(), os.getloadavg()[0]
    classifier = Classifier.from_pretrained(model)
    texts = read_texts(corpus, sizes, classifier.labels, data_dir)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        copy = with_onnx(model, folder)
        with lanes(sizes.contenders, copy, folder) as (loaded, missing):
            first = {name: lane.ask(texts.test[:1])[0].peak_megabytes for name, lane in loaded.items()}
            text = texts.test[0]
            starts = measure_starts(list(loaded), copy, text, classifier.classify(text).label, sizes.starts)
            say("every contender was started cold")
            right = Reference(loaded[BASELINE], [*texts.validation, *texts.test])
            validation = {name: validate(lane, texts, right) for name, lane in loaded.items()}  # all are warm then
            say("every contender answered validation")
            rounds = measure_rounds(loaded, texts, sizes, right)
            held = {name: lane.ask(texts.test[:1])[0].peak_megabytes for name, lane in loaded.items()}
            many = {}
            for name, lane in loaded.items():
                rate = median(turn.rate for turn in rounds[name])
                many[name] = measure_many(lane, long_input(texts.many, rate, sizes.share, WAYS[name].kind), right)
                say(f"{name}: {many[name][0].texts:,} texts")
        return InferenceResult(
            short=sizes != WHOLE,
            created=created,
            minutes=round((time.perf_counter() - began) / 60, 2),
            environment=current_environment("cpu"),
            packages={name: installed(name) for name in PACKAGES},
            threads=classifier.threads,
            load_before=round(load, 2),
            model=classifier.identity(),
            default=classifier.engine,
            test_texts=len(texts.test),
            test_tokens=round(float(classifier.count_tokens(texts.test).mean()), 2),
            many_texts=len(texts.many),
            many_unique=len(set(texts.many)),
            validation_texts=len(texts.validation),
            contenders=tuple(
                Contender(
                    name=name,
                    kind=WAYS[name].kind,
                    how=WAYS[name].how,
                    file_bytes=(copy / WAYS[name].file).stat().st_size,
                    memory=Memory(first_answer=first[name], rounds=held[name], many=many[name][1]),
                    rounds=tuple(rounds[name]),
                    many=many[name][0],
                    validation=validation[name],
                    cold_start=tuple(starts.get(name, ())),
                )
                for name in loaded
            ),
            missing=tuple(missing),
        )


def validate(lane: Lane, texts: Texts, right: Reference) -> Validation:
    """A contender's answers to validation."""
    answers = lane.ask(texts.validation)[1]
    _, checked = right.check(texts.validation, answers)
    return Validation(accuracy=float((answers.argmax(axis=-1) == texts.labels).mean()), **checked.model_dump())


def installed(package: str) -> str | None:
    """A package's version; None when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, keep what was measured, and say which aims were reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "minilm-emotion", help="a model's folder")
    parser.add_argument("--data-dir", type=Path, help="folder with the corpora as parquet files, instead of the Hub")
    parser.add_argument("--short", action="store_true", help="a look in four minutes, not for the report")
    parser.add_argument("--output", type=Path, help=f"where it is kept: {RESULT.name}; --short needs it")
    options = parser.parse_args()
    if options.short and options.output is None:
        parser.error("--short needs --output, so that it replaces no record")
    try:
        result = measure(options.model, load_corpus("emotion"), SHORT if options.short else WHOLE, options.data_dir)
    except (EmohubError, ProcessFailedError) as error:
        sys.exit(str(error))
    result.save(options.output or RESULT)
    for missing in result.missing:
        print(f"not measured: {missing.name}: {missing.reason}")
    for aim in aims(result):
        said = "reached" if aim.met else "MISSED"
        print(f"{said}: {aim.engine}: {aim.what} {aim.found.median:.3g}, wanted {aim.wanted}")


if __name__ == "__main__":
    main()
