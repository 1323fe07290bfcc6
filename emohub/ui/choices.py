"""Names that come from outside as the choices of a field.

Gradio looks up every name that it shows, and every value that a field starts with, among its own words: a column that
is called ``common.submit`` would be shown as "Submit" and sent back so, and ``label`` brings a warning.
"""

from collections.abc import Iterable
from urllib.parse import quote, unquote

_UNSEEN = "\N{ZERO WIDTH SPACE}"
_MARK = "__i18n__"
"""Behind it, anywhere in a string, Gradio takes JSON for the name of one of its words."""


def name_choices(names: Iterable[str]) -> list[tuple[str, str]]:
    """Choices that are shown as they are called; their values are the names."""
    return [(as_it_is(name), name) for name in names]


def column_choices(names: Iterable[str]) -> list[tuple[str, str]]:
    """The same for a field that starts with one of them, so that no value may be a word either."""
    return [(as_it_is(name), column_choice(name)) for name in names]


def column_choice(name: str | None) -> str:
    """What stands for a column among a field's values; nothing for None."""
    return f"={quote(name, errors='surrogatepass')}" if name else ""


def chosen_column(choice: object) -> object:
    """The column that a field's value stands for; what is no string is left to whoever checks it."""
    return unquote(choice.removeprefix("="), errors="surrogatepass") if isinstance(choice, str) else choice


def as_it_is(name: str) -> str:
    """``name`` with a sign that nobody sees, so that it is none of Gradio's words."""
    return without_words(name) + _UNSEEN


def without_words(text: str) -> str:
    """``text`` in which Gradio finds none of its words; it looks the same."""
    return text.replace(_MARK, f"_{_UNSEEN}_i18n__")
