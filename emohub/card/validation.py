"""What the Hub would refuse or misread in a card, found without asking it. The Hub's own check needs a network."""

import difflib
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from emohub.card.findings import Finding
from emohub.card.front_matter import KEYS, LIBRARY, MASKED_LM_TASK, TASK, is_repo_id, parse
from emohub.card.hub_lists import LICENSES
from emohub.errors import CardError

Check = Callable[[Any], Iterator[str]]

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_BASE_MODEL = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_SHARES = ("accuracy", "f1", "precision", "recall")
"""Metrics that lie between 0 and 1."""


def validate(text: str) -> tuple[Finding, ...]:
    """Everything that is to be said against a card; a card without errors is fit to be published."""
    try:
        card = parse(text)
    except CardError as error:
        return (Finding("error", "front matter", error.cause),)
    return (*_front_matter(card.front_matter), *_body(card.body))


def _front_matter(values: dict[str, Any]) -> Iterator[Finding]:
    tag = values.get("pipeline_tag")
    checks = _CHECKS | _checks_of_task(tag if tag in _TASKS else TASK)
    for key, value in values.items():
        check = checks.get(key)
        if check is None:
            close = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the known keys are {', '.join(KEYS)}"
            yield Finding("error", key, f"this key is not known; {hint}")
        else:
            yield from (Finding("error", key, message) for message in check(value))
    for key in ("library_name", "pipeline_tag"):
        if key not in values:
            yield Finding("error", key, "the key is missing, and the Hub would guess")
    if "base_model_relation" in values and "base_model" not in values:
        yield Finding("error", "base_model_relation", "there is no base_model that it could speak of")
    for key, what in (("license", "licence"), ("language", "language"), ("model-index", "result")):
        if key not in values:
            yield Finding("warning", key, f"the card states no {what}")


def _body(body: str) -> Iterator[Finding]:
    if not re.search(r"^# \S", body, re.MULTILINE):
        yield Finding("error", "body", "there is no title (a line that begins with a single #)")
    if "more information needed" in body.lower():
        yield Finding("error", "body", "it holds a placeholder, 'More information needed'")


def _only(*expected: str) -> Check:
    def check(value: Any) -> Iterator[str]:
        if value not in expected:
            yield f"it is {value!r}; these models have {' or '.join(map(repr, expected))}"

    return check


def _list_of(check_item: Check) -> Check:
    """Not empty, no item twice, and each item passes."""

    def check(value: Any) -> Iterator[str]:
        if not isinstance(value, list) or not value:
            yield f"it is {value!r}, not a list"
            return
        for index, item in enumerate(value):
            yield from (f"item {index + 1}: {message}" for message in check_item(item))
            if item in value[:index]:
                yield f"item {index + 1}: it stands there twice"

    return check


def _text(value: Any) -> Iterator[str]:
    if not isinstance(value, str) or not value.strip():
        yield f"it is {value!r}, not a text (a word that YAML takes for something else needs quotes)"


def _matching(pattern: Callable[[str], object], expected: str) -> Check:
    def check(value: Any) -> Iterator[str]:
        if not isinstance(value, str):
            yield from _text(value)
        elif not pattern(value):
            yield f"{value!r} is not {expected}"

    return check


def _mapping(required: dict[str, Check], optional: dict[str, Check]) -> Check:
    """A mapping with every required key, no key beside the optional ones, and each value passes."""
    known = required | optional

    def check(value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"it is {value!r}, not a mapping"
            return
        for key in required:
            if key not in value:
                yield f"{key} is missing"
        for key, item in value.items():
            if key in known:
                yield from (f"{key}: {message}" for message in known[key](item))
            else:
                yield f"the key {key!r} is not known here (known: {', '.join(known)})"

    return check


def _finite_number(value: Any) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        yield f"it is {value!r}, not a finite number"


def _metric(value: Any) -> Iterator[str]:
    found = list(_METRIC_SHAPE(value))
    yield from found
    if not found and value["type"] in _SHARES and not 0 <= value["value"] <= 1:
        yield f"{value['type']} is {value['value']}, outside 0 to 1"


_METRIC_SHAPE = _mapping(
    {"type": _text, "value": _finite_number},
    {
        "name": _text,
        "args": _mapping({}, {"average": _matching(("macro", "micro", "weighted").__contains__, "an average")}),
    },
)
_DATASET_SHAPE = _mapping({"type": _text, "name": _text}, {"config": _text, "split": _text, "revision": _text})
_TASKS = (TASK, MASKED_LM_TASK)
_CHECKS: dict[str, Check] = {
    "language": _list_of(_matching(_LANGUAGE.fullmatch, "an ISO 639 code")),
    "license": _matching(LICENSES.__contains__, "a licence of the Hub's list"),
    "library_name": _only(LIBRARY),
    "pipeline_tag": _only(*_TASKS),
    "base_model": _matching(_BASE_MODEL.fullmatch, "the id of a model"),
    "base_model_relation": _only("finetune"),
    "datasets": _list_of(_matching(is_repo_id, "the full id of a dataset, OWNER/NAME")),
    "metrics": _list_of(_text),
    "tags": _list_of(_text),
    "widget": _list_of(_mapping({"text": _text}, {})),
}
"""A check for each key of the closed list but ``model-index``, whose check depends on the task."""


def _checks_of_task(task: str) -> dict[str, Check]:
    """The check of a model-index: its results must be of the task that the card names."""
    result = _mapping(
        {
            "task": _mapping({"type": _only(task)}, {"name": _text}),
            "dataset": _DATASET_SHAPE,
            "metrics": _list_of(_metric),
        },
        {},
    )
    return {"model-index": _list_of(_mapping({"name": _text, "results": _list_of(result)}, {}))}
