"""Classify: one text, one model, the probability of every label, as one types."""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from emohub.errors import EmohubError
from emohub.inference import Prediction
from emohub.ui import markup, strings
from emohub.ui.inputs import model_choice, text_box
from emohub.ui.service import Service
from emohub.ui.service.history import Entry, checked_history, history_csv, history_json, with_answer
from emohub.ui.sharing import Shared

_UNREAD_SHOWN = 400
"""Characters of the part that a model did not read, which are repeated to the reader."""
_READ_SHOWN = 60
"""Characters before the cut that are shown with it."""


def build(service: Service) -> Shared:
    """Lay the tab out and wire it."""
    names = service.store.names
    empty = markup.empty(strings.classify.EMPTY, strings.classify.EMPTY_DETAIL)

    async def show_classification(text: str, model: str, how: str, history: list[Entry] | None) -> tuple[Any, Any, Any]:
        """``how`` it was asked: ``typed`` keeps no answer, ``chosen`` keeps it, ``asked`` also minds an empty text."""
        if how != "asked" and not (isinstance(text, str) and text.strip()):
            return empty, gr.skip(), gr.skip()
        try:
            prediction = await service.answer(text, model)
            answer = render(model, prediction)
            if how == "typed":
                return answer, gr.skip(), gr.skip()
            kept = with_answer(checked_history(history), model, prediction)
        except EmohubError as error:
            return markup.notice(error), gr.skip(), gr.skip()
        return answer, kept, render_history(kept)

    with gr.Row(elem_classes="emo-split"):
        with gr.Column():
            text = text_box("classify", placeholder=strings.classify.PLACEHOLDER, autofocus=True)
            model = model_choice("classify", names)
            button = gr.Button(strings.classify.CLASSIFY, variant="primary", elem_id="classify-button")
        with gr.Column():
            output = gr.HTML(empty, apply_default_css=False, elem_id="classify-result")
        with gr.Column():
            gr.HTML(f'<h2 class="emo-small-heading">{strings.EXAMPLES_HEADING}</h2>', apply_default_css=False)
            for example in strings.EXAMPLES:
                gr.Button(example, elem_classes="emo-example")
    with gr.Column(elem_id="classify-history"):
        shown = gr.HTML("", apply_default_css=False)
        clear = gr.Button(strings.classify.HISTORY_CLEAR, elem_classes="emo-quiet", elem_id="classify-clear", size="sm")
    how = gr.Textbox("asked", visible=False)
    history = gr.JSON([], visible=False)

    # One event for all of it: while an answer is on its way the next question waits, and only the newest is asked.
    # It is "change" since Gradio's "input" misses what is pasted or deleted.
    gr.on(
        [button.click, text.submit, text.change, model.input],
        show_classification,
        inputs=[text, model, how, history],
        outputs=[output, history, shown],
        # Whoever is faster than the page's own script is answered at once.
        js="(...values) => window.emohub?.ask(...values) ?? values",
        trigger_mode="always_last",
        preprocess=False,  # the handler checks everything by itself, and says what is wrong in a sentence
        queue=False,
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=output,
    )
    clear.click(None, outputs=[history, shown], js="() => [[], '']")
    return Shared(text, model)


def render(model: str, prediction: Prediction) -> str:
    """The answer, every label from the most to the least probable, what was not read, and what it took."""
    ranked = sorted(zip(prediction.probabilities, prediction.labels, strict=True), key=lambda pair: -pair[0])
    return markup.result(
        f'<p class="emo-by">{escape(model)}</p><p>{markup.answer(prediction)}</p>',
        markup.bars([label for _, label in ranked], [share for share, _ in ranked])
        + markup.facts(prediction)
        + _unread(prediction),
    )


def _unread(prediction: Prediction) -> str:
    """Where a text was cut: the end of what was read, then the beginning of what was not, struck through."""
    cut = prediction.read_chars
    if cut is None:
        return ""
    read, unread = prediction.text[:cut], prediction.text[cut:]
    before = f"…{read[-_READ_SHOWN:]}" if len(read) > _READ_SHOWN else read
    after = f"{unread[:_UNREAD_SHOWN]}…" if len(unread) > _UNREAD_SHOWN else unread
    heading = strings.classify.UNREAD.format(characters=f"{len(unread):,}")
    return (
        f'<div class="emo-unread"><h2 class="emo-small-heading">{heading}</h2>'
        f"<p>{escape(before)}<s>{escape(after)}</s></p></div>"
    )


def render_history(history: Sequence[Entry]) -> str:
    """The questions of this session, newest first; each is a button that asks it again."""
    rows = [
        (
            f'<button type="button" class="emo-again" data-text="{escape(entry["text"])}" '
            f'data-model="{escape(entry["model"])}" title="{strings.classify.HISTORY_AGAIN}">'
            f"{escape(entry['text'])}</button>",
            escape(entry["model"]),
            escape(entry["label"]),
            escape(markup.percent(entry["probability"])),
        )
        for entry in history
    ]
    saves = markup.download(strings.SAVE_CSV, "emohub-history.csv", history_csv(history), "text/csv") + markup.download(
        strings.SAVE_JSON, "emohub-history.json", history_json(history), "application/json"
    )
    return (
        f'<section class="emo-history"><div class="emo-history-head">'
        f'<h2 class="emo-heading">{strings.classify.HISTORY}</h2>'
        f'<p class="emo-downloads">{saves}</p></div><p class="emo-detail">{strings.classify.HISTORY_DETAIL}</p>'
        f"{markup.table(strings.classify.HISTORY_COLUMNS, rows)}</section>"
    )
