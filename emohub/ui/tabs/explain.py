"""Explain: which words an answer rests on, and how every model's answer moves when words go or are replaced."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr

from emohub.errors import EmohubError
from emohub.explain import Attribution, Method
from emohub.ui import markup, strings
from emohub.ui.choices import name_choices
from emohub.ui.inputs import model_choice, text_box
from emohub.ui.service import Service
from emohub.ui.service.explaining import change_words, explain
from emohub.ui.service.limits import MAX_MODELS
from emohub.ui.sharing import Shared
from emohub.ui.tabs.explanation import render_details, render_picture, render_what_if, render_words

_WORDS_SCRIPT = """
element.addEventListener("click", (event) => {
  const word = event.target.closest("[data-word]");
  if (word) trigger("click", {word: Number(word.dataset.word)});
});
element.addEventListener("keydown", (event) => {
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  const words = [...element.querySelectorAll("[data-word]")];
  const next = words[words.indexOf(event.target) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
"""
"""A click on a word reaches the server with the word's position; arrow keys go from word to word."""
_ANSWER_LABEL = (strings.explain.ANSWER_LABEL, "")
_NOTHING_CHANGED = (gr.skip(),) * 6


@dataclass(frozen=True)
class Asked:
    """What one visitor looks at: a text explained for a label, and the words that were changed."""

    model: str
    attributions: Mapping[Method, Attribution]
    """Every explanation of this text, model and label so far; the last is shown."""
    changes: Mapping[int, str] = field(default_factory=dict)
    """What stands in the place of a word, by position; empty where it was taken away."""
    chosen: int | None = None
    """The word that was changed last, and may be replaced."""

    @property
    def shown(self) -> Attribution:
        """The explanation that was asked for last."""
        return list(self.attributions.values())[-1]


class _Handlers:
    """What the tab does when it is asked; everything that it is given may come from anywhere."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._models = list(service.store.names)[:MAX_MODELS]

    def show_explanation(self, text: str, model: str, label: str, method: str, asked: Asked | None) -> tuple[Any, ...]:
        try:
            attribution = explain(self._service, text, model, label, method)
            labels = self._service.store.get(model).labels
        except EmohubError as error:
            hidden = gr.Row(visible=False)
            return markup.notice(error), hidden, hidden, "", "", "", gr.skip(), None, ""
        known = {} if asked is None else _same_question(asked, model, attribution)
        kept = {key: each for key, each in known.items() if key != attribution.method}
        now = Asked(model, {**kept, attribution.method: attribution})
        choices = gr.Dropdown([_ANSWER_LABEL, *name_choices(labels)], value=label or "")
        return *_shown(now), "", render_details(now.attributions), "", choices, now, ""

    def change_word(self, asked: Asked | None, event: gr.EventData) -> tuple[Any, ...]:
        word = _word_of(event)
        if asked is None or word is None or not 0 <= word < sum(each.read for each in asked.shown.words):
            return _NOTHING_CHANGED
        changes = dict(asked.changes)
        if word in changes:
            del changes[word]
            return self._changed(replace(asked, changes=changes, chosen=None))
        return self._changed(replace(asked, changes={**changes, word: ""}, chosen=word))

    def replace_word(self, asked: Asked | None, replacement: str) -> tuple[Any, ...]:
        if asked is None or asked.chosen is None or not isinstance(replacement, str):
            return _NOTHING_CHANGED
        return self._changed(replace(asked, changes={**asked.changes, asked.chosen: replacement.strip()}))

    def restore_words(self, asked: Asked | None) -> tuple[Any, ...]:
        return _NOTHING_CHANGED if asked is None else self._changed(replace(asked, changes={}, chosen=None))

    def show_explanation_picture(self, asked: Asked | None) -> Any:
        return gr.skip() if asked is None else render_picture(asked.shown)

    def forget_labels(self) -> Any:
        return gr.Dropdown([_ANSWER_LABEL], value="")

    def _changed(self, asked: Asked) -> tuple[Any, ...]:
        if not asked.changes:
            return *_shown(asked), "", asked, _replacing(asked)
        try:
            moved = change_words(self._service, asked.shown.text, self._models, dict(asked.changes))
        except EmohubError as error:
            return *_shown(asked), markup.notice(error), asked, _replacing(asked)
        return *_shown(asked), render_what_if(moved), asked, _replacing(asked)


def build(service: Service) -> Shared:
    """Lay the tab out and wire it."""
    handlers = _Handlers(service)
    names = list(service.store.names)
    with gr.Row(elem_classes="emo-asking"):
        with gr.Column():
            text = text_box("explain")
            model = model_choice("explain", names)
        with gr.Column():
            method = gr.Radio(
                [(words, key) for key, words in strings.explain.METHODS.items()],
                value="gradient_x_input",
                label=strings.explain.METHOD,
                info=strings.explain.METHOD_INFO,
                elem_id="explain-method",
            )
            label = gr.Dropdown([_ANSWER_LABEL], value="", label=strings.explain.LABEL, elem_id="explain-label")
    with gr.Row(elem_classes="emo-buttons"):
        button = gr.Button(strings.explain.EXPLAIN, variant="primary", elem_id="explain-button", scale=0, min_width=192)
        example = gr.Button(strings.explain.EXAMPLE, elem_id="explain-example", scale=0, min_width=192)
    empty = markup.empty(strings.explain.EMPTY, strings.explain.EMPTY_DETAIL)
    words = gr.HTML(empty, apply_default_css=False, elem_id="explain-words", js_on_load=_WORDS_SCRIPT)
    with gr.Row(visible=False, elem_id="explain-changes", elem_classes="emo-buttons") as changing:
        replacement = gr.Textbox(
            placeholder=strings.explain.REPLACE_PLACEHOLDER, elem_id="explain-replacement", max_lines=1
        )
        restore = gr.Button(strings.explain.RESTORE, elem_id="explain-restore", elem_classes="emo-quiet", scale=0)
    moves = gr.HTML("", apply_default_css=False, elem_id="explain-what-if")
    details = gr.HTML("", apply_default_css=False, elem_id="explain-details")
    with gr.Row(visible=False, elem_classes="emo-buttons") as drawing:
        draw = gr.Button(strings.explain.DRAW, elem_id="explain-draw", scale=0, min_width=192, size="md")
    picture = gr.HTML("", apply_default_css=False, elem_id="explain-picture")
    asked = gr.State(None)

    how: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "minimal"}
    quietly = {**how, "show_progress": "hidden"}
    explaining: dict[str, Any] = {
        "fn": handlers.show_explanation,
        "inputs": [text, model, label, method, asked],
        "outputs": [words, changing, drawing, moves, details, picture, label, asked, replacement],
        "show_progress_on": words,
        **how,
    }
    gr.on([button.click, text.submit], **explaining)
    # A new method or label is asked for at once, where there is something to ask about.
    gr.on([method.input, label.input], **explaining)
    model.input(handlers.forget_labels, outputs=label, **quietly)
    sentence = strings.EXAMPLES[0]
    example.click(None, outputs=text, js=f"() => {json.dumps(sentence)}").then(**explaining)
    changed = [words, changing, drawing, moves, asked, replacement]
    words.click(handlers.change_word, asked, changed, **quietly)
    replacement.submit(handlers.replace_word, [asked, replacement], changed, **quietly)
    restore.click(handlers.restore_words, asked, changed, **quietly)
    draw.click(handlers.show_explanation_picture, asked, picture, **how)
    return Shared(text, model)


def _shown(asked: Asked) -> tuple[Any, ...]:
    """The words, and the parts of the tab that come with them."""
    words = render_words(asked.model, asked.shown, asked.changes, asked.chosen)
    return words, gr.Row(visible=bool(asked.changes)), gr.Row(visible=True)


def _replacing(asked: Asked) -> Any:
    """The field for another word in the place of the chosen one; there is none while no word is chosen."""
    if asked.chosen is None:
        return gr.Textbox(value="", visible=False)
    word = asked.shown.words[asked.chosen].text
    return gr.Textbox(value="", label=strings.explain.REPLACE.format(word=word), visible=True)


def _same_question(asked: Asked, model: str, attribution: Attribution) -> Mapping[Method, Attribution]:
    before = asked.shown
    same = (asked.model, before.text, before.label) == (model, attribution.text, attribution.label)
    return asked.attributions if same else {}


def _word_of(event: gr.EventData) -> int | None:
    """The position of the word that was chosen; None where the event names none."""
    sent = event._data
    word = sent.get("word") if isinstance(sent, dict) else None
    return word if isinstance(word, int) and not isinstance(word, bool) else None
