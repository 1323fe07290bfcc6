"""What is asked of a card that emohub writes and publishes beyond what is asked of any."""

from collections.abc import Collection, Iterator

from emohub.card.front_matter import LIBRARY, MASKED_LM_TASK, TASK, is_repo_id
from emohub.card.validation.reading import Item
from emohub.card.validation.rules import Problem
from emohub.card.validation.shapes import (
    Check,
    anything,
    either,
    list_of,
    mapping,
    problem,
    text_that,
)

REQUIRED = ("library_name", "pipeline_tag")
WANTED = {"license": "licence", "language": "language", "model-index": "result"}

_SHARES = ("accuracy", "f1", "precision", "recall")
"""Metrics that lie between 0 and 1."""
_AVERAGES = ("macro", "micro", "weighted")
_TASKS = (TASK, MASKED_LM_TASK)


def own_problems(front_matter: Item, passed_over: Collection[str]) -> Iterator[Problem]:
    """What is wrong with front matter beyond what would be in any card.

    The values of the keys that are ``passed_over`` are wrong already, and may have any shape.
    """
    for key in REQUIRED:
        if key not in front_matter.entries:
            yield Problem("key-required", key, "the key is missing, and the Hub would guess", None)
    for key, what in WANTED.items():
        if key not in front_matter.entries:
            yield Problem("key-absent", key, f"the card states no {what}", None)
    tag = front_matter.value.get("pipeline_tag")
    checks = _CHECKS | {"model-index": _model_index(tag if tag in _TASKS else TASK)}
    for key, item in front_matter.entries.items():
        if key in checks and key not in passed_over:
            yield from checks[key](item)


def _only(*expected: str) -> Check:
    def check(item: Item) -> Iterator[Problem]:
        if item.value not in expected:
            yield problem(
                "own-value", item, f"it is {item.value!r}; these models have {' or '.join(map(repr, expected))}"
            )

    return check


def _kind(kind: type, name: str) -> Check:
    def check(item: Item) -> Iterator[Problem]:
        if not isinstance(item.value, kind):
            yield problem("own-form", item, f"it is {item.value!r}, not a {name}")

    return check


def _number(item: Item) -> Iterator[Problem]:
    if isinstance(item.value, str):
        yield problem("metric-text", item, f"it is {item.value!r}, not a finite number")


def _metric(item: Item) -> Iterator[Problem]:
    yield from _METRIC(item)
    kind, value = item.value["type"], item.value["value"]
    if kind in _SHARES and not isinstance(value, str) and not 0 <= value <= 1:
        yield problem("metric-range", item.entries["value"], f"{kind} is {value}, outside 0 to 1")


def _model_index(task: str) -> Check:
    """The results must be of the task that the card names."""
    result = mapping(
        {"task": mapping({"type": _only(task)}, {"name": anything}), "dataset": _DATASET, "metrics": list_of(_metric)},
        {},
    )
    return list_of(mapping({"name": anything, "results": list_of(result)}, {}))


_METRIC = mapping(
    {"type": anything, "value": _number},
    {
        "name": anything,
        "args": mapping({}, {"average": text_that(_AVERAGES.__contains__, "metric-average", "an average")}),
    },
)
_DATASET = mapping({"type": anything, "name": anything}, {"config": anything, "split": anything, "revision": anything})
_DATASET_ID = text_that(is_repo_id, "dataset-id-short", "the full id of a dataset, OWNER/NAME")
_CHECKS: dict[str, Check] = {
    "language": _kind(list, "list"),
    "license": _kind(str, "text"),
    "library_name": _only(LIBRARY),
    "pipeline_tag": _only(*_TASKS),
    "base_model": _kind(str, "text"),
    "base_model_relation": _only("finetune"),
    "datasets": either(list, list_of(_DATASET_ID), _kind(list, "list")),
}
