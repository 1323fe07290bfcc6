"""Checks that shapes are made of: each looks at one value and says what is wrong with it, and where."""

import datetime
import difflib
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from emohub.card.validation.reading import Item
from emohub.card.validation.rules import Problem

Check = Callable[[Item], Iterator[Problem]]


def problem(rule: str, item: Item, message: str) -> Problem:
    """What is wrong with ``item`` itself."""
    return Problem(rule, item.path, message, item.line)


def anything(_item: Item) -> Iterator[Problem]:
    """No value at all is wrong; that every number is finite is seen to elsewhere."""
    yield from ()


def text(item: Item) -> Iterator[Problem]:
    """A text with something in it."""
    value = item.value
    if value is None or (isinstance(value, str) and not value.strip()):
        yield problem("value-empty", item, "there is no value")
    elif isinstance(value, bool) and item.written.lower() not in ("true", "false"):
        yield word_as_boolean(item, "put it in quotes")
    elif isinstance(value, datetime.date):
        yield problem("date-unquoted", item, f"YAML reads {value} as a date; put it in quotes")
    elif isinstance(value, list | dict):
        yield problem("text-expected", item, f"it is a {'list' if isinstance(value, list) else 'mapping'}, not a text")
    elif not isinstance(value, str):
        yield problem("text-expected", item, f"it is {value!r}, not a text; put it in quotes")


def word_as_boolean(item: Item, remedy: str) -> Problem:
    """A word that the YAML of Python's readers takes for true or false, and that of others for itself."""
    said = f"many readers, huggingface_hub among them, take the word {item.written} for {item.value}; {remedy}"
    return problem("word-as-boolean", item, said)


def text_or_nothing(item: Item) -> Iterator[Problem]:
    """A text, or an empty value."""
    if item.value is not None:
        yield from text(item)


def number(item: Item) -> Iterator[Problem]:
    """A number; that it is finite is seen to elsewhere."""
    if isinstance(item.value, bool) or not isinstance(item.value, int | float):
        yield problem("number-expected", item, f"it is {item.value!r}, not a number")


def boolean(item: Item) -> Iterator[Problem]:
    """True or false."""
    if not isinstance(item.value, bool):
        yield problem("boolean-expected", item, f"it is {item.value!r}, not true or false")


def text_that(is_right: Callable[[str], object], rule: str, expected: str, known: Collection[str] = ()) -> Check:
    """A text that ``is_right``; where one of the ``known`` is near, the message names it."""

    def check(item: Item) -> Iterator[Problem]:
        wrong = list(text(item))
        yield from wrong
        if not wrong and not is_right(item.value):
            yield problem(rule, item, f"{item.value!r} is not {expected}{did_you_mean(item.value, known)}")

    return check


def one_of(known: Collection[str], rule: str, expected: str) -> Check:
    """One of the ``known`` texts."""
    return text_that(known.__contains__, rule, expected, known)


def list_of(check_item: Check) -> Check:
    """A list, no item twice, and each item passes."""

    def check(item: Item) -> Iterator[Problem]:
        if item.value is None:
            yield problem("value-empty", item, "there is no value")
            return
        if not isinstance(item.value, list):
            yield problem("list-expected", item, f"it is {_short(item.value)}, not a list")
            return
        if not item.items:
            yield problem("list-empty", item, "it is [], not a list with items")
        for index, each in enumerate(item.items):
            yield from check_item(each)
            if each.value in item.value[:index]:
                message = f"item {index + 1}, {_short(each.value)}, stands there twice"
                yield Problem("item-twice", item.path, message, each.line)

    return check


def one_or_list_of(check_item: Check) -> Check:
    """A value that passes, or a list of them."""
    check_list = list_of(check_item)

    def check(item: Item) -> Iterator[Problem]:
        return check_list(item) if isinstance(item.value, list) else check_item(item)

    return check


def either(kind: type | tuple[type, ...], then: Check, otherwise: Check) -> Check:
    """``then`` for a value of that kind, ``otherwise`` for any other."""

    def check(item: Item) -> Iterator[Problem]:
        return then(item) if isinstance(item.value, kind) else otherwise(item)

    return check


def mapping(required: Mapping[str, Check], optional: Mapping[str, Check], *, closed: bool = True) -> Check:
    """A mapping with every required key, each value passes, and, when it is closed, no other keys."""
    known = {**required, **optional}

    def check(item: Item) -> Iterator[Problem]:
        if not isinstance(item.value, dict):
            yield problem("mapping-expected", item, f"it is {_short(item.value)}, not a mapping")
            return
        for key in required:
            if key not in item.entries:
                yield problem("key-missing", item, f"{key} is missing")
        for key, entry in item.entries.items():
            if key in known:
                yield from known[key](entry)
            elif closed:
                yield unknown_key(key, entry, known)

    return check


def unknown_key(key: str, item: Item, known: Collection[str]) -> Problem:
    """A key that is none of the ``known``: probably one of them that was misspelt, or another."""
    near = nearest(key, known)
    if near is not None:
        return problem("key-misspelt", item, f"this key is not known; did you mean {near!r}?")
    return problem("key-unknown", item, f"this key is not known; the known keys are {', '.join(known)}")


def did_you_mean(value: str, known: Collection[str]) -> str:
    """The end of a message that names what is near."""
    near = nearest(value, known)
    return f"; did you mean {near!r}?" if near is not None else ""


def nearest(value: str, known: Collection[str]) -> str | None:
    """The one of the ``known`` that ``value`` is probably meant to be; capitals, - and _ make no difference."""
    plain = {_plain(each): each for each in sorted(known)}
    close = difflib.get_close_matches(_plain(value), plain, n=1, cutoff=0.85)
    return plain[close[0]] if close else None


def spelt_otherwise(value: str, known: Collection[str]) -> str | None:
    """The one of the ``known`` that differs from ``value`` in capitals, -, _ and . alone."""
    return next((each for each in sorted(known) if each != value and _plain(each) == _plain(value)), None)


def numbers_not_finite(item: Item) -> Iterator[Problem]:
    """Every NaN and infinity in a value, however deep, and those that JSON's readers take for one."""
    for each in (*item.items, *item.entries.values()):
        yield from numbers_not_finite(each)
    if isinstance(item.value, float) and not math.isfinite(item.value):
        yield problem("number-not-finite", item, f"it is {item.value!r}, not a finite number")


def _plain(value: str) -> str:
    return value.lower().replace("_", "-").replace(".", "-")


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
