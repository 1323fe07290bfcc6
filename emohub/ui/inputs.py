"""What several tabs ask for in the same way: a text, a model, a file."""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from emohub.ui import strings
from emohub.ui.choices import name_choices
from emohub.ui.service.batches import MEDIA_TYPES
from emohub.ui.service.limits import MAX_FILE_BYTES, MAX_ROWS


def text_box(tab: str, **options: Any) -> gr.Textbox:
    """The box for a text; ``options`` are Gradio's, where a tab needs others."""
    usual = {"label": strings.TEXT, "placeholder": strings.TEXT_PLACEHOLDER, "lines": 1, "max_lines": 8}
    return gr.Textbox(elem_id=f"{tab}-text", elem_classes="emo-text", **(usual | options))


def model_choice(tab: str, names: Sequence[str]) -> gr.Radio:
    """The choice of one of the models, of which the first is chosen."""
    return gr.Radio(name_choices(names), value=names[0], label=strings.MODEL, elem_id=f"{tab}-model")


def file_choice(tab: str, *, limits: str, upload: str, sample: str) -> tuple[gr.UploadButton, gr.Button]:
    """What a file may be, and the buttons that take one or a sample."""
    said = limits.format(rows=f"{MAX_ROWS:,}", megabytes=MAX_FILE_BYTES // 2**20)
    gr.HTML(f'<p class="emo-detail">{escape(said)}</p>', apply_default_css=False)
    with gr.Row(elem_classes="emo-pair"):
        return (
            gr.UploadButton(upload, file_types=list(MEDIA_TYPES), variant="primary", elem_id=f"{tab}-upload"),
            gr.Button(sample, elem_id=f"{tab}-sample"),
        )
