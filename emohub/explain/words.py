"""What counts as a word, in any script; and a text with some of its words gone or replaced."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence

Span = tuple[int, int]
"""Where a word stands: ``text[start:end]``."""

_WHOLE = re.compile(r"(?:https?://|www\.)\S+|[:;=xX8][-'^]?[()\[\]DPpOo3/\\|*]+|<+/?3+")
"""What stays one word although it is full of punctuation: addresses and emoticons that stand by themselves."""
_OWN_KINDS = {
    **dict.fromkeys("'’-‑_.:/&", "i"),  # noqa: RUF001 - between letters they join them: it's, e-mail, 3.5
    **dict.fromkeys("#@", "t"),  # they begin a word: #monday, @somebody
    ",": ",",  # it joins figures: 1,000
    "\u200d": "j",  # the joiner of pictographs
}
_SCRIPTS = {
    "CJK": "h",
    "HIRAGANA": "a",
    "KATAKANA": "k",
    "KATAKANA-HIRAGANA": "k",
    **dict.fromkeys(("THAI", "LAO", "KHMER", "MYANMAR"), "h"),
}
"""Scripts that put no space between words, by the first word of their characters' names."""
_PIECES = re.compile(
    r"fx*(?:fx*)?"  # a flag is two letters of its own
    r"|ex*(?:jex*)*"  # a pictograph, with its skin tone, or several joined into one
    r"|hx*"  # an ideograph; a letter where nothing says where words end
    r"|a[ax]*|k[kx]*"  # a run of hiragana or of katakana
    r"|[tjx]*[wd](?:[wdxj]|,(?<=d,)(?=d)|[it](?=[wd]))*"  # letters and figures
    r"|[^hakwdfe]+?(?=t?[wd]|[hakfe]|$)"  # punctuation
)
"""One word in a string of kinds, a letter for each character of a text; see ``_kind``."""


def words_of(text: str) -> list[Span]:
    """The words of ``text`` in order. Between two of them is whitespace or nothing, so that nothing is lost.

    Whitespace divides words, and so does punctuation at their edges, which is a word of its own. Every pictograph is
    one with all that modifies it. Chinese is divided into its characters, Japanese kana into runs, and Thai, Lao, Khmer
    and Burmese into letters with their marks, since finding their words would take a dictionary.
    """
    return [span for run in re.finditer(r"\S+", text) for span in _divide(run)]


def _divide(run: re.Match[str]) -> list[Span]:
    if _WHOLE.fullmatch(run[0]):
        return [run.span()]
    kinds = "".join(map(_kind, run[0]))
    return [(run.start() + piece.start(), run.start() + piece.end()) for piece in _PIECES.finditer(kinds)]


def _kind(character: str) -> str:
    """One letter for what a character does to the words around it."""
    if character in _OWN_KINDS:
        return _OWN_KINDS[character]
    category = unicodedata.category(character)
    if category[0] == "M" or category == "Cf" or "\U0001f3fb" <= character <= "\U0001f3ff":
        return "x"  # it changes the character before it, or is not seen
    if "\U0001f1e6" <= character <= "\U0001f1ff":
        return "f"
    if category == "So":
        return "e"
    if category[0] == "L":
        return _SCRIPTS.get(unicodedata.name(character, "").partition(" ")[0], "w")
    return "d" if category[0] == "N" else "p"


def keep(text: str, spans: Sequence[Span], kept: Collection[int]) -> str:
    """``text`` with only the words whose positions are in ``kept``."""
    return edit(text, spans, {index: "" for index in range(len(spans)) if index not in kept})


def edit(text: str, spans: Sequence[Span], changes: Mapping[int, str]) -> str:
    """``text`` with other words in the place of some; an empty one takes the word away.

    A word that goes takes the whitespace after it along, and where nothing but punctuation clings to it the whitespace
    before it.
    """
    if not changes:
        return text
    words = {index: changes.get(index, text[start:end]) for index, (start, end) in enumerate(spans)}
    remaining = [index for index, word in words.items() if word]
    pieces = [text[: spans[0][0]]]
    for previous, index in zip([None, *remaining], remaining, strict=False):
        if previous is not None:
            pieces.append(_gap(text, spans, previous, index))
        pieces.append(words[index])
    if remaining and remaining[-1] == len(spans) - 1 and all(words.values()):
        pieces.append(text[spans[-1][1] :])
        return "".join(pieces)
    return "".join(pieces).rstrip()


def _gap(text: str, spans: Sequence[Span], first: int, second: int) -> str:
    """The whitespace between two words once those between them are gone."""
    gaps = [text[spans[index][1] : spans[index + 1][0]] for index in range(first, second)]
    clings = not gaps[-1] and unicodedata.category(text[spans[second][0]]) in ("Po", "Pe", "Pf")
    return "" if clings and len(gaps) > 1 else next((gap for gap in gaps if gap), "")
