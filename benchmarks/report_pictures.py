"""The report's two pictures: training, and inference, as bars with their ranges."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.inference_result import BASELINE, InferenceResult, Spread, latency_ms, throughput
from benchmarks.report_training import NAMES
from benchmarks.training_result import CONTENDERS, PRECISIONS, TrainingResult, ratios
from emohub.pictures.digests import DIGEST_KEY, digest
from emohub.pictures.drawing import BLUE, GREY, ORANGE, figure_of, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAINING_PICTURE = "training.png"
INFERENCE_PICTURE = "inference.png"
_ROW_INCHES = 0.34


@dataclass(frozen=True)
class Bar:
    """One bar."""

    name: str
    found: Spread
    own: bool
    """Whether it is emohub's."""


@dataclass(frozen=True)
class Panel:
    """Some bars on one axis."""

    title: str
    axis: str
    bars: tuple[Bar, ...]
    decimals: int


def training_panels(result: TrainingResult) -> list[Panel]:
    """For each size: how many times as fast as the Trainer in fp32 with dynamic padding."""
    panels = []
    for size in result.sizes:
        base = result.find(size.name, "trainer", "fp32")
        if base is None:
            continue
        bars = [
            Bar(f"{NAMES[contender]}, {precision}", Spread.of(ratios(own, base)), contender == "ours")
            for precision in PRECISIONS
            for contender in CONTENDERS
            if contender != "products" and (own := result.find(size.name, contender, precision)) is not None
        ]
        axis = "Times the speed of the Trainer in fp32 with dynamic padding"
        panels.append(Panel(f"{size.name}, {size.parameters / 1e6:.1f} million parameters", axis, tuple(bars), 1))
    return panels


def inference_panels(result: InferenceResult) -> list[Panel]:
    """Throughput, and the time of one text; a contender whose answers are wrong is left out."""
    right = [each for each in result.contenders if not each.wrong or each.name == BASELINE]
    rates = tuple(Bar(each.name, throughput(each), each.kind == "engine") for each in right)
    times = tuple(Bar(each.name, latency_ms(each), each.kind == "engine") for each in right)
    return [
        Panel("Throughput: longer is better", f"Texts a second, of {result.test_texts:,} at once", rates, 0),
        Panel("Latency: shorter is better", "Milliseconds for one text, the median", times, 1),
    ]


def shown_digest(panels: Sequence[Panel]) -> str:
    """Digest of what a picture of them shows."""
    return digest({"panels": [_plain(panel) for panel in panels]})


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Draw panels one below the other into a PNG that says what it shows.

    Raises:
        RecordError: the file cannot be written.
    """
    heights = [len(panel.bars) + 3.1 for panel in panels]
    with figure_of(9, _ROW_INCHES * sum(heights)) as figure:
        figure.set_layout_engine("constrained", h_pad=0.12)
        rows: Any = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
        for (axes,), panel in zip(rows, panels, strict=True):
            _draw_panel(axes, panel)
        save(figure, path, {DIGEST_KEY: shown_digest(panels)})


def alternative(panels: Sequence[Panel]) -> str:
    """What a picture of them shows, in words, for who cannot see it."""
    said = []
    for panel in panels:
        bars = "; ".join(f"{bar.name} {bar.found.median:,.{panel.decimals}f}" for bar in panel.bars)
        said.append(f"{panel.title}. {panel.axis}: {bars}.")
    return " ".join(said)


def _draw_panel(axes: "Axes", panel: Panel) -> None:
    for row, bar in enumerate(panel.bars):
        found = bar.found
        axes.barh(row, found.median, height=0.72, color=BLUE if bar.own else "#B9C2CC")
        axes.plot([found.low, found.high], [row, row], color=ORANGE, linewidth=1.6, solid_capstyle="butt")
        words = f"{found.median:,.{panel.decimals}f}"
        axes.annotate(words, (max(found.high, found.median), row), (6, 0), textcoords="offset points", va="center")
    axes.set_title(panel.title, loc="left")
    axes.set_xlabel(panel.axis, color=GREY)
    axes.set_yticks(range(len(panel.bars)), [bar.name for bar in panel.bars], parse_math=False)
    axes.set_ylim(len(panel.bars) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * max(max(bar.found.high, bar.found.median) for bar in panel.bars))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")


def _plain(panel: Panel) -> dict[str, Any]:
    bars = [[bar.name, bar.found.median, bar.found.low, bar.found.high, bar.own] for bar in panel.bars]
    return {"title": panel.title, "axis": panel.axis, "bars": bars, "decimals": panel.decimals}
