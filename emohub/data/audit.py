"""The audit of labelled texts: what is wrong with them, counted before a model learns it.

Errors stop a training; warnings are recorded with it and stand in the card.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from emohub.data.corpus import UNKNOWN_LABEL, LabelledTexts
from emohub.data.raw import RawSplit
from emohub.data.row_checks import CHECKS, Check, Rows
from emohub.errors import DataError
from emohub.labels import label_key
from emohub.recipe import Corpus
from emohub.record import Finding

EXAMPLES = 5
"""Rows that are named for each check."""
LENGTH_QUANTILES = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "longest": 1.0}
"""Each is the length of a real text: the shortest that at least this share of the texts does not exceed."""
IMBALANCE_RATIO = 3.0
"""Warned above it: of two labels, answering with the more frequent one always would be right in over 75%."""
CUT_SHARE = 0.01
"""Warned from it on: fewer cut texts could not move an accuracy by a percentage point, even if all became wrong."""


@dataclass(frozen=True)
class Count:
    """What one check found in one split."""

    count: int
    rows: tuple[int, ...]
    """Numbers of the first rows that it found, from 1."""


@dataclass(frozen=True)
class SplitAudit:
    """What was found in one split."""

    rows: int
    declared_rows: int | None
    labels: dict[str, int]
    """Rows by label, for every label of the corpus."""
    counts: dict[str, Count | None]
    """By the key of the check, for every check; None where it could not be made."""
    lengths: dict[str, int] | None
    """Tokens, special ones included, by the names of ``LENGTH_QUANTILES``; None when they were not counted."""
    cut: int | None
    """Texts longer than the truncation length; None when that is not known."""

    @property
    def imbalance(self) -> float | None:
        """Rows of the most frequent label for each row of the rarest that occurs; None when no label does."""
        present = [count for count in self.labels.values() if count]
        return max(present) / min(present) if present else None


@dataclass(frozen=True)
class SharedTexts:
    """Texts that stand in two splits."""

    first: str
    second: str
    texts: int
    differing: int
    """How many of them do not have the same single label throughout."""
    rows: tuple[tuple[int, int], ...]
    """Numbers of the first such rows in either split, from 1."""


@dataclass(frozen=True)
class Audit:
    """What was found in a corpus."""

    splits: dict[str, SplitAudit]
    shared: tuple[SharedTexts, ...]
    """Every two splits that share a text."""
    max_length: int | None
    """The truncation length, in tokens."""
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    def as_values(self) -> dict[str, Any]:
        """Everything as values that JSON can hold."""
        findings = {name: [f.model_dump(mode="json") for f in getattr(self, name)] for name in ("errors", "warnings")}
        splits = {name: {**asdict(split), "imbalance": split.imbalance} for name, split in self.splits.items()}
        shared = [asdict(pair) for pair in self.shared]
        return {"splits": splits, "shared": shared, "max_length": self.max_length, **findings}


def audit(
    corpus: Corpus,
    splits: Mapping[str, RawSplit],
    *,
    lengths: Mapping[str, npt.NDArray[np.int64]] | None = None,
    max_length: int | None = None,
) -> Audit:
    """Look for everything that is wrong with the rows of ``splits``, by name.

    ``lengths`` holds the tokens of each row of each split before truncation, special tokens included, and
    ``max_length`` is what texts are cut to.
    """
    rows = {name: Rows(raw, corpus) for name, raw in splits.items()}
    audits = {
        name: _audit_split(split, None if lengths is None else lengths[name], max_length)
        for name, split in rows.items()
    }
    shared = tuple(
        pair for first, second in combinations(rows, 2) if (pair := _shared_texts(rows, first, second)).texts
    )
    errors = [
        *_row_number_errors(audits),
        *_spelling_errors(corpus),
        *_check_findings(audits, (check for check in CHECKS if check.severity == "error")),
        *_absent_labels(audits, ["train"]),
    ]
    warnings = [
        *_check_findings(audits, (check for check in CHECKS if check.severity == "warning")),
        *_shared_warnings(shared),
        *_absent_labels(audits, [name for name in audits if name != "train"]),
        *_imbalance_warnings(audits),
        *_cut_warnings(audits, max_length),
    ]
    return Audit(audits, shared, max_length, tuple(errors), tuple(warnings))


def audit_for_training(
    splits: Mapping[str, LabelledTexts],
    corpus: Corpus,
    lengths: Mapping[str, npt.NDArray[np.int64]],
    max_length: int,
) -> tuple[Finding, ...]:
    """The warnings of an audit of the splits that a training uses; the arguments are those of :func:`audit`.

    Raises:
        DataError: the audit found errors; the message holds the first.
    """
    raw = {name: RawSplit.of(data) for name, data in splits.items()}
    found = audit(corpus, raw, lengths=lengths, max_length=max_length)
    if found.errors:
        first, *more = found.errors
        others = f" (and {len(more)} more errors, which emohub data audit lists)" if more else ""
        raise DataError(f"the corpus {corpus.name} cannot be trained on: {first.message}{others}", first.remedy)
    return found.warnings


def _audit_split(rows: Rows, lengths: npt.NDArray[np.int64] | None, max_length: int | None) -> SplitAudit:
    known = rows.label_ids[rows.label_ids != UNKNOWN_LABEL]
    labels = np.bincount(known, minlength=len(rows.corpus.labels)).tolist()
    counts = {check.key: _count(check.find(rows)) for check in CHECKS}
    quantiles, cut = None, None
    if lengths is not None and rows.readable:
        read = np.asarray(lengths)[list(rows.readable)]
        quantiles = {
            name: int(np.quantile(read, share, method="inverted_cdf")) for name, share in LENGTH_QUANTILES.items()
        }
        cut = None if max_length is None else int((read > max_length).sum())
    by_label = dict(zip(rows.corpus.labels, labels, strict=True))
    return SplitAudit(len(rows.raw.texts), rows.raw.declared_rows, by_label, counts, quantiles, cut)


def _count(found: list[int] | None) -> Count | None:
    return None if found is None else Count(len(found), tuple(row + 1 for row in sorted(found)[:EXAMPLES]))


def _shared_texts(every: Mapping[str, Rows], first: str, second: str) -> SharedTexts:
    one, other = every[first], every[second]
    both = [text for text in one.by_text if text in other.by_text]
    differing = sum(len(one.labels_of(text) | other.labels_of(text)) > 1 for text in both)
    rows = tuple((one.by_text[text][0] + 1, other.by_text[text][0] + 1) for text in both[:EXAMPLES])
    return SharedTexts(first, second, len(both), differing, rows)


def _finding(message: str, remedy: str) -> Finding:
    return Finding(kind="data", message=message, remedy=remedy)


def _row_number_errors(audits: Mapping[str, SplitAudit]) -> Iterator[Finding]:
    for name, split in audits.items():
        if split.declared_rows not in (None, split.rows):
            yield _finding(
                f"{name} has {split.rows:,} rows, and {split.declared_rows:,} are declared",
                "use the data that the declaration describes, or correct its rows",
            )
        elif not split.rows:
            yield _finding(f"{name} has no rows", "give data with at least one")


def _spelling_errors(corpus: Corpus) -> Iterator[Finding]:
    spellings: dict[str, list[str]] = {}
    for label in corpus.labels:
        spellings.setdefault(label_key(label), []).append(label)
    for same in spellings.values():
        if len(same) > 1:
            yield _finding(
                f"the labels {', '.join(map(repr, same))} differ in case or surrounding space alone",
                "spell each label in one way",
            )


def _check_findings(audits: Mapping[str, SplitAudit], checks: Iterable[Check]) -> Iterator[Finding]:
    for check in checks:
        counts = {name: found.count for name, split in audits.items() if (found := split.counts[check.key])}
        if any(count and count >= check.least_share * audits[name].rows for name, count in counts.items()):
            yield _finding(f"{check.found}: {_shares(counts, audits)}", check.remedy)


def _absent_labels(audits: Mapping[str, SplitAudit], names: Iterable[str]) -> Iterator[Finding]:
    for name, split in ((name, audits[name]) for name in names if name in audits):
        absent = [label for label, count in split.labels.items() if not count]
        if absent and split.rows:
            yield _finding(
                f"{name} has no row with the label{'s' if len(absent) > 1 else ''} {', '.join(absent)}",
                "add rows of every label, or take the label out of the corpus",
            )


def _shared_warnings(shared: Iterable[SharedTexts]) -> Iterator[Finding]:
    pairs = [
        f"{pair.texts:,} in {pair.first} and {pair.second} ({pair.differing:,} with different labels)"
        for pair in shared
    ]
    if pairs:
        yield _finding(
            f"texts that stand in two splits: {', '.join(pairs)}",
            "leave them out of one of the two: a text that was trained on measures nothing",
        )


def _imbalance_warnings(audits: Mapping[str, SplitAudit]) -> Iterator[Finding]:
    unbalanced = []
    for name, split in audits.items():
        if split.imbalance is not None and split.imbalance > IMBALANCE_RATIO:
            counts = {label: count for label, count in split.labels.items() if count}
            most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
            unbalanced.append(f"{counts[most]:,} {most} to {counts[least]:,} {least} ({split.imbalance:.1f}) in {name}")
    if unbalanced:
        yield _finding(
            f"the labels are unbalanced: {', '.join(unbalanced)}",
            "judge by macro_f1 rather than by accuracy, try class_weights, or add rows of the rare labels",
        )


def _cut_warnings(audits: Mapping[str, SplitAudit], max_length: int | None) -> Iterator[Finding]:
    cut = {name: split.cut for name, split in audits.items() if split.cut is not None}
    if any(count and count >= CUT_SHARE * audits[name].rows for name, count in cut.items()):
        yield _finding(
            f"texts that are cut because they have more than {max_length:,} tokens: {_shares(cut, audits)}",
            "raise max_length as far as the model reads, or shorten the texts yourself",
        )


def _shares(counts: Mapping[str, int], audits: Mapping[str, SplitAudit]) -> str:
    """The counts of those splits that have any."""
    return ", ".join(f"{count:,} of {audits[name].rows:,} in {name}" for name, count in counts.items() if count)
