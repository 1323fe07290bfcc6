"""A card's front matter as plain values that know their line; what keeps it from being read, with its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from emohub.card.validation.rules import Problem

_FENCE = re.compile(r"---[ \t]*\r?(?:\n|\Z)")
_CLOSING = re.compile(r"^---[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
_STANDARD = "tag:yaml.org,2002:"
_PLAIN_TAGS = {
    yaml.ScalarNode: {_STANDARD + name for name in ("null", "bool", "int", "float", "str", "timestamp")},
    yaml.SequenceNode: {_STANDARD + "seq"},
    yaml.MappingNode: {_STANDARD + "map"},
}
_NUMBER = re.compile(r"[-+]?\d+[eE][-+]?\d+")
"""A number of today's YAML, which that of PyYAML takes for a text; emissions and small losses are written so."""
_WHOLE = "front matter"


@dataclass(frozen=True)
class Item:
    """A value of the front matter."""

    path: str
    """Where it stands, such as ``model-index[0].name``; items are counted from 0."""
    line: int
    """Line of its key, or of itself in a list; counted from 1."""
    value: Any
    """The plain value."""
    written: str = ""
    """How a value that is neither list nor mapping is written."""
    items: tuple["Item", ...] = ()
    """Of a list."""
    entries: dict[str, "Item"] = field(default_factory=dict)
    """Of a mapping."""


@dataclass(frozen=True)
class ReadCard:
    """A card that was read as far as that is possible."""

    front_matter: Item | None
    """A mapping; None when there is none, or it cannot be read."""
    body: str
    body_line: int
    """Line of the file that the body begins on."""
    problems: tuple[Problem, ...]


def read_card(text: str) -> ReadCard:
    """Split a card and read its front matter; nothing is raised."""
    problems = []
    if text.startswith("\ufeff"):
        text = text[1:]
        problems.append(Problem("byte-order-mark", "file", "the file begins with a byte order mark", 1))
    blank = len(text) - len(text.lstrip())
    opening = _FENCE.match(text, blank)
    if opening is None:
        message = "the card does not begin with front matter between two lines of ---"
        return ReadCard(None, text, 1, (*problems, Problem("front-matter-missing", _WHOLE, message, 1)))
    first = 1 + text.count("\n", 0, blank)
    if blank:
        message = "something stands before the front matter, which some readers then take for text"
        problems.append(Problem("front-matter-late", _WHOLE, message, first))
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        message = "no line of --- ends the front matter, so all of the card is taken for it, or none"
        return ReadCard(None, "", first, (*problems, Problem("front-matter-unclosed", _WHOLE, message, first)))
    source = text[opening.end() : closing.start()]
    reader = _Reader(source, first + 1)
    front_matter = reader.read()
    body_line = 1 + text.count("\n", 0, closing.end())
    return ReadCard(front_matter, text[closing.end() :], body_line, (*problems, *reader.problems))


class _Reader:
    """Reads one piece of YAML, and collects what is wrong with it."""

    def __init__(self, source: str, first_line: int) -> None:
        self._source = source
        self._first_line = first_line
        self.problems: list[Problem] = []

    def read(self) -> Item | None:
        try:
            if any(getattr(event, "anchor", None) for event in yaml.parse(self._source, yaml.SafeLoader)):
                self._refuse_anchors()
                return None  # aliases of aliases could make a small file endless
            self._loader = yaml.SafeLoader(self._source)
            node = self._loader.get_single_node()
        except yaml.reader.ReaderError as error:
            message = f"it holds the control character U+{error.character:04X}"
            self._note("yaml-character", _WHOLE, message, self._line(error.position))
            return None
        except yaml.MarkedYAMLError as error:
            self._refuse_syntax(error)
            return None
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            self._note("front-matter-empty", _WHOLE, "the front matter is empty", self._first_line - 1)
            return None
        if not isinstance(node, yaml.MappingNode):
            message = "the front matter is not a mapping of names to values"
            self._note("front-matter-no-mapping", _WHOLE, message, self._first_line)
            return None
        return self._item(node, "", self._first_line)

    def _item(self, node: yaml.Node, path: str, line: int) -> Item:
        if node.tag not in _PLAIN_TAGS[type(node)]:
            self._refuse_tag(node, path, line)
            return Item(path, line, None)
        if isinstance(node, yaml.MappingNode):
            entries = dict(self._entries(node, path))
            return Item(path, line, {key: entry.value for key, entry in entries.items()}, entries=entries)
        if isinstance(node, yaml.SequenceNode):
            items = tuple(
                self._item(each, f"{path}[{index}]", self._line(each.start_mark.index))
                for index, each in enumerate(node.value)
            )
            return Item(path, line, [item.value for item in items], items=items)
        return Item(path, line, self._scalar(node, path, line), written=str(node.value))

    def _entries(self, node: yaml.MappingNode, path: str) -> Iterator[tuple[str, Item]]:
        seen = set()
        for key, value in node.value:
            line = self._line(key.start_mark.index)
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            inner = f"{path}.{name}" if path else str(name)
            if name is None or key.tag != "tag:yaml.org,2002:str":
                said = "a list or mapping" if name is None else f"{name!r}, which YAML does not read as a text"
                self._note("key-not-text", path or _WHOLE, f"a key is {said}", line)
            elif name in seen:
                self._note("key-twice", inner, f"the key {name!r} stands there twice", line)
            else:
                seen.add(name)
                yield name, self._item(value, inner, line)

    def _scalar(self, node: yaml.Node, path: str, line: int) -> Any:
        if node.style is None and _NUMBER.fullmatch(node.value):
            return float(node.value)
        try:
            return self._loader.construct_object(node)
        except ValueError as error:
            self._note("yaml-value", path, f"{node.value!r} looks like a date and is none ({error})", line)
            return str(node.value)

    def _refuse_tag(self, node: yaml.Node, path: str, line: int) -> None:
        what = "a Python object" if "python" in node.tag else f"a value with the tag {node.tag}"
        if "numpy" in node.tag:
            what = "a numpy object"
        self._note("yaml-tag", path or _WHOLE, f"it is {what}, not a plain value", line)

    def _refuse_anchors(self) -> None:
        for event in yaml.parse(self._source, yaml.SafeLoader):
            anchor = getattr(event, "anchor", None)
            if anchor:
                kind = "alias" if isinstance(event, yaml.AliasEvent) else "anchor"
                message = f"the {kind} {anchor!r} is used; write the value out"
                self._note("yaml-alias", _WHOLE, message, self._line(event.start_mark.index))

    def _refuse_syntax(self, error: yaml.MarkedYAMLError) -> None:
        ended = error.problem == "found unexpected end of stream"  # of a quote: what matters is where it began
        mark = (error.context_mark if ended else None) or error.problem_mark
        line = self._first_line if mark is None else self._line(mark.index)
        problem = error.problem or "it ends too early"
        if "'\\t'" in problem:
            self._note("yaml-tab", _WHOLE, "a tab stands where YAML wants spaces", line)
        else:
            self._note("yaml-syntax", _WHOLE, f"the front matter is not plain YAML ({problem})", line)

    def _line(self, index: int) -> int:
        """The line of the file that a character stands on; YAML itself counts more kinds of line ends."""
        return self._first_line + self._source.count("\n", 0, index)

    def _note(self, rule: str, key: str, message: str, line: int) -> None:
        self.problems.append(Problem(rule, key, message, line))
