"""Traces of a wrong encoding, or of markup that was never resolved, in a text."""

# ruff: noqa: RUF001 (the damage looks like something else: that is what makes it damage)

import re
from html.entities import html5

# What a byte of a multi-byte UTF-8 character becomes when it is read as Latin-1 or as Windows-1252.
_TAIL = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_MOJIBAKE = re.compile(
    "|".join(
        (
            f"[ÂÃ]{_TAIL}",  # Latin-1 letters and signs: "Ã©" for "é"
            "ã[¡-ª¬-º¼-¿]",  # the same after lower-casing, without the quotation marks that can follow a real "ã"
            f"â[\u0080€\u0082‚\u0084„\u009d]{_TAIL}",  # punctuation and signs: "â€™" for an apostrophe
            f"[ðÐ][\u009fŸ]{_TAIL}{{2}}",  # emoji
            "[ïÏ](?:»¿|¿½|¸\u008f)",  # the byte order mark, U+FFFD, and the variation selector of an emoji
            f"(?:[Ä-ß]{_TAIL}){{2}}",  # other alphabets, by several letters in a row
            f"(?:[à-ïÀ-Ï]{_TAIL}{{2}}){{2}}",
        )
    )
)
_REPLACEMENT = re.compile("\N{REPLACEMENT CHARACTER}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z][a-zA-Z\d]{1,31});")
_ESCAPE = re.compile(r"\\(?:n|[rt](?![a-z])|x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8})")
_SURROGATE = re.compile("[\ud800-\udfff]")


def is_unicode(text: str) -> bool:
    """Whether a text is valid Unicode: one with half of a surrogate pair can be neither written nor tokenized."""
    return text.isascii() or _SURROGATE.search(text) is None


def damage(text: str) -> set[str]:
    """The kinds of damage that a text shows.

    - ``mojibake``: characters of UTF-8 that was read as Latin-1 or Windows-1252, such as ``Ã©``
    - ``replacement_character``: U+FFFD, which stands where a character was lost
    - ``control_character``: a control character other than tab, line feed and carriage return
    - ``html_entity``: a character reference such as ``&amp;`` that was not resolved
    - ``backslash_escape``: a character written as an escape, such as ``\\n`` as two characters
    """
    found = set()
    if not text.isascii():
        if _MOJIBAKE.search(text):
            found.add("mojibake")
        if _REPLACEMENT.search(text):
            found.add("replacement_character")
    if not text.isprintable() and _CONTROL.search(text):
        found.add("control_character")
    if "&" in text and any(map(_is_entity, _ENTITY.findall(text))):
        found.add("html_entity")
    if "\\" in text and _ESCAPE.search(text):
        found.add("backslash_escape")
    return found


def _is_entity(reference: str) -> bool:
    return reference[1] == "#" or reference[1:] in html5
