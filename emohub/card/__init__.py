"""Model cards: written from records, read back, and checked offline; and the results of all models as plain rows."""

from emohub.card.audit import audit_card
from emohub.card.files import card_folder, check_card, check_pictures, read_card, render_folder, write_card
from emohub.card.findings import Finding
from emohub.card.front_matter import KEYS, Card, is_repo_id, parse
from emohub.card.illustrations import Picture, pictures_of
from emohub.card.records import Records
from emohub.card.render import render, render_documented, render_masked_lm
from emohub.card.results import MeasuredResult, ReportedResult, Results, readable_results, results_rows
from emohub.card.sections import Unmarked, merge, prose
from emohub.card.validation import validate, validate_any_card

__all__ = [
    "KEYS",
    "Card",
    "Finding",
    "MeasuredResult",
    "Picture",
    "Records",
    "ReportedResult",
    "Results",
    "Unmarked",
    "audit_card",
    "card_folder",
    "check_card",
    "check_pictures",
    "is_repo_id",
    "merge",
    "parse",
    "pictures_of",
    "prose",
    "read_card",
    "readable_results",
    "render",
    "render_documented",
    "render_folder",
    "render_masked_lm",
    "results_rows",
    "validate",
    "validate_any_card",
    "write_card",
]
