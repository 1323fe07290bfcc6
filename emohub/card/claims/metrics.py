"""Names and figures of metrics in the words of cards."""

import re
from collections.abc import Iterator

from emohub.card.claims.blocks import Block
from emohub.card.claims.claims import NUMBER, Change, Figure, figure

_AVERAGE = r"(?P<{0}>macro|micro|weighted|binary)[\s_-]*(?:(?:average|averaged|avg)[\s_-]*)?"
_METRIC = (
    r"(?P<metric>log[\s_-]?loss|loss|accuracy|acc|precision|recall"
    r"|f[\s_-]?1(?:[\s_-]?score)?|f[\s_-]?(?:score|measure))"
)
_NAME = re.compile(
    r"(?:(?:eval|evaluation|validation|valid|val|test|overall|final|best|mean|average)[\s_-]+)*"
    rf"(?:{_AVERAGE.format('before')})?{_METRIC}(?:[\s_-]*score)?"
    rf"(?:[\s_([,-]*{_AVERAGE.format('after')}[\s)\]]*)?(?:\s*\((?:average not stated|nats)\))?"
)
_NUMBER = rf"(?=[-+.]?\d)(?P<number>{NUMBER}\s?%?)(?![\w.]*\d)"
_LINKING = (
    r"(?:\s+score)?(?:\s*\([^()]{0,30}\))?\s*"
    r"(?:(?:is|was|of|to|reached|reaches|at|are|about|around|the|a|an|:|=|~)\s*){0,3}"
)
_IN_PROSE = re.compile(rf"(?<![\w-])(?:{_AVERAGE.format('before')})?{_METRIC}{_LINKING}{_NUMBER}", re.IGNORECASE)
_NUMBER_FIRST = re.compile(
    rf"(?<![\w.])(?P<number>\d+(?:\.\d+)?\s?%)\s+(?:\w+\s+)?(?:{_AVERAGE.format('before')})?{_METRIC}(?!\w)",
    re.IGNORECASE,
)
_FROM_TO = re.compile(
    rf"\bfrom\s+(?:[a-z]+\s+){{0,3}}?(?=[.\d])(?P<first>{NUMBER}\s?%?)(?:[^.;\d]{{0,40}}?|\s[^.;]{{0,40}}?)\bto\s+"
    rf"(?:[a-z]+\s+){{0,3}}?(?=[.\d])(?P<last>{NUMBER}\s?%?)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    rf"(?:(?:training|train|validation|evaluation|eval|test)\s+)?{_METRIC}(?!\w|\s+(?:of|in)\s+[a-z])", re.IGNORECASE
)
_DIRECTIONS = {
    "fell": re.compile(r"decreas|\bfell\b|\bfall|drop|reduc|declin|lowered|shr[aiu]nk|went down|sank", re.IGNORECASE),
    "rose": re.compile(r"increas|\brose\b|\bris(?:e|es|en|ing)\b|\bgrew\b|climb|went up", re.IGNORECASE),
    "improved": re.compile(r"improv|\bbetter", re.IGNORECASE),
}
_MIXED = re.compile(
    r"(?:mixed|half|full|single|double|floating[\s-]point|balanced|top-\d|training|train)[\s_-]*$", re.IGNORECASE
)
"""What makes another thing of the metric's word behind it."""


def metric_of(name: str) -> tuple[str, str | None] | None:
    """Metric and average of a column, an item or a cell, such as ``Macro F1``; None when it is none of ours."""
    match = _NAME.fullmatch(name.strip().lower())
    return None if match is None else (_metric(match["metric"]), match["before"] or match["after"])


def figure_of(name: str, shown: str, line: int | None) -> Figure | None:
    """A name and a number beside it as a figure; None when it is none of ours."""
    named = metric_of(name)
    return None if named is None else figure(named[0], shown, average=named[1], line=line)


def figures_in_prose(block: Block) -> Iterator[Figure]:
    """The figures that sentences give, such as ``an accuracy of 0.93``; what a metric once was is left out."""
    changing = [match.span() for match in _FROM_TO.finditer(block.text)]
    for pattern in (_IN_PROSE, _NUMBER_FIRST):
        for match in pattern.finditer(block.text):
            start, shown = match.start("number"), match["number"]
            another_thing = _MIXED.search(block.text[max(0, match.start() - 20) : match.start()])
            decimal = "." in shown or "%" in shown  # a whole number in prose is a count of something
            if decimal and not another_thing and not any(low <= start < high for low, high in changing):
                found = figure(
                    _metric(match["metric"]), shown, average=_lower(match["before"]), line=block.line_at(start)
                )
                if found is not None:
                    yield found


def changes_in(block: Block) -> Iterator[Change]:
    """Sentences that say that a metric fell, rose or improved from one value to another."""
    for match in _FROM_TO.finditer(block.text):
        start = max(_sentence_ends(block.text, match.start()), default=0)
        end = min((end for end in _sentence_ends(block.text) if end >= match.end()), default=len(block.text))
        sentence, here = block.text[start:end], match.start() - start
        subjects = list(_SUBJECT.finditer(sentence))
        said = _nearest({name: pattern.finditer(sentence) for name, pattern in _DIRECTIONS.items()}, here)
        if not subjects or said is None:
            continue
        subject = min(subjects, key=lambda found: abs(found.start() - here))
        line, metric = block.line_at(match.start()), _metric(subject["metric"])
        first, last = (figure(metric, match[group], line=line) for group in ("first", "last"))
        if first is not None and last is not None and re.search(r"[.%]", first.shown + last.shown):
            yield Change(subject[0].lower(), first, last, said, line)


def _sentence_ends(text: str, before: int | None = None) -> list[int]:
    return [match.end() for match in re.finditer(r"[.!?](?=\s)", text) if before is None or match.end() <= before]


def _nearest(found: dict[str, Iterator[re.Match[str]]], here: int) -> str | None:
    distances = {
        name: min((abs(match.start() - here) for match in matches), default=None) for name, matches in found.items()
    }
    known = {name: distance for name, distance in distances.items() if distance is not None}
    return min(known, key=lambda name: known[name]) if known else None


def _metric(word: str) -> str:
    word = re.sub(r"[\s_-]", "", word.lower())
    if word.startswith("f"):
        return "f1"
    return {"acc": "accuracy", "logloss": "loss"}.get(word, word)


def _lower(word: str | None) -> str | None:
    return None if word is None else word.lower()
