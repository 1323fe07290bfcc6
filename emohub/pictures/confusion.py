"""A confusion matrix in a panel: a row for each true label, shaded by the share of its rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emohub.pictures.drawing import Palette, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_MOST_NUMBERED = 16
"""Labels up to which the cells hold numbers; more would not be legible."""
_DARK_SHADE = 0.7
"""How far along matplotlib's blues a cell is so dark that white has the better contrast on it."""

Matrix = Sequence[Sequence[int]]


def confusion_side(labels: int) -> float:
    """Inches of a panel's side, for so many labels."""
    return min(14.0, 2.2 + 0.75 * labels)


def draw_confusion(
    axes: "Axes", matrix: Matrix, labels: Sequence[str], answers: Sequence[str], palette: Palette
) -> "AxesImage":
    """Draw a matrix with a row for each of ``labels`` and a column for each of ``answers``."""
    shares = [[count / max(1, sum(row)) for count in row] for row in matrix]
    image = axes.imshow(shares, cmap=palette.shades, vmin=0, vmax=1)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="Predicted label", ylabel="True label")
    across, down = [short(answer) for answer in answers], [short(label) for label in labels]
    axes.set_xticks(range(len(across)), across, rotation=35, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(range(len(down)), down, parse_math=False)
    axes.tick_params(length=0)
    if len(labels) <= _MOST_NUMBERED:
        _number(axes, matrix, shares, palette)
    return image


def _number(axes: "Axes", matrix: Matrix, shares: list[list[float]], palette: Palette) -> None:
    """Write each count into its cell, and the share below it where there is room."""
    crowded = len(matrix) > 8
    reversed_shades = palette.shades.endswith("_r")
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            share = shares[row][column]
            small = "<1%" if share < 0.005 else f"{share:.0%}"
            text = f"{count:,}" if crowded or not count else f"{count:,}\n{small}"
            shade = 1 - share if reversed_shades else share
            colour = "white" if shade > _DARK_SHADE else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8 if crowded else 10)
