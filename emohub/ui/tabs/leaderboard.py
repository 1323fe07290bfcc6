"""What was measured, best first on each dataset, with intervals as pictures; and apart from it what others report."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape

from emohub.card import MeasuredResult, ReportedResult, Results
from emohub.data import escape_formula
from emohub.record import Interval, VerificationRecord
from emohub.ui import markup, strings

_FIGURES = ("accuracy", "macro_f1")
"""Metrics that the table shows; the downloads hold all of them."""

Verifications = Mapping[str, VerificationRecord]
"""What was verified, by the name of the model."""


def render(results: Results, verifications: Verifications) -> str:
    """Both tables, ours and apart from it what others report."""
    return _section(
        strings.models.MEASURED, _measured_detail(results.measured), _measured(results, verifications)
    ) + _section(strings.models.REPORTED, strings.models.REPORTED_DETAIL, _reported(results.reported))


def by_dataset(measured: Sequence[MeasuredResult]) -> dict[tuple[str, str, int], list[MeasuredResult]]:
    """The results of each dataset, split and number of rows, those of the highest macro F1 first."""
    groups: dict[tuple[str, str, int], list[MeasuredResult]] = {}
    for result in sorted(measured, key=lambda one: (one.corpus_title, -one.metrics["macro_f1"].value, one.name)):
        groups.setdefault((result.corpus_title, result.split, result.rows), []).append(result)
    return groups


def as_csv(measured: Sequence[MeasuredResult], verifications: Verifications) -> bytes:
    """The measured results, a row each, with every metric and its bounds; cells that could be formulas are escaped."""
    rows = [
        _plain(result, verifications.get(result.name)) for group in by_dataset(measured).values() for result in group
    ]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: escape_formula(cell) if isinstance(cell, str) else cell for key, cell in row.items()})
    return text.getvalue().encode()


def as_json(results: Results, verifications: Verifications) -> bytes:
    """Everything that both tables show, those of one origin together."""
    groups = by_dataset(results.measured).values()
    values = {
        "measured": [_plain(result, verifications.get(result.name)) for group in groups for result in group],
        "reported": [asdict(result) for result in results.reported],
    }
    return json.dumps(values, indent=2, ensure_ascii=False).encode()


def _plain(result: MeasuredResult, verification: VerificationRecord | None) -> dict[str, object]:
    speed = result.speed
    return {
        "model": result.name,
        "base_model": result.base_model,
        "corpus": result.corpus,
        "split": result.split,
        "rows": result.rows,
        "interval_level": result.level,
        **{
            f"{name}{part}": getattr(interval, value)
            for name, interval in result.metrics.items()
            for part, value in (("", "value"), ("_low", "low"), ("_high", "high"))
        },
        "parameters": result.parameters,
        "size_bytes": result.size_bytes,
        "dtype": result.dtype,
        "median_ms": speed.median_ms if speed else None,
        "texts_per_second": speed.texts_per_second if speed else None,
        "machine": result.machine,
        "fingerprint": result.fingerprint,
        "verified": verification_of(result, verification),
    }


def verification_of(result: MeasuredResult, verification: VerificationRecord | None) -> str | None:
    """In a word what came of the verification; None where there is none, or it was of other weights."""
    if verification is None or verification.model.fingerprint != result.fingerprint:
        return None
    return "reproduced" if verification.holds else "not reproduced"


def _measured_detail(measured: Sequence[MeasuredResult]) -> str:
    if not measured:
        return strings.models.NOTHING_MEASURED
    machines = list(dict.fromkeys(result.machine for result in measured if result.machine))
    floor = _floor(measured)
    detail = strings.models.MEASURED_DETAIL.format(level=measured[0].level, floor=floor)
    return escape(
        f"{detail} {strings.models.SPEED_DETAIL.format(machines='; '.join(machines))}" if machines else detail
    )


def _measured(results: Results, verifications: Verifications) -> str:
    if not results.measured:
        return ""
    floor = _floor(results.measured)
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in strings.models.MEASURED_COLUMNS)
    bodies = []
    for (title, split, rows), group in by_dataset(results.measured).items():
        detail = strings.models.DATASET_DETAIL.format(split=split, rows=f"{rows:,}")
        bodies.append(
            f'<tbody><tr class="emo-group"><th scope="rowgroup" colspan="{len(strings.models.MEASURED_COLUMNS)}">'
            f'{escape(title)} <span class="emo-detail">{escape(detail)}</span></th></tr>'
            + "".join(_row(result, verifications.get(result.name), floor) for result in group)
            + "</tbody>"
        )
    saves = (
        markup.download(strings.SAVE_CSV, "emohub-models.csv", as_csv(results.measured, verifications), "text/csv"),
        markup.download(strings.SAVE_JSON, "emohub-models.json", as_json(results, verifications), "application/json"),
    )
    return (
        f'<table class="emo-table emo-board"><thead><tr>{head}</tr></thead>{"".join(bodies)}</table>'
        f'<p class="emo-saves">{" ".join(saves)}</p>'
    )


def _row(result: MeasuredResult, verification: VerificationRecord | None, floor: float) -> str:
    speed = result.speed
    verified = verification_of(result, verification)
    cells = (
        *(_whisker(result.metrics[name], floor) for name in _FIGURES),
        strings.models.MILLIONS.format(millions=result.parameters / 1e6)
        + _sub(strings.models.MEGABYTES.format(megabytes=result.size_bytes / 1e6)),
        markup.dash(strings.models.NOT_MEASURED)
        if speed is None
        else strings.MILLISECONDS.format(milliseconds=markup.milliseconds(speed.median_ms / 1000))
        + _sub(strings.models.TEXTS_PER_SECOND.format(count=f"{speed.texts_per_second:,.0f}")),
        markup.dash(strings.models.NOT_VERIFIED) if verified is None else escape(strings.models.VERIFIED[verified]),
    )
    return (
        f'<tr><th scope="row"><div>{escape(result.name)}{_sub(result.base_model)}</div></th>'
        + "".join(
            f'<td data-column="{escape(column)}"><div>{cell}</div></td>'
            for column, cell in zip(strings.models.MEASURED_COLUMNS[1:], cells, strict=True)
        )
        + "</tr>"
    )


def _floor(measured: Sequence[MeasuredResult]) -> float:
    """Where the pictures of intervals begin, the same for all: below the lowest bound, at a twentieth."""
    lowest = min(result.metrics[name].low for result in measured for name in _FIGURES)
    return max(0.0, math.floor(lowest * 20) / 20)


def _whisker(interval: Interval, floor: float) -> str:
    """A figure, its interval, and both as a point on a line from ``floor`` to 1."""
    low, value, high = ((part - floor) / (1 - floor) for part in (interval.low, interval.value, interval.high))
    return (
        f'{markup.interval(interval)}<span class="emo-whisker" aria-hidden="true">'
        f'<span class="emo-reach" style="left:{low:.2%};width:{high - low:.2%}"></span>'
        f'<span class="emo-point" style="left:{value:.2%}"></span></span>'
    )


def _reported(reported: Sequence[ReportedResult]) -> str:
    return markup.table(
        (*strings.models.REPORTED_COLUMNS, *strings.models.REPORTED_METRICS.values()),
        [
            (
                f"{escape(result.name)}{_sub(result.base_model)}",
                escape(result.dataset),
                _or_dash(result.evaluated_rows, ","),
                *(_or_dash(result.metrics.get(name), ".4f") for name in strings.models.REPORTED_METRICS),
            )
            for result in reported
        ],
    )


def _sub(text: str) -> str:
    return f'<span class="emo-sub">{escape(text)}</span>'


def _or_dash(value: float | None, format_spec: str) -> str:
    return markup.dash(strings.models.NOT_STATED) if value is None else format(value, format_spec)


def _section(title: str, detail: str, table: str) -> str:
    return (
        f'<section class="emo-results"><h2 class="emo-heading">{title}</h2><p class="emo-detail">{detail}</p>'
        f"{table}</section>"
    )
