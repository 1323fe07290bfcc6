"""Markdown as the blocks that claims stand in: headings, paragraphs, list items and tables, with their lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^ {0,3}(?P<ticks>`{3,}|~{3,})")
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(?P<text>.*?)\s*#*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+(?P<text>.*)$")
_DELIMITER = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_REPORTED = re.compile(
    r"<!-- emohub:begin reported -->.*?(?:<!-- emohub:end reported -->|\Z)",
    re.DOTALL,
)
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, a list item or a table."""

    kind: str
    """``heading``, ``paragraph``, ``item`` or ``table``."""
    line: int
    """Its first line, counted from 1 in the whole file."""
    text: str
    """Without marks for links, emphasis and code; lines as in the file. Empty for a table."""
    section: str
    """The headings above it, in lower case."""
    rows: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """Line and cells of each row of a table, the header first, cells with their marks for bold."""

    def line_at(self, position: int) -> int:
        """The line of the file that a position in :attr:`text` stands on."""
        return self.line + self.text.count("\n", 0, position)


def blocks(body: str, first_line: int) -> tuple[Block, ...]:
    """The blocks of a card's body, which begins at ``first_line`` of its file.

    Code blocks, comments and what stands in the section ``reported`` of a card of emohub are passed over.
    """
    lines = [line.rstrip("\r") for line in _blank(_blank(body, _REPORTED), _COMMENT).split("\n")]
    return tuple(_blocks(_without_code(lines), first_line))


def plain(text: str) -> str:
    """Text without marks for links, emphasis, code and HTML; its lines stay."""
    text = _TAG.sub("", _LINK.sub(r"\1", text))
    text = re.sub(r"\*+|`+|(?<!\w)_+|_+(?!\w)", "", text)
    return re.sub(r"\\([\\`*\[\]|~$_#+.-])", r"\1", text)


def _blank(text: str, pattern: re.Pattern[str]) -> str:
    """Every match replaced by its line ends alone."""
    return pattern.sub(lambda match: "\n" * match[0].count("\n"), text)


def _without_code(lines: list[str]) -> list[str]:
    kept, closing = [], ""
    for line in lines:
        fence = _FENCE.match(line)
        if closing:
            # A fence is closed by as many of its characters or more, with nothing behind them.
            if fence and fence["ticks"].startswith(closing) and not line.strip().strip(closing[0]):
                closing = ""
            kept.append("")
        else:
            closing = fence["ticks"] if fence else ""
            kept.append("" if fence else line)
    return kept


def _blocks(lines: list[str], first_line: int) -> Iterator[Block]:
    headings: list[tuple[int, str]] = []
    at = 0
    while at < len(lines):
        line, section = lines[at], " > ".join(text for _, text in headings)
        if heading := _HEADING.match(line):
            level, text = len(line.lstrip()) - len(line.lstrip().lstrip("#")), plain(heading["text"])
            headings = [*(known for known in headings if known[0] < level), (level, text.lower())]
            yield Block("heading", first_line + at, text, section)
            at += 1
        elif "|" in line and at + 1 < len(lines) and "|" in lines[at + 1] and _DELIMITER.match(lines[at + 1]):
            end = at + 2
            while end < len(lines) and "|" in lines[end]:
                end += 1
            rows = [at, *range(at + 2, end)]
            yield Block(
                "table", first_line + at, "", section, tuple((first_line + row, _cells(lines[row])) for row in rows)
            )
            at = end
        elif line.strip():
            item = _ITEM.match(line)
            end = at + 1
            while end < len(lines) and _goes_on(lines[end]):
                end += 1
            text = "\n".join([item["text"] if item else line, *lines[at + 1 : end]])
            yield Block("item" if item else "paragraph", first_line + at, plain(text), section)
            at = end
        else:
            at += 1


def _goes_on(line: str) -> bool:
    """Whether a line continues the paragraph or the item above it."""
    return (
        bool(line.strip()) and not _HEADING.match(line) and not _ITEM.match(line) and not line.lstrip().startswith("|")
    )


def _cells(line: str) -> tuple[str, ...]:
    cells = [cell.strip() for cell in _CELL.split(line.strip())]
    return tuple(cells[line.strip().startswith("|") : len(cells) - line.rstrip().endswith("|")])
