"""What the audit looks for in every row of a split."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from emohub.data.corpus import UNKNOWN_LABEL, label_ids
from emohub.data.damage import damage, is_unicode
from emohub.data.language import foreign_language_test
from emohub.data.raw import RawSplit
from emohub.recipe import Corpus

FOREIGN_SHARE = 0.01
"""Reported from it on. Of the 34,665 texts of the three built-in English corpora the test finds none."""


def text_key(text: str) -> str:
    """What texts that count as the same have in common.

    They are equal after Unicode normalisation (NFC), without regard to case, and with any run of white space as one
    space.
    """
    plain = text if text.isascii() else unicodedata.normalize("NFC", text)
    return " ".join(plain.casefold().split())


@dataclass(frozen=True)
class Rows:
    """A split and what several checks need of it. Rows are indices, from 0."""

    raw: RawSplit
    corpus: Corpus

    @cached_property
    def label_ids(self) -> npt.NDArray[np.int64]:
        """Label id of each row, or ``UNKNOWN_LABEL``; shape ``(n_rows,)``."""
        return label_ids(self.raw.labels, self.corpus.labels)

    @cached_property
    def readable(self) -> dict[int, str]:
        """The texts that are some, by row."""
        return {row: text for row, text in enumerate(self.raw.texts) if isinstance(text, str) and not _is_missing(text)}

    @cached_property
    def by_text(self) -> dict[str, list[int]]:
        """The rows of each text, by what the same texts have in common."""
        groups: dict[str, list[int]] = {}
        for row, text in self.readable.items():
            groups.setdefault(text_key(text), []).append(row)
        return groups

    @cached_property
    def by_damage(self) -> dict[str, list[int]]:
        """The rows that show each kind of damage."""
        groups: dict[str, list[int]] = {}
        for row, text in self.readable.items():
            for kind in damage(text):
                groups.setdefault(kind, []).append(row)
        return groups

    def labels_of(self, text: str) -> set[int]:
        """The ids of the known labels that a key of ``by_text`` has."""
        return {int(self.label_ids[row]) for row in self.by_text[text]} - {UNKNOWN_LABEL}


@dataclass(frozen=True)
class Check:
    """Something that is looked for, and what to say of it."""

    key: str
    severity: Literal["error", "warning"]
    title: str
    """What is counted, for a table."""
    found: str
    """The same, as the beginning of a sentence that goes on with the counts."""
    remedy: str
    find: Callable[[Rows], list[int] | None]
    """The rows that it is true of; None where it cannot be told."""
    least_share: float = 0.0
    """Share of a split's rows below which nothing is reported."""


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _no_text(rows: Rows) -> list[int]:
    return [row for row, text in enumerate(rows.raw.texts) if _is_missing(text)]


def _not_text(rows: Rows) -> list[int]:
    return [row for row, text in enumerate(rows.raw.texts) if not _is_missing(text) and not isinstance(text, str)]


def _not_unicode(rows: Rows) -> list[int]:
    return [row for row, text in rows.readable.items() if not is_unicode(text)]


def _no_label(rows: Rows) -> list[int]:
    return [row for row, label in enumerate(rows.raw.labels) if _is_missing(label)]


def _unknown_label(rows: Rows) -> list[int]:
    unknown: list[int] = np.flatnonzero(rows.label_ids == UNKNOWN_LABEL).tolist()
    return [row for row in unknown if not _is_missing(rows.raw.labels[row])]


def _repeated(rows: Rows) -> list[int]:
    return [row for same in rows.by_text.values() for row, exact in _repeats(rows, same) if exact]


def _nearly_repeated(rows: Rows) -> list[int]:
    return [row for same in rows.by_text.values() for row, exact in _repeats(rows, same) if not exact]


def _repeats(rows: Rows, same: list[int]) -> list[tuple[int, bool]]:
    """Every row but the first, and whether its very text stood in an earlier one."""
    texts = [rows.readable[row] for row in same] if len(same) > 1 else []
    return [(row, texts[place] in texts[:place]) for place, row in enumerate(same) if place]


def _two_labels(rows: Rows) -> list[int]:
    return [same[0] for text, same in rows.by_text.items() if len(same) > 1 and len(rows.labels_of(text)) > 1]


def _damaged(kind: str) -> Callable[[Rows], list[int]]:
    return lambda rows: rows.by_damage.get(kind, [])


def _foreign(rows: Rows) -> list[int] | None:
    is_foreign = foreign_language_test(rows.corpus.language)
    return None if is_foreign is None else [row for row, text in rows.readable.items() if is_foreign(text)]


CHECKS = (
    Check(
        "no_text",
        "error",
        "No text",
        "rows without a text",
        "give every row a text, or leave the row out",
        _no_text,
    ),
    Check(
        "not_text",
        "error",
        "Text is no string",
        "rows whose text is another value",
        "write every text as a string",
        _not_text,
    ),
    Check(
        "not_unicode",
        "error",
        "Text is no Unicode",
        "texts with bytes that are not UTF-8, or with half of a surrogate pair",
        "save the texts as UTF-8",
        _not_unicode,
    ),
    Check(
        "no_label",
        "error",
        "No label",
        "rows without a label",
        "give every row a label, or leave the row out",
        _no_label,
    ),
    Check(
        "unknown_label",
        "error",
        "Unknown label",
        "rows whose label is not one of the corpus",
        "use its names throughout, or throughout its ids from 0",
        _unknown_label,
    ),
    Check(
        "repeated",
        "warning",
        "Repeats an earlier text",
        "rows that repeat the text of an earlier row",
        "leave the repeated rows out",
        _repeated,
    ),
    Check(
        "nearly_repeated",
        "warning",
        "Repeats one but for case or spaces",
        "rows that repeat an earlier text but for case, white space or the form of accents",
        "leave the repeated rows out",
        _nearly_repeated,
    ),
    Check(
        "two_labels",
        "warning",
        "Texts with different labels",
        "texts that stand in several rows with different labels",
        "decide which label is right, or leave these texts out",
        _two_labels,
    ),
    Check(
        "mojibake",
        "warning",
        "Garbled characters (Ã©)",
        "texts with characters garbled by a wrong encoding, such as Ã© for é",
        "read their source again, in its own encoding",
        _damaged("mojibake"),
    ),
    Check(
        "replacement_character",
        "warning",
        "Lost characters (U+FFFD)",
        "texts with U+FFFD, which stands where a character was lost",
        "read their source again, in its own encoding",
        _damaged("replacement_character"),
    ),
    Check(
        "control_character",
        "warning",
        "Control characters",
        "texts with control characters",
        "remove these characters",
        _damaged("control_character"),
    ),
    Check(
        "html_entity",
        "warning",
        "HTML entities (&amp;)",
        "texts with unresolved HTML entities such as &amp;",
        "resolve them, in the texts that the model will be given too",
        _damaged("html_entity"),
    ),
    Check(
        "backslash_escape",
        "warning",
        "Backslash escapes (\\n)",
        "texts with characters written as backslash escapes, such as \\n for a line break",
        "write the characters themselves, in the texts that the model will be given too",
        _damaged("backslash_escape"),
    ),
    Check(
        "foreign_language",
        "warning",
        "Likely another language",
        "texts that are likely in another language than the corpus declares",
        "leave them out, or declare their language",
        _foreign,
        FOREIGN_SHARE,
    ),
)
"""Every check, errors first, in the order in which a table shows them."""
