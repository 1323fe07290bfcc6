"""How every picture of the project looks, and how it is written."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emohub.record import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0060A8", "#B84A00", "#555555"
COLOURS = ("#007A5A", "#8A3FA0", BLUE, ORANGE, "#A0205A", "#6B5B00", "#444444")
"""After Okabe and Ito's colours for the colour-blind, darkened so that text in them is legible on white."""

Points = list[tuple[float, float]]


@contextmanager
def figure_of(width: float, height: float) -> Iterator["Figure"]:
    """An empty figure of so many inches, drawn by our settings whatever the user's matplotlibrc says, in no window."""
    from matplotlib import style  # noqa: PLC0415 - it takes most of a second, and cards are checked without it
    from matplotlib.figure import Figure  # noqa: PLC0415

    settings = {
        "font.size": 12,
        "axes.titlesize": 12,
        "figure.titlesize": 12,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": GREY,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "grid.color": "#E0E0E0",
        "axes.axisbelow": True,
        "lines.linewidth": 2,
        "lines.markersize": 6,
    }
    with style.context(["default", settings]):
        yield Figure(figsize=(width, height), dpi=144, layout="constrained")


def plot(axes: "Axes", points: Points, **how: Any) -> None:
    """A line through points."""
    axes.plot([x for x, _ in points], [y for _, y in points], **how)


def mark(axes: "Axes", x: float, name: str) -> None:
    """A dashed line at ``x``, named above the panel."""
    axes.axvline(x, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        name,
        (x, 1.01),
        xycoords=axes.get_xaxis_transform(),
        ha="center",
        va="bottom",
        color=GREY,
        annotation_clip=False,
    )


def save(figure: "Figure", path: Path, texts: dict[str, str]) -> None:
    """Write the figure as a PNG that names no library version and no date, whole or not at all.

    Raises:
        RecordError: the file cannot be written.
    """
    how: dict[str, Any] = {"format": "png", "metadata": {"Software": None, **texts}, "pil_kwargs": {"optimize": True}}
    with warnings.catch_warnings():
        # A label in a script that the font lacks is drawn as boxes; the card spells it out beside the picture.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        write_atomically(path, lambda temporary: figure.savefig(temporary, **how))
