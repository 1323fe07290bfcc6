"""How the answers to a table are shown: shares of the labels, over time and by group, and the least certain rows."""

from collections.abc import Sequence
from html import escape

from emohub.batch import Counted, Dates, Groups, Period, Periods
from emohub.pictures import Theme, label_shares_picture, shares_by_group_picture, shares_over_time_picture
from emohub.pictures.drawing import PALETTES
from emohub.ui import markup, strings
from emohub.ui.service.batches import BatchResult

_UNCERTAIN_ROWS = 50
_TEXT_CHARS = 300


def render_result(result: BatchResult, seconds: float) -> str:
    """The labels, in all, by group and over time; ``seconds`` is the time that it took."""
    answers, ranked = result.answers, result.ranked_labels()
    top = ranked[0]
    headline = strings.batch.HEADLINE.format(
        label=answers.labels[top],
        share=markup.percent(result.counted.shares[top]),
        rows=f"{result.counted.total:,}",
        model=result.model,
    )
    took = strings.batch.TOOK.format(seconds=f"{seconds:.1f}" if seconds < 10 else f"{seconds:,.0f}")
    parts = [
        f'<p class="emo-facts">{escape(took)}</p>',
        *(f'<p class="emo-note">{escape(note)}</p>' for note in notes(result)),
        '<div class="emo-parts">',
        _labels(result, ranked),
        _by_group(result, ranked, result.groups) if result.groups else "",
        "</div>",
        _over_time(result, ranked, result.periods) if result.periods else "",
    ]
    return markup.result(f'<p class="emo-batch-headline">{escape(headline)}</p>', "".join(parts), kind="batch")


def notes(result: BatchResult) -> list[str]:
    """What the reader must know of rows that are not in the answers, not in the dates, or not read to their end."""
    answers, dates = result.answers, result.dates
    counts: tuple[tuple[int, str, dict[str, str]], ...] = (
        (answers.asked.without_text, strings.batch.WITHOUT_TEXT, {}),
        (answers.truncated, strings.batch.TRUNCATED, {"max_length": f"{answers.max_length:,}"}),
        (dates.missing if dates else 0, strings.batch.WITHOUT_DATE, {}),
        (dates.unreadable if dates else 0, strings.batch.UNREADABLE_DATE, {"row": _first_unreadable(dates)}),
    )
    return [words.format(count=_rows(count), **more) for count, words, more in counts if count]


def _first_unreadable(dates: Dates | None) -> str:
    return f"{dates.first_unreadable:,}" if dates and dates.first_unreadable else ""


def _rows(count: int) -> str:
    return strings.batch.ONE_ROW if count == 1 else strings.batch.ROWS.format(count=f"{count:,}")


def _labels(result: BatchResult, ranked: Sequence[int]) -> str:
    counted, labels = result.counted, [result.answers.labels[label] for label in ranked]
    shares = [counted.shares[label] for label in ranked]
    counts = [counted.counts[label] for label in ranked]
    rows = "".join(
        f'<tr class="{"emo-top" if share == shares[0] else ""}"><th scope="row">{escape(label)}</th><td>'
        f'<span class="emo-track" aria-hidden="true"><span style="width:{share:.4%}"></span></span>'
        f'<span class="emo-value">{escape(markup.percent(share))}</span>'
        f'<span class="emo-count">{count:,}</span></td></tr>'
        for label, share, count in zip(labels, shares, counts, strict=True)
    )
    picture = label_shares_picture(labels, counts, "light")
    save = markup.download(strings.SAVE_PICTURE, "label-shares.png", picture, "image/png")
    return _section(
        strings.batch.SHARES,
        f'<table class="emo-bars"><caption class="emo-hidden">{strings.batch.SHARES}</caption><colgroup><col><col>'
        f'</colgroup><thead class="emo-hidden"><tr><th scope="col">{strings.LABEL}</th><th scope="col">'
        f"{strings.batch.SHARE_AND_ROWS}</th></tr></thead><tbody>{rows}</tbody></table><p>{save}</p>",
    )


def _over_time(result: BatchResult, ranked: Sequence[int], periods: Periods) -> str:
    labels = [result.answers.labels[label] for label in ranked]
    counts = _ranked_counts(periods.periods, ranked)
    names = [period_name(period, periods) for period in periods.periods]
    spans = [(period.start, period.end) for period in periods.periods]
    pngs: dict[Theme, bytes] = {
        theme: shares_over_time_picture(labels, counts, spans, names, theme) for theme in PALETTES
    }
    unit = strings.batch.UNITS[periods.unit]
    picture = markup.figure(
        pngs,
        strings.batch.TIME_ALTERNATIVE.format(unit=unit, first=names[0], last=names[-1]),
        strings.batch.TIME_CAPTION.format(unit=unit),
        "label-shares-over-time.png",
    )
    figures = _figures(strings.batch.PERIOD, names, labels, periods.periods, ranked)
    return _section(strings.batch.TIME, markup.scrolling(strings.batch.TIME, picture) + figures)


def _by_group(result: BatchResult, ranked: Sequence[int], groups: Groups) -> str:
    labels = [result.answers.labels[label] for label in ranked]
    named: list[tuple[str, Counted]] = [(group.name, group) for group in groups.groups]
    if groups.others:
        named.append((strings.batch.OTHER_GROUPS.format(count=f"{groups.pooled:,}"), groups.others))
    if groups.without:
        named.append((strings.batch.NO_GROUP, groups.without))
    names, counted = [name for name, _ in named], [each for _, each in named]
    counts = _ranked_counts(counted, ranked)
    pngs: dict[Theme, bytes] = {theme: shares_by_group_picture(labels, counts, names, theme) for theme in PALETTES}
    picture = markup.figure(
        pngs,
        strings.batch.GROUP_ALTERNATIVE.format(names=", ".join(names)),
        strings.batch.GROUP_CAPTION,
        "label-shares-by-group.png",
    )
    return _section(strings.batch.GROUP, picture + _figures(strings.batch.GROUP_NAME, names, labels, counted, ranked))


def period_name(period: Period, periods: Periods) -> str:
    """What a period is called; the year is left out of days where all are of one."""
    start = period.start
    if periods.unit in ("year", "decade", "century"):
        return str(start.year)
    if periods.unit == "month":
        return f"{strings.batch.MONTHS[start.month - 1]} {start.year}"
    several = periods.periods[0].start.year != periods.periods[-1].start.year
    return f"{start.day} {strings.batch.MONTHS[start.month - 1]}{f' {start.year}' if several else ''}"


def _ranked_counts(counted: Sequence[Counted], ranked: Sequence[int]) -> list[list[int]]:
    return [[each.counts[label] for label in ranked] for each in counted]


def _figures(
    what: str, names: Sequence[str], labels: Sequence[str], counted: Sequence[Counted], ranked: Sequence[int]
) -> str:
    """The figures of a picture, folded."""
    table = markup.table(
        (what, strings.batch.TEXTS, *labels),
        [
            (escape(name), f"{each.total:,}", *(escape(markup.percent(each.shares[label])) for label in ranked))
            for name, each in zip(names, counted, strict=True)
        ],
    )
    return (
        f'<details class="emo-figures"><summary>{strings.batch.FIGURES}</summary>'
        f"{markup.scrolling(strings.batch.FIGURES, table)}</details>"
    )


def render_least_certain(result: BatchResult) -> str:
    """The rows that the model is least sure of, with its answer and the label that comes next."""
    answers = result.answers
    order = answers.least_certain()[:_UNCERTAIN_ROWS].tolist()
    rows = []
    for index in order:
        text = " ".join(answers.asked.texts[index].split())
        shown = text if len(text) <= _TEXT_CHARS else f"{text[: _TEXT_CHARS - 1]}…"
        shares = [escape(markup.percent(share)) for share in answers.probabilities[index].tolist()]
        best, second = (-answers.probabilities[index]).argsort(kind="stable")[:2].tolist()
        rows.append(
            (
                escape(shown),
                escape(answers.labels[best]),
                shares[best],
                f"{escape(answers.labels[second])} {shares[second]}",
                f"{int(answers.asked.rows[index]) + 1:,}",
            )
        )
    shown_all = len(order) == len(answers.asked.texts)
    words = strings.batch.UNCERTAIN_ALL if shown_all else strings.batch.UNCERTAIN_SOME
    detail = f'<p class="emo-detail">{escape(words.format(shown=len(order)))}</p>'
    return _section(strings.batch.UNCERTAIN, detail + markup.table(strings.batch.UNCERTAIN_COLUMNS, rows))


def _section(title: str, body: str) -> str:
    return f'<section class="emo-part"><h2 class="emo-heading">{escape(title)}</h2>{body}</section>'
