"""Classify: one text, one model, the probability of every label."""

import json
from html import escape

import gradio as gr

from emohub.errors import EmohubError
from emohub.inference import Prediction
from emohub.ui import markup, strings
from emohub.ui.service import Service


def build(service: Service) -> None:
    """Lay the tab out and wire it."""
    names = service.store.names

    async def show_classification(text: str, model: str) -> str:
        try:
            return render(model, await service.answer(text, model))
        except EmohubError as error:
            return markup.notice(error)

    with gr.Row(elem_classes="emo-split"):
        with gr.Column():
            text = gr.Textbox(
                label=strings.TEXT,
                placeholder=strings.TEXT_PLACEHOLDER,
                lines=1,
                max_lines=8,
                autofocus=True,
                elem_id="classify-text",
                elem_classes="emo-text",
            )
            model = gr.Radio(list(names), value=names[0], label=strings.MODEL, elem_id="classify-model")
            button = gr.Button(strings.CLASSIFY, variant="primary", elem_id="classify-button")
        with gr.Column():
            empty = markup.empty(strings.CLASSIFY_EMPTY, strings.CLASSIFY_EMPTY_DETAIL)
            output = gr.HTML(empty, apply_default_css=False, elem_id="classify-result")
        with gr.Column():
            gr.HTML(f'<h2 class="emo-small-heading">{strings.EXAMPLES_HEADING}</h2>', apply_default_css=False)
            examples = [gr.Button(example, elem_classes="emo-example") for example in strings.EXAMPLES]

    wiring = {"inputs": [text, model], "outputs": output, "queue": False, "api_visibility": "private"}
    wiring |= {"show_progress": "minimal"}
    gr.on([button.click, text.submit], show_classification, **wiring)
    for example, sentence in zip(examples, strings.EXAMPLES, strict=True):
        # The browser fills the text in by itself; the server is asked only for the answer.
        example.click(None, outputs=text, js=f"() => {json.dumps(sentence)}").then(show_classification, **wiring)


def render(model: str, prediction: Prediction) -> str:
    """The answer, every label from the most to the least probable, and what it took."""
    ranked = sorted(zip(prediction.probabilities, prediction.labels, strict=True), key=lambda pair: -pair[0])
    return markup.result(
        f'<p class="emo-by">{escape(model)}</p><p>{markup.answer(prediction)}</p>',
        markup.bars([label for _, label in ranked], [share for share, _ in ranked]) + markup.facts(prediction),
    )
