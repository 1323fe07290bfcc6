"""The range test of a learning rate."""

import math
from collections.abc import Sequence
from pathlib import Path

from emohub.pictures.drawing import BLUE, ORANGE, figure_of, mark, plot, save


def draw_range_test(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], suggestion: float | None, path: Path
) -> None:
    """Draw a range test of the learning rate into a PNG: the training loss at each rate, and the suggested rate if any.

    A loss that is not finite is left out. The axis ends a little above the loss of the start, wherever it rose to.

    Raises:
        RecordError: the file cannot be written; what was there before is then still there.
    """
    each, smooth = (
        [(rate, loss) for rate, loss in zip(rates, values, strict=True) if math.isfinite(loss)]
        for values in (losses, smoothed)
    )
    start, lowest = smooth[0][1], min(loss for _, loss in smooth)
    room = max(start - lowest, 0.1 * start)
    with figure_of(7, 4.2) as figure:
        axes = figure.subplots()
        axes.set(xscale="log", xlabel="Learning rate", ylabel="Training loss")
        axes.set_ylim(lowest - 0.25 * room, start + 0.75 * room)
        plot(axes, each, color=ORANGE, alpha=0.4, linewidth=1, label="each step")
        plot(axes, smooth, color=BLUE, linewidth=2.4, label="smoothed")
        if suggestion is not None:
            mark(axes, suggestion, f"suggested: {suggestion:.1e}")
        axes.legend(frameon=False, loc="lower left")
        save(figure, path, {})
