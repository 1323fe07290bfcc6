"""What several models make of a text, or of several, for a page that shows it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from emohub.pictures.drawing import PALETTES, Theme, figure_of, legend, png, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPX*"
_MOST_LABELS = 40
"""Rows of a picture of one text; more would not be legible."""
MOST_TEXTS = 20
"""Rows of a picture of several texts."""
_ROW_INCHES = 0.36


def draw_comparison(labels: Sequence[str], table: Mapping[str, Sequence[float | None]], theme: Theme) -> bytes:
    """One text: a row for each label, in it a mark for each model at its probability. The result is a PNG.

    ``table`` has None where a model lacks the label. The least probable of very many labels are left out.
    """
    palette = PALETTES[theme]
    highest = [max((shares[at] or 0.0 for shares in table.values()), default=0.0) for at in range(len(labels))]
    shown = sorted(sorted(range(len(labels)), key=lambda at: -highest[at])[:_MOST_LABELS])
    height = 1.5 + 0.3 * ((len(table) + 2) // 3) + _ROW_INCHES * len(shown)
    with figure_of(8.0, height, palette) as figure:
        axes = figure.subplots()
        for row, at in enumerate(shown):
            known = [share for shares in table.values() if (share := shares[at]) is not None]
            axes.plot([min(known), max(known)], [row, row], color=palette.grey, linewidth=1.4, zorder=1)
        for number, shares in enumerate(table.values()):
            points = [(share, row) for row, at in enumerate(shown) if (share := shares[at]) is not None]
            axes.plot(
                [share for share, _ in points],
                [row for _, row in points],
                linestyle="none",
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=9,
                color=palette.series[number % len(palette.series)],
                markeredgecolor=palette.paper,
                label=str(number),
                clip_on=False,
                zorder=2,
            )
        axes.set(xlim=(0, 1), xlabel="Probability")
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        _rows(axes, [short(labels[at], 24) for at in shown])
        models = [short(name, 40) for name in table]
        legend(figure, axes, models, loc="outside upper left", ncols=min(3, len(table)), handletextpad=0.2)
        return png(figure)


def draw_texts_comparison(
    texts: Sequence[str], answers: Mapping[str, Sequence[tuple[str, float]]], disagree: Sequence[bool], theme: Theme
) -> bytes:
    """Several texts: a row for each of the first, a column for each model, with its answer and the probability of it.

    Rows on which models disagree have a mark. The result is a PNG.
    """
    palette = PALETTES[theme]
    count = min(len(texts), MOST_TEXTS)
    with figure_of(4.2 + 1.9 * len(answers), 1.0 + 1.4 * _ROW_INCHES * count, palette) as figure:
        axes = figure.subplots()
        for column, predictions in enumerate(answers.values()):
            for row, (label, share) in enumerate(predictions[:count]):
                axes.barh(row, 0.94, left=column - 0.47, height=0.72, color=palette.grid)
                axes.barh(row, 0.94 * share, left=column - 0.47, height=0.72, color=palette.blue, alpha=0.35)
                words = f"{short(label, 14)} {_percent(share)}"
                axes.text(column, row, words, ha="center", va="center", fontsize=10, parse_math=False)
        axes.set_xlim(-0.5, len(answers) - 0.5)
        axes.spines[:].set_visible(False)
        axes.set_xticks(range(len(answers)), [short(name, 20) for name in answers], parse_math=False)
        axes.xaxis.tick_top()
        marks = ["≠ " if apart else "" for apart in disagree[:count]]
        _rows(axes, [f"{mark}{short(text, 44)}" for mark, text in zip(marks, texts[:count], strict=True)], grid=False)
        return png(figure)


def _rows(axes: "Axes", names: Sequence[str], *, grid: bool = True) -> None:
    """Name the rows, the first on top."""
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(length=0, pad=8)
    axes.grid(visible=grid, axis="x")
    axes.grid(visible=False, axis="y")


def _percent(share: float) -> str:
    """A probability without decimals, and never a rounded 0% or 100%."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"
