"""Feedback: agree with an answer or name the right label; nothing is kept without consent, or while it is off."""

from html import escape
from typing import Any

import gradio as gr

from emohub.errors import EmohubError, UsageError
from emohub.feedback import Feedback, FeedbackRow
from emohub.ui import markup, strings
from emohub.ui.choices import name_choices
from emohub.ui.inputs import model_choice, text_box
from emohub.ui.service import Service
from emohub.ui.service.feedback import ask, submit, withdraw


def build(service: Service, feedback: Feedback | None) -> None:
    """Lay the tab out and wire it; ``feedback`` is None where nothing is to be kept."""
    if feedback is None:
        off = markup.empty(strings.feedback.OFF, strings.feedback.OFF_DETAIL)
        gr.HTML(off, apply_default_css=False, elem_id="feedback-off")
        return
    kept = feedback
    names = list(service.store.names)

    def ask_for_feedback(text: str, model: str) -> tuple[str, Any, Any, Any, Any, str]:
        """Answer, form, labels to choose from, consent, what the answer is of, and no message of before."""
        try:
            prediction = ask(service, text, model)
        except EmohubError as error:
            return markup.notice(error), gr.Column(visible=False), gr.Radio([], value=None), False, None, ""
        choices = [
            (strings.feedback.ANSWERED.format(label=shown) if label == prediction.label else shown, label)
            for shown, label in name_choices(prediction.labels)
        ]
        answer = markup.result(
            f'<p class="emo-by">{escape(model)}</p><p>{markup.answer(prediction)}</p>', markup.facts(prediction)
        )
        return answer, gr.Column(visible=True), gr.Radio(choices, value=None), False, [text, model], ""

    def send_feedback(text: str, model: str, asked: object, label: str, consent: bool) -> tuple[str, Any]:
        """What came of it; the consent was for this row alone."""
        try:
            if asked != [text, model]:  # the person judged something else
                raise UsageError(strings.feedback.CHANGED, strings.feedback.ASK_AGAIN)
            return render_kept(submit(service, kept, text, model, label, consent)), False
        except EmohubError as error:
            return markup.notice(error), gr.skip()

    def withdraw_feedback(row_id: str) -> str:
        try:
            withdraw(kept, row_id)
            return markup.result(f"<p>{strings.feedback.WITHDRAWN}</p>", "")
        except EmohubError as error:
            return markup.notice(error)

    with gr.Row(elem_classes="emo-split"):
        with gr.Column():
            text = text_box("feedback")
            model = model_choice("feedback", names)
            button = gr.Button(strings.feedback.ASK, variant="primary", elem_id="feedback-ask")
        with gr.Column():
            empty = markup.empty(strings.feedback.EMPTY, strings.feedback.EMPTY_DETAIL)
            output = gr.HTML(empty, apply_default_css=False, elem_id="feedback-answer")
            with gr.Column(visible=False, elem_id="feedback-form") as form:
                label = gr.Radio(
                    [],
                    label=strings.feedback.RIGHT,
                    info=strings.feedback.RIGHT_INFO,
                    interactive=True,
                    elem_id="feedback-label",
                )
                consent = gr.Checkbox(False, label=strings.feedback.CONSENT, elem_id="feedback-consent")
                send = gr.Button(strings.feedback.SEND, variant="primary", elem_id="feedback-send")
            said = gr.HTML("", apply_default_css=False, elem_id="feedback-said")
        with gr.Column():
            gr.HTML(render_terms(kept), apply_default_css=False, elem_id="feedback-terms")
            row_id = gr.Textbox(
                label=strings.feedback.ID, placeholder=strings.feedback.ID_PLACEHOLDER, elem_id="feedback-id"
            )
            take_back = gr.Button(strings.feedback.WITHDRAW, elem_id="feedback-withdraw", elem_classes="emo-fit")
            gone = gr.HTML("", apply_default_css=False, elem_id="feedback-gone")
    asked = gr.JSON(None, visible=False)

    how: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "minimal"}
    gr.on(
        [button.click, text.submit],
        ask_for_feedback,
        inputs=[text, model],
        outputs=[output, form, label, consent, asked, said],
        **how,
    )
    send.click(send_feedback, inputs=[text, model, asked, label, consent], outputs=[said, consent], **how)
    gr.on([take_back.click, row_id.submit], withdraw_feedback, inputs=row_id, outputs=gone, **how)


def render_kept(row: FeedbackRow) -> str:
    """That it was kept, and the id with which it can be taken back."""
    return markup.result(
        f"<p>{strings.feedback.SENT}</p>",
        f'<p class="emo-detail">{strings.feedback.ROW_ID} <code class="emo-row-id">{row.id}</code></p>',
    )


def render_terms(feedback: Feedback) -> str:
    """What is kept, where, and how it is taken back."""
    if feedback.dataset is None:
        where = strings.feedback.STORED_FILE.format(path=feedback.path)
        sentences = (strings.feedback.STORED_WHAT, where, strings.feedback.STORED_WITHDRAW)
    else:
        where = strings.feedback.STORED_DATASET.format(dataset=feedback.dataset)
        back = f"{strings.feedback.STORED_WITHDRAW} {strings.feedback.STORED_HISTORY}"
        sentences = (strings.feedback.STORED_WHAT, where, back)
    return f'<h2 class="emo-small-heading">{strings.feedback.STORED}</h2>' + "".join(
        f'<p class="emo-terms">{escape(sentence)}</p>' for sentence in sentences
    )
