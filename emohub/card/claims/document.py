"""What a recipe carries over from a model's document → claims."""

from emohub.card.claims.claims import Claims
from emohub.recipe import Documented


def claims_of_document(documented: Documented) -> Claims:
    """What the document of a model claims, as far as ``documented`` carries it over; our own inferences are left out."""
    return Claims()
