"""Several classifiers on the same rows, for a page: in the light and in the dark, from values."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from emohub.pictures.confusion import Matrix, confusion_side, draw_confusion
from emohub.pictures.drawing import PALETTES, Theme, figure_of, legend, png, short
from emohub.pictures.reliability import draw_diagonal, draw_reliability
from emohub.record import CalibrationBin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class Overlap(NamedTuple):
    """Rows that two classifiers get wrong."""

    first: str
    second: str
    only_first: int
    both: int
    only_second: int


def confusion_picture(matrix: Matrix, labels: Sequence[str], answers: Sequence[str], theme: Theme) -> bytes:
    """One classifier's confusion matrix as a PNG; all are shaded on the same scale."""
    with figure_of(confusion_side(len(answers)), confusion_side(len(labels)), PALETTES[theme]) as figure:
        draw_confusion(figure.subplots(), matrix, labels, answers, PALETTES[theme])
        return png(figure)


def calibration_picture(models: Mapping[str, Sequence[CalibrationBin]], theme: Theme) -> bytes:
    """The reliability diagrams of several classifiers in one panel, as a PNG."""
    palette = PALETTES[theme]
    with figure_of(6.4, 5.2, palette) as figure:
        axes = figure.subplots()
        draw_diagonal(axes, palette)
        for place, calibration in enumerate(models.values()):
            draw_reliability(
                axes,
                calibration,
                color=palette.series[place % len(palette.series)],
                marker=_MARKERS[place % len(_MARKERS)],
                linewidth=1.6,
                capsize=3,
                elinewidth=1,
                label=str(place),
            )
        axes.set_xlabel("Confidence (probability of the answer)")
        _legend_below(figure, axes, list(models))
        return png(figure)


def overlap_picture(pairs: Sequence[Overlap], theme: Theme) -> bytes:
    """For each pair of classifiers a bar: the rows that one gets wrong alone, both, and the other alone."""
    palette = PALETTES[theme]
    with figure_of(6.4, 1.4 + 0.75 * len(pairs), palette) as figure:
        axes = figure.subplots()
        places = list(range(len(pairs)))
        ends = [0] * len(pairs)
        parts = (
            ([pair.only_first for pair in pairs], palette.blue),
            ([pair.both for pair in pairs], palette.grey),
            ([pair.only_second for pair in pairs], palette.orange),
        )
        for number, (counts, colour) in enumerate(parts):
            bars = axes.barh(places, counts, 0.55, ends, color=colour, edgecolor=palette.paper, label=str(number))
            axes.bar_label(bars, [f"{n:,}" if n else "" for n in counts], label_type="center", color=palette.paper)
            ends = [end + count for end, count in zip(ends, counts, strict=True)]
        names = [f"{short(pair.first)}\n{short(pair.second)}" for pair in pairs]
        axes.set_yticks(places, names, parse_math=False)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False)
        axes.set_xlabel("Texts answered wrongly")
        axes.locator_params(axis="x", integer=True)
        axes.set_xlim(0, max(1, *ends) * 1.02)
        _legend_below(figure, axes, ("only the upper", "both", "only the lower"))
        return png(figure)


def _legend_below(figure: "Figure", axes: "Axes", names: Sequence[str]) -> None:
    shown = [short(name) for name in names]
    legend(figure, axes, shown, loc="outside lower center", ncols=min(3, len(shown)))
