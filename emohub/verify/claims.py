"""What a card claims: the figures of its model-index, and the weights that it names."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from emohub.card import parse

PERPLEXITY = "perplexity"
"""The Hub's name of what a masked language model is measured by."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_IN_WORDS = re.compile(
    rf"(?P<value>{_NUMBER})\s*(?P<percent>%?)\s*"
    rf"(?:(?:±|\+/?-)\s*(?P<margin>{_NUMBER})\s*%?|"
    rf"[(\[]\s*(?P<low>{_NUMBER})\s*%?\s*(?:to|,|;|-|–)\s*(?P<high>{_NUMBER})\s*%?\s*[)\]])?"
)
_WEIGHTS = re.compile(r"SHA-256 of `model\.safetensors`: `([0-9a-f]{64})`")


@dataclass(frozen=True)
class Claim:
    """A figure of a card's model-index, as it stands there."""

    dataset: str
    """Hub id, or whatever the card names as ``dataset.type``."""
    config: str | None
    split: str | None
    metric: str
    """The Hub's name of the metric, with the average where the card states one: ``f1 (macro)``."""
    value: object


@dataclass(frozen=True)
class Figure:
    """The number that a claim states, and how exactly it states it."""

    value: float
    rounding: float
    """Half a unit of the last decimal that is stated: 0.00005 for 0.9265."""
    low: float | None = None
    high: float | None = None
    """Bounds of the interval that is stated with the number; None when there is none."""

    def agrees(self, measured: float, tolerance: float) -> bool:
        """Whether the claim covers what was measured: inside its interval, or else equal but for rounding."""
        slack = max(self.rounding, tolerance)
        low, high = (self.value if bound is None else bound for bound in (self.low, self.high))
        return low - slack <= measured <= high + slack


def claims_of(text: str) -> list[Claim]:
    """Every metric of every result in a card's model-index.

    What does not have the shape of one is passed over, as the Hub does.

    Raises:
        CardError: the card's front matter cannot be read.
    """
    return list(_claims(parse(text).front_matter.get("model-index")))


def named_weights(text: str) -> str | None:
    """The SHA-256 that a card of emohub states of the weights; None for other cards."""
    found = _WEIGHTS.search(text)
    return found[1] if found else None


def figure(value: object, *, coarsest: int = -2) -> Figure | None:
    """The number in a claim's value.

    It is a number itself, or text such as ``92.7%``, ``0.93 ± 0.01`` and ``0.93 (0.91 to 0.95)``; None when it is no
    finite number. ``coarsest`` is the coarsest power of ten that counts as rounding: -2 reads 0.9 as 0.90.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = value.strip() if isinstance(value, str) else repr(value)
    match = _IN_WORDS.fullmatch(text)
    if match is None:
        return None
    percent = "%" in text  # of all its numbers, as in 92.7 ± 0.5%
    if percent and not match["percent"] and float(match["value"]) <= 1:
        return None  # 0.93 ± 1%: one of the two is a share
    scale = 0.01 if percent else 1.0
    numbers = {key: scale * float(match[key]) for key in ("value", "margin", "low", "high") if match[key]}
    if not all(map(math.isfinite, numbers.values())):
        return None
    stated, margin = numbers["value"], numbers.get("margin")
    exponent = int(Decimal(match["value"]).as_tuple().exponent) - (2 if percent else 0)
    low, high = numbers.get("low"), numbers.get("high")
    if margin is not None:
        low, high = stated - margin, stated + margin
    return Figure(stated, 0.5 * 10.0 ** min(exponent, coarsest), low, high)


def _claims(model_index: object) -> Iterator[Claim]:
    for entry in _mappings(model_index):
        for result in _mappings(entry.get("results")):
            dataset = result.get("dataset")
            dataset = dataset if isinstance(dataset, Mapping) else {}
            for metric in _mappings(result.get("metrics")):
                arguments = metric.get("args")
                average = arguments.get("average") if isinstance(arguments, Mapping) else None
                yield Claim(
                    dataset=str(dataset.get("type") or dataset.get("name") or "an unnamed dataset"),
                    config=_text(dataset.get("config")),
                    split=_text(dataset.get("split")),
                    metric=metric_name(str(metric.get("type")), _text(average)),
                    value=metric.get("value"),
                )


def metric_name(kind: str, average: str | None) -> str:
    """A metric with its average: ``f1 (macro)``."""
    return f"{kind} ({average})" if average else kind


def _mappings(values: object) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def _text(value: object) -> str | None:
    return None if value is None else str(value)
