"""Every key that the Hub documents for a model card's front matter, with the check of its value.

Source: ``modelcard.md`` and the pages model-cards, models-widgets, models-gated and model-cards-co2 of the repository
``huggingface/hub-docs``, and the types of ``huggingface/huggingface.js``. Date: 2026-11-21.
"""

import math
import re
from collections.abc import Iterator

from emohub.card.hub_lists import hub_list
from emohub.card.validation.reading import Item
from emohub.card.validation.rules import Problem
from emohub.card.validation.shapes import (
    Check,
    anything,
    boolean,
    did_you_mean,
    either,
    list_of,
    mapping,
    number,
    one_of,
    one_or_list_of,
    problem,
    spelt_otherwise,
    text,
    text_or_nothing,
    text_that,
    word_as_boolean,
)

RELATIONS = ("adapter", "finetune", "merge", "quantized")
GATED_FIELDS = ("checkbox", "country", "date_picker", "ip_location", "select", "text")
INPUTS = ("text", "src", "messages", "source_sentence", "structured_data", "structuredData", "table")
"""One of these is in every example of a widget."""

_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_REGIONAL = re.compile(r"[A-Za-z]{2,3}[-_][A-Za-z]{2,4}")
_LINK = re.compile(r"https?://\S+|LICENSE(\.md|\.txt)?")
_NOT_FINITE = re.compile(r"[+-]?\.?(nan|inf|infinity)", re.IGNORECASE)


def _language(item: Item) -> Iterator[Problem]:
    value = item.value
    if item.value is False and item.written.lower() == "no":
        yield word_as_boolean(item, "write 'no' in quotes, or nb or nn, for Norwegian")
        return
    wrong = list(text(item))
    yield from wrong
    if not wrong and value not in hub_list("languages"):
        hint = ""
        if value.lower() in hub_list("languages"):
            hint = f"; did you mean {value.lower()!r}?"
        elif _REGIONAL.fullmatch(value):
            hint = f"; write {value[:2].lower()!r} here, and {value!r} under language_bcp47"
        yield problem("language-unknown", item, f"{value!r} is no code of ISO 639-1, 639-2 or 639-3{hint}")


def _pipeline_tag(item: Item) -> Iterator[Problem]:
    wrong = list(text(item))
    yield from wrong
    tags = hub_list("pipeline_tags")
    if wrong or item.value in tags:
        return
    if item.value in hub_list("former_pipeline_tags"):
        yield problem("task-former", item, f"the Hub has the task {item.value!r} no longer; 'text-generation' is near")
    else:
        yield problem("task-unknown", item, f"{item.value!r} is no task of the Hub{did_you_mean(item.value, tags)}")


def _library(item: Item) -> Iterator[Problem]:
    wrong = list(text(item))
    yield from wrong
    known = hub_list("libraries")
    meant = None if wrong or item.value in known else spelt_otherwise(item.value, known)
    if meant is not None:
        yield problem("library-misspelt", item, f"the Hub knows no library {item.value!r}; did you mean {meant!r}?")


def _wanted_list(item: Item) -> Iterator[Problem]:
    """A list of texts; older cards have a single text instead."""
    if isinstance(item.value, str):
        yield problem("list-wanted", item, f"it is {item.value!r}, not a list")
    yield from one_or_list_of(text)(item)


def _license(item: Item) -> Iterator[Problem]:
    yield from one_of(hub_list("licenses"), "license-unknown", "a licence of the Hub's list")(item)


def _task_of_result(item: Item) -> Iterator[Problem]:
    wrong = list(text(item))
    yield from wrong
    tasks = hub_list("pipeline_tags") | hub_list("subtasks")
    if not wrong and item.value not in tasks | hub_list("former_pipeline_tags"):
        hint = did_you_mean(item.value, tasks)
        yield problem("index-task", item, f"{item.value!r} is no task or subtask of the Hub{hint}")


def _metric_value(item: Item) -> Iterator[Problem]:
    """A number, or a text such as ``20.0 ± 1.2``, which the Hub shows as it is."""
    if not isinstance(item.value, str):
        yield from number(item)
    elif _NOT_FINITE.fullmatch(item.value.strip()):
        yield problem("number-not-finite", item, f"it is {item.value!r}, not a finite number")
    else:
        yield from text(item)


def _example(item: Item) -> Iterator[Problem]:
    wrong = list(_EXAMPLE(item))
    yield from wrong
    if not wrong and not any(name in item.entries for name in INPUTS):
        yield problem("widget-input", item, f"the example has no input ({', '.join(INPUTS[:4])}, …)")


def _output(item: Item) -> Iterator[Problem]:
    labels = isinstance(item.value, list) and all(_has(each, "label", "score") for each in item.items)
    if not labels and not any(_has(item, *keys) for keys in (("answer", "score"), ("text",), ("url",))):
        shapes = "a list of label and score, or answer and score, or text, or url"
        yield problem("widget-output", item, f"it is none of what the Hub shows: {shapes}")


def _has(item: Item, *keys: str) -> bool:
    """Whether it is a mapping with just these keys, and its score, if it has one, a finite number."""
    score = item.entries["score"].value if "score" in item.entries else 0
    counts = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
    return isinstance(item.value, dict) and set(item.entries) == set(keys) and counts


def _gated_field(item: Item) -> Iterator[Problem]:
    kind = item.entries.get("type", item)
    if kind.value not in GATED_FIELDS:
        yield problem("gated-field", item, f"{kind.value!r} is no kind of field; the Hub has {', '.join(GATED_FIELDS)}")


def _gated_fields(item: Item) -> Iterator[Problem]:
    yield from mapping({}, dict.fromkeys(item.entries, _gated_field))(item)


MODEL_ID = text_that(_ID.fullmatch, "model-id", "the id of a model")
DATASET_ID = text_that(_ID.fullmatch, "dataset-id", "the id of a dataset")

_EXAMPLE = mapping(
    {},
    {
        **dict.fromkeys(("text", "src", "context", "prompt", "example_title", "group", "source_sentence"), text),
        "messages": list_of(mapping({"role": text, "content": text}, {})),
        "sentences": list_of(text),
        "candidate_labels": anything,
        "multi_class": boolean,
        "table": mapping({}, {}, closed=False),
        "structured_data": mapping({}, {}, closed=False),
        "structuredData": mapping({}, {}, closed=False),
        "parameters": mapping({}, {}, closed=False),
        "output": _output,
    },
)
_RESULT = mapping(
    {
        "task": mapping({"type": _task_of_result}, {"name": text}),
        "dataset": mapping(
            {"type": text, "name": text}, {"config": text, "split": text, "revision": text, "args": anything}
        ),
        "metrics": list_of(
            mapping(
                {"type": text, "value": _metric_value},
                {"name": text, "config": text, "args": anything, "verified": boolean, "verifyToken": text},
            )
        ),
    },
    {"source": mapping({}, {"name": text, "url": text})},
)

CHECKS: dict[str, Check] = {
    "language": one_or_list_of(_language),
    "license": one_or_list_of(_license),
    "license_name": text,
    "license_link": text_that(_LINK.fullmatch, "license-link", "an URL, LICENSE or LICENSE.md"),
    "library_name": _library,
    "pipeline_tag": _pipeline_tag,
    "base_model": one_or_list_of(MODEL_ID),
    "base_model_relation": one_of(RELATIONS, "relation-unknown", f"one of {', '.join(RELATIONS)}"),
    "new_version": MODEL_ID,
    "datasets": one_or_list_of(DATASET_ID),
    "buckets": list_of(text),
    "metrics": _wanted_list,
    "tags": _wanted_list,
    "language_bcp47": one_or_list_of(text),
    "model_name": text,
    "thumbnail": text_or_nothing,
    "instance_prompt": text_or_nothing,
    "inference": either(bool, boolean, either(str, text, mapping({}, {"parameters": anything}, closed=False))),
    "widget": list_of(_example),
    "co2_eq_emissions": either(
        dict,
        mapping(
            {"emissions": number},
            dict.fromkeys(("source", "training_type", "geographical_location", "hardware_used"), text),
            closed=False,
        ),
        number,
    ),
    "extra_gated_prompt": text,
    "extra_gated_heading": text,
    "extra_gated_description": text,
    "extra_gated_button_content": text,
    "extra_gated_fields": _gated_fields,
    "extra_gated_eu_disallowed": boolean,
    "model-index": list_of(mapping({"name": text, "results": list_of(_RESULT)}, {})),
}
"""A check of each key's value, for a card of whatever origin; in the order in which a message names the keys."""
