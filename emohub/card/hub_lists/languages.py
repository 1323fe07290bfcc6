"""Language codes that the Hub takes: ISO 639-1, 639-2 and 639-3, and two words for what is no single language."""

from functools import cache
from importlib import resources

SPECIAL = frozenset({"code", "multilingual"})
"""What stands for source code, and for more languages than anyone lists. Source: the Hub's own message on a wrong
code, as quoted in discussions there; date: 2026-11-21."""


@cache
def language_codes() -> frozenset[str]:
    """Every code; the table in ``languages.txt`` names its source and date."""
    text = resources.files(__package__).joinpath("languages.txt").read_text(encoding="ascii")
    codes = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return SPECIAL.union(*codes)
