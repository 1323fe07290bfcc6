"""``/classify``: one text, one model."""

from collections.abc import Awaitable, Callable

from emohub.ui.api.answers import Classification, classification
from emohub.ui.api.endpoint import expose
from emohub.ui.service import Service


def build(service: Service) -> Callable[..., Awaitable[Classification]]:
    """Add the endpoint, and return what answers at it."""

    async def classify(text: str, model: str) -> Classification:
        """Classify one text with one model: the emotion or sentiment in it, and the probability of every label.

        Args:
            text: The text, as people write it; at most 100,000 characters, not empty.
            model: Name of a served model, as list_models gives it.

        Returns:
            The most probable label, the probabilities of all labels (they sum to 1), the tokens of the text, the
            tokens that the model reads (max_length), whether it was cut there (truncated), the seconds it took, and for
            a cascade of two models which of them answered (answered_by).
        """
        return classification(model, await service.answer(text, model))

    return expose(classify)
