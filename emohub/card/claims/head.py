"""The claims in a card's front matter. Its shape is not checked here: what has another shape is passed over."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from emohub.card.claims.claims import Figure, Indexed, Stated, figure
from emohub.card.claims.metrics import metric_of

_BLOCK = re.compile(r"\A\ufeff?---[ \t]*\r?\n(?P<yaml>.*?\r?\n|)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Head:
    """A card's front matter as YAML nodes, which know their lines."""

    node: yaml.Node | None

    def texts(self, key: str) -> tuple[Stated, ...]:
        """The text, or the texts, of a key."""
        return tuple(_texts(_get(self.node, key)))

    def index(self) -> tuple[Indexed, ...]:
        """The results of the model-index that hold a figure of ours or name a split."""
        return tuple(_indexed(result) for result in self._results())

    def empty_results(self) -> Stated | None:
        """A list of results with nothing in it."""
        for model in _items(_get(self.node, "model-index")):
            results = _get(model, "results")
            if results is not None and not _items(results):
                return Stated("results: []", _line(results))
        return None

    def dataset(self, key: str) -> tuple[Stated, ...]:
        """What the model-index says of its datasets under a key, such as ``config``."""
        return tuple(text for result in self._results() for text in _texts(_get(_get(result, "dataset"), key)))

    def tasks(self) -> tuple[Stated, ...]:
        """The types of the tasks that the model-index names."""
        return tuple(text for result in self._results() for text in _texts(_get(_get(result, "task"), "type")))

    def _results(self) -> Iterator[yaml.Node]:
        for model in _items(_get(self.node, "model-index")):
            yield from _items(_get(model, "results"))


def split_card(text: str) -> tuple[Head, str, int]:
    """Front matter, body, and the line that the body begins on; a front matter that is no YAML holds nothing."""
    match = _BLOCK.match(text)
    if match is None:
        return Head(None), text, 1
    try:
        node = yaml.compose(match["yaml"], Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        node = None
    return Head(node), text[match.end() :], 1 + text.count("\n", 0, match.end())


def _indexed(result: yaml.Node) -> Indexed:
    dataset = _get(result, "dataset")
    name = next(iter(_texts(_get(dataset, "type"))), None)
    figures = tuple(found for metric in _items(_get(result, "metrics")) if (found := _figure(metric)) is not None)
    split = next(iter(_texts(_get(dataset, "split"))), None)
    return Indexed(None if name is None else name.text, split, figures, _line(result))


def _figure(metric: yaml.Node) -> Figure | None:
    kind, name, value, average = (
        next(iter(_texts(node)), None)
        for node in (
            _get(metric, "type"),
            _get(metric, "name"),
            _get(metric, "value"),
            _get(_get(metric, "args"), "average"),
        )
    )
    named = metric_of(kind.text) if kind is not None else None
    if named is None or value is None:
        return None
    by_name = metric_of(name.text) if name is not None else None
    stated = average.text if average is not None else (by_name[1] if by_name else None)
    return figure(named[0], value.text, average=stated, line=value.line)


def _get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if getattr(name, "value", None) == key), None)


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _texts(node: yaml.Node | None) -> Iterator[Stated]:
    for item in [node] if isinstance(node, yaml.ScalarNode) else _items(node):
        if isinstance(item, yaml.ScalarNode) and item.tag != "tag:yaml.org,2002:null" and item.value.strip():
            yield Stated(item.value, _line(item))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 2  # marks count from 0, and the line of dashes stands above
