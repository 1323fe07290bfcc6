"""Cells of a CSV file that a spreadsheet must not take for formulas."""

import re
import unicodedata

from emohub.data.table import Table

_FORMULA_STARTS = frozenset("=+-@")
_QUOTES = frozenset("\"'`")
_NUMBER = re.compile(r"[+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?%?", re.ASCII)


def escape_formula(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet could run it as a formula, else as it stands.

    The rule is OWASP's (CSV injection): a cell that starts with ``=``, ``+``, ``-``, ``@``, a tab or a line break is
    text. Full-width and other compatible forms of those signs count, and so does what stands before them unseen.
    A plain number such as ``-3.5`` is no formula. Removing the apostrophe gives the cell back.
    """
    if not cell or _NUMBER.fullmatch(cell):
        return cell
    first = next((character for character in cell if not _is_stripped(character)), "")
    dangerous = cell[0] in "\t\r\n" or not _FORMULA_STARTS.isdisjoint(unicodedata.normalize("NFKC", first))
    return f"'{cell}" if dangerous else cell


def _is_stripped(character: str) -> bool:
    """Whether a spreadsheet may drop it before it reads a cell: whitespace, quotes, controls, what has no width."""
    return character.isspace() or character in _QUOTES or unicodedata.category(character) in ("Cc", "Cf")


def escape_table(table: Table) -> Table:
    """A table for a CSV file that a spreadsheet may open: :func:`escape_formula` for every name and every text."""
    cells = {
        escape_formula(name): [
            escape_formula(value) if isinstance(value, str) else value for value in table.values(name)
        ]
        for name in table.columns
    }
    return Table(cells, table.source)
