"""A text whose words are tinted by what they add to an answer."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emohub.pictures.drawing import PALETTES, Theme, figure_of, png, short

if TYPE_CHECKING:
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

_WIDTH, _LINE, _MARGIN = 8.0, 0.42, 0.25
"""Inches."""
_MOST_CHARS = 44
"""Of a word, which must fit in a line, and of what a colour means, which must fit in half of one."""


def draw_words(pieces: Sequence[tuple[str, float]], legend: tuple[str, str], theme: Theme) -> bytes:
    """The pieces of a text in their order, each with its score, as a PNG; those without one are drawn plain.

    Words that speak for the label are blue on a solid line, those that speak against it orange on a broken one, the
    stronger the fuller. ``legend`` says what blue and orange mean.
    """
    palette = PALETTES[theme]
    most = max((abs(score) for _, score in pieces), default=0.0) or 1.0
    with figure_of(_WIDTH, _LINE, palette) as figure:
        drawn: list[tuple[Text, float, float, float]] = []
        x, line = _MARGIN, 0
        for piece, _ in pieces:
            shown = figure.text(0, 0, short(piece, _MOST_CHARS) or " ", color=palette.ink, parse_math=False)
            width = _width(shown) / figure.dpi
            if x + width > _WIDTH - _MARGIN and x > _MARGIN:
                x, line = _MARGIN, line + 1
            drawn.append((shown, x, line, width))
            x += width if piece.strip() else 0.08
        height = 2 * _MARGIN + (line + 1.5) * _LINE
        figure.set_size_inches(_WIDTH, height)
        for (shown, left, row, width), (_, score) in zip(drawn, pieces, strict=True):
            bottom = height - _MARGIN - (row + 1) * _LINE + 0.12
            shown.set_position((left / _WIDTH, bottom / height))
            if score:
                colour = palette.blue if score > 0 else palette.orange
                shown.set_bbox(
                    {
                        "facecolor": colour,
                        "alpha": 0.4 * abs(score) / most,
                        "linewidth": 0,
                        "boxstyle": "square,pad=0.1",
                    }
                )
                line_of = figure.add_artist(_line(left, left + width, bottom - 0.07, height))
                line_of.set(color=colour, linestyle="-" if score > 0 else (0, (2, 1.5)))
        for position, (words, colour) in enumerate(zip(legend, (palette.blue, palette.orange), strict=True)):
            left = _MARGIN / _WIDTH + 0.45 * position
            figure.text(left, 0.14 / height, short(words, _MOST_CHARS), color=colour, fontsize=10, parse_math=False)
        return png(figure)


def _width(text: "Text") -> float:
    """In pixels."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # as when it is drawn
        return float(text.get_window_extent().width)


def _line(left: float, right: float, y: float, height: float) -> "Line2D":
    """An underline from ``left`` to ``right``, in inches."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 - see figure_of

    return Line2D([left / _WIDTH, right / _WIDTH], [y / height] * 2, linewidth=1.5)
