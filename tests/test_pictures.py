"""Pictures show their run, say which run that is, and come out the same every time."""

import struct
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from emohub.errors import RecordError
from emohub.pictures import (
    DIGEST_KEY,
    draw_learning_curves,
    draw_range_test,
    read_digest,
    shown_digest,
    shown_metrics,
)
from emohub.pictures.curves import _apart
from emohub.record import HistoryRow, RunRecord
from tests.factories import METRICS, make_history, make_recipe, make_run_record

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
