"""How an evaluation looks: who is right most often, then every figure, picture and row behind it."""

from collections.abc import Iterable, Sequence
from html import escape

from emohub.compare import LEAST_ROWS_OF_A_GAP, LabelledComparison, Measured, PairOnSplit, Slicing
from emohub.pictures import Overlap, Theme, calibration_picture, confusion_picture, overlap_picture
from emohub.record import Interval, LabelResult
from emohub.ui import markup, strings
from emohub.ui.service.evaluating import disagreements_csv, evaluation_json

_THEMES: tuple[Theme, ...] = ("light", "dark")
_SHOWN_ROWS = 50
_TEXT_CHARS = 300
_HARDLY_CHANCE = 0.05


def render(comparison: LabelledComparison) -> str:
    """All of it."""
    measured = {name: found for name, found in comparison.models.items() if found is not None}
    parts = [
        _notes(comparison, measured),
        _scores(comparison, measured),
        _pairs(comparison.pairs) if comparison.pairs else "",
        _labels(comparison, measured),
        _confusion(comparison, measured),
        _calibration(measured),
        _slices(comparison.slicings),
        _disagreements(comparison) if comparison.pairs else "",
        _files(comparison),
    ]
    return markup.result(f'<p class="emo-verdict">{escape(verdict(comparison))}</p>', "".join(parts), kind="evaluation")


def verdict(comparison: LabelledComparison) -> str:
    """Who is right most often, and whether that could be chance."""
    ranked = sorted(
        ((found.accuracy.value, name) for name, found in comparison.models.items() if found), key=lambda pair: -pair[0]
    )
    best, model = ranked[0]
    texts = strings.evaluate.ONE_TEXT if comparison.rows == 1 else strings.evaluate.TEXTS
    said = {"accuracy": markup.percent(best), "texts": texts.format(count=f"{comparison.rows:,}")}
    if len(ranked) == 1:
        return strings.evaluate.ONE_MODEL.format(model=model, **said)
    tied = [name for accuracy, name in ranked if accuracy == best]
    if len(tied) > 1:
        return strings.evaluate.TIE.format(models=_list(tied), **said)
    second = ranked[1][1]
    pair = next(pair for pair in comparison.pairs if {pair.first, pair.second} == {model, second})
    lead = strings.evaluate.BETTER if pair.p_holm < _HARDLY_CHANCE else strings.evaluate.MAYBE_CHANCE
    ahead = lead.format(second=second, p=f"{pair.p_holm:.2g}")
    return f"{strings.evaluate.BEST.format(model=model, **said)} {ahead}"


def _notes(comparison: LabelledComparison, measured: dict[str, Measured]) -> str:
    """What the reader must know of models and rows that are not in the figures, and of answers outside the file."""
    notes = [strings.evaluate.UNALIGNED.format(reason=reason) for reason in comparison.unaligned.values()]
    if comparison.left_out:
        notes.append(strings.evaluate.LEFT_OUT.format(count=f"{comparison.left_out:,}"))
    others = [name for name, found in measured.items() if any(found.other_answers)]
    if others:
        labels = _list(comparison.labels)
        notes.append(strings.evaluate.OTHER_LABELS.format(models=_list(others), labels=labels))
    return "".join(f'<p class="emo-note">{escape(note)}</p>' for note in notes)


def _scores(comparison: LabelledComparison, measured: dict[str, Measured]) -> str:
    method = comparison.intervals
    detail = strings.evaluate.SCORES_DETAIL.format(
        level=method.level, resamples=f"{method.resamples:,}", seed=method.seed
    )
    rows = [
        (
            escape(name),
            markup.interval(found.accuracy),
            markup.interval(found.macro_f1),
            markup.interval(found.log_loss),
            markup.interval(found.expected_calibration_error),
            f"{found.truncated:,}",
        )
        for name, found in measured.items()
    ]
    return _part(strings.evaluate.SCORES, detail, _table(strings.evaluate.SCORES, strings.evaluate.SCORE_COLUMNS, rows))


def _pairs(pairs: Sequence[PairOnSplit]) -> str:
    rows = [
        (
            _both(escape(pair.first), escape(pair.second)),
            _both(f"{pair.only_first_right:,}", f"{pair.only_second_right:,}"),
            f"{pair.both_right:,}",
            f"{pair.both_wrong:,}",
            "–" if pair.error_overlap is None else markup.percent(pair.error_overlap),
            _difference(pair.difference),
            f"{pair.p_value:.2g}",
            f"{pair.p_holm:.2g}",
        )
        for pair in pairs
    ]
    wrong = [
        Overlap(pair.first, pair.second, pair.only_second_right, pair.both_wrong, pair.only_first_right)
        for pair in pairs
    ]
    alternative = strings.evaluate.OVERLAP_ALTERNATIVE.format(
        pairs=" ".join(strings.evaluate.OVERLAP_PAIR.format(**each._asdict()) for each in wrong)
    )
    picture = markup.figure(
        {theme: overlap_picture(wrong, theme) for theme in _THEMES},
        alternative,
        strings.evaluate.OVERLAP_CAPTION,
        "emohub-errors.png",
    )
    table = _table(strings.evaluate.PAIRS, strings.evaluate.PAIR_COLUMNS, rows)
    return _part(strings.evaluate.PAIRS, strings.evaluate.PAIRS_DETAIL, table + picture)


def _labels(comparison: LabelledComparison, measured: dict[str, Measured]) -> str:
    results = [found.per_label for found in measured.values()]
    rows = [
        (
            escape(label),
            f"{results[0][place].support:,}",
            *(_label_result(per_label[place]) for per_label in results),
        )
        for place, label in enumerate(comparison.labels)
    ]
    table = _table(strings.evaluate.LABELS, (*strings.evaluate.LABEL_COLUMNS, *measured), rows)
    return _part(strings.evaluate.LABELS, strings.evaluate.LABELS_DETAIL, table)


def _label_result(result: LabelResult) -> str:
    precision = strings.evaluate.PRECISION.format(value=result.precision.value)
    recall = strings.evaluate.RECALL.format(value=result.recall.value)
    return f'{markup.interval(result.f1)}<span class="emo-sub">{precision}</span><span class="emo-sub">{recall}</span>'


def _confusion(comparison: LabelledComparison, measured: dict[str, Measured]) -> str:
    figures = "".join(_confusion_figure(name, found, comparison.labels) for name, found in measured.items())
    grid = f'<div class="emo-figures-grid">{figures}</div>'
    return _part(strings.evaluate.CONFUSION, strings.evaluate.CONFUSION_DETAIL, grid)


def _confusion_figure(name: str, found: Measured, labels: Sequence[str]) -> str:
    """A model's matrix, with one more column where it answers labels that the file does not have."""
    others = any(found.other_answers)
    answers = [*labels, strings.evaluate.OTHER_ANSWER] if others else list(labels)
    matrix = [
        [*row, other] if others else list(row)
        for row, other in zip(found.confusion_matrix, found.other_answers, strict=True)
    ]
    rows = " ".join(
        _in_words(label, row, place, answers) for place, (label, row) in enumerate(zip(labels, matrix, strict=True))
    )
    pictures = {theme: confusion_picture(matrix, labels, answers, theme) for theme in _THEMES}
    alternative = strings.evaluate.CONFUSION_ALTERNATIVE.format(model=name, rows=rows)
    return markup.figure(pictures, alternative, name, "emohub-confusion.png")


def _in_words(label: str, row: Sequence[int], place: int, answers: Sequence[str]) -> str:
    """One row of a matrix: how many are right, and what the others are taken for most often."""
    wrong = [(count, answer) for index, (count, answer) in enumerate(zip(row, answers, strict=True)) if index != place]
    count, answer = max(wrong, key=lambda pair: pair[0], default=(0, ""))
    most = strings.evaluate.CONFUSION_MOST.format(count=count, answer=answer) if count else ""
    return strings.evaluate.CONFUSION_ROW.format(label=label, right=row[place], support=sum(row), most=most)


def _calibration(measured: dict[str, Measured]) -> str:
    errors = ", ".join(f"{name} {found.expected_calibration_error.value:.4f}" for name, found in measured.items())
    bins = {name: found.calibration for name, found in measured.items()}
    picture = markup.figure(
        {theme: calibration_picture(bins, theme) for theme in _THEMES},
        strings.evaluate.CALIBRATION_ALTERNATIVE.format(errors=errors),
        "",
        "emohub-calibration.png",
    )
    return _part(strings.evaluate.CALIBRATION, strings.evaluate.CALIBRATION_DETAIL, picture)


def _slices(slicings: Sequence[Slicing]) -> str:
    detail = strings.evaluate.SLICES_DETAIL.format(least=LEAST_ROWS_OF_A_GAP)
    return _part(strings.evaluate.SLICES, detail, "".join(map(_slicing, slicings)))


def _slicing(slicing: Slicing) -> str:
    title = strings.evaluate.SLICE_NAMES[slicing.kind].format(column=slicing.by)
    rows = [
        (escape(part.value), f"{part.rows:,}", *(markup.interval(share) for share in part.accuracy.values()))
        for part in slicing.slices
    ]
    gaps = [markup.dash(strings.evaluate.NO_GAP) if gap is None else f"{gap:.4f}" for gap in slicing.gaps.values()]
    rows.append((strings.evaluate.GAP, markup.dash(strings.evaluate.ALL_SLICES), *gaps))
    table = _table(title, (*strings.evaluate.SLICE_COLUMNS, *slicing.gaps), rows)
    return f'<h3 class="emo-small-heading">{escape(title)}</h3>{table}'


def _disagreements(comparison: LabelledComparison) -> str:
    found = comparison.disagreements
    detail = strings.evaluate.AGREEMENT.format(share=markup.percent(comparison.agreement))
    if len(found) > _SHOWN_ROWS:
        some = strings.evaluate.DISAGREEMENTS_SOME.format(shown=_SHOWN_ROWS, count=f"{len(found):,}")
        detail = f"{detail} {some}"
    names = list(found[0].predicted) if found else []
    rows = [
        (
            f"{row.row:,}",
            escape(row.text if len(row.text) <= _TEXT_CHARS else f"{row.text[:_TEXT_CHARS]}…"),
            escape(row.label),
            *(_answer(answer, row.label) for answer in row.predicted.values()),
        )
        for row in found[:_SHOWN_ROWS]
    ]
    table = _table(strings.evaluate.DISAGREEMENTS, (*strings.evaluate.ROW_COLUMNS, *names), rows, kind="emo-words")
    return _part(strings.evaluate.DISAGREEMENTS, detail, table)


def _answer(answer: str, label: str) -> str:
    if answer == label:
        return f"<b>{escape(answer)}</b>"
    return f'{escape(answer)}<span class="emo-sub">{strings.evaluate.WRONG}</span>'


def _files(comparison: LabelledComparison) -> str:
    links = [
        markup.download(
            strings.evaluate.SAVE_JSON, "emohub-evaluation.json", evaluation_json(comparison), "application/json"
        )
    ]
    if comparison.disagreements:
        links.append(
            markup.download(
                strings.evaluate.SAVE_CSV, "emohub-disagreements.csv", disagreements_csv(comparison), "text/csv"
            )
        )
    return f'<p class="emo-downloads">{"".join(links)}</p><p class="emo-detail">{strings.evaluate.FILES_NOTE}</p>'


def _part(title: str, detail: str, content: str) -> str:
    return (
        f'<section class="emo-part"><h2 class="emo-heading">{escape(title)}</h2>'
        f'<p class="emo-detail">{escape(detail)}</p>{content}</section>'
    )


def _table(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str = "") -> str:
    """A table in a box of its own, which scrolls where many models stand side by side."""
    return markup.scrolling(name, markup.table(columns, rows), kind=kind) if rows else ""


def _both(first: str, second: str) -> str:
    return f"{first}<br>{second}"


def _difference(value: Interval) -> str:
    return f'{value.value:+.4f}<span class="emo-sub">{value.low:+.4f} to {value.high:+.4f}</span>'


def _list(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
