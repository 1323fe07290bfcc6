"""A notice while models are being loaded, and about those that cannot be."""

from html import escape

import gradio as gr

from emohub.ui import strings
from emohub.ui.service import ModelStore

INTERVAL = 1.0
"""Seconds between two looks, as long as a model is being loaded."""


def build(store: ModelStore) -> None:
    """Lay the notice out and wire it; the page looks until there is nothing left to wait for."""
    notice = gr.HTML(render(store), apply_default_css=False, elem_id="loading", elem_classes="emo-slot")
    timer = gr.Timer(INTERVAL)

    def look() -> tuple[str, gr.Timer]:
        return render(store), gr.Timer(active=bool(store.loading))

    timer.tick(look, outputs=[notice, timer], queue=False, show_progress="hidden", api_visibility="private")


def render(store: ModelStore) -> str:
    """A sentence for the models on their way, and one for each that cannot be used; a live region in any case."""
    sentences = []
    if loading := store.loading:
        sentence = strings.LOADING_ONE if len(loading) == 1 else strings.LOADING
        sentences.append(sentence.format(names=", ".join(loading)))
    sentences += [strings.NOT_LOADED.format(name=name, reason=error) for name, error in store.failures.items()]
    return f'<div role="status">{"".join(f"<p class=emo-note>{escape(each)}</p>" for each in sentences)}</div>'
