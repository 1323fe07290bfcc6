"""How often each label was given, for a page: in all, over time, and by group, from values.

Labels come in the order in which they get their colours: the same order gives the same colours in every picture. Those
beyond the colours that there are are shown together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emohub.pictures.drawing import PALETTES, Palette, Theme, figure_of, legend, png, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OTHER_LABELS = "other labels"
_LEGEND_INCHES = 1.4
"""Width of a label in a legend."""
_TIME_INCHES, _GROUP_INCHES = 11.0, 5.6
"""Widths of pictures, for places on the page of which one is twice as wide, so that words are of one size."""
_LEAST_WRITTEN = 0.1
"""Share from which a bar's segment has room for its figure."""
_MOST_TICKS = 10


@dataclass(frozen=True)
class _Layers:
    """Labels with their colours, the last ones together where there are too many."""

    names: tuple[str, ...]
    colours: tuple[str, ...]
    counts: NDArray[np.int64]
    """Shape (bars, layers)."""

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of each bar's rows, shape (bars, layers)."""
        shares: NDArray[np.float64] = self.counts / self.counts.sum(axis=1, keepdims=True)
        return shares


def label_shares_picture(labels: Sequence[str], counts: Sequence[int], theme: Theme) -> bytes:
    """A bar for each label, with its share and its count; a PNG."""
    palette = PALETTES[theme]
    layers = _layers(labels, [counts], palette)
    with figure_of(7.0, 0.9 + 0.42 * len(layers.names), palette) as figure:
        axes = figure.subplots()
        bars = axes.barh(range(len(layers.names)), layers.shares[0], height=0.7, color=layers.colours)
        written = [f"{share:.1%} · {count:,}" for share, count in zip(layers.shares[0], layers.counts[0], strict=True)]
        axes.bar_label(bars, written, padding=6)
        axes.set_xlim(0, 1.25 * layers.shares[0].max())
        axes.xaxis.set_visible(False)
        axes.spines[:].set_visible(False)
        _name_rows(axes, [short(name) for name in layers.names])
        return png(figure)


def shares_over_time_picture(
    labels: Sequence[str],
    counts: Sequence[Sequence[int]],
    spans: Sequence[tuple[date, date]],
    names: Sequence[str],
    theme: Theme,
) -> bytes:
    """A stacked bar of shares for each period, at its place in time, and below how many rows it has; a PNG.

    ``counts`` has a row for each period, with one count for each label; ``spans`` are the period's first day and the
    first after it, and ``names`` what it is called.
    """
    palette = PALETTES[theme]
    layers = _layers(labels, counts, palette)
    starts = [start.toordinal() for start, _ in spans]
    widths = [end.toordinal() - start.toordinal() for start, end in spans]
    left = [start + 0.06 * width for start, width in zip(starts, widths, strict=True)]
    wide = [0.88 * width for width in widths]
    edge = _edge(palette)
    with figure_of(_TIME_INCHES, 4.2, palette) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        floor = np.zeros(len(starts))
        for number, (colour, shares) in enumerate(zip(layers.colours, layers.shares.T, strict=True)):
            above.bar(left, shares, wide, bottom=floor, align="edge", color=colour, label=str(number), **edge)
            floor += shares
        above.set(ylim=(0, 1), ylabel="Share of texts")
        above.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        below.bar(left, layers.counts.sum(axis=1), wide, align="edge", color=palette.grey)
        below.set(ylabel="Texts", xlim=(starts[0], starts[-1] + widths[-1]))
        below.yaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
        below.yaxis.get_major_locator().set_params(integer=True, nbins=2)
        every = -(-len(starts) // _MOST_TICKS)
        middles = [start + width / 2 for start, width in zip(starts, widths, strict=True)]
        below.set_xticks(middles[::every], names[::every], parse_math=False)
        for axes in (above, below):
            axes.tick_params(length=0)
        figure.align_ylabels([above, below])
        _legend_above(figure, above, layers.names)
        return png(figure)


def shares_by_group_picture(
    labels: Sequence[str], counts: Sequence[Sequence[int]], names: Sequence[str], theme: Theme
) -> bytes:
    """A stacked bar of shares for each group, with the figures in it; a PNG.

    ``counts`` has a row for each group, with one count for each label, and ``names`` what the group is called.
    """
    palette = PALETTES[theme]
    layers = _layers(labels, counts, palette)
    edge = _edge(palette)
    with figure_of(_GROUP_INCHES, 1.3 + 0.46 * len(names), palette) as figure:
        axes = figure.subplots()
        floor = np.zeros(len(names))
        for number, (colour, shares) in enumerate(zip(layers.colours, layers.shares.T, strict=True)):
            bars = axes.barh(range(len(names)), shares, 0.74, left=floor, color=colour, label=str(number), **edge)
            written = [f"{share:.0%}" if share >= _LEAST_WRITTEN else "" for share in shares]
            axes.bar_label(bars, written, label_type="center", color=palette.paper, fontsize=11)
            floor += shares
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.spines[:].set_visible(False)
        totals = layers.counts.sum(axis=1).tolist()
        _name_rows(axes, [f"{short(name)} ({total:,})" for name, total in zip(names, totals, strict=True)])
        _legend_above(figure, axes, layers.names)
        return png(figure)


def _layers(labels: Sequence[str], counts: Sequence[Sequence[int]], palette: Palette) -> _Layers:
    table = np.array(counts, np.int64)
    names, colours, layers = tuple(labels), palette.series, table
    if len(labels) > len(palette.series):
        last = len(palette.series) - 1
        names, colours = (*labels[:last], _OTHER_LABELS), (*palette.series[:last], palette.grey)
        layers = np.column_stack([table[:, :last], table[:, last:].sum(axis=1)])
    return _Layers(names, colours[: len(names)], layers)


def _edge(palette: Palette) -> dict[str, Any]:
    """A line between two segments, so that they are told apart without their colours."""
    return {"edgecolor": palette.paper, "linewidth": 1}


def _name_rows(axes: "Axes", names: Sequence[str]) -> None:
    """Name the rows, the first on top."""
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)


def _legend_above(figure: "Figure", axes: "Axes", names: Sequence[str]) -> None:
    columns = int(figure.get_figwidth() / _LEGEND_INCHES)
    legend(figure, axes, [short(name) for name in names], loc="outside upper left", ncols=columns, handlelength=1)
