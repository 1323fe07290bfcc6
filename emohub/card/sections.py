"""The rendered parts of a card and what a person wrote between them: told apart by markers, and merged.

A rendered part stands between two lines of its own, ``<!-- emohub:begin NAME -->`` and ``<!-- emohub:end NAME -->``.
The front matter, or the line that begins a documented page, is rendered too. Everything else is prose: a person's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

from emohub.card.front_matter import KEYS, dump, parse
from emohub.errors import CardError

DOCUMENTED_PAGE = "<!-- emohub:documented-page -->"
"""First line of a page about a model that others documented; such a page has no front matter."""

FACTS = ("library_name", "pipeline_tag", "base_model", "base_model_relation", "datasets", "metrics", "model-index")
"""Keys of the front matter that only records may give: where the records give none, the card has none."""

Unmarked = Literal["refuse", "keep", "replace"]
"""What becomes of a body without any marker: it is refused, kept below the rendered parts, or replaced by them."""

_MARKER = re.compile(r"<!-- emohub:(?P<edge>begin|end) (?P<name>[a-z-]+) -->\s*")
_ALMOST_MARKER = re.compile(r" {0,3}<!--\s*emohub\b")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_DASHES = re.compile(r"---[ \t]*\r?\n")
_COMMENT = re.compile(r" {0,3}<!--(?!.*-->)")
_FENCE = re.compile(r"(?P<ticks>`{3,})[^`]*|(?P<tildes>~{3,}).*", re.DOTALL)
"""The beginning of a code block that can hide a marker; one in a list or a quotation ends before the next marker."""
_MEND = "put both lines around the part back, or delete it whole with both its lines, and render the card again"


@dataclass(frozen=True)
class _Part:
    """A rendered part, its markers included, and what follows it up to the next one or the end."""

    name: str
    text: str
    after: str


@dataclass(frozen=True)
class _Sections:
    """A card taken apart; joined in this order, the pieces are the card."""

    head: str
    """The front matter with its dashes, or the line that begins a documented page."""
    opening: str
    """What stands between the head and the first part."""
    parts: tuple[_Part, ...]

    def __str__(self) -> str:
        return "".join((self.head, self.opening, *(part.text + part.after for part in self.parts)))


def section(name: str, body: str) -> str:
    """A rendered part between its markers, which a blank line sets apart from Markdown."""
    return f"<!-- emohub:begin {name} -->\n\n{body.strip()}\n\n<!-- emohub:end {name} -->\n"


def merge(existing: str, rendered: str, *, unmarked: Unmarked = "refuse") -> str:
    """The card ``existing`` with its rendered parts as they are in ``rendered``, and the person's prose as it is.

    A part that is new comes right after the part that precedes it in ``rendered``, or first of all; one that is no
    longer rendered goes. The order of parts stays, and prose stays byte for byte where it stands. The rendered parts
    take the line ends of ``existing``. In the front matter the rendered keys replace those of ``existing``; other keys
    stay unless they are among :data:`FACTS`, and so do tags that were added. Merging again changes nothing.

    ``unmarked`` says what becomes of an ``existing`` body without any marker, which may be a card of before there were
    markers, or somebody's own.

    Raises:
        CardError: a marker is not whole (the error names its line), the front matter is not readable, or the body has
            no marker and ``unmarked`` is ``"refuse"``.
    """
    newline = "\r\n" if re.match(r"[^\r\n]*\r\n", existing) else "\n"
    old, new = _split(existing.removeprefix("\ufeff")), _split(rendered.replace("\n", newline))
    head = _merge_heads(old.head, new.head, newline)
    if not old.parts:
        return _below(old.opening, replace(new, head=head), newline, unmarked)
    return str(_Sections(head, *_merge_parts(old, new, newline)))


def prose(text: str) -> str:
    """What a person added to a card: keys of the front matter that emohub does not know, and all prose, in their order.

    Blank lines between parts are nothing that a person wrote, so it is empty for a card as rendered. The body of a card
    without markers counts as prose.

    Raises:
        CardError: as :func:`merge`, for a marker or the front matter.
    """
    sections = _split(text.removeprefix("\ufeff"))
    between = (sections.opening, *(part.after for part in sections.parts))
    keys = (raw for key, raw in _raw_keys(sections.head) if key not in KEYS)
    return "".join((*keys, *(piece for piece in between if piece.strip())))


def _below(body: str, new: _Sections, newline: str, unmarked: Unmarked) -> str:
    """The rendered card above a body that has no markers."""
    if not body.strip() or unmarked == "replace":
        return str(new)
    if unmarked == "refuse":
        raise CardError(
            "the card has no markers, so what was rendered and what a person wrote cannot be told apart",
            "say with `emohub card RUN --unmarked keep` that its text is to stay below the rendered parts, or with "
            "`--unmarked replace` that it is to go",
        )
    return str(new) + ("" if body.startswith(("\r", "\n")) else newline) + body


def _merge_parts(old: _Sections, new: _Sections, newline: str) -> tuple[str, tuple[_Part, ...]]:
    """The text before the first part, and the parts."""
    rendered = {part.name: part.text for part in new.parts}
    opening, parts = old.opening, list[_Part]()
    for part in old.parts:
        if part.name in rendered:
            parts.append(replace(part, text=rendered[part.name]))
        elif parts:
            parts[-1] = replace(parts[-1], after=_join(parts[-1].after, part.after))
        else:
            opening = _join(opening, part.after)
    place = 0  # behind the part that precedes the next one in the rendered card
    for part in new.parts:
        names = [present.name for present in parts]
        if part.name in names:
            place = names.index(part.name) + 1
            continue
        # The prose there comes after the new part: if it is the last, its line or a code block in it may not be closed.
        if place > 0:
            before = parts[place - 1]
            parts[place - 1], after = replace(before, after=newline), before.after
        else:
            opening, after = newline, opening if opening.strip() else newline if parts else ""
        parts.insert(place, replace(part, after=after))
        place += 1
    return opening, tuple(parts)


def _join(before: str, after: str) -> str:
    """What stood around a part that is gone; blank lines alone are nobody's."""
    return after if not before.strip() else before if not after.strip() else before + after


def _split(text: str) -> _Sections:
    """Take a card apart.

    Raises:
        CardError: a marker is not whole, or the front matter is not readable.
    """
    head = _head(text)
    opening, parts = list[str](), list[tuple[str, list[str], list[str]]]()
    lines, opened = opening, None
    for number, line, marker in _lines(text[len(head) :], len(_LINE.findall(head)) + 1):
        here = f"line {number} of the card"
        name = marker["name"] if marker else None
        if marker and marker["edge"] == "begin":
            if opened:
                raise CardError(f"{here} begins the part {name!r} inside the part {opened[0]!r}", _MEND)
            if any(name == part[0] for part in parts):
                raise CardError(f"{here} begins the part {name!r} a second time", _MEND)
            opened, lines = (marker["name"], number), []
            parts.append((marker["name"], lines, []))
        elif marker and (opened is None or opened[0] != name):
            raise CardError(f"{here} ends the part {name!r}, which is not open there", _MEND)
        lines.append(line)
        if marker and marker["edge"] == "end":
            opened, lines = None, parts[-1][2]
    if opened:
        raise CardError(f"the part {opened[0]!r}, which begins in line {opened[1]} of the card, has no end", _MEND)
    joined = (_Part(name, "".join(inside), "".join(after)) for name, inside, after in parts)
    return _Sections(head, "".join(opening), tuple(joined))


def _head(text: str) -> str:
    if _DASHES.match(text):
        body = parse(text).body
        return text[: len(text) - len(body)]
    first = _LINE.match(text)
    return first[0] if first and first[0].strip() == DOCUMENTED_PAGE else ""


def _lines(body: str, first: int) -> Iterator[tuple[int, str, re.Match[str] | None]]:
    """Each line with its number in the file, and its marker unless a code block shows it."""
    fence, since, hidden, in_comment = "", 0, 0, False
    for number, line in enumerate(_LINE.findall(body), first):
        marker = _MARKER.fullmatch(line)
        if fence:
            hidden = hidden or (number if marker else 0)
            if re.fullmatch(rf" {{0,3}}{fence[0]}{{{len(fence)},}}\s*", line):
                fence, hidden = "", 0
            yield number, line, None
            continue
        if not marker and _ALMOST_MARKER.match(line):
            raise CardError(f"line {number} of the card is nearly a marker, but not as emohub writes it", _MEND)
        if in_comment:
            in_comment = "-->" not in line
        elif begins := _FENCE.fullmatch(line):
            fence, since = begins["ticks"] or begins["tildes"], number
        else:
            in_comment = _COMMENT.match(line) is not None
        yield number, line, marker
    if hidden:
        raise CardError(
            f"the code block that begins in line {since} of the card is never closed, and hides the marker in line "
            f"{hidden}",
            "close it, and render the card again",
        )


def _merge_heads(old: str, new: str, newline: str) -> str:
    """The rendered head with the keys and tags that a person added to the old one."""
    if not (_DASHES.match(old) and _DASHES.match(new)):
        return new
    before, values = parse(old).front_matter, parse(new).front_matter
    added = {key: value for key, value in before.items() if key not in values and key not in FACTS}
    kept = [raw for key, raw in _raw_keys(old) if key in added]
    tags = [tag for tag in _listed(before.get("tags")) if tag not in _listed(values.get("tags"))]
    lines = dict(_raw_keys(new))
    if tags:
        values["tags"] = [*_listed(values.get("tags")), *tags]
        lines["tags"] = dump({"tags": values["tags"]}).replace("\n", newline)
    opening, _, closing = _yaml(new)
    merged = "".join((opening, *lines.values(), *kept, closing))
    try:
        same = parse(merged).front_matter == values | added
    except CardError:
        same = False
    if not same:  # an anchor, say, that a rendered key held
        raise CardError(
            "the keys that were added to the card's front matter cannot be told apart",
            "write each on lines of its own, without anchors",
        )
    return merged


def _raw_keys(head: str) -> Iterator[tuple[str, str]]:
    """Each key of a front matter with its lines as they stand there, and the comment right above it."""
    if not _DASHES.match(head):
        return
    text = _yaml(head)[1]
    node = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        for key, value in parse(head).front_matter.items():
            yield key, yaml.safe_dump({key: value}, allow_unicode=True)
        return
    starts = [_with_comment(text, key.start_mark.index) for key, _ in node.value]
    for (key, _), start, end in zip(node.value, starts, [*starts[1:], len(text)], strict=True):
        yield key.value, text[start:end]


def _with_comment(text: str, start: int) -> int:
    """Where the comment lines right above ``start`` begin."""
    comment = re.search(r"^(?:#.*\n)+\Z", text[:start], re.MULTILINE)
    return comment.start() if comment else start


def _yaml(head: str) -> tuple[str, str, str]:
    """A front matter's opening dashes, its YAML, and its closing dashes."""
    opening, *lines, closing = _LINE.findall(head)
    return opening, "".join(lines), closing


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
