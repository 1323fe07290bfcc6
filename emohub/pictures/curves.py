"""The learning curves of a run: its losses, and beside them its validation metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from emohub.pictures.digests import DIGEST_KEY, digest
from emohub.pictures.drawing import BLUE, COLOURS, ORANGE, Points, figure_of, mark, plot, save
from emohub.record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = ("^", "D", "o", "s", "v", "P", "X")
_LEAST_SPAN = 0.05
"""The axis of metrics covers at least this much, so that noise does not look like a trend."""
_LABEL_GAP = 0.075
"""Least distance of two names beside a panel, as a share of its height."""


@dataclass(frozen=True)
class _Curve:
    """One line of a panel."""

    name: str
    points: Points
    colour: str
    marker: str


@dataclass(frozen=True)
class _Panel:
    """Curves that share a vertical axis."""

    title: str
    curves: list[_Curve]
    least_span: float
    """What the vertical axis covers at least."""


def draw_learning_curves(run: RunRecord, path: Path) -> None:
    """Draw the losses of a run, and beside them its validation metrics, with the exported step marked, into a PNG.

    The same run gives the same bytes with the same matplotlib, and the file says which run it shows.

    Raises:
        RecordError: the file cannot be written; what was there before is then still there.
    """
    by_epoch = all(row.epoch.is_integer() for row in run.history)  # else evaluations stand between two epochs
    xs = [row.epoch if by_epoch else float(row.step) for row in run.history]
    exported = next(x for x, row in zip(xs, run.history, strict=True) if row.step == run.exported.step)
    steps = f"{round(run.history[-1].step / run.history[-1].epoch):,}"
    width = xs[-1] - xs[0] or 20.0  # a single row stands in the middle
    panels = [panel for panel in _panels(run, xs) if panel.curves]
    with figure_of(10 if len(panels) > 1 else 7, 4.2) as figure:
        figure.suptitle(_caption(run), x=0.01, horizontalalignment="left")
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            axes.set_xlabel(f"Epoch ({steps} steps each)" if by_epoch else f"Step ({steps} to an epoch)")
            axes.set_ylabel(panel.title)
            axes.set_xlim(xs[0] - 0.05 * width, xs[-1] + 0.05 * width)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.xaxis.set_major_formatter("{x:,.0f}")
            mark(axes, exported, "exported")
            for curve in panel.curves:
                plot(axes, curve.points, color=curve.colour, marker=curve.marker)
                ring = [point for point in curve.points if point[0] == exported]
                plot(axes, ring, color=curve.colour, marker="o", markersize=13, markerfacecolor="none")
            _scale(axes, panel)
            _name_curves(axes, panel.curves)
        save(figure, path, {DIGEST_KEY: shown_digest(run)})


def shown_metrics(run: RunRecord) -> tuple[str, ...]:
    """The metrics that the learning curves show: the recipe's columns, and the one that chose the checkpoint."""
    if run.stage == "masked_lm":
        return ("perplexity",)
    evaluation = run.recipe["evaluation"]
    chosen_by = evaluation["metric_for_best_model"]
    return tuple(dict.fromkeys([*evaluation["metrics"], *([] if chosen_by == "loss" else [chosen_by])]))


def shown_digest(run: RunRecord) -> str:
    """SHA-256 over all that the learning curves show of a run."""
    shown = run.model_dump(mode="json", include={"history", "stage", "stopped", "steps_run", "total_steps"})
    drawn = {"name": run.recipe["name"], "exported": run.exported.step, "metrics": shown_metrics(run)}
    return digest(shown | drawn)


def _panels(run: RunRecord, xs: Sequence[float]) -> tuple[_Panel, _Panel]:
    """The losses, and the metrics; a curve without a single value is left out."""

    def curves(columns: dict[str, list[float | None]], colours: Sequence[str], markers: Sequence[str]) -> list[_Curve]:
        found = []
        for (name, values), colour, marker in zip(columns.items(), colours, markers, strict=False):
            points = [(x, value) for x, value in zip(xs, values, strict=True) if value is not None]
            if points:
                found.append(_Curve(name, points, colour, marker))
        return found

    losses: dict[str, list[float | None]] = {
        "training": [row.training_loss for row in run.history],
        "validation": [row.validation_loss for row in run.history],
    }
    figures = "Validation perplexity" if run.stage == "masked_lm" else "Validation metrics"
    metrics = {in_words(name): [row.metrics.get(name) for row in run.history] for name in shown_metrics(run)}
    return (
        _Panel("Loss", curves(losses, (ORANGE, BLUE), ("s", "o")), 0.0),
        _Panel(figures, curves(metrics, COLOURS, _MARKERS), _LEAST_SPAN),
    )


def _caption(run: RunRecord) -> str:
    """What the picture shows, in one line."""
    finished = run.steps_run == run.total_steps
    ran = (
        f"all {run.steps_run:,} steps ran"
        if finished
        else f"stopped early, {run.steps_run:,} of {run.total_steps:,} steps"
    )
    return f"{run.recipe['name']}: {ran}; exported at step {run.exported.step:,}"


def in_words(name: str) -> str:
    """A metric's name as one would write it."""
    return name.replace("_", " ").replace("f1", "F1")


def _scale(axes: "Axes", panel: _Panel) -> None:
    """A vertical axis that neither cuts a value nor magnifies noise; logarithmic for values of several magnitudes."""
    values = [y for curve in panel.curves for _, y in curve.points]
    low, high = min(values), max(values)
    if low > 0 and high / low > 20:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.3, high * 1.3)
        return
    middle, half = (low + high) / 2, max(high - low, panel.least_span) / 2 or 0.5
    axes.set_ylim(middle - 1.15 * half, middle + 1.15 * half)


def _name_curves(axes: "Axes", curves: Sequence[_Curve]) -> None:
    """Write each curve's name beside its end, moved where two names would overlap."""
    ends = [axes.transAxes.inverted().transform(axes.transData.transform(curve.points[-1]))[1] for curve in curves]
    for curve, height in zip(curves, _apart(ends, _LABEL_GAP), strict=True):
        axes.annotate(curve.name, (1.02, height), xycoords="axes fraction", va="center", color=curve.colour)


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights between 0 and 1, in the order given, moved up or down until any two are ``gap`` apart."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    moved = list(heights)
    for _ in range(100):  # each round halves what is left of every overlap
        for below, above in pairwise(order):
            overlap = max(0.0, gap - (moved[above] - moved[below]))
            moved[below] = max(0.0, moved[below] - overlap / 2)
            moved[above] = min(1.0, moved[above] + overlap / 2)
    return moved
