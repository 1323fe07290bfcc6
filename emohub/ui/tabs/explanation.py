"""How an explanation looks: the words tinted by their scores, how far to trust them, and what changed words do."""

from collections.abc import Mapping
from html import escape

from emohub.explain import Attribution, Faithfulness, Method, WhatIf, Word
from emohub.inference import Prediction
from emohub.labels import label_key
from emohub.pictures import Theme
from emohub.pictures.words import draw_words
from emohub.ui import markup, strings
from emohub.ui.service.explaining import attribution_csv, attribution_json

_THEMES: tuple[Theme, ...] = ("light", "dark")
_FILE = "emohub-explanation"


def render_words(model: str, attribution: Attribution, changes: Mapping[int, str], chosen: int | None) -> str:
    """The label, and the text with each word as a button; ``changes`` are marked, and ``chosen`` takes the focus."""
    words = attribution.words
    most = max(abs(word.score) for word in words) or 1.0
    focus = 0 if chosen is None else chosen
    pieces, end = [], 0
    for position, word in enumerate(words):
        pieces.append(escape(attribution.text[end : word.start]))
        changed = changes.get(position)
        pieces.append(_word(position, word, word.score / most, changed, focusable=position == focus))
        end = word.end
    pieces.append(escape(attribution.text[end:]))
    label = f'<span class="emo-label">{escape(attribution.label)}</span>'
    share = f'<span class="emo-share">{escape(markup.percent(attribution.probability))}</span>'
    method = strings.explain.METHODS[attribution.method]
    return markup.result(
        f'<p class="emo-by">{escape(model)} · {escape(method)}</p><p>{label} {share}</p>',
        f'<div class="emo-explained" role="group" aria-label="{strings.explain.WORDS}">{"".join(pieces)}</div>'
        f"{_legend(attribution)}{_unread(attribution)}",
    )


def _word(position: int, word: Word, weight: float, changed: str | None, *, focusable: bool) -> str:
    if not word.read:
        return f'<span class="emo-unread">{escape(word.text)}</span>'
    side = "for" if weight > 0 else "against" if weight < 0 else "neutral"
    said = strings.explain.WORD.format(word=word.text, score=_score(word.score))
    inner = escape(word.text)
    if changed is not None:
        inner = f"<del>{inner}</del>" + (f" <ins>{escape(changed)}</ins>" if changed else "")
        state = strings.explain.REPLACED.format(word=changed) if changed else strings.explain.REMOVED
        said = f"{said}, {state}"
    return (
        f'<button type="button" class="emo-word emo-{side}" data-word="{position}" aria-label="{escape(said)}" '
        f'aria-pressed="{"false" if changed is None else "true"}" tabindex="{0 if focusable else -1}" '
        f'title="{_score(word.score)}" style="--emo-weight:{abs(weight):.0%}">{inner}</button>'
    )


def _legend(attribution: Attribution) -> str:
    against, for_ = (words.format(label=attribution.label) for words in (strings.explain.AGAINST, strings.explain.FOR))
    time = strings.MILLISECONDS.format(milliseconds=markup.milliseconds(attribution.seconds))
    return (
        f'<p class="emo-legend"><span class="emo-key emo-for">{escape(for_)}</span>'
        f'<span class="emo-key emo-against">{escape(against)}</span><span class="emo-facts">{time}</span></p>'
        f'<p class="emo-detail">{strings.explain.HINT}</p>'
    )


def _unread(attribution: Attribution) -> str:
    count = sum(not word.read for word in attribution.words)
    if not count:
        return ""
    note = strings.explain.ONE_UNREAD if count == 1 else strings.explain.UNREAD.format(count=count)
    return f'<p class="emo-note">{note}</p>'


def render_what_if(asked: WhatIf) -> str:
    """Every model's answer before and after the words were changed."""
    rows = [_move(name, before, asked.after[name]) for name, before in asked.before.items()]
    turned = sum(label_key(before.label) != label_key(asked.after[name].label) for name, before in asked.before.items())
    said = strings.explain.TURNED.format(count=turned, total=len(rows)) if turned else strings.explain.NONE_TURNED
    return markup.result(
        f'<h2 class="emo-heading">{strings.explain.WHAT_IF}</h2><p class="emo-detail">{said}</p>',
        f'<p class="emo-changed">{escape(asked.changed_text)}</p>' + markup.table(strings.explain.MOVES, rows),
        kind="moves",
    )


def _move(name: str, before: Prediction, after: Prediction) -> tuple[str, str, str, str]:
    was = max(before.probabilities)
    now = after.probabilities[before.labels.index(before.label)]
    turned = label_key(before.label) != label_key(after.label)
    answer = _short_answer(after)
    points = strings.explain.POINTS.format(label=before.label, points=_signed(f"{100 * (now - was):+.1f}"))
    return escape(name), _short_answer(before), f"<strong>{answer}</strong>" if turned else answer, escape(points)


def _short_answer(prediction: Prediction) -> str:
    return f"{escape(prediction.label)} {escape(markup.percent(max(prediction.probabilities)))}"


def render_details(attributions: Mapping[Method, Attribution]) -> str:
    """How far each explanation can be trusted, then the words of the last one by score, and the files."""
    explained = list(attributions.values())
    shown = explained[-1]
    trusted = "".join(map(_trust, reversed(explained)))
    rows = [
        (
            escape(word.text),
            str(shown.words.index(word) + 1),
            _score(word.score) if word.read else strings.explain.NOT_READ,
        )
        for word in shown.ranked
    ]
    files = "".join(
        markup.download(words, f"{_FILE}{suffix}", content, media_type)
        for words, suffix, content, media_type in (
            (strings.SAVE_CSV, ".csv", attribution_csv(shown), "text/csv"),
            (strings.SAVE_JSON, ".json", attribution_json(shown), "application/json"),
        )
    )
    return (
        f'<section class="emo-trust"><h2 class="emo-heading">{strings.explain.TRUST}</h2>{trusted}</section>'
        f'<details class="emo-by-score"><summary>{strings.explain.BY_SCORE}</summary>'
        f"{markup.table(strings.explain.COLUMNS, rows)}{_path(shown)}</details>"
        f'<p class="emo-downloads">{files}</p>'
    )


def _trust(attribution: Attribution) -> str:
    """Whether the words with the highest scores carry the answer more than others do, in words and figures."""
    judged = attribution.faithfulness
    good = trustworthy(judged)
    verdict = strings.explain.TRUSTED if good else strings.explain.DOUBTFUL
    whole = attribution.probability
    figures = {
        "count": f"{judged.top_k}",
        "label": attribution.label,
        "whole": markup.percent(whole),
        "without": _share(whole - judged.comprehensiveness),
        "without_random": _share(whole - judged.random_comprehensiveness),
        "alone": _share(whole - judged.sufficiency),
        "alone_random": _share(whole - judged.random_sufficiency),
    }
    sentence = (strings.explain.ONE_JUDGED if judged.top_k == 1 else strings.explain.JUDGED).format(**figures)
    kind = "good" if good else "doubtful"
    return (
        f'<div class="emo-judged emo-{kind}"><h3>{escape(strings.explain.METHODS[attribution.method])}: {verdict}</h3>'
        f"<p>{escape(sentence)}</p></div>"
    )


def trustworthy(judged: Faithfulness) -> bool:
    """Better than random words in both: more goes with the top words, and less is missing with them alone."""
    return judged.comprehensiveness > judged.random_comprehensiveness and judged.sufficiency < judged.random_sufficiency


def _path(attribution: Attribution) -> str:
    path = attribution.path
    if path is None:
        return ""
    said = strings.explain.PATH.format(
        baseline=path.baseline,
        probability=markup.percent(path.baseline_probability),
        points=path.points,
        residual=_signed(f"{100 * path.residual:+.2f}"),
    )
    return f'<p class="emo-detail">{escape(said)}</p>'


def render_picture(attribution: Attribution) -> str:
    """The words as a picture to save."""
    pieces, end = [], 0
    for word in attribution.words:
        pieces += [(attribution.text[end : word.start].replace("\n", " "), 0.0), (word.text, word.score)]
        end = word.end
    legend = (
        strings.explain.FOR.format(label=attribution.label),
        strings.explain.AGAINST.format(label=attribution.label),
    )
    pictures = {theme: draw_words([piece for piece in pieces if piece[0]], legend, theme) for theme in _THEMES}
    return markup.figure(
        pictures,
        strings.explain.PICTURE_ALT.format(label=attribution.label),
        strings.explain.PICTURE_CAPTION.format(
            label=attribution.label, method=strings.explain.METHODS[attribution.method]
        ),
        f"{_FILE}.png",
    )


def _share(probability: float) -> str:
    return markup.percent(min(1.0, max(0.0, probability)))  # a difference of rounded numbers may stick out


def _score(score: float) -> str:
    return _signed(f"{score:+.2g}") if score else "0"


def _signed(number: str) -> str:
    return number.replace("-", "−")  # noqa: RUF001 - a minus sign, which is read out as one
