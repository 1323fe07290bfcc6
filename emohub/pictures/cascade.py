"""What a cascade gets right, against what it costs."""

from pathlib import Path

from emohub.pictures.digests import DIGEST_KEY, digest
from emohub.pictures.drawing import BLUE, GREY, ORANGE, figure_of, legend, plot, save, short
from emohub.record.cascade import CascadePoint, CascadeRecord

_COST = "Million multiply-adds per text"
_SHARE = "Texts that the large model answers"


def draw_cascade(cascade: CascadeRecord, path: Path) -> None:
    """Draw accuracy against cost into a PNG: all thresholds with a 95% band, both models, and the one chosen.

    Cost is in multiply-adds where both models' shapes are known, else the share of texts that the large one answers.
    The same record gives the same bytes with the same matplotlib, and the file says which curve it shows.

    Raises:
        RecordError: the file cannot be written; what was there before is then still there.
    """
    counted = all(each.multiply_adds is not None for each in (cascade.small, cascade.large))
    curve = [_at(point, counted) for point in cascade.points]
    with figure_of(7.6, 5.4) as figure:
        axes = figure.subplots()
        axes.set_title(f"{short(cascade.corpus)}, {cascade.split} split: {cascade.data.rows:,} texts")
        axes.set(ylabel="Accuracy", xlabel=_COST if counted else _SHARE)
        axes.yaxis.set_major_formatter("{x:.1%}")
        if not counted:
            axes.xaxis.set_major_formatter("{x:.0%}")
        axes.fill_between(
            [cost for cost, _ in curve],
            [point.accuracy.low for point in cascade.points],
            [point.accuracy.high for point in cascade.points],
            color=BLUE,
            alpha=0.12,
            linewidth=0,
        )
        plot(axes, curve, color=BLUE)
        small, large = short(cascade.small.model.id, 32), short(cascade.large.model.id, 32)
        marked = {
            f"{small} alone": (*_at(cascade.points[0], counted), BLUE, "o"),
            f"{large} alone": (*_alone(cascade, counted), GREY, "s"),
            f"chosen: {cascade.chosen.share:.1%} of the texts go to {large}": (
                *_at(cascade.chosen, counted),
                ORANGE,
                "D",
            ),
        }
        for place, (x, y, colour, marker) in enumerate(marked.values()):
            axes.plot(
                [x],
                [y],
                marker=marker,
                markersize=9,
                markeredgecolor="white",
                linestyle="none",
                color=colour,
                label=str(place),
                zorder=3,
            )
        legend(figure, axes, list(marked), loc="outside lower left", ncols=1)
        save(figure, path, {DIGEST_KEY: cascade_digest(cascade)})


def cascade_digest(cascade: CascadeRecord) -> str:
    """SHA-256 over all that the picture of a cascade shows."""
    shown = {"small", "large", "chosen", "points", "corpus", "split"}
    return digest({"picture": "cascade", "rows": cascade.data.rows} | cascade.model_dump(mode="json", include=shown))


def _at(point: CascadePoint, counted: bool) -> tuple[float, float]:
    """Cost and accuracy of a point."""
    cost = point.multiply_adds / 1e6 if counted and point.multiply_adds is not None else point.share
    return cost, point.accuracy.value


def _alone(cascade: CascadeRecord, counted: bool) -> tuple[float, float]:
    """Cost and accuracy of the large model without the small one before it."""
    cost = cascade.large.multiply_adds / 1e6 if counted and cascade.large.multiply_adds is not None else 1.0
    return cost, cascade.large.metrics["accuracy"].value
