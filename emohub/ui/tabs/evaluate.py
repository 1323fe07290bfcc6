"""Evaluate: several models on a labelled table, with progress; then every measurement."""

import time
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from emohub.compare import Step
from emohub.data import Table
from emohub.errors import DataError, EmohubError, UsageError
from emohub.ui import markup, strings
from emohub.ui.choices import chosen_column, column_choice, column_choices, name_choices
from emohub.ui.inputs import file_choice
from emohub.ui.service import Service
from emohub.ui.service.evaluating import evaluate, guess_labelled
from emohub.ui.service.limits import HELD_SECONDS, MAX_MODELS
from emohub.ui.service.uploads import HeldTable, sample_table, take_upload
from emohub.ui.tabs.batch import render_preview
from emohub.ui.tabs.evaluation import render

SAMPLE = "labelled.csv"
_PROGRESS_SECONDS = 0.3
"""Time between two looks at how far it is."""


class _Parts(NamedTuple):
    """The components that events speak of."""

    table: gr.State
    upload: gr.UploadButton
    sample: gr.Button
    settings: gr.Column
    text: gr.Dropdown
    label: gr.Dropdown
    slice: gr.Dropdown
    models: gr.CheckboxGroup
    run: gr.Button
    cancel: gr.Button
    preview: gr.HTML
    output: gr.HTML


def build(service: Service) -> None:
    """Lay the tab out and wire it."""
    parts = _lay_out(list(service.store.names))

    def open_labelled_upload(file: object) -> list[Any]:
        try:
            with service.place():
                return [*_opened(service, take_upload(file)), None]
        except EmohubError as error:
            return [*_refused(error), None]

    def open_labelled_sample() -> list[Any]:
        try:
            return _opened(service, sample_table(SAMPLE))
        except EmohubError as error:
            return _refused(error)

    def evaluate_table(
        held: HeldTable | None, models: list[str], text: str, label: str, column: str
    ) -> Iterator[tuple[Any, Any, Any]]:
        idle = (gr.Button(interactive=True), gr.Button(visible=False))
        try:
            yield render_progress(None, []), gr.Button(interactive=False), gr.Button(visible=True)
            for shown in _steps(service, held, models, text, label, column):
                yield shown, gr.skip(), gr.skip()
            yield gr.skip(), *idle
        except EmohubError as error:
            yield markup.notice(error), *idle

    def stop_evaluating() -> tuple[Any, Any, Any]:
        shown = markup.empty(strings.evaluate.STOPPED, strings.evaluate.STOPPED_DETAIL)
        return shown, gr.Button(interactive=True), gr.Button(visible=False)

    at_once = {"queue": False, "api_visibility": "private", "show_progress": "minimal"}
    columns = [parts.text, parts.label, parts.slice]
    opening = [parts.table, parts.preview, parts.settings, *columns, parts.output]
    parts.upload.upload(open_labelled_upload, parts.upload, [*opening, parts.upload], preprocess=False, **at_once)
    parts.sample.click(open_labelled_sample, None, opening, **at_once)
    running = [parts.output, parts.run, parts.cancel]
    job = parts.run.click(
        evaluate_table,
        [parts.table, parts.models, *columns],
        running,
        concurrency_limit=1,
        concurrency_id="long",
        api_visibility="private",
        show_progress="hidden",
    )
    # First the job ends, then the page says so: until then Gradio would not begin another.
    stopped = parts.cancel.click(None, cancels=[job], **at_once)
    stopped.then(stop_evaluating, None, running, **at_once)


def _lay_out(names: Sequence[str]) -> _Parts:
    table = gr.State(time_to_live=HELD_SECONDS)
    with gr.Row(elem_classes="emo-split emo-batch"):
        with gr.Column():
            upload, sample = file_choice(
                "evaluate",
                limits=strings.evaluate.LIMITS,
                upload=strings.evaluate.UPLOAD,
                sample=strings.evaluate.SAMPLE,
            )
            with gr.Column(visible=False) as settings:
                text = _column(strings.evaluate.TEXT_COLUMN, "text")
                with gr.Row(elem_classes="emo-pair"):
                    label = _column(strings.evaluate.LABEL_COLUMN, "label")
                    slice_ = _column(strings.evaluate.SLICE_COLUMN, "slice")
                models = gr.CheckboxGroup(
                    name_choices(names), value=list(names[:MAX_MODELS]), label=strings.MODELS, elem_id="evaluate-models"
                )
                with gr.Row(elem_classes="emo-pair"):
                    run = gr.Button(strings.evaluate.RUN, variant="primary", elem_id="evaluate-run")
                    cancel = gr.Button(strings.evaluate.CANCEL, visible=False, elem_id="evaluate-cancel")
        with gr.Column():
            no_file = markup.empty(strings.evaluate.NO_FILE, strings.evaluate.NO_FILE_DETAIL)
            preview = gr.HTML(no_file, apply_default_css=False, elem_id="evaluate-preview")
    output = gr.HTML(_empty(), apply_default_css=False, elem_id="evaluate-result")
    return _Parts(table, upload, sample, settings, text, label, slice_, models, run, cancel, preview, output)


def _column(label: str, role: str) -> gr.Dropdown:
    return gr.Dropdown([], label=label, interactive=True, elem_id=f"evaluate-{role}")


def _empty() -> str:
    return markup.empty(strings.evaluate.EMPTY, strings.evaluate.EMPTY_DETAIL)


def _opened(service: Service, table: Table) -> list[Any]:
    """What the page shows of a table that was read, with a proposal for its columns."""
    guess = guess_labelled(table)
    if guess is None:
        raise DataError(f"no column of {table.source} holds texts", "give a file with a column of texts")
    columns = column_choices(filter(None, table.columns))
    optional = [(strings.evaluate.NO_COLUMN, ""), *columns]
    return [
        service.tables.hold(table),
        render_preview(table),
        gr.Column(visible=True),
        gr.Dropdown(columns, value=column_choice(guess.text)),
        gr.Dropdown(columns, value=column_choice(guess.label)),
        gr.Dropdown(optional, value=column_choice(guess.slice)),
        _empty(),
    ]


def _refused(error: EmohubError) -> list[Any]:
    return [None, markup.notice(error), gr.Column(visible=False), *[gr.skip()] * 3, _empty()]


def _steps(
    service: Service, held: HeldTable | None, models: list[str], text: str, label: str, column: str
) -> Iterator[str]:
    """What the page shows one after the other: how far it is, every now and then, and at last the evaluation."""
    if held is None:
        raise UsageError(strings.evaluate.NOTHING_OPEN, strings.evaluate.OPEN_SOMETHING)
    steps = evaluate(service, held.table, models, *map(chosen_column, (text, label, column)))
    shown = time.monotonic()
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            comparison = end.value
            break
        if (now := time.monotonic()) - shown >= _PROGRESS_SECONDS:
            shown = now
            yield render_progress(step, models)
    yield _progress(strings.evaluate.DRAWING, "", 1.0)
    yield render(comparison)


def render_progress(step: Step | None, models: Sequence[str]) -> str:
    """How far it is: which of the models answers, or is measured."""
    if step is None:
        return _progress(strings.evaluate.WAITING, "", 0.0)
    answering = step.part == "answering"
    place = models.index(step.model) + 1
    headline = strings.evaluate.ANSWERING if answering else strings.evaluate.MEASURING
    detail = strings.evaluate.TEXTS_DONE if answering else strings.evaluate.RESAMPLES_DONE
    part = step.done / step.total / 2 + (0 if answering else 0.5)
    return _progress(
        headline.format(model=step.model, place=place, models=len(models)),
        detail.format(done=f"{step.done:,}", total=f"{step.total:,}"),
        (place - 1 + part) / len(models),
    )


def _progress(headline: str, detail: str, share: float) -> str:
    """Only the headline is read out, when it changes."""
    return markup.result(
        f"<p>{escape(headline)}</p>",
        f'<progress aria-label="{strings.evaluate.PROGRESS}" max="1" value="{share:.4f}"></progress>'
        f'<p class="emo-detail">{escape(detail)}</p>',
    )
