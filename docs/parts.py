"""Generated parts of a page: they stand between ``<!-- generated: NAME -->`` and ``<!-- end -->``."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from emohub.card.markdown import table

ROOT = Path(__file__).resolve().parent.parent
_PART = re.compile(r"(?P<opening><!-- generated: (?P<name>\w+) -->\n)(?P<body>.*?)(?P<end><!-- end -->)", re.S)


def parts(page: str) -> dict[str, str]:
    """What stands in each generated part, by its name."""
    return {part["name"]: part["body"].rstrip("\n") for part in _PART.finditer(page)}


def write_parts(page: Path, makers: Mapping[str, Callable[[], str]]) -> None:
    """Write the page again with every part made anew; the rest of it stays."""
    before = page.read_text(encoding="utf-8")
    after = _PART.sub(lambda part: f"{part['opening']}{makers[part['name']]()}\n{part['end']}", before)
    page.write_text(after, encoding="utf-8")


def names_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table whose first column, which holds links or code, is set to the left as names are."""
    return table(header, rows).replace("| ---: |", "| --- |", 1)
