"""The page's address: ``?tab=…&text=…&models=…`` says what the page shows. Reading one never fails."""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs

from emohub.ui import strings
from emohub.ui.service.limits import MAX_LINK_TEXT, MAX_MODELS, MAX_QUERY

_SHOWN_NAME = 60
"""Characters of a name from an address that are repeated to the reader."""


@dataclass(frozen=True)
class Address:
    """What an address asks for, as far as it can be had."""

    tab: str | None = None
    """The tab to open; None leaves the first one."""
    text: str = ""
    models: tuple[str, ...] = ()
    """Models that are served here, each once; none leaves the tab's own choice."""
    problems: tuple[str, ...] = ()
    """What of the address was not followed, in sentences."""


def read(query: object, *, tabs: Collection[str], models: Collection[str]) -> Address:
    """What a query string asks for. It may come from anybody: what is too long, unknown or damaged is left out.

    A text appears once, ``models`` once for each model, so that a name may hold any character.
    """
    if not isinstance(query, str) or not query:
        return Address()
    if len(query) > MAX_QUERY:
        return Address(problems=(strings.ADDRESS_TOO_LONG,))
    try:
        fields = parse_qs(query.removeprefix("?"), errors="replace", max_num_fields=100)
    except ValueError:
        return Address(problems=(strings.ADDRESS_TOO_LONG,))
    problems = []
    tab = fields.get("tab", [None])[0]
    if tab is not None and tab not in tabs:
        problems.append(strings.ADDRESS_NO_TAB.format(tab=_shown(tab)))
        tab = None
    text = fields.get("text", [""])[0]
    if len(text) > MAX_LINK_TEXT:
        problems.append(strings.ADDRESS_TEXT_TOO_LONG)
        text = ""
    wanted = list(dict.fromkeys(fields.get("models", [])))[:MAX_MODELS]
    problems += [strings.ADDRESS_NO_MODEL.format(model=_shown(name)) for name in wanted if name not in models]
    return Address(tab, text, tuple(name for name in wanted if name in models), tuple(problems))


def _shown(name: str) -> str:
    return name if len(name) <= _SHOWN_NAME else f"{name[: _SHOWN_NAME - 1]}…"
