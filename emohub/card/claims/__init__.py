"""What a model card claims, and whether its claims agree with each other."""

from emohub.card.claims.checks import check_claims
from emohub.card.claims.claims import Change, Claims, Figure, Indexed, Row, Stated
from emohub.card.claims.document import claims_of_document
from emohub.card.claims.reading import claims_of_card
from emohub.card.claims.rules import CLAIM_RULES, Rule

__all__ = [
    "CLAIM_RULES",
    "Change",
    "Claims",
    "Figure",
    "Indexed",
    "Row",
    "Rule",
    "Stated",
    "check_claims",
    "claims_of_card",
    "claims_of_document",
]
