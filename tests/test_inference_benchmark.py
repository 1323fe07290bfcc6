"""The inference and cold-start benchmarks: what they compute, and that every contender gives the model's answers."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import cold_start, inference
from benchmarks.asked import ProcessFailedError
from benchmarks.cold_start_result import Library
from benchmarks.inference import Lane, Reference
from benchmarks.inference_contenders import WAYS, Answerer, Probabilities
from benchmarks.inference_result import (
    BASELINE,
    RESULT,
    Contender,
    InferenceResult,
    Many,
    Memory,
    Missing,
    Round,
    Spread,
    Validation,
    aims,
    latency_ms,
    latency_ratio,
    percentile,
    throughput,
    throughput_ratio,
)
from benchmarks.inference_worker import Job, run
from emohub.inference import Classifier
from emohub.recipe import Corpus
from emohub.record import current_environment
from tests.conftest import MakeModel

TEXTS = ["i feel happy", "so sad and so very alone today", "it is", "i am angry at you", "happy happy happy"]
CHECKED: dict[str, float] = {"agreement": 0.99, "difference": 0.01}


def contender(
    name: str, seconds: tuple[float, ...], ms: tuple[float, ...], *, agreement: float = 0.99, accuracy: float = 0.9
) -> Contender:
    """One that needed so many seconds for 100 texts and so many milliseconds for each single one, round by round."""
    held = CHECKED | {"agreement": agreement}
    rounds = [
        Round(number=number, single_ms=(each, each, 9 * each), texts=100, seconds=took, **held)
        for number, (took, each) in enumerate(zip(seconds, ms, strict=True))
    ]
    return Contender(
        name=name,
        kind=WAYS[name].kind,
        how=WAYS[name].how,
        file_bytes=1,
        memory=Memory(first_answer=1.0, rounds=2.0, many=3.0),
        rounds=tuple(rounds),
        many=Many(texts=1000, seconds=4.0, checked=10, **held),
        validation=Validation(accuracy=accuracy, **held),
    )


def result(*contenders: Contender, default: str = "torch-bf16") -> InferenceResult:
    return InferenceResult(
        short=False,
        created="2026-01-01T00:00:00Z",
        minutes=1.0,
        environment=current_environment("cpu"),
        packages={"onnxruntime": "1.0", "openvino": None},
        threads=1,
        load_before=0.0,
        model={"id": "made", "revision": None, "fingerprint": "0" * 64},  # type: ignore[arg-type]
        default=default,
        test_texts=100,
        test_tokens=20.0,
        many_texts=1000,
        many_unique=200,
        validation_texts=100,
        contenders=contenders,
        missing=(Missing(name="openvino-bf16", reason="No module named 'openvino'"),),
    )


SLOW = contender("pipeline", (1.0, 2.0, 4.0), (8.0, 10.0, 12.0))


def test_a_percentile_is_a_measured_value() -> None:
    hundred = list(range(100, 0, -1))
    assert [percentile(hundred, share) for share in (0.5, 0.99, 1.0, 0.0)] == [50, 99, 100, 1]
    assert percentile([7.0], 0.99) == 7.0
    assert contender("torch", (1.0, 1.0), (2.0, 4.0)).percentile_ms(0.5) == 4.0
    assert contender("torch", (1.0, 1.0), (2.0, 4.0)).percentile_ms(0.99) == 36.0


def test_ratios_are_taken_round_by_round() -> None:
    engine = contender("torch", (0.5, 0.25, 1.0), (4.0, 2.0, 6.0))
    measured = result(SLOW, engine, default="torch")
    assert throughput(engine) == Spread(median=200, low=100, high=400)
    assert latency_ms(engine) == Spread(median=4, low=2, high=6)
    assert throughput_ratio(measured, engine) == Spread(median=4, low=2, high=8)
    assert latency_ratio(measured, engine) == Spread(median=0.5, low=0.2, high=0.5)


def test_aims_are_reached_or_missed() -> None:
    default = contender("torch-bf16", (0.125, 0.25, 0.5), (4.0, 5.0, 6.0))
    fastest = contender("onnx-int8", (0.1, 0.2, 0.4), (4.0, 5.0, 6.0), accuracy=0.897)
    said = [(aim.engine, aim.met) for aim in aims(result(SLOW, default, fastest))]
    reached = [("torch-bf16", True)] * 4
    assert said == [*reached, ("onnx-int8", True), ("onnx-int8", False), ("onnx-int8", False), ("onnx-int8", True)]


def test_accuracy_may_be_lost_up_to_the_aim_itself() -> None:
    (kept,) = (
        aim.met
        for aim in aims(result(SLOW, contender("torch-bf16", (1.0, 2.0, 4.0), (8.0, 8.0, 8.0), accuracy=0.898)))[:4]
        if aim.what.startswith("accuracy")
    )
    assert kept


def test_an_engine_whose_answers_are_wrong_is_not_the_fastest() -> None:
    default = contender("torch-bf16", (0.1, 0.2, 0.4), (1.0, 1.0, 1.0))
    wrong = contender("onnx-int8", (0.01, 0.02, 0.04), (0.1, 0.1, 0.1), agreement=0.97)
    assert wrong.wrong
    assert result(SLOW, default, wrong).fastest == default
    only_wrong = result(SLOW, wrong, default, default="onnx-int8")
    assert [aim.met for aim in aims(only_wrong)[:4]] == [False, False, True, False]


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    measured = result(SLOW, contender("torch-bf16", (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)))
    measured.save(tmp_path / "inference.json")
    assert InferenceResult.load(tmp_path / "inference.json") == measured
    assert measured.contender("onnx") is None


@pytest.mark.skipif(not RESULT.is_file(), reason="nothing is measured yet")
def test_the_kept_record_is_of_the_whole_measurement() -> None:
    kept = InferenceResult.load(RESULT)
    assert not kept.short
    assert kept.model.id == "minilm-emotion"
    assert {each.name for each in (*kept.contenders, *kept.missing)} == set(WAYS)
    assert (kept.test_texts, kept.validation_texts, kept.many_texts) == (2000, 2000, 100_000)
    for each in kept.contenders:
        assert len(each.rounds) >= 3
        assert sum(len(turn.single_ms) for turn in each.rounds) >= 300
    assert not re.search(r'"(/|~|[A-Za-z]:\\\\)', RESULT.read_text(encoding="utf-8"))


def test_the_long_input_has_every_text_equally_often() -> None:
    counts = Counter(inference.repeated(TEXTS, 23))
    assert sorted(counts.values()) == [4, 4, 5, 5, 5]
    assert inference.repeated(TEXTS, 23) == inference.repeated(TEXTS, 23)
    assert inference.repeated(TEXTS, 10) != [*TEXTS, *TEXTS]


def test_who_is_slow_gets_the_start_of_the_long_input() -> None:
    texts = ["a"] * 1000
    rate = len(texts) / inference.PATIENCE
    assert inference.long_input(texts, rate, 10, "engine") == texts
    assert inference.long_input(texts, 0.9 * rate, 10, "peer") == texts[:10]
    assert inference.long_input(texts, 9 * rate, 10, "not kept") == texts[:10]


class Told(Lane):
    """A contender that gives the answers that it was told."""

    def __init__(self, answers: Any) -> None:
        self._told = np.array(answers, np.float32)

    def ask(self, texts: Any, *, one_by_one: bool = False) -> tuple[Any, Probabilities]:
        return None, self._told


def test_answers_are_held_to_the_reference() -> None:
    right = Reference(Told([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]), ["a", "b", "c"])
    answers = np.array([[0.0, 1.0], [0.25, 0.75], [0.625, 0.375], [0.75, 0.25]], np.float32)
    known, checked = right.check(["unknown", "c", "a", "c"], answers)
    assert known == 3
    assert checked.agreement == pytest.approx(2 / 3)
    assert checked.difference == 0.5
    for damaged in (answers[:3], answers * np.nan):
        with pytest.raises(ProcessFailedError):
            right.check(["unknown", "c", "a", "c"], damaged)


@pytest.mark.parametrize("name", ["pipeline", "pipeline-64", "torch", "packed-bf16"])
def test_a_contender_gives_the_models_answers(
    name: str, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.inference_contenders.PACKED_TOKENS", 12)
    right = Classifier.from_pretrained(tiny_model_dir, engine="torch").predict_proba(TEXTS)
    answerer: Answerer = WAYS[name].load(tiny_model_dir)
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS), encoding="utf-8")
    for one_by_one, calls in ((True, len(TEXTS)), (False, 1)):
        job = Job(str(tmp_path / "texts.json"), str(tmp_path / "answers.npy"), one_by_one)
        outcome = run(answerer, job)
        assert len(outcome.ms) == calls
        assert outcome.peak_megabytes > 1
        slack = 0.05 if "bf16" in name else 1e-5
        np.testing.assert_allclose(np.load(job.answers), right, atol=slack)


def test_everything_is_measured_and_what_cannot_be_is_named(
    make_tiny_model: MakeModel, made_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_tiny_model()
    monkeypatch.setattr(inference, "with_onnx", lambda model, folder: model)
    names = (BASELINE, "torch", "onnx")
    sizes = inference.Sizes(names, rounds=2, single=4, whole=40, many=300, share=100, starts=1)
    measured = inference.measure(model, made_corpus, sizes, None)
    assert measured.missing == (Missing(name="onnx", reason="the model has no onnx/model.onnx"),)
    assert [each.name for each in measured.contenders] == [BASELINE, "torch"]
    assert (measured.short, measured.test_texts, measured.validation_texts, measured.many_texts) == (True, 40, 40, 300)
    for each in measured.contenders:
        assert [(len(turn.single_ms), turn.texts) for turn in each.rounds] == [(4, 40)] * 2
        assert max(held.difference for held in (*each.rounds, each.many, each.validation)) < 1e-5
        assert each.many.checked in range(1, each.many.texts)
        assert len(each.cold_start) == 1
        assert each.memory.first_answer <= each.memory.rounds <= each.memory.many
        assert each.file_bytes == (model / "model.safetensors").stat().st_size
    accuracies = {each.validation.accuracy for each in measured.contenders}
    assert accuracies == {measured.contenders[0].validation.accuracy}
    with pytest.raises(ProcessFailedError, match="without pipeline"), inference.lanes(["onnx"], model, tmp_path):
        pass


def test_every_engine_is_started_as_a_person_starts_it() -> None:
    commands = {name: inference.cold_command(name, Path("made"), "a text") for name in WAYS}
    assert {name for name, command in commands.items() if command} == {
        BASELINE,
        *(name for name, way in WAYS.items() if way.kind == "engine"),
    }
    assert commands["onnx"] is not None
    assert commands["onnx"][:5] == ["-m", "emohub", "classify", "made", "a text"]


def test_imports_are_counted_by_package() -> None:
    report = """\
import time: self [us] | cumulative | imported package
import time:       200 |        200 |   numpy.core
import time:      1500 |       1700 | numpy
Note: something else
import time:       300 |       2000 | emohub
"""
    modules = cold_start.import_times(report)
    assert modules == [("numpy.core", 0.2), ("numpy", 1.5), ("emohub", 0.3)]
    assert cold_start.libraries(modules) == [
        Library(name="numpy", ms=1.7, modules=2),
        Library(name="emohub", ms=0.3, modules=1),
    ]


def test_a_start_is_timed_to_its_end_and_a_failed_one_is_none() -> None:
    seconds, report = cold_start.start(cold_start.commands(Path("made"))[0], ("-X", "importtime"))
    assert seconds > 0
    assert "emohub.cli.app" in dict(cold_start.import_times(report))
    broken = cold_start.Command(("no-such-command",), "emohub no-such-command", "never", cold_start.until_ended)
    with pytest.raises(ProcessFailedError, match="No such command"):
        cold_start.start(broken)
