"""Model cards: written from records, read back, and checked offline; and the results of all models as plain rows."""

from emohub.card.files import card_folder, check_card, check_picture, read_card, render_folder, write_card
from emohub.card.findings import Finding
from emohub.card.front_matter import KEYS, Card, is_repo_id, parse
from emohub.card.records import Records
from emohub.card.render import render, render_documented, render_masked_lm
from emohub.card.results import MeasuredResult, ReportedResult, Results, results_rows
from emohub.card.sections import Unmarked, merge, prose
from emohub.card.validation import validate

__all__ = [
    "KEYS",
    "Card",
    "Finding",
    "MeasuredResult",
    "Records",
    "ReportedResult",
    "Results",
    "Unmarked",
    "card_folder",
    "check_card",
    "check_picture",
    "is_repo_id",
    "merge",
    "parse",
    "prose",
    "read_card",
    "render",
    "render_documented",
    "render_folder",
    "render_masked_lm",
    "results_rows",
    "validate",
    "write_card",
]
