"""What an evaluation measured: the confusion matrix, and the calibration."""

from pathlib import Path
from typing import TYPE_CHECKING

from emohub.metrics import wilson_interval
from emohub.pictures.digests import DIGEST_KEY, digest
from emohub.pictures.drawing import BLUE, GREY, figure_of, save
from emohub.record import EvalRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN_CHARS = 18
"""Characters of a label's name on an axis."""
_MOST_NUMBERED = 16
"""Labels up to which the cells hold numbers; more would not be legible."""


def draw_confusion_matrix(evaluation: EvalRecord, path: Path) -> None:
    """Draw a confusion matrix into a PNG: a row for each true label, shaded by the share of its rows.

    The same evaluation gives the same bytes with the same matplotlib, and the file says which matrix it shows.

    Raises:
        RecordError: the file cannot be written; what was there before is then still there.
    """
    matrix, labels = evaluation.confusion_matrix, [_short(label) for label in evaluation.labels]
    shares = [[count / max(1, sum(row)) for count in row] for row in matrix]
    side = min(14.0, 2.2 + 0.75 * len(labels))
    with figure_of(side + 2.2, side) as figure:
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="Predicted label", ylabel="True label", title=_caption(evaluation))
        axes.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor", parse_math=False)
        axes.set_yticks(range(len(labels)), labels, parse_math=False)
        axes.tick_params(length=0)
        if len(labels) <= _MOST_NUMBERED:
            _number(axes, matrix, shares)
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
    filled = [(b, b.confidence, b.accuracy) for b in evaluation.calibration if b.confidence is not None]
    xs = [confidence for _, confidence, _ in filled]
    ys = [accuracy or 0.0 for _, _, accuracy in filled]
    intervals = [wilson_interval(round(y * b.count), b.count) for (b, _, _), y in zip(filled, ys, strict=True)]
    reach = [
        [max(0.0, y - low) for y, (low, _) in zip(ys, intervals, strict=True)],
        [max(0.0, high - y) for y, (_, high) in zip(ys, intervals, strict=True)],
    ]
    with figure_of(6.4, 6.2) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.set(title=_caption(evaluation), ylabel="Accuracy", xlim=(0, 1), ylim=(0, 1.02))
        above.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
        above.annotate(
            "as right as it is confident",
            (0.06, 0.09),
            rotation=45,
            rotation_mode="anchor",
            transform_rotates_text=True,
            color=GREY,
        )
        above.errorbar(xs, ys, reach, color=BLUE, fmt="o", capsize=3, elinewidth=1.4, clip_on=False)
        bars = below.bar(
            [b.lower for b, _, _ in filled],
            [b.count for b, _, _ in filled],
            [b.upper - b.lower for b, _, _ in filled],
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
    return f"{_short(evaluation.corpus)}, {evaluation.split} split: {evaluation.data.rows:,} texts"


def _number(axes: "Axes", matrix: tuple[tuple[int, ...], ...], shares: list[list[float]]) -> None:
    """Write each count into its cell, and the share below it where there is room."""
    crowded = len(matrix) > 8
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            share = shares[row][column]
            small = "<1%" if share < 0.005 else f"{share:.0%}"
            text = f"{count:,}" if crowded or not count else f"{count:,}\n{small}"
            colour = "white" if share > 0.7 else "black"  # the shade from which white has the better contrast
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8 if crowded else 10)


def _short(name: str) -> str:
    """A name in one line that fits beside an axis."""
    line = " ".join(name.split())
    return line if len(line) <= _SHOWN_CHARS else f"{line[: _SHOWN_CHARS - 1]}…"
