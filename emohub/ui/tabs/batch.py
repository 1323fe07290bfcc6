"""Batch: a table of texts, classified row by row, with progress; then its answers."""

import base64
import time
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from emohub.batch import Progress, guess_columns
from emohub.data import Table
from emohub.errors import DataError, EmohubError, UsageError
from emohub.ui import markup, strings
from emohub.ui.choices import chosen_column, column_choice, column_choices
from emohub.ui.inputs import file_choice, model_choice
from emohub.ui.service import Service
from emohub.ui.service.batches import MEDIA_TYPES, HeldResult, answers_file, classify_rows
from emohub.ui.service.limits import HELD_SECONDS
from emohub.ui.service.uploads import HeldTable, sample_table, take_upload
from emohub.ui.tabs.batch_result import render_least_certain, render_result

SAMPLE = "feedback.csv"
_PREVIEW_ROWS = 4
_PREVIEW_COLUMNS = 6
_CELL_CHARS = 120
_PROGRESS_SECONDS = 0.3
"""Time between two looks at how far it is."""
_SAVE = """(file) => {
    if (!file) return null;
    const bytes = Uint8Array.from(atob(file.content), (sign) => sign.charCodeAt(0));
    const address = URL.createObjectURL(new Blob([bytes], {type: file.type}));
    Object.assign(document.createElement("a"), {href: address, download: file.name}).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    return null;
}"""
"""Saves a file that the server sent with an answer: none is kept on the server to be fetched."""


class _Parts(NamedTuple):
    """The tab's components."""

    table: gr.State
    """A :class:`HeldTable`, or None."""
    answers: gr.State
    """A :class:`HeldResult`, or None."""
    upload: gr.UploadButton
    sample: gr.Button
    settings: gr.Column
    text: gr.Dropdown
    date: gr.Dropdown
    group: gr.Dropdown
    model: gr.Radio
    run: gr.Button
    cancel: gr.Button
    preview: gr.HTML
    output: gr.HTML
    saves: gr.Row
    save: dict[str, gr.Button]
    """By the extension of the file that it saves."""
    saved: gr.HTML
    least_certain: gr.HTML
    file: gr.JSON
    """A file on its way to the browser's disk."""


def build(service: Service) -> None:
    """Lay the tab out and wire it."""
    parts, handlers = _lay_out(service.store.names), _Handlers(service)
    wiring = {"api_visibility": "private", "show_progress": "minimal"}
    result = [parts.output, parts.answers, parts.saves, parts.saved, parts.least_certain]
    columns = [parts.text, parts.date, parts.group]
    opening = [parts.table, parts.preview, parts.settings, *columns, *result]
    running = [*result, parts.run, parts.cancel]
    parts.upload.upload(
        handlers.open_upload, parts.upload, [*opening, parts.upload], preprocess=False, queue=False, **wiring
    )
    parts.sample.click(handlers.open_sample, None, opening, queue=False, **wiring)
    job = parts.run.click(
        handlers.classify_table,
        [parts.table, parts.model, *columns],
        running,
        concurrency_limit=1,
        concurrency_id="long",
        api_visibility="private",
        show_progress="hidden",
    )
    # First the job ends, so that no step of it arrives after what is said of its end.
    stopped = parts.cancel.click(None, cancels=[job], api_visibility="private")
    stopped.then(handlers.stop, None, running, queue=False, **wiring)
    for suffix, button in parts.save.items():
        saving = button.click(
            handlers.save_answers, [parts.answers, gr.State(suffix)], [parts.file, parts.saved], queue=False, **wiring
        )
        saving.then(None, parts.file, parts.file, js=_SAVE)


class _Handlers:
    """What the server does when something in the tab is used; each gives values for what it is wired to."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def open_upload(self, file: object) -> list[Any]:
        """Read a file, say what it holds, and forget it in the browser."""
        try:
            with self._service.place():
                return [*self._opened(take_upload(file)), None]
        except EmohubError as error:
            return [*_refused(error), None]

    def open_sample(self) -> list[Any]:
        """The same with the sample."""
        try:
            return self._opened(sample_table(SAMPLE))
        except EmohubError as error:
            return _refused(error)

    def _opened(self, table: Table) -> list[Any]:
        """What the page shows of a table that was read, with a proposal for its columns."""
        guess = guess_columns(table)
        if guess is None:
            raise DataError(f"no column of {table.source} holds texts", "give a file with a column of texts")
        columns = column_choices(filter(None, table.columns))
        optional = [(strings.batch.NO_COLUMN, ""), *columns]
        return [
            self._service.tables.hold(table),
            render_preview(table),
            gr.Column(visible=True),
            gr.Dropdown(columns, value=column_choice(guess.text)),
            gr.Dropdown(optional, value=column_choice(guess.date)),
            gr.Dropdown(optional, value=column_choice(guess.group)),
            *_no_result(_empty()),
        ]

    def classify_table(
        self, held: HeldTable | None, model: str, text: str, date: str, group: str
    ) -> Iterator[list[Any]]:
        """Progress, then the result."""
        try:
            if held is None:
                raise UsageError(strings.batch.NOTHING_OPEN, strings.batch.OPEN_SOMETHING)
            yield [*_no_result(render_progress(None, 0.0)), gr.Button(interactive=False), gr.Button(visible=True)]
            started = shown = time.monotonic()
            steps = classify_rows(self._service, held.table, model, *map(chosen_column, (text, date, group)))
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    result = end.value
                    break
                if (now := time.monotonic()) - shown >= _PROGRESS_SECONDS:
                    shown = now
                    yield [render_progress(step, now - started), *[gr.skip()] * 6]
            shown_result = render_result(result, time.monotonic() - started)
            least_certain = render_least_certain(result)
            yield [shown_result, HeldResult(held, result), gr.Row(visible=True), "", least_certain, *_idle()]
        except EmohubError as error:
            yield [*_no_result(markup.notice(error)), *_idle()]

    def stop(self) -> list[Any]:
        """What the page shows once a job was stopped; Gradio closes the job itself."""
        return [*_no_result(markup.empty(strings.batch.STOPPED, strings.batch.STOPPED_DETAIL)), *_idle()]

    def save_answers(self, held: HeldResult | None, suffix: str) -> tuple[Any, str]:
        """A file for the browser to save, and what is said of it."""
        try:
            if held is None:
                raise UsageError(strings.batch.NOTHING_OPEN, strings.batch.OPEN_SOMETHING)
            with self._service.place():
                name, content = answers_file(held.result, suffix)
        except EmohubError as error:
            return None, markup.notice(error)
        file = {"name": name, "type": MEDIA_TYPES[suffix], "content": base64.b64encode(content).decode()}
        return file, f'<p class="emo-detail" role="status">{escape(strings.batch.SAVED.format(name=name))}</p>'


def _empty() -> str:
    return markup.empty(strings.batch.EMPTY, strings.batch.EMPTY_DETAIL)


def _no_result(shown: str) -> list[Any]:
    """``shown`` in the place of a result, and nothing to save."""
    return [shown, None, gr.Row(visible=False), "", ""]


def _idle() -> list[Any]:
    """The buttons while nothing runs."""
    return [gr.Button(interactive=True), gr.Button(visible=False)]


def _refused(error: EmohubError) -> list[Any]:
    """Why a file was not opened, and nothing of one that was open before."""
    return [None, markup.notice(error), gr.Column(visible=False), *[gr.skip()] * 3, *_no_result(_empty())]


def _lay_out(names: Sequence[str]) -> _Parts:
    no_file = markup.empty(strings.batch.NO_FILE, strings.batch.NO_FILE_DETAIL)
    table = gr.State(time_to_live=HELD_SECONDS)
    answers = gr.State(time_to_live=HELD_SECONDS)
    file = gr.JSON(visible=False)
    with gr.Row(elem_classes="emo-split emo-batch"):
        with gr.Column():
            upload, sample = file_choice(
                "batch", limits=strings.batch.LIMITS, upload=strings.batch.UPLOAD, sample=strings.batch.SAMPLE
            )
            with gr.Column(visible=False) as settings:
                text = gr.Dropdown([], label=strings.batch.TEXT_COLUMN, interactive=True, elem_id="batch-text")
                with gr.Row(elem_classes="emo-pair"):
                    date = gr.Dropdown([], label=strings.batch.DATE_COLUMN, interactive=True, elem_id="batch-date")
                    group = gr.Dropdown([], label=strings.batch.GROUP_COLUMN, interactive=True, elem_id="batch-group")
                model = model_choice("batch", names)
                with gr.Row(elem_classes="emo-pair"):
                    run = gr.Button(strings.batch.RUN, variant="primary", elem_id="batch-run")
                    cancel = gr.Button(strings.batch.CANCEL, visible=False, elem_id="batch-cancel")
        with gr.Column():
            preview = gr.HTML(no_file, apply_default_css=False, elem_id="batch-preview")
    output = gr.HTML(_empty(), apply_default_css=False, elem_id="batch-result")
    with gr.Row(visible=False, elem_classes="emo-saves") as saves:
        save = {
            suffix: gr.Button(strings.batch.SAVE[suffix], elem_id=f"batch-save-{suffix[1:]}") for suffix in MEDIA_TYPES
        }
    saved = gr.HTML("", apply_default_css=False, elem_id="batch-saved")
    least_certain = gr.HTML("", apply_default_css=False, elem_id="batch-least-certain")
    return _Parts(
        table=table,
        answers=answers,
        upload=upload,
        sample=sample,
        settings=settings,
        text=text,
        date=date,
        group=group,
        model=model,
        run=run,
        cancel=cancel,
        preview=preview,
        output=output,
        saves=saves,
        save=save,
        saved=saved,
        least_certain=least_certain,
        file=file,
    )


def render_preview(table: Table) -> str:
    """The first rows of a table, and how large it is."""
    columns = list(table.columns)
    shown = columns[:_PREVIEW_COLUMNS]
    head = Table({name: table.columns[name][:_PREVIEW_ROWS] for name in shown})
    cells = [[_cell(value) for value in head.values(name, keep_damage=True)] for name in shown]
    size = strings.batch.SIZE.format(rows=f"{len(table):,}", columns=f"{len(columns):,}")
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in shown)
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in zip(*cells, strict=True))
    return markup.result(
        f'<p class="emo-by">{escape(Path(table.source).name)}</p><p>{escape(size)}</p>',
        f'<div class="emo-preview" tabindex="0" role="region" aria-label="{strings.batch.PREVIEW}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>",
    )


def _cell(value: object) -> str:
    text = "" if value is None else str(value).encode(errors="replace").decode()
    return escape(text if len(text) <= _CELL_CHARS else f"{text[: _CELL_CHARS - 1]}…")


def render_progress(step: Progress | None, seconds: float) -> str:
    """How far it is; ``seconds`` have passed. Only the headline is read out, once."""
    if step is None:
        detail, share = strings.batch.WAITING, 0.0
    else:
        left = max(1, round(seconds * (1 - step.share) / max(step.share, 1e-6)))
        words = strings.batch.SECONDS_LEFT if left < 100 else strings.batch.MINUTES_LEFT
        rows = strings.batch.ROWS_DONE.format(done=f"{step.done:,}", total=f"{step.total:,}")
        detail, share = f"{rows} · {words.format(seconds=left, minutes=round(left / 60))}", step.share
    return markup.result(
        f"<p>{strings.batch.RUNNING}</p>",
        f'<progress aria-label="{strings.batch.RUNNING}" max="1" value="{share:.4f}"></progress>'
        f'<p class="emo-detail">{detail}</p>',
    )
