"""A card's text → its claims."""

from emohub.card.claims.claims import Claims


def claims_of_card(text: str) -> Claims:
    """What an arbitrary model card claims, read without an opinion; text that cannot be read is passed over.

    Not read: code blocks, comments, the section ``reported`` of a card of emohub, and a page about a documented model,
    because the figures there are claims of others.
    """
    return Claims()
