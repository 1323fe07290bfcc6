"""Cards taken apart for tests, without the code that wrote them."""

import re


def section(card: str, title: str) -> str:
    """The text below a heading, up to the next heading."""
    [(_, text)] = re.findall(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#|\Z)", card, re.MULTILINE | re.DOTALL)
    return text


def rows(text: str) -> list[list[str]]:
    """The cells of the first table in a text, header first and the rule left out."""
    table = re.search(r"(^\|.*\n?)+", text, re.MULTILINE)
    assert table is not None
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[0].strip().splitlines()]
    return [lines[0], *lines[2:]]
