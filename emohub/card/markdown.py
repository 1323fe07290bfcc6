"""Plain values as Markdown: one rule for each type, and nothing from outside can change the page's structure."""

import re
from collections.abc import Iterable, Sequence

from emohub.record import Interval

UNKNOWN = "\N{EN DASH}"
"""Shown where there is no value."""

_SPECIAL = re.compile(r"([\\`*\[\]|~$])")
_OUTER_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK_START = re.compile(r"^(\d+(?=[.)](?:\s|$))|(?=[#+=-]+(?:\s|$)))")
"""Where a line would begin a list, a heading or a rule."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, among them those that turn the direction of all the text behind them."""


class Markdown(str):
    """Text that is Markdown already and is shown as it stands."""

    __slots__ = ()


def show(value: object) -> Markdown:
    """A value as inline Markdown, by its type.

    Fractions have 4 decimals, whole numbers their thousands apart, an interval stands behind its value in brackets,
    None is a dash, and text is escaped.
    """
    text: str
    match value:
        case Markdown():
            text = value
        case None:
            text = UNKNOWN
        case bool():
            text = "yes" if value else "no"
        case int():
            text = f"{value:,}"
        case float():
            text = f"{round(value, 4) + 0.0:.4f}"  # adding zero turns -0.0 into 0.0
        case Interval():
            text = f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"
        case _:
            text = escape(str(value))
    return Markdown(text)


def escape(text: str) -> Markdown:
    """Text on one line in which no character means anything to Markdown, a table or HTML."""
    line = _SPECIAL.sub(r"\\\1", _one_line(text))
    line = _OUTER_UNDERSCORE.sub(r"\\_", line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markdown(_BLOCK_START.sub(r"\1\\", line))


def code(value: object) -> Markdown:
    """A value as a code span, exactly as Python writes numbers; safe inside a table."""
    text = _one_line(str(value))
    ticks = "`" * (_longest_run(text, "`") + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    # A table cuts cells at every unescaped pipe, also inside a code span; it takes the backslash away again.
    return Markdown(f"{ticks}{space}{text.replace('|', chr(92) + '|')}{space}{ticks}")


def fence(text: str, language: str) -> Markdown:
    """Text of several lines as a code block that it cannot close."""
    ticks = "`" * max(3, _longest_run(text, "`") + 1)
    return Markdown(f"{ticks}{language}\n{text.strip()}\n{ticks}")


def signed(difference: float) -> Markdown:
    """A difference with its sign, to 4 decimals."""
    return Markdown(f"{round(difference, 4) + 0.0:+.4f}")


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, bold_row: int | None = None) -> Markdown:
    """A table; columns of figures are set to the right, and the row with the index ``bold_row`` in bold."""
    figures = [all(_is_figure(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines: list[Sequence[str]] = [[show(cell) for cell in header], ["---:" if right else "---" for right in figures]]
    for index, row in enumerate(rows):
        cells: list[str] = [show(cell) for cell in row]
        lines.append([f"**{cell}**" for cell in cells] if index == bold_row else cells)
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def words(items: Iterable[object], *, last: str = "and") -> Markdown:
    """Values as an enumeration in prose: ``a, b and c``."""
    *most, final = (show(item) for item in items)
    return Markdown(f"{', '.join(most)} {last} {final}" if most else final)


def _is_figure(cell: object) -> bool:
    return cell is None or isinstance(cell, int | float | Interval | Markdown)


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def _longest_run(text: str, character: str) -> int:
    return max((len(run) for run in re.findall(f"{character}+", text)), default=0)
