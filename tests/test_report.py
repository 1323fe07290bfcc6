"""The report: it says what the records say, losses as plainly as wins, and claims point at its rows."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import demo_load, report, report_pictures, report_training
from benchmarks.cold_start_result import ColdStartResult, Library, Start
from benchmarks.inference_result import Contender, InferenceResult, Many, Memory, Missing, Round, Validation
from benchmarks.report import Records
from benchmarks.report_parts import wrong_claims
from benchmarks.same_loss_result import SameLossResult, Trained, Way, judge
from benchmarks.training_result import Measured, Size, TrainingResult
from emohub.pictures import read_digest
from emohub.record import ModelIdentity
from tests.factories import make_environment

ROOT = Path(__file__).resolve().parent.parent
MODEL = ModelIdentity(id="made", revision=None, fingerprint="0" * 64)
SPEED = {  # seconds of each of three rounds
    ("trainer", "fp32"): (4.0, 5.0, 6.0),
    ("trainer_128", "fp32"): (9.0, 9.0, 9.0),
    ("accelerate", "fp32"): (4.0, 4.0, 4.0),
    ("ours", "fp32"): (2.0, 2.0, 2.0),
    ("products", "fp32"): (1.0, 1.0, 1.5),
    ("trainer", "bf16"): (2.0, 2.0, 2.0),
    ("accelerate", "bf16"): (0.5, 0.5, 2.0),
    ("ours", "bf16"): (1.0, 1.0, 1.0),
}


def training_result(*, device: str = "cpu") -> TrainingResult:
    size = Size(
        name="minilm",
        parameters=22_700_000,
        linear_weights=1_000_000,
        steps=2,
        tokens=(2000, 4000, 3000),
        dynamic_positions=(5000, 10_000, 7500),
    )
    measured = [
        Measured(
            size="minilm",
            contender=contender,  # type: ignore[arg-type]
            precision=precision,  # type: ignore[arg-type]
            seconds=seconds,
            threads=2,
            peak_megabytes=900.0 if contender == "ours" else 1000.0,
            device_megabytes=None if device == "cpu" else 700.0,
        )
        for (contender, precision), seconds in SPEED.items()
    ]
    return TrainingResult(
        created="2026-01-01T00:00:00Z",
        environment=make_environment().model_copy(update={"device": device}),
        load_before=0.1,
        short=False,
        batch_size=64,
        max_length=128,
        rounds=3,
        sizes=(size,),
        measured=tuple(measured),
    )


def same_loss_result() -> SameLossResult:
    losses: dict[Way, tuple[float, ...]] = {
        "padded fp32": (0.20, 0.24, 0.22),
        "packed fp32": (0.21, 0.23, 0.25),
        "packed bf16": (0.30, 0.31, 0.32),
    }
    runs = [
        Trained(
            way=way,
            seed=seed,
            run_id=f"made-{seed}",
            git_commit=None,
            validation_loss=loss,
            metric=1 - loss,
            samples_per_second=50.0,
            minutes=3.0,
        )
        for way, values in losses.items()
        for seed, loss in enumerate(values)
    ]
    return SameLossResult(
        created="2026-01-02T00:00:00Z",
        environment=make_environment(),
        recipe="made-recipe",
        base_model=MODEL,
        metric="accuracy",
        steps=1000,
        epochs=2.0,
        rows=1000,
        validation_rows=200,
        seeds=(0, 1, 2),
        runs=tuple(runs),
    )


def contender(name: str, kind: str, seconds: float, ms: float, *, agreement: float = 1.0) -> Contender:
    held = {"agreement": agreement, "difference": 0.001}
    return Contender(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        how=f"How {name} does it.",
        file_bytes=45_000_000,
        memory=Memory(first_answer=300.0, rounds=400.0, many=500.0),
        rounds=tuple(
            Round(number=number, single_ms=(ms, 2 * ms), texts=2000, seconds=seconds * (1 + number), **held)
            for number in range(3)
        ),
        many=Many(texts=100_000 if kind == "engine" else 5000, seconds=100.0, checked=2000, **held),
        validation=Validation(accuracy=0.93, **held),
        cold_start=(2.0, 2.5),
    )


def inference_result() -> InferenceResult:
    return InferenceResult(
        short=False,
        created="2026-01-03T00:00:00Z",
        minutes=10.0,
        environment=make_environment(),
        packages={},
        threads=2,
        load_before=0.2,
        model=MODEL,
        default="torch-bf16",
        test_texts=2000,
        test_tokens=20.5,
        many_texts=100_000,
        many_unique=20_000,
        validation_texts=2000,
        contenders=(
            contender("pipeline", "peer", 16.0, 8.0),
            contender("torch-bf16", "engine", 2.0, 6.0),
            contender("onnx-int8", "engine", 1.6, 2.0),
            contender("openvino-bf16", "not kept", 1.5, 4.0),
            contender("onnx-unsorted", "not kept", 1.0, 4.0, agreement=0.5),
        ),
        missing=(Missing(name="packed", reason="it could not be had"),),
    )


def cold_start_result() -> ColdStartResult:
    start = Start(
        command="emohub --help",
        until="it ended",
        seconds=(0.4, 0.6, 0.5),
        import_ms=300.0,
        modules=120,
        slowest=(Library(name="typer", ms=100.0, modules=20), Library(name="rich", ms=50.0, modules=30)),
    )
    return ColdStartResult(
        created="2026-01-04T00:00:00Z", environment=make_environment(), load_before=0.3, model="made", starts=(start,)
    )


@pytest.fixture
def records() -> Records:
    """One of each kind."""
    return Records(
        training=training_result(),
        training_gpu=None,
        same_loss={"same_loss.json": same_loss_result(), "same_loss_tiny.json": same_loss_result()},
        inference=inference_result(),
        cold_start=cold_start_result(),
        load=json.loads(demo_load.RESULT.read_text(encoding="utf-8")),
        recipes=(),
    )


# ---- what is in the repository


def test_the_report_is_current() -> None:
    shown = (report.FOLDER / report.PAGE).read_text(encoding="utf-8")
    assert shown == report.render(report.read()), "run `python -m benchmarks.report`"


def test_the_pictures_show_the_records() -> None:
    kept = report.read()
    shown = {
        report_pictures.TRAINING_PICTURE: kept.training and report_pictures.training_panels(kept.training),
        report_pictures.INFERENCE_PICTURE: kept.inference and report_pictures.inference_panels(kept.inference),
    }
    for name, panels in shown.items():
        expected = report_pictures.shown_digest(panels) if panels else None
        assert read_digest(report.FOLDER / name) == expected, "run `python -m benchmarks.report`"


def test_the_records_are_of_whole_measurements() -> None:
    kept = report.read()
    assert not kept.short
    assert len(kept.recipes) >= 7
    if kept.training is not None:
        assert kept.training.rounds >= 5
        assert {size.name for size in kept.training.sizes} >= {"bert-tiny", "minilm", "distilbert"}
    assert kept.same_loss
    for each in kept.same_loss.values():
        assert len(each.seeds) >= 3
        assert len(each.runs) == 3 * len(each.seeds)


def test_what_the_readme_claims_stands_in_the_report() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert wrong_claims(readme, (report.FOLDER / report.PAGE).read_text(encoding="utf-8")) == []


# ---- training


def test_figures_of_training_are_medians_over_the_rounds() -> None:
    result = training_result()
    ours, trainer = result.find("minilm", "ours", "fp32"), result.find("minilm", "trainer", "fp32")
    assert ours is not None
    assert trainer is not None
    assert result.samples_per_second(trainer) == 2 * 64 / 5
    assert result.tokens_per_second(ours) == 1500
    assert result.product_share(ours) == 0.5  # of 1/2, 1/2 and 3/4
    assert result.product_rate("minilm", "fp32") == 2000 * 3 * 2 * 1_000_000  # of 2000, 4000 and 2000 tokens a second
    assert result.product_rate("minilm", "bf16") is None
    assert report_training.against(result, ours, "trainer", "fp32") == "2.50 (2.00 to 3.00)"
    assert report_training.against(result, trainer, "trainer", "fp32") is None
    assert result.find("distilbert", "ours", "fp32") is None


def test_the_rule_of_the_same_loss() -> None:
    padded = [0.20, 0.24, 0.22]
    same = judge([0.21, 0.23, 0.25], padded)
    assert (same.difference, same.spread, same.same) == (pytest.approx(0.01), pytest.approx(0.04), True)
    assert same.error == pytest.approx((0.0004 / 3 + 0.0004 / 3) ** 0.5)
    assert not judge([0.30, 0.31, 0.32], padded).same
    assert not judge([0.10, 0.11, 0.12], padded).same  # lower is another loss, too


# ---- the page


def test_the_page_says_what_was_measured(records: Records) -> None:
    page = report.render(records)
    assert '| emohub | fp32 | <a id="train-minilm-ours-fp32"></a>64.0 | 1,500 | 50.0% | 2.50 (2.00 to 3.00) |' in page
    assert "2.50 positions are computed for each token; padded to 128, 5.46" in page  # 3 * 128 * 128 over 9,000 tokens
    assert "12 GFLOP/s in fp32." in page
    assert "No GPU was at hand: training on one was not measured." in page
    assert 'packed bf16 | validation loss | <a id="same-loss-packed-bf16-validation-loss"></a>0.3000 | 0.3100' in page
    assert '<a id="same-loss-tiny-packed-bf16-validation-loss"></a>0.3000' in page
    assert "| +0.0900 | 0.0129 | 0.0400 | **no** |" in page
    assert "| onnx-int8 | emohub |" in page
    assert "50 (the first 5,000)" in page
    assert "- `packed` was not measured: it could not be had" in page
    assert "Wrong, so that their speed counts for nothing: `onnx-unsorted`." in page
    assert '| <a id="start-emohub-help"></a>`emohub --help` | it ended | 0.50 (0.40 to 0.60) | 300 | 120 |' in page
    assert "`typer` 100, `rich` 50 |" in page
    anchors = re.findall(r'<a id="([^"]+)"', page)
    assert len(anchors) == len(set(anchors)) >= 30


def test_losses_are_said(records: Records) -> None:
    said = report.losses(records)
    assert "Training minilm in bf16: Accelerate loop is 2.00 (0.50 to 2.00) times as fast as emohub." in said
    assert not any("minilm in fp32: Trainer, dynamic padding is" in each for each in said)
    assert "`openvino-bf16` answers 1.33 times as many texts a second, beside `torch-bf16`." in said
    assert "`openvino-bf16` answers one text in 6.00 ms instead of 9.00, beside `torch-bf16`." in said
    assert not any("onnx-unsorted" in each for each in said)
    missed = [aim for aim in report.aims(records) if not aim.met]
    assert "Same loss" in {aim.area for aim in missed}
    assert said[: len(missed)] == [f"Missed: {aim.area}, {aim.what}; found {aim.found}." for aim in missed]
    assert any(each.startswith("The page: a browser can use the peer after") for each in said)


def test_what_was_not_measured_is_said_to_be_missing() -> None:
    page = report.render(Records(None, None, {}, None, None, None, ()))
    for script in ("train_throughput", "same_loss", "inference", "cold_start", "demo_load"):
        assert f"not been measured here yet: `python -m benchmarks.{script}`." in page
    assert report.NO_LOSS in page


def test_training_on_a_gpu_has_rows_of_its_own(records: Records) -> None:
    gpu = training_result(device="A GPU")
    page = report.render(Records(records.training, gpu, {}, None, None, None, ()))
    assert '<a id="train-minilm-ours-bf16"></a>' in page
    assert '<a id="train-gpu-minilm-ours-bf16"></a>' in page
    assert "On the GPU (MB)" in page
    assert "Training minilm in bf16 on A GPU: Accelerate loop is 2.00" in page


def test_the_report_of_a_short_form_lies_beside_its_records(tmp_path: Path) -> None:
    training_result().model_copy(update={"short": True}).save(tmp_path / report.TRAINING)
    inference_result().save(tmp_path / report.INFERENCE)
    report.write(tmp_path)
    page = (tmp_path / report.PAGE).read_text(encoding="utf-8")
    assert page.startswith("# Benchmarks, a short form")
    assert "recipes.md" not in page
    assert {"training.png", "inference.png"} <= {path.name for path in tmp_path.iterdir()}


def test_a_picture_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    panels = report_pictures.training_panels(training_result())
    for name in ("one.png", "two.png"):
        report_pictures.draw(panels, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert read_digest(tmp_path / "one.png") == report_pictures.shown_digest(panels)
    assert "emohub, bf16 5.0" in report_pictures.alternative(panels)
    wrong = [bar.name for panel in report_pictures.inference_panels(inference_result()) for bar in panel.bars]
    assert "onnx-unsorted" not in wrong


# ---- claims

ROWS = '| emohub | <a id="fast"></a>1,234.5 | 2.46 (2.00 to 3.10) | 41.5% |\n| other | <a id="slow"></a>17 |\n'


@pytest.mark.parametrize(
    ("words", "problems"),
    [
        ("2.46 times as fast", []),
        ("2.5 times", []),
        ("2 to 3 times", []),
        ("41.5% and 1,234.5 texts/s", []),
        ("fp32 and bf16", []),
        ("2.4 times", ["the row fast does not say 2.4"]),
        ("17 times", ["the row fast does not say 17"]),
    ],
)
def test_a_claim_is_held_to_its_row(words: str, problems: list[str]) -> None:
    assert wrong_claims(f"It is [{words}](benchmarks/README.md#fast).", ROWS) == problems


def test_a_claim_needs_a_row() -> None:
    assert wrong_claims("[2 times](benchmarks/README.md#none)", ROWS) == ["the report has no row none"]
    loose = "<!-- claims -->\nIt is [17](benchmarks/README.md#slow), 3 times as fast.\n<!-- end of claims -->\n9 times"
    assert wrong_claims(loose, ROWS) == ["'3 times' points at no row of the report"]
