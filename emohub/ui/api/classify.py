"""``/classify``: one text, one model."""

import gradio as gr

from emohub.errors import EmohubError
from emohub.ui.api.answers import Classification, classification, refusal
from emohub.ui.service import Service


def build(service: Service) -> None:
    """Add the endpoint."""

    def classify(text: str, model: str) -> Classification:
        """Probabilities of all labels of one model for one text."""
        try:
            return classification(model, service.classify(text, model))
        except EmohubError as error:
            raise refusal(error) from None

    gr.api(classify, api_name="classify", queue=False)
