"""What an evaluation measured: the confusion matrix, and the calibration."""

from pathlib import Path

from emohub.pictures.confusion import confusion_side, draw_confusion
from emohub.pictures.digests import DIGEST_KEY, digest
from emohub.pictures.drawing import BLUE, PALETTES, figure_of, save, short
from emohub.pictures.reliability import draw_diagonal, draw_reliability
from emohub.record import EvalRecord

_PALETTE = PALETTES["light"]


def draw_confusion_matrix(evaluation: EvalRecord, path: Path) -> None:
    """Draw a confusion matrix into a PNG: a row for each true label, shaded by the share of its rows.

    The same evaluation gives the same bytes with the same matplotlib, and the file says which matrix it shows.

    Raises:
        RecordError: the file cannot be written; what was there before is then still there.
    """
    labels = evaluation.labels
    side = confusion_side(len(labels))
    with figure_of(side + 2.2, side) as figure:
        axes = figure.subplots()
        image = draw_confusion(axes, evaluation.confusion_matrix, labels, labels, _PALETTE)
        axes.set_title(_caption(evaluation))
        bar = figure.colorbar(image, shrink=0.8, format=lambda share, _: f"{share:.0%}")
        bar.outline.set_visible(False)
        bar.set_label("Share of the row")
        save(figure, path, {DIGEST_KEY: confusion_digest(evaluation)})


def draw_calibration(evaluation: EvalRecord, path: Path) -> None:
    """Draw a reliability diagram into a PNG: accuracy against confidence in bins, and below how many texts each holds.

    The bars are 95% Wilson intervals of the accuracy. Bytes and digest are as for :func:`draw_confusion_matrix`.

    Raises:
        RecordError: the file cannot be written; what was there before is then still there.
    """
    filled = [part for part in evaluation.calibration if part.count]
    with figure_of(6.4, 6.2) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.set_title(_caption(evaluation))
        draw_diagonal(above, _PALETTE)
        draw_reliability(above, filled, color=BLUE, fmt="o", capsize=3, elinewidth=1.4)
        bars = below.bar(
            [part.lower for part in filled],
            [part.count for part in filled],
            [part.upper - part.lower for part in filled],
            align="edge",
            color=BLUE,
            edgecolor="white",
        )
        below.bar_label(bars, fmt="{:,.0f}", fontsize=8, padding=1)
        below.margins(y=0.2)
        below.set(xlabel="Confidence (probability of the answer)", ylabel="Texts")
        below.yaxis.set_major_formatter("{x:,.0f}")
        figure.align_ylabels([above, below])
        save(figure, path, {DIGEST_KEY: calibration_digest(evaluation)})


def confusion_digest(evaluation: EvalRecord) -> str:
    """SHA-256 over all that the picture of a confusion matrix shows."""
    return digest({"picture": "confusion matrix"} | _shown(evaluation, "labels", "confusion_matrix"))


def calibration_digest(evaluation: EvalRecord) -> str:
    """SHA-256 over all that a reliability diagram shows."""
    return digest({"picture": "calibration"} | _shown(evaluation, "calibration"))


def _shown(evaluation: EvalRecord, *fields: str) -> dict[str, object]:
    return evaluation.model_dump(mode="json", include={"corpus", "split", *fields}) | {"rows": evaluation.data.rows}


def _caption(evaluation: EvalRecord) -> str:
    return f"{short(evaluation.corpus)}, {evaluation.split} split: {evaluation.data.rows:,} texts"
