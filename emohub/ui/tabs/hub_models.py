"""Adding a model of the Hub: asked for by its id, shown while it arrives, and stopped if need be."""

import time
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import gradio as gr

from emohub.errors import EmohubError
from emohub.ui import markup, strings
from emohub.ui.choices import name_choices
from emohub.ui.service.hub_models import HubModels, Transfer
from emohub.ui.service.limits import MAX_DOWNLOADS, MAX_HUB_MODEL_BYTES, MAX_HUB_MODELS

_SHOWN_EVERY = 0.25
"""Seconds between two steps of the progress that is shown."""


def build(hub_models: HubModels, names: Sequence[str], chosen: gr.CheckboxGroup) -> gr.State:
    """Lay the part out that adds to ``chosen``, whose models are ``names`` at first; returns the ids that were added.

    They are those of one visitor: nobody else sees them.
    """
    added = gr.State([])
    with gr.Accordion(strings.hub_models.ADD, open=False, elem_id="compare-hub"):
        if not hub_models.allowed.patterns:
            gr.HTML(f'<p class="emo-detail">{escape(strings.hub_models.NONE_ALLOWED)}</p>', apply_default_css=False)
            return added
        megabytes = f"{MAX_HUB_MODEL_BYTES / 1e6:,.0f}"
        allowed = ", ".join(hub_models.allowed.patterns)
        with gr.Row(elem_classes="emo-hub-row"):
            repo_id = gr.Textbox(
                label=strings.hub_models.ID,
                placeholder=strings.hub_models.ID_PLACEHOLDER,
                info=strings.hub_models.ID_INFO.format(megabytes=megabytes, allowed=allowed),
                max_lines=1,
                elem_id="compare-hub-id",
            )
            add_button = gr.Button(strings.hub_models.ADD_BUTTON, scale=0, min_width=100, elem_id="compare-hub-add")
            stop_button = gr.Button(
                strings.hub_models.CANCEL, scale=0, min_width=100, visible=False, elem_id="compare-hub-stop"
            )
        status = gr.HTML(_status(""), apply_default_css=False, elem_id="compare-hub-status")

    def add_hub_model(repo_id: str, added: list[str], chosen: list[str]) -> Iterator[tuple[Any, Any, Any, Any]]:
        """What is going on, the ids that were added, the choice with the new one, and the button that stops it."""
        try:
            for said in _adding(hub_models, repo_id, names):
                yield said, gr.skip(), gr.skip(), gr.Button(visible=True)
            id = hub_models.allowed.checked(repo_id)
        except EmohubError as error:
            yield markup.notice(error), gr.skip(), gr.skip(), gr.Button(visible=False)
            return
        more = [*(each for each in added if each != id), id][-MAX_HUB_MODELS:] if id not in names else added
        ticked = [name for name in dict.fromkeys([*chosen, id]) if name in (*names, *more)]
        said = _status((strings.hub_models.ALREADY if id in names else strings.hub_models.ADDED).format(id=id))
        yield said, more, gr.CheckboxGroup(name_choices([*names, *more]), value=ticked), gr.Button(visible=False)

    adding = gr.on(
        [add_button.click, repo_id.submit],
        add_hub_model,
        inputs=[repo_id, added, chosen],
        outputs=[status, added, chosen, stop_button],
        concurrency_id="download",
        concurrency_limit=MAX_DOWNLOADS,
        api_visibility="private",
        show_progress="hidden",
    )
    stop_button.click(
        lambda: (_status(strings.hub_models.STOPPED), gr.Button(visible=False)),
        outputs=[status, stop_button],
        cancels=[adding],
        queue=False,
        api_visibility="private",
        show_progress="hidden",
    )
    return added


def _adding(hub_models: HubModels, repo_id: object, names: Sequence[str]) -> Iterator[str]:
    """Add a model, and say from time to time how far that is."""
    id = hub_models.allowed.checked(repo_id)
    if id in names:
        return
    yield _status(strings.hub_models.LOOKING.format(id=id))
    shown = 0.0
    for transfer in hub_models.add(id):
        arrived = transfer.done == transfer.total
        if arrived:
            yield _status(strings.hub_models.LOADING.format(id=id))
        elif time.monotonic() - shown >= _SHOWN_EVERY:
            shown = time.monotonic()
            yield show_progress(transfer)


def show_progress(transfer: Transfer) -> str:
    """The bytes that have arrived, in words and as a bar."""
    id, done, total = transfer.id, transfer.done, transfer.total
    said = strings.hub_models.FETCHING.format(id=id, done=f"{done / 1e6:,.1f}", total=f"{total / 1e6:,.1f}")
    bar = (
        f'<div class="emo-track" role="progressbar" aria-label="{escape(id)}" aria-valuemin="0" '
        f'aria-valuemax="{total}" aria-valuenow="{done}"><span style="width:{done / total:.2%}"></span></div>'
    )
    return _status(said, f'<div class="emo-top">{bar}</div>')


def _status(said: str, bar: str = "") -> str:
    """What is going on, where a screen reader hears it."""
    return markup.result(f"<p>{escape(said)}</p>" if said else "", bar, kind="status")
