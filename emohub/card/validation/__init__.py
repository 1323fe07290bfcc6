"""What the Hub would refuse or misread in a card, found without asking it. The Hub's own check needs a network."""

import re
from collections.abc import Iterable, Iterator

from emohub.card.findings import Finding
from emohub.card.sections import DOCUMENTED_PAGE
from emohub.card.validation.keys import CHECKS
from emohub.card.validation.own import own_problems
from emohub.card.validation.reading import Item, ReadCard, read_card
from emohub.card.validation.rules import RULES, FormRule, Problem, finding
from emohub.card.validation.shapes import numbers_not_finite, unknown_key

__all__ = ["CHECKS", "RULES", "FormRule", "validate", "validate_any_card"]

_TITLE = re.compile(r"^# +\S|^\S.*\r?\n=+[ \t]*\r?$|<h1\b", re.MULTILINE)
_FENCED = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?^\1[`~]*[ \t]*\r?$", re.MULTILINE | re.DOTALL)


def validate(text: str) -> tuple[Finding, ...]:
    """Everything that is to be said against a card of emohub's own; without errors it is fit to be published."""
    return _validate(text, own=True)


def validate_any_card(text: str) -> tuple[Finding, ...]:
    """Everything that is to be said against the form of a model card of whatever origin.

    An error is what the Hub refuses, or takes for something else than is written; a warning is what it passes over.
    """
    return _validate(text, own=False)


def _validate(text: str, *, own: bool) -> tuple[Finding, ...]:
    card = read_card(text)
    problems = list(card.problems)
    if text.startswith(DOCUMENTED_PAGE) and not own:
        problems = [each for each in problems if each.rule != "front-matter-missing"]
    if card.front_matter is not None:
        unread = tuple(each.key for each in problems if each.rule == "yaml-tag")
        of_values = _front_matter(card.front_matter, own=own)
        problems += [each for each in of_values if not _within(each.key, unread)]
    if not any(each.rule == "front-matter-unclosed" for each in problems):
        problems += _body(card)
    found = (finding(each, own=own) for each in dict.fromkeys(problems))
    return in_order(each for each in found if each is not None)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By line; what is about something that is not there comes last."""
    return tuple(sorted(findings, key=lambda each: (each.line is None, each.line or 0)))


def _front_matter(front_matter: Item, *, own: bool) -> Iterator[Problem]:
    wrong: list[Problem] = []
    for key, item in front_matter.entries.items():
        wrong += numbers_not_finite(item)
        wrong += CHECKS[key](item) if key in CHECKS else [unknown_key(key, item, CHECKS)]
    yield from wrong
    yield from _together(front_matter)
    if own:
        yield from own_problems(front_matter, {_top(each.key) for each in wrong if finding(each, own=False)})


def _top(path: str) -> str:
    """The key of the front matter that a path begins with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _within(path: str, others: tuple[str, ...]) -> bool:
    """Whether a path is one of the ``others``, or leads into one."""
    return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in others)


def _together(front_matter: Item) -> Iterator[Problem]:
    """What is wrong between two keys."""
    entries = front_matter.entries
    license_ = entries.get("license")
    is_other = license_ is not None and license_.value in ("other", ["other"])
    for key in ("license_name", "license_link"):
        if is_other and key not in entries and license_ is not None:
            yield Problem("license-other", "license", f"the licence is 'other', and there is no {key}", license_.line)
        elif not is_other and key in entries:
            message = "it goes with the licence 'other', and the card states another or none"
            yield Problem("license-name-unused", key, message, entries[key].line)
    relation = entries.get("base_model_relation")
    if relation is not None and "base_model" not in entries:
        message = "there is no base_model that it could speak of"
        yield Problem("relation-without-base", "base_model_relation", message, relation.line)


def _body(card: ReadCard) -> Iterator[Problem]:
    if not _TITLE.search(_FENCED.sub("", card.body)):
        message = "there is no title (a line that begins with a single #)"
        yield Problem("title-missing", "body", message, None)
    placeholder = re.search("more information needed", card.body, re.IGNORECASE)
    if placeholder:
        line = card.body_line + card.body.count("\n", 0, placeholder.start())
        yield Problem("placeholder-left", "body", "it holds a placeholder, 'More information needed'", line)
