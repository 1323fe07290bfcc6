"""How right answers are against how confident they are, in a panel."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from emohub.metrics import wilson_interval
from emohub.pictures.drawing import Palette
from emohub.record import CalibrationBin

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_diagonal(axes: "Axes", palette: Palette) -> None:
    """The line on which answers are as right as they are confident, and what it means."""
    axes.set(ylabel="Accuracy", xlim=(0, 1), ylim=(0, 1.02))
    axes.plot([0, 1], [0, 1], color=palette.grey, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.annotate(
        "as right as it is confident",
        (0.06, 0.09),
        rotation=45,
        rotation_mode="anchor",
        transform_rotates_text=True,
        color=palette.grey,
    )


def draw_reliability(axes: "Axes", calibration: Sequence[CalibrationBin], **how: Any) -> None:
    """A point for each bin that holds texts, with the 95% Wilson interval of its accuracy."""
    filled = [(b, b.confidence, b.accuracy) for b in calibration if b.confidence is not None]
    xs = [confidence for _, confidence, _ in filled]
    ys = [accuracy or 0.0 for _, _, accuracy in filled]
    intervals = [wilson_interval(round(y * b.count), b.count) for (b, _, _), y in zip(filled, ys, strict=True)]
    reach = [
        [max(0.0, y - low) for y, (low, _) in zip(ys, intervals, strict=True)],
        [max(0.0, high - y) for y, (_, high) in zip(ys, intervals, strict=True)],
    ]
    axes.errorbar(xs, ys, reach, clip_on=False, **how)
