"""Claims held against each other."""

from emohub.card.claims.claims import Claims
from emohub.card.findings import Finding


def check_claims(claims: Claims) -> tuple[Finding, ...]:
    """Every contradiction and every gap in ``claims``, by line; findings about what is not there come last."""
    return ()
