"""A link to what the page shows: the address follows the page, and opening an address sets the page up."""

import json
from collections.abc import Collection, Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from emohub.ui import address, markup, strings
from emohub.ui.service.limits import MAX_LINK_TEXT

_SCRIPT = Path(__file__).with_name("scripts") / "page.js"


class Shared(NamedTuple):
    """The parts of a tab that the address holds."""

    text: gr.Textbox
    models: gr.Radio | gr.CheckboxGroup


def header() -> str:
    """The page's heading, with the button that copies the link."""
    return (
        f'<a class="emo-skip" href="#page-tabs">{strings.SKIP}</a>'
        f'<header class="emo-header"><h1>{strings.TITLE}</h1>'
        f'<button type="button" class="emo-quiet" data-emo="copy-link">{strings.COPY_LINK}</button>'
        f'<p>{strings.TAGLINE}</p><div id="page-said" role="status"></div></header>'
    )


def wire(demo: gr.Blocks, tabs: gr.Tabs, notice: gr.HTML, shared: Mapping[str, Shared], names: Collection[str]) -> None:
    """Keep the address up to date, and set the page up from it when it is opened.

    ``shared`` holds the parts of the tabs whose address says more than that they are open, by the tab's id. ``names``
    are the models that are served. ``notice`` shows what of an address was not followed.
    """
    ids = [str(tab.id) for tab in tabs.children if isinstance(tab, gr.Tab)]

    def open_address(query: str) -> list[Any]:
        asked = address.read(query, tabs=ids, models=names)
        said = "".join(f"<p>{escape(problem)}</p>" for problem in asked.problems)
        values = [
            gr.Tabs(selected=asked.tab) if asked.tab else gr.skip(),
            markup.result(said, "", kind="notice") if said else gr.skip(),
        ]
        for id, part in shared.items():
            opened = id == (asked.tab or ids[0])
            models = asked.models[0] if asked.models and isinstance(part.models, gr.Radio) else list(asked.models)
            values += [asked.text if opened and asked.text else gr.skip()]
            values += [models if opened and asked.models else gr.skip()]
        return values

    for tab in tabs.children:
        if not isinstance(tab, gr.Tab):
            continue
        part = shared.get(str(tab.id))
        tab.select(None, None if part is None else [*part], js=_call("enter", tab))
        if part is not None:
            gr.on([part.text.change, part.models.change], None, [*part], js=_call("remember", tab))
    query = gr.Textbox(visible=False)
    outputs = [tabs, notice, *(component for part in shared.values() for component in part)]
    demo.load(
        open_address,
        query,
        outputs,
        js=script(),
        queue=False,
        api_visibility="private",
        show_progress="hidden",
    ).then(None, js="() => window.emohub.answer()")


def script() -> str:
    """The page's own script, with its words; Gradio calls it once, when the page has loaded."""
    words = {"copied": strings.LINK_COPIED, "notCopied": strings.LINK_NOT_COPIED, "tooLong": strings.LINK_WITHOUT_TEXT}
    source = _SCRIPT.read_text(encoding="utf-8")
    return source.replace("__WORDS__", json.dumps(words)).replace("__MAX_LINK_TEXT__", str(MAX_LINK_TEXT))


def _call(function: str, tab: gr.Tab) -> str:
    return f"(...values) => window.emohub?.{function}({json.dumps(tab.id)}, ...values)"
