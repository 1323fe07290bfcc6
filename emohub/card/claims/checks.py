"""Claims held against each other."""

from collections.abc import Callable, Iterator

from emohub.card.claims import counts, gaps, results, scores
from emohub.card.claims.claims import Claims
from emohub.card.findings import Finding

CHECKS: tuple[Callable[[Claims], Iterator[Finding]], ...] = (
    results.headline_and_rows,
    results.index_and_headline,
    results.directions,
    results.overfitting,
    results.evaluated_on_train,
    results.no_score,
    scores.ranges,
    scores.bounds,
    scores.averages,
    counts.training_rows,
    counts.evaluated_rows,
    counts.epochs,
    gaps.dataset,
    gaps.lowercasing,
    gaps.base_model,
    gaps.versions,
    gaps.placeholders,
    gaps.missing,
)
"""Every check, in the order in which findings without a line are told."""


def check_claims(claims: Claims) -> tuple[Finding, ...]:
    """Every contradiction and every gap in ``claims``, by line; findings about what is not there come last."""
    findings = dict.fromkeys(finding for check in CHECKS for finding in check(claims))
    return tuple(sorted(findings, key=lambda finding: (finding.line is None, finding.line or 0)))
