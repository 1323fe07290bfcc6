"""Pictures show their run, say which run that is, and come out the same every time."""

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.image import imread

from emohub.errors import RecordError
from emohub.pictures import (
    DIGEST_KEY,
    calibration_digest,
    confusion_digest,
    draw_calibration,
    draw_confusion_matrix,
    draw_learning_curves,
    draw_range_test,
    read_digest,
    shown_digest,
    shown_metrics,
)
from emohub.pictures.curves import _apart
from emohub.record import EvalRecord, HistoryRow, RunRecord
from tests.factories import METRICS, make_corpus, make_eval_record, make_history, make_recipe, make_run_record

LOSS_ALONE = make_recipe(evaluation={"metrics": [], "metric_for_best_model": "loss"})


def masked_lm_run() -> RunRecord:
    rows = [
        HistoryRow(
            training_loss=loss,
            epoch=float(number),
            step=100 * number,
            validation_loss=loss + 0.1,
            metrics={"perplexity": float(np.exp(loss + 0.1))},
        )
        for number, loss in enumerate((9.9, 6.0, 3.1), start=1)
    ]
    run = make_run_record(LOSS_ALONE, history=rows)
    return run.model_copy(update={"stage": "masked_lm"})


def stepwise_run() -> RunRecord:
    rows = [row.model_copy(update={"epoch": row.step / 333}) for row in make_history()]
    return make_run_record(LOSS_ALONE, history=rows)


RUNS = {
    "three epochs": make_run_record(),
    "one row without a training loss": make_run_record(history=make_history([(None, 0.9, 0.5, 0.4)])),
    "the losses alone, by steps": stepwise_run(),
    "metrics that no row has": make_run_record(make_recipe(evaluation={"metrics": list(METRICS)})),
    "perplexity over three magnitudes": masked_lm_run(),
    "nothing ever changes": make_run_record(history=make_history([(0.0, 0.0, 1.0, 1.0)] * 3)),
}


def evaluation_of(*labels: str, confusion: Sequence[Sequence[int]] | None = None) -> EvalRecord:
    run = make_run_record(make_recipe(corpus=make_corpus(labels=list(labels))))
    confusion = confusion or [[3 + a * b % 7 for a in range(len(labels))] for b in range(len(labels))]
    return make_eval_record(run, confusion=confusion)


EVALUATIONS = (
    make_eval_record(),
    evaluation_of("never seen", "always", confusion=((0, 0), (0, 5))),
    evaluation_of("a $x$ and $\\frac{", "喜び", "a name that is much too long to stand beside an axis", "line\nbreak"),
    evaluation_of(*(f"label {number}" for number in range(28))),
)
Draw = Callable[[EvalRecord, Path], None]
Digest = Callable[[EvalRecord], str]


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_run_of_any_shape_is_drawn_and_named(run: RunRecord, tmp_path: Path) -> None:
    picture = tmp_path / "new" / "learning_curves.png"
    draw_learning_curves(run, picture)
    assert [path.name for path in picture.parent.iterdir()] == [picture.name]
    assert read_digest(picture) == shown_digest(run)
    pixels = imread(picture)
    assert pixels.shape[0] >= 500
    assert (pixels[0, 0] == 1).all()  # opaque white, which is legible on any page
    assert 0.02 < (pixels[..., :3].min(axis=2) < 0.95).mean() < 0.5


def test_the_same_run_gives_the_same_bytes_whatever_the_users_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, first, second = make_run_record(), tmp_path / "first.png", tmp_path / "second.png"
    draw_learning_curves(run, first)
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30, "savefig.dpi": 30}):
        draw_learning_curves(run, second)
        assert matplotlib.rcParams["font.size"] == 30
    assert first.read_bytes() == second.read_bytes()
    keywords = {chunk.partition(b"\0")[0].decode() for kind, chunk in chunks(first.read_bytes()) if kind == b"tEXt"}
    assert keywords == {DIGEST_KEY}  # neither a date nor a version


def test_another_history_is_another_picture_with_another_digest(tmp_path: Path) -> None:
    run, pictures = make_run_record(), []
    rows = [*run.history[:2], run.history[2].model_copy(update={"validation_loss": 0.9})]
    changes = [{}, {"history": tuple(rows)}, {"total_steps": 150}, {"exported_step": 50}]
    for number, change in enumerate(changes):
        pictures.append(tmp_path / f"{number}.png")
        draw_learning_curves(make_run_record(**change), pictures[-1])
    assert len({read_digest(picture) for picture in pictures}) == len(changes)
    assert len({imread(picture).tobytes() for picture in pictures}) == len(changes)
    # What is not drawn changes nothing: where the run was started, and with which data.
    assert shown_digest(make_run_record(run_id="other", seed=1)) == shown_digest(run)


def test_a_file_that_is_no_such_picture_shows_no_run(tmp_path: Path) -> None:
    picture = tmp_path / "learning_curves.png"
    assert read_digest(picture) is None
    draw_learning_curves(make_run_record(), picture)
    whole = picture.read_bytes()
    at = whole.index(DIGEST_KEY.encode()) + len(DIGEST_KEY) + 1
    damaged = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    for content in (b"", b"text", whole[: at + 10], damaged, b"x" + whole):
        picture.write_bytes(content)
        assert read_digest(picture) is None
    assert read_digest(tmp_path) is None


def test_the_metrics_are_the_recipes_and_the_one_that_chose() -> None:
    def shown(**evaluation: object) -> tuple[str, ...]:
        return shown_metrics(make_run_record(make_recipe(evaluation=evaluation)))

    assert shown(metrics=["accuracy"], metric_for_best_model="macro_f1") == ("accuracy", "macro_f1")
    assert shown(metrics=["macro_f1"], metric_for_best_model="macro_f1") == ("macro_f1",)
    assert shown(metrics=[], metric_for_best_model="loss") == ()
    assert shown_metrics(masked_lm_run()) == ("perplexity",)


@pytest.mark.parametrize("heights", [[0.5, 0.5], [0.98, 1.0, 0.99], [0.0, 0.0, 0.01], [0.2, 0.8], [0.5] * 7])
def test_names_stand_apart_in_the_order_of_their_curves(heights: list[float]) -> None:
    moved = _apart(heights, 0.075)
    assert np.diff(sorted(moved)).min() >= 0.074
    assert 0 <= min(moved) <= max(moved) <= 1
    assert np.argsort(moved, kind="stable").tolist() == np.argsort(heights, kind="stable").tolist()
    if np.diff(sorted(heights)).min() >= 0.075:
        assert moved == heights


@pytest.mark.parametrize("suggestion", [3e-4, None])
def test_a_range_test_is_drawn_with_losses_that_diverged(suggestion: float | None, tmp_path: Path) -> None:
    rates = np.geomspace(1e-7, 1, 60).tolist()
    losses = [2.0 - min(index, 40) / 30 + max(0, index - 45) ** 3 for index in range(60)]
    losses[-2:] = [float("inf"), float("nan")]
    draw_range_test(rates, losses, losses, suggestion, tmp_path / "range_test.png")
    pixels = imread(tmp_path / "range_test.png")
    assert 0.01 < (pixels[..., :3].min(axis=2) < 0.95).mean() < 0.5


def test_a_folder_that_cannot_be_written_keeps_what_it_had(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(RecordError, match="cannot be written"):
        draw_learning_curves(make_run_record(), tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("draw", "digest"), [(draw_confusion_matrix, confusion_digest), (draw_calibration, calibration_digest)]
)
class TestPicturesOfAnEvaluation:
    def test_any_evaluation_is_drawn_and_named(self, draw: Draw, digest: Digest, tmp_path: Path) -> None:
        for number, evaluation in enumerate(EVALUATIONS):
            picture = tmp_path / f"{number}.png"
            draw(evaluation, picture)
            assert read_digest(picture) == digest(evaluation)
            pixels = imread(picture)
            assert (pixels[0, 0] == 1).all()  # opaque white, which is legible on any page
            assert 0.02 < (pixels[..., :3].min(axis=2) < 0.95).mean() < 0.7
        assert len({read_digest(tmp_path / f"{number}.png") for number in range(len(EVALUATIONS))}) == len(EVALUATIONS)

    def test_the_same_figures_give_the_same_bytes(self, draw: Draw, digest: Digest, tmp_path: Path) -> None:
        evaluation, first, second = make_eval_record(), tmp_path / "first.png", tmp_path / "second.png"
        draw(evaluation, first)
        with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30, "savefig.dpi": 30}):
            draw(evaluation.model_copy(update={"created": "2030-01-01T00:00:00Z"}), second)
        assert first.read_bytes() == second.read_bytes()
        assert digest(evaluation) != digest(evaluation.model_copy(update={"corpus": "other"}))
        keywords = {chunk.partition(b"\0")[0].decode() for kind, chunk in chunks(first.read_bytes()) if kind == b"tEXt"}
        assert keywords == {DIGEST_KEY}


def test_a_picture_of_one_kind_is_none_of_the_other() -> None:
    assert confusion_digest(make_eval_record()) != calibration_digest(make_eval_record())


def test_the_shade_of_a_cell_is_the_share_of_its_row(tmp_path: Path) -> None:
    run = make_run_record(make_recipe(corpus=make_corpus(labels=["a", "b"])))
    picture = tmp_path / "confusion.png"
    draw_confusion_matrix(make_eval_record(run, confusion=((20, 20), (0, 9))), picture)
    pixels = imread(picture)[..., :3]
    colours = colormaps["Blues"]([0.5, 0.5, 0.0, 1.0])[:, :3]
    for colour in colours:
        assert (np.abs(pixels - colour).max(axis=2) < 0.01).mean() > 0.02
    # Half of the first row is right, all of the second: the darkest blue stands in its right half alone.
    darkest = np.argwhere(np.abs(pixels - colours[3]).max(axis=2) < 0.01)
    middle = np.argwhere(np.abs(pixels - colours[0]).max(axis=2) < 0.01)
    assert np.median(darkest[:, 0]) > np.median(middle[:, 0])  # below
    assert np.median(darkest[:, 1]) > np.median(middle[:, 1])  # and to the right


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Every chunk of a PNG, its checksum held against zlib's."""
    found, at = [], 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        found.append((kind, data))
        at += 12 + length
    return found
