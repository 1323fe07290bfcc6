"""How every picture of the project looks, and how it is written."""

import io
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from emohub.record import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0060A8", "#B84A00", "#555555"
COLOURS = ("#007A5A", "#8A3FA0", BLUE, ORANGE, "#A0205A", "#6B5B00", "#444444")
"""After Okabe and Ito's colours for the colour-blind, darkened so that text in them is legible on white."""

_SHOWN_CHARS = 18
"""Characters of a name on an axis."""

Points = list[tuple[float, float]]
Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """The colours of a picture; text in any of them has a contrast of at least 4.5 to 1 on the paper."""

    paper: str
    ink: str
    grey: str
    """Axes and what stands back."""
    grid: str
    blue: str
    orange: str
    series: tuple[str, ...]
    """One colour for each line or bar that stands beside others; colour-blind people can tell them apart."""
    shades: str
    """Name of matplotlib's colour map for shares, from the paper's colour on."""


PALETTES: dict[Theme, Palette] = {
    "light": Palette("white", "black", GREY, "#E0E0E0", BLUE, ORANGE, COLOURS, "Blues"),
    "dark": Palette(
        paper="#0f172a",
        ink="#e2e8f0",
        grey="#94a3b8",
        grid="#1e293b",
        blue="#56B4E9",
        orange="#F0A040",
        series=("#2DD4A7", "#D7A6F0", "#56B4E9", "#F0A040", "#F58BB0", "#D9C840", "#B4BCC8"),
        shades="Blues_r",
    ),
}
"""For a page in the light and in the dark; cards and files are light."""


_DRAWING = threading.Lock()
"""matplotlib's settings are those of the whole process, and a page draws for several people at once."""


@contextmanager
def figure_of(width: float, height: float, palette: Palette = PALETTES["light"]) -> Iterator["Figure"]:
    """An empty figure of so many inches, drawn by our settings whatever the user's matplotlibrc says, in no window."""
    from matplotlib import style  # noqa: PLC0415 - it takes most of a second, and cards are checked without it
    from matplotlib.figure import Figure  # noqa: PLC0415

    settings = {
        "font.size": 12,
        "axes.titlesize": 12,
        "figure.titlesize": 12,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": palette.grey,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "grid.color": palette.grid,
        **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), palette.paper),
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), palette.ink),
        "axes.axisbelow": True,
        "lines.linewidth": 2,
        "lines.markersize": 6,
    }
    with _DRAWING, style.context(["default", settings]):
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


def short(name: str, most: int = _SHOWN_CHARS) -> str:
    """A name in one line of at most so many characters; by default as many as fit beside an axis."""
    line = " ".join(name.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def legend(figure: "Figure", axes: "Axes", names: Sequence[str], **how: Any) -> None:
    """Name what is drawn in ``axes``, in that order; each must have been drawn with a label, such as its number.

    The names are set afterwards, because one that begins with an underscore would be left out.
    """
    handles, _ = axes.get_legend_handles_labels()
    shown = figure.legend(handles, [str(place) for place in range(len(names))], frameon=False, **how)
    for text, name in zip(shown.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def save(figure: "Figure", path: Path, texts: dict[str, str]) -> None:
    """Write the figure as a PNG that names no library version and no date, whole or not at all.

    Raises:
        RecordError: the file cannot be written.
    """
    write_atomically(path, lambda temporary: _write(figure, temporary, texts))


def png(figure: "Figure") -> bytes:
    """The figure as the bytes of a PNG, for a page that shows it and keeps no file."""
    buffer = io.BytesIO()
    _write(figure, buffer, {})
    return buffer.getvalue()


def _write(figure: "Figure", target: Path | IO[bytes], texts: dict[str, str]) -> None:
    how: dict[str, Any] = {"format": "png", "metadata": {"Software": None, **texts}, "pil_kwargs": {"optimize": True}}
    with warnings.catch_warnings():
        # A label in a script that the font lacks is drawn as boxes; it stands in text beside the picture.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(target, **how)
