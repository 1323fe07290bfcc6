"""Compare: one text or several, several models, their labels matched by name, disagreement first."""

import json
import time
from typing import Any

import gradio as gr

from emohub.errors import EmohubError
from emohub.ui import markup, strings
from emohub.ui.choices import name_choices
from emohub.ui.inputs import text_box
from emohub.ui.service import Service
from emohub.ui.service.comparing import compare, compare_texts, lines_of
from emohub.ui.service.hub_models import HubModels
from emohub.ui.service.limits import MAX_TEXTS
from emohub.ui.sharing import Shared
from emohub.ui.tabs import hub_models as adding
from emohub.ui.tabs.comparison import render, render_picture, render_texts, render_texts_picture

TICKED = 4
"""Models that are ticked at first: more are no comparison at a glance."""


def build(service: Service, hub_models: HubModels) -> Shared:
    """Lay the tab out and wire it."""
    names = list(service.store.names)

    def show_comparison(text: str, models: list[str], added: list[str]) -> tuple[Any, Any, Any]:
        """The answer, the button that draws it, and the place of the picture, empty again."""
        try:
            return _shown(text, models, added), gr.Button(visible=True), ""
        except EmohubError as error:
            return markup.notice(error), gr.Button(visible=False), ""

    def _shown(text: str, models: list[str], added: list[str]) -> str:
        lines = lines_of(text)
        if len(lines) <= 1:
            return render(compare(service, text, models, hub_models=hub_models, added=added))
        started = time.perf_counter()
        compared = compare_texts(service, lines, models, hub_models=hub_models, added=added)
        return render_texts(compared, time.perf_counter() - started)

    def show_comparison_picture(text: str, models: list[str], added: list[str]) -> str:
        try:
            lines = lines_of(text)
            if len(lines) <= 1:
                return render_picture(compare(service, text, models, hub_models=hub_models, added=added))
            return render_texts_picture(compare_texts(service, lines, models, hub_models=hub_models, added=added))
        except EmohubError as error:
            return markup.notice(error)

    text = text_box("compare", info=strings.compare.TEXTS_HINT.format(most=MAX_TEXTS), max_lines=12)
    models = gr.CheckboxGroup(name_choices(names), value=names[:TICKED], label=strings.MODELS, elem_id="compare-models")
    added = adding.build(hub_models, names, models)
    with gr.Row(elem_classes="emo-buttons"):
        button = gr.Button(strings.compare.COMPARE, variant="primary", elem_id="compare-button", scale=0, min_width=192)
        examples = gr.Button(strings.compare.SEVERAL_EXAMPLE, elem_id="compare-examples", scale=0, min_width=260)
    output = gr.HTML(
        markup.empty(strings.compare.EMPTY, strings.compare.EMPTY_DETAIL),
        apply_default_css=False,
        elem_id="compare-result",
    )
    draw = gr.Button(strings.compare.PICTURE, visible=False, elem_id="compare-draw", elem_classes="emo-fit", size="md")
    picture = gr.HTML("", apply_default_css=False, elem_id="compare-picture")

    asked = [text, models, added]
    how: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "minimal"}
    answer: dict[str, Any] = {
        "fn": show_comparison,
        "inputs": asked,
        "outputs": [output, draw, picture],
        "show_progress_on": output,
        **how,
    }
    gr.on([button.click, text.submit], **answer)
    lines = "\n".join(strings.EXAMPLES)
    examples.click(None, outputs=text, js=f"() => {json.dumps(lines)}").then(**answer)
    draw.click(show_comparison_picture, asked, picture, **how)
    return Shared(text, models)
