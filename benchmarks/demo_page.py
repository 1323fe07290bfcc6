"""Write ``benchmarks/demo_load.md`` from what ``demo_load`` measured."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.demo_load import RESULT
from emohub.card.markdown import Markdown, code, escape, table

PAGE = Path(__file__).resolve().parent / "demo_load.md"
WHO = ("emohub", "peer")
AIM_RATIO = 10
"""Throughput of the page over the peer's."""
AIM_GROWTH = 40
"""Megabytes that the page may grow by over all calls in a row."""
AIM_SECONDS = 2
"""Until a browser can use the page."""

INTRODUCTION = """\
# The page under load

Written by `python -m benchmarks.report` from `demo_load.json`, which `python -m benchmarks.demo_load` keeps; a test
holds this page to it. The peer is a plain `gr.Interface` over `pipeline()` with its default queue, asked through the
queue as its own page and Gradio's clients do. emohub is asked at `/gradio_api/run/classify`. Both serve the same model
on the same machine at the same time, and are put under load in turn; the client takes its share of the same cores."""
READING = """\
How it is counted: a call fails when it brings no answer, or a probability that is not the library's. Throughput is the
median over the bursts, the latencies are those of the calls of all bursts, and a ratio is the median over the rounds,
in each of which both pages were asked. Processor time is the server's own, on all cores together."""


@dataclass(frozen=True)
class Aim:
    """Something that was aimed at."""

    what: str
    found: str
    met: bool


def render(result: dict[str, Any]) -> str:
    """The whole page."""
    parts = [INTRODUCTION, verdicts(result), machine(result), "## A hundred calls at once"]
    parts += [burst_table(bursts_of(result)), READING, "## Many calls in a row", steady_table(result)]
    parts += ["## Until a browser can use the page", page_table(result)]
    return "\n\n".join(parts) + "\n"


def bursts_of(result: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The bursts of each page, in their order."""
    return {who: [burst for burst in result["bursts"] if burst["who"] == who] for who in WHO}


def verdicts(result: dict[str, Any]) -> str:
    """What was aimed at, and what was reached, a line each."""
    said = [f"- {'Reached' if aim.met else '**Not reached**'}: {aim.what}: {aim.found}." for aim in aims(result)]
    return "\n".join(["## What was aimed at", "", *said])


def aims(result: dict[str, Any]) -> list[Aim]:
    """What was aimed at."""
    bursts = bursts_of(result)
    ratios = round_ratios(bursts, rate)
    steady = result["steady"]["emohub"]
    growth, kept = grown(steady), pace(steady)
    failed = sum(burst["failed"] for burst in (*bursts["emohub"], *steady["quarters"]))
    calls = sum(burst["calls"] for burst in (*bursts["emohub"], *steady["quarters"]))
    slowest = max(result["page_seconds"]["emohub"])
    return [
        Aim("no failed call", f"{failed} of {calls:,} failed", failed == 0),
        Aim(
            f"{AIM_RATIO} times the peer's throughput",
            f"{median(ratios):.1f} times (from {min(ratios):.1f} to {max(ratios):.1f} over {len(ratios)} rounds)",
            median(ratios) >= AIM_RATIO,
        ),
        Aim(
            f"memory grows by less than {AIM_GROWTH} MB over {steady['calls']:,} calls",
            f"{growth:+.1f} MB",
            growth < AIM_GROWTH,
        ),
        Aim("the last quarter of them is as fast as the first", f"{kept:.2f} times its throughput", kept >= 0.9),
        Aim(f"usable within {AIM_SECONDS} s of the first byte", f"{slowest:.2f} s at the most", slowest <= AIM_SECONDS),
    ]


def losses(result: dict[str, Any]) -> list[str]:
    """Where the peer is better."""
    said = []
    own, peer = (mean(result["page_seconds"][who]) for who in WHO)
    if peer < own:
        said.append(f"a browser can use the peer after {peer:.2f} s and emohub after {own:.2f}, on average")
    own, peer = (result["steady"][who]["megabytes_before"] for who in WHO)
    if peer < own:
        said.append(f"the peer holds {peer:,.0f} MB and emohub {own:,.0f}")
    own, peer = (median(map(cpu_of_call, bursts_of(result)[who])) for who in WHO)
    if peer < own:
        said.append(f"a call takes {peer:.1f} ms of the peer's processor time and {own:.1f} of emohub's")
    return said


def machine(result: dict[str, Any]) -> str:
    """What it ran on."""
    environment = result["environment"]
    packages = environment["packages"]
    began = f" and it began at {result['created']}" if "created" in result else ""
    return (
        f"Machine: {escape(environment['processor'])}, {environment['cpu_count']} cores, {environment['device']}; "
        f"torch {packages['torch']}, transformers {packages['transformers']}, gradio {result['gradio']}, Python "
        f"{environment['python']}, commit {code(environment['git_commit'])}. Before it began the machine's load was "
        f"{result['load_before']}{began}. Model: {escape(result['model'])}, texts of {result['tokens']} tokens on "
        "average."
    )


def burst_table(bursts: dict[str, list[dict[str, Any]]]) -> Markdown:
    """Both pages under bursts."""
    latencies = {who: sorted(each for burst in bursts[who] for each in burst["latencies"]) for who in WHO}

    def share(part: float) -> list[float]:
        return [latencies[who][int(part * (len(latencies[who]) - 1))] for who in WHO]

    rates, cpu = ([median(map(each, bursts[who])) for who in WHO] for each in (rate, cpu_of_call))
    rows = [
        ("Calls a second", *figures(rates, 1), times(median(round_ratios(bursts, rate)))),
        ("Latency, median (s)", *figures(share(0.5), 3), times(share(0.5)[0] / share(0.5)[1])),
        ("Latency, 95th percentile (s)", *figures(share(0.95), 3), times(share(0.95)[0] / share(0.95)[1])),
        ("Processor time of a call (ms)", *figures(cpu, 1), times(cpu[0] / cpu[1])),
        ("Failed calls", *(Markdown(str(sum(burst["failed"] for burst in bursts[who]))) for who in WHO), None),
    ]
    return table(("100 at once", "emohub", "Peer", "emohub / peer"), rows)


def steady_table(result: dict[str, Any]) -> Markdown:
    """Both pages over many calls, in quarters."""
    rows: list[tuple[object, ...]] = []
    for number in range(4):
        rates = [rate(result["steady"][who]["quarters"][number]) for who in WHO]
        rows.append((f"Quarter {number + 1}, calls a second", *figures(rates, 1), times(rates[0] / rates[1])))
    before = [result["steady"][who]["megabytes_before"] for who in WHO]
    rows.append(("Memory before (MB)", *figures(before, 1), times(before[0] / before[1])))
    rows.append(("Memory grown by (MB)", *(Markdown(f"{grown(result['steady'][who]):+.1f}") for who in WHO), None))
    return table((f"{result['steady']['emohub']['calls']:,} calls", "emohub", "Peer", "emohub / peer"), rows)


def page_table(result: dict[str, Any]) -> Markdown:
    """Seconds from the first byte to a field that takes a text."""
    seconds = [result["page_seconds"][who] for who in WHO]
    rows = [
        (name, *figures([pick(each) for each in seconds], 2), times(pick(seconds[0]) / pick(seconds[1])))
        for name, pick in (("Mean (s)", mean), ("Slowest (s)", max))
    ]
    return table((f"{len(seconds[0])} visits, each of a new browser", "emohub", "Peer", "emohub / peer"), rows)


def round_ratios(bursts: dict[str, list[dict[str, Any]]], figure: Any) -> list[float]:
    """emohub's figure over the peer's, in each round."""
    return [figure(own) / figure(other) for own, other in zip(bursts["emohub"], bursts["peer"], strict=True)]


def rate(burst: dict[str, Any]) -> float:
    """Answered calls a second."""
    return float((burst["calls"] - burst["failed"]) / burst["seconds"])


def cpu_of_call(burst: dict[str, Any]) -> float:
    """Milliseconds of the server's processor time for one call."""
    return float(burst["cpu_seconds"] / burst["calls"] * 1000)


def grown(steady: dict[str, Any]) -> float:
    """Megabytes that the server held more after the last call than before the first."""
    return float(steady["quarters"][-1]["megabytes"] - steady["megabytes_before"])


def pace(steady: dict[str, Any]) -> float:
    """Throughput of the last quarter over that of the first."""
    return rate(steady["quarters"][-1]) / rate(steady["quarters"][0])


def figures(values: list[float], decimals: int) -> list[Markdown]:
    """Numbers with so many decimals."""
    return [Markdown(f"{value:,.{decimals}f}") for value in values]


def times(ratio: float) -> Markdown:
    """A ratio."""
    return Markdown(f"{ratio:.2f}")


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8")
