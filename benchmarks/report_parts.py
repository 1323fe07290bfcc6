"""What the parts of the report have in common: aims, losses, rows that can be pointed at, and claims that do."""

import re
from dataclasses import dataclass

from benchmarks.inference_result import Spread
from emohub.card.markdown import Markdown, code, escape, table
from emohub.record import Environment

_CLAIM = re.compile(r"\[([^\]\n]+)\]\(benchmarks/README\.md#([\w-]+)\)")
_CLAIMS = re.compile(r"<!-- claims -->\n(.*?)<!-- end of claims -->", re.S)
_ROW = re.compile(r'^.*<a id="([\w-]+)"></a>.*$', re.M)
_FIGURE = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w.]*\w)")
_MEASURED = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?\s*(?:times|x\b|×|%|ms\b|s\b|MB\b|texts|tokens)")


@dataclass(frozen=True)
class Aim:
    """Something that was aimed at."""

    anchor: str
    area: str
    what: Markdown
    found: Markdown
    met: bool


@dataclass(frozen=True)
class Source:
    """What one record was measured on."""

    file: str
    environment: Environment
    created: str | None
    """UTC, ISO 8601; None in a record that does not say."""
    load_before: float | None
    """Busy processes in the minute before; None where that was not kept."""


def aims_table(aims: list[Aim]) -> Markdown:
    """Every aim, and whether it was reached."""
    rows = [
        anchored(aim.anchor, (aim.area, aim.what, aim.found, Markdown("reached" if aim.met else "**missed**")))
        for aim in aims
    ]
    return left_table(("", "Aim", "Found", ""), rows)


def sources_table(sources: list[Source]) -> Markdown:
    """Machine, versions, commit and date of every record."""
    header = ("Record", "Machine", "torch", "transformers", "Python", "Commit", "Date", "Load before")
    return left_table(header, [_source_row(source) for source in sources])


def _source_row(source: Source) -> tuple[object, ...]:
    machine = source.environment
    commit = machine.git_commit
    device = "" if machine.device == "cpu" else f", {machine.device}"
    return (
        code(source.file),
        f"{machine.processor}, {machine.cpu_count} cores{device}",
        machine.packages["torch"],
        machine.packages["transformers"],
        machine.python,
        commit and code(commit[:12] + ("-dirty" if commit.endswith("-dirty") else "")),
        source.created,
        None if source.load_before is None else Markdown(f"{source.load_before:.2f}"),
    )


def anchored(anchor: str, cells: tuple[object, ...]) -> tuple[object, ...]:
    """A row that a link can point at: the anchor stands in its first cell that is Markdown."""
    place = next(at for at, cell in enumerate(cells) if isinstance(cell, Markdown))
    return (*cells[:place], Markdown(f'<a id="{anchor}"></a>{cells[place]}'), *cells[place + 1 :])


def left_table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> Markdown:
    """A table of words, whose columns are all set to the left."""
    lines = table(header, rows).split("\n")
    lines[1] = lines[1].replace("---:", "---")
    return Markdown("\n".join(lines))


def number(value: float | None, decimals: int = 0) -> Markdown | None:
    """A figure with so many decimals; None stays what it is."""
    return None if value is None else Markdown(f"{value:,.{decimals}f}")


def spread(found: Spread, decimals: int = 2) -> Markdown:
    """A median, and the range that it was taken from."""
    low, high = (f"{each:,.{decimals}f}" for each in (found.low, found.high))
    return Markdown(f"{found.median:,.{decimals}f} ({low} to {high})")


def bullets(sentences: list[Markdown]) -> Markdown:
    """A list."""
    return Markdown("\n".join(f"- {sentence}" for sentence in sentences))


def slug(*words: str) -> str:
    """Words as the name of an anchor."""
    return "-".join(re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") for word in words)


def wrong_claims(text: str, report: str) -> list[str]:
    """What a text that points at rows of the report says and they do not; empty when every claim holds.

    A claim is a link to a row. Each figure in its words must stand in that row, to the decimals that are given. Between
    ``<!-- claims -->`` and ``<!-- end of claims -->`` no measured figure may stand outside of such a link.
    """
    rows = {found[1]: found[0] for found in _ROW.finditer(report)}
    problems = []
    for words, anchor in _CLAIM.findall(text):
        if anchor not in rows:
            problems.append(f"the report has no row {anchor}")
            continue
        row = re.sub(r"<a id=.*?</a>", "", rows[anchor])
        there = [_value(figure) for figure in _FIGURE.findall(row)]
        for figure in _FIGURE.findall(words):
            decimals = len(figure.partition(".")[2])
            if _value(figure) not in [round(value, decimals) for value in there]:
                problems.append(f"the row {anchor} does not say {figure}")
    for part in _CLAIMS.findall(text):
        loose = _MEASURED.findall(_CLAIM.sub("", part))
        problems += [f"{figure!r} points at no row of the report" for figure in loose]
    return problems


def _value(figure: str) -> float:
    return float(figure.replace(",", ""))


def not_measured(what: str, command: str) -> Markdown:
    """What stands in the place of a record that there is not."""
    return Markdown(f"{escape(what)} not been measured here yet: {code(command)}.")
