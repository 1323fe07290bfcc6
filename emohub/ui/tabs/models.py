"""Models: what was measured, what others report, and every model's card."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import gradio as gr

from emohub.card import MeasuredResult, ReportedResult, Results, results_rows
from emohub.errors import EmohubError
from emohub.layout import CARD_FILE, find_model, find_records
from emohub.ui import markup, strings
from emohub.ui.card_text import card_body


def build(models: Mapping[str, str | Path], cards_dir: Path) -> None:
    """Lay the tab out and wire it: the results of ``cards_dir``, and the cards of the served models and of it."""
    try:
        results = render(results_rows(cards_dir))
    except EmohubError as error:
        results = markup.notice(error)
    gr.HTML(results, apply_default_css=False, elem_id="results")
    cards = find_cards(models, cards_dir)

    def show_card(name: str) -> str:
        path = cards.get(name) if isinstance(name, str) else None
        return card_body(path.read_text(encoding="utf-8", errors="replace")) if path else strings.NO_CARD

    names = list(cards)
    gr.HTML(f'<h2 class="emo-heading">{strings.CARDS}</h2>', apply_default_css=False)
    choice = gr.Radio(names, value=names[0], label=strings.MODEL, elem_id="card-choice")
    # No formulas: a card speaks of "$" as money.
    card = gr.Markdown(show_card(names[0]), elem_id="card", elem_classes="emo-card", latex_delimiters=[])
    choice.input(show_card, choice, card, queue=False, api_visibility="private", show_progress="hidden")


def find_cards(models: Mapping[str, str | Path], cards_dir: Path) -> dict[str, Path | None]:
    """Where each card lies, the served models' first; None for a model without one."""
    cards = {name: _card_of(str(source)) for name, source in models.items()}
    for path in sorted(cards_dir.glob(f"*/{CARD_FILE}")):
        if cards.get(path.parent.name) is None:
            cards[path.parent.name] = path
    return cards


def _card_of(source: str) -> Path | None:
    """The card beside a model's records, else the one beside its weights; None for a model on the Hub."""
    folders = (find_records(source), find_model(source))
    return next((path for folder in folders if folder and (path := folder / CARD_FILE).is_file()), None)


def render(results: Results) -> str:
    """Both tables, ours and apart from it what others report."""
    return _section(strings.MEASURED, _measured_detail(results.measured), _measured(results.measured)) + _section(
        strings.REPORTED, strings.REPORTED_DETAIL, _reported(results.reported)
    )


def _measured_detail(measured: Sequence[MeasuredResult]) -> str:
    return strings.MEASURED_DETAIL.format(level=measured[0].level) if measured else strings.NOTHING_MEASURED


def _measured(measured: Sequence[MeasuredResult]) -> str:
    return markup.table(
        strings.MEASURED_COLUMNS,
        [
            (
                escape(result.name),
                f'{escape(result.corpus_title)}<span class="emo-sub">{escape(result.split)} {strings.SPLIT}</span>',
                f"{result.rows:,}",
                markup.interval(result.metrics["accuracy"]),
                markup.interval(result.metrics["macro_f1"]),
                strings.MEGABYTES.format(megabytes=result.size_bytes / 1e6),
            )
            for result in measured
        ],
    )


def _reported(reported: Sequence[ReportedResult]) -> str:
    return markup.table(
        (*strings.REPORTED_COLUMNS, *strings.REPORTED_METRICS.values()),
        [
            (
                f'{escape(result.name)}<span class="emo-sub">{escape(result.base_model)}</span>',
                escape(result.dataset),
                _or_dash(result.evaluated_rows, ","),
                *(_or_dash(result.metrics.get(name), ".4f") for name in strings.REPORTED_METRICS),
            )
            for result in reported
        ],
    )


def _or_dash(value: float | None, format_spec: str) -> str:
    return markup.dash(strings.NOT_STATED) if value is None else format(value, format_spec)


def _section(title: str, detail: str, table: str) -> str:
    return (
        f'<section class="emo-results"><h2 class="emo-heading">{title}</h2><p class="emo-detail">{detail}</p>'
        f"{table}</section>"
    )
