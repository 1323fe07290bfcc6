"""Write the generated parts of docs/cards.md: the rules of the audit, from what the checks themselves say."""

from collections.abc import Sequence

from docs.parts import ROOT, write_parts
from emohub.card.claims import CLAIM_RULES
from emohub.card.markdown import Markdown, code, table
from emohub.card.validation import RULES

PAGE = ROOT / "docs" / "cards.md"


def form_rules() -> str:
    """The rules of a card's form, with how grave each is in any card and in one of emohub's own."""
    rows = [(code(name), rule.any_card or "–", rule.own_card, Markdown(rule.asks)) for name, rule in RULES.items()]
    return _words(("Rule", "Any card", "emohub's cards", "What is asked"), rows)


def claim_rules() -> str:
    """The rules of what a card claims."""
    rows = [(code(name), rule.severity, Markdown(rule.asks)) for name, rule in CLAIM_RULES.items()]
    return _words(("Rule", "Severity", "What is asked"), rows)


def _words(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of words alone: every column is set to the left."""
    return table(header, rows).replace("---:", "---")


if __name__ == "__main__":
    write_parts(PAGE, {"form_rules": form_rules, "claim_rules": claim_rules})
