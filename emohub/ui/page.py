"""The page: a heading, a tab for each job, and the API."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from emohub.errors import UsageError
from emohub.feedback import open_feedback
from emohub.inference import Classifier, EngineName
from emohub.layout import project_root
from emohub.ui import api, loading, sharing, strings
from emohub.ui.service import ModelStore, Service
from emohub.ui.service.hub_models import AllowList, HubModels, published_models
from emohub.ui.service.limits import MAX_REQUESTS, MAX_WAITING
from emohub.ui.service.line import classify_many
from emohub.ui.tabs import batch, classify, compare, evaluate, explain
from emohub.ui.tabs import feedback as feedback_tab
from emohub.ui.tabs import models as models_tab
from emohub.ui.zero_gpu import has_zero_gpu, on_lent_gpu

ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    # Gradio computes statistics over its last ten thousand events after each of them, which nobody here looks at.
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000",
    "GRADIO_ANALYTICS_MAX_EVENTS": "50",
}
"""What Gradio takes from the environment alone, as this page needs it."""


class Page(gr.Blocks):  # type: ignore[misc]  # gradio has no types
    """A page, the service that answers for it, and the endpoints that can be asked without Gradio, by their names."""

    service: Service
    quick: Mapping[str, Callable[..., Awaitable[Any]]]


def build_demo(
    models: Mapping[str, str | Path],
    *,
    cards_dir: Path | None = None,
    allowed_models: Sequence[str] = (),
    feedback: str | None = None,
    engine: EngineName = "auto",
) -> Page:
    """The page for these models: folders or Hub ids by the name that it shows. No model is loaded yet.

    ``cards_dir`` holds the accepted records and cards; by default the project's ``cards/``. ``allowed_models`` are Hub
    ids, or ``OWNER/*``, that a visitor may add, beside those that the records were published under. ``feedback`` says
    where feedback is kept: ``local``, a file, or a dataset on the Hub; None keeps none. ``engine`` computes
    for ``models``.

    Raises:
        UsageError: there is no model, or ``allowed_models`` or ``feedback`` are not of that form.
    """
    if not models:
        raise UsageError("there is no model to serve", "put one into models/, or name a folder or Hub id")
    service = _service(models, engine)
    cards = cards_dir or project_root() / "cards"
    hub_models = HubModels(AllowList((*allowed_models, *published_models(cards))))
    desk = None if feedback is None else open_feedback(feedback)
    os.environ.update(ENVIRONMENT)
    with Page(title=strings.TITLE, analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.HTML(sharing.header(), apply_default_css=False)
        loading.build(service.store)
        notice = gr.HTML("", apply_default_css=False, elem_classes="emo-slot")
        shared: dict[str, sharing.Shared] = {}
        with gr.Tabs(elem_id="page-tabs", overflow_behavior="wrap") as tabs:
            with gr.Tab(strings.classify.TAB, id="classify"):
                shared["classify"] = classify.build(service)
            with gr.Tab(strings.compare.TAB, id="compare"):
                shared["compare"] = compare.build(service, hub_models)
            with gr.Tab(strings.explain.TAB, id="explain"):
                shared["explain"] = explain.build(service)
            with gr.Tab(strings.batch.TAB, id="batch"):
                batch.build(service)
            with gr.Tab(strings.evaluate.TAB, id="evaluate"):
                evaluate.build(service)
            with gr.Tab(strings.models.TAB, id="models"):
                models_tab.build(models, cards)
            with gr.Tab(strings.feedback.TAB, id="feedback"):
                feedback_tab.build(service, desk)
        sharing.wire(demo, tabs, notice, shared, service.store.names)
        demo.quick = api.build(service)
    demo.service = service
    if desk is not None:
        desk.start()
    # A long job is never run by the raw route, which knows no waiting line.
    demo.queue(max_size=MAX_REQUESTS, api_open=False)
    page: Page = demo
    return page


def _service(models: Mapping[str, str | Path], engine: EngineName) -> Service:
    """The service for these models, in this process or on GPUs that a Space is lent."""
    zero_gpu = has_zero_gpu(os.environ)
    load = partial(Classifier.from_pretrained, device="cuda" if zero_gpu else None, engine=engine)
    compute = on_lent_gpu() if zero_gpu else classify_many
    return Service(ModelStore(models, load), max_requests=MAX_REQUESTS, max_waiting=MAX_WAITING, compute=compute)
