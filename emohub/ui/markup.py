"""Pieces of HTML that several tabs show. Every value that comes from outside is escaped here."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

from emohub.errors import EmohubError
from emohub.inference import Prediction
from emohub.pictures import Theme
from emohub.record import Interval
from emohub.ui import strings


def result(headline: str, body: str, *, kind: str = "answer") -> str:
    """A result area: its headline is a live region, so that a screen reader says what changed.

    The skeleton is the same whatever is shown. The page updates it in place, and a live region that stays in the
    document is the only one that is read out. ``headline`` and ``body`` are HTML.
    """
    return f'<div class="emo-result emo-{kind}"><div class="emo-headline" role="status">{headline}</div>{body}</div>'


def empty(headline: str, detail: str) -> str:
    """A result area before anything was asked."""
    return result(f"<p>{escape(headline)}</p>", f'<p class="emo-detail">{escape(detail)}</p>', kind="empty")


def notice(error: EmohubError) -> str:
    """A result area that says in one sentence why there is no result."""
    sentence = str(error)
    return result(f"<p>{escape(sentence[:1].upper() + sentence[1:])}</p>", "", kind="notice")


def answer(prediction: Prediction) -> str:
    """The label that was answered and its probability."""
    share = escape(percent(max(prediction.probabilities)))
    return f'<span class="emo-label">{escape(prediction.label)}</span> <span class="emo-share">{share}</span>'


def bars(
    labels: Sequence[str], probabilities: Sequence[float | None], *, headings: Mapping[str, str] | None = None
) -> str:
    """Probabilities as a table with a bar in each row, in the order given; None where a label is unknown.

    ``headings`` stand before the rows of their labels.
    """
    top = max(probability for probability in probabilities if probability is not None)
    rows = "".join(
        _bar_heading((headings or {}).get(label)) + _bar(label, probability, probability == top)
        for label, probability in zip(labels, probabilities, strict=True)
    )
    return (
        f'<table class="emo-bars"><caption class="emo-hidden">{strings.PROBABILITIES}</caption>'
        '<colgroup><col><col></colgroup><thead class="emo-hidden"><tr>'
        f'<th scope="col">{strings.LABEL}</th><th scope="col">{strings.PROBABILITY}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _bar_heading(words: str | None) -> str:
    return f'<tr class="emo-group"><th colspan="2">{escape(words)}</th></tr>' if words else ""


def _bar(label: str, probability: float | None, top: bool) -> str:
    if probability is None:
        kind, track, value = "emo-unknown", "", dash(strings.UNKNOWN_LABEL)
    else:
        kind, value = "emo-top" if top else "", escape(percent(probability))
        track = f'<span class="emo-track" aria-hidden="true"><span style="width:{probability:.4%}"></span></span>'
    return (
        f'<tr class="{kind}"><th scope="row">{escape(label)}</th>'
        f'<td>{track}<span class="emo-value">{value}</span></td></tr>'
    )


def dash(meaning: str) -> str:
    """A dash where there is no value, and what it means for those who do not see it."""
    return f'<span class="emo-dash" title="{meaning}">–<span class="emo-hidden">{meaning}</span></span>'


def facts(prediction: Prediction) -> str:
    """Who answered for a cascade, tokens and time, and a note when the text was cut."""
    tokens = strings.ONE_TOKEN if prediction.tokens == 1 else strings.TOKENS.format(tokens=f"{prediction.tokens:,}")
    time = strings.MILLISECONDS.format(milliseconds=milliseconds(prediction.seconds))
    line = f'<p class="emo-facts">{" · ".join([*answered_by(prediction), tokens, time])}</p>'
    if not prediction.truncated:
        return line
    note = strings.TRUNCATED.format(tokens=f"{prediction.tokens:,}", max_length=f"{prediction.max_length:,}")
    return f'<p class="emo-note">{escape(note)}</p>{line}'


def answered_by(prediction: Prediction) -> list[str]:
    """Which of its models answered for a cascade; nothing for a single model."""
    name = prediction.answered_by
    return [] if name is None else [escape(strings.ANSWERED_BY.format(model=name))]


def percent(probability: float) -> str:
    """A probability for people: one decimal, and never a rounded 0% or 100%."""
    if 0 < probability < 0.0005:
        return "<0.1%"
    if 0.9995 <= probability < 1:
        return ">99.9%"
    return f"{probability:.1%}"


def milliseconds(seconds: float) -> str:
    """A duration in milliseconds with at least two digits."""
    value = seconds * 1000
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML: two columns of text, then figures.

    On a phone each row becomes a block, and each cell shows the name of its column.
    """
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row"><div>{row[0]}</div></th>'
        + "".join(
            f'<td data-column="{escape(column)}"><div>{cell}</div></td>'
            for column, cell in zip(columns[1:], row[1:], strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<table class="emo-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def scrolling(name: str, body: str, *, kind: str = "") -> str:
    """What may be wider than a phone, in a box of its own that can be scrolled with the keys."""
    return f'<div class="emo-wide {kind}" role="region" tabindex="0" aria-label="{escape(name)}">{body}</div>'


def interval(value: Interval) -> str:
    """A figure above its interval."""
    return f'{value.value:.4f}<span class="emo-sub">{value.low:.4f} to {value.high:.4f}</span>'


def download(words: str, file_name: str, content: bytes, media_type: str) -> str:
    """A link that saves ``content``, which is in the page itself: no file stays on the server."""
    return (
        f'<a class="emo-download" download="{escape(file_name)}" href="{_data_address(content, media_type)}">'
        f"{escape(words)}</a>"
    )


def figure(pngs: Mapping[Theme, bytes], alternative: str, caption: str, file_name: str) -> str:
    """A picture in the page's theme, with its text alternative, its caption, and a link that saves it."""
    images = "".join(
        f'<img class="emo-in-{theme}" alt="{escape(alternative)}" src="{_data_address(png, "image/png")}">'
        for theme, png in pngs.items()
    )
    save = download(strings.SAVE_PICTURE, file_name, pngs["light"], "image/png")
    return f'<figure class="emo-figure">{images}<figcaption>{escape(caption)} {save}</figcaption></figure>'


def _data_address(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
