"""How a comparison looks: what follows from the answers in a sentence, then a column for each model."""

from collections.abc import Iterable, Mapping
from html import escape

from emohub.compare import RankedText, TextComparison, TextsComparison
from emohub.inference import Prediction
from emohub.labels import label_key
from emohub.pictures import Theme
from emohub.pictures.comparison import MOST_TEXTS, draw_comparison, draw_texts_comparison
from emohub.ui import markup, strings
from emohub.ui.service.comparison_files import comparison_csv, comparison_json, texts_csv

_THEMES: tuple[Theme, ...] = ("light", "dark")
_FILE = "emohub-comparison"


def render(comparison: TextComparison) -> str:
    """One text: what follows from the answers, one column for each model, and the files."""
    kinds = relations_of(comparison)
    return markup.result(
        _verdict(_overall(kinds), verdict(comparison)),
        _columns(comparison, kinds, timed=True) + _downloads(comparison_csv(comparison), comparison_json(comparison)),
        kind="comparison",
    )


def render_texts(compared: TextsComparison, seconds: float) -> str:
    """Several texts, those furthest apart first: a line for each, which opens to its columns; and the files.

    ``seconds`` is how long all of them took.
    """
    total, count = len(compared.texts), compared.disagreements
    overall = "disagree" if count else _overall(_kinds_of(compared))
    texts = "".join(f"<li>{_text(text)}</li>" for text in compared.texts)
    facts = strings.compare.TEXTS_SECONDS.format(texts=f"{total:,}", seconds=f"{seconds:.1f}")
    return markup.result(
        _verdict(overall, texts_verdict(compared)),
        f'<ol class="emo-texts">{texts}</ol><p class="emo-facts">{facts} · {strings.compare.TEXT_OPEN_HINT}</p>'
        + _downloads(texts_csv(compared), comparison_json(compared)),
        kind="comparison",
    )


def render_picture(comparison: TextComparison) -> str:
    """A picture of one text's probabilities, in both themes."""
    shown = label_order(comparison)
    table = {
        name: [shares[comparison.labels.index(label)] for label in shown] for name, shares in comparison.table.items()
    }
    return _figure(
        {theme: draw_comparison(shown, table, theme) for theme in _THEMES},
        strings.compare.PICTURE_ALT.format(labels=_list(shown), models=_list(comparison.predictions)),
        strings.compare.PICTURE_CAPTION.format(text=_shortened(comparison.text)),
    )


def render_texts_picture(compared: TextsComparison) -> str:
    """A picture of the answers to the texts that are furthest apart, in both themes."""
    texts = [text.comparison.text for text in compared.texts]
    answers = {
        name: [
            (prediction.label, max(prediction.probabilities))
            for prediction in (text.comparison.predictions[name] for text in compared.texts)
        ]
        for name in compared.models
    }
    disagree = [text.disagree for text in compared.texts]
    return _figure(
        {theme: draw_texts_comparison(texts, answers, disagree, theme) for theme in _THEMES},
        strings.compare.PICTURE_TEXTS_ALT.format(models=_list(answers), texts=min(len(texts), MOST_TEXTS)),
        strings.compare.PICTURE_TEXTS_CAPTION.format(texts=min(len(texts), MOST_TEXTS)),
    )


def relations_of(comparison: TextComparison) -> dict[str, str]:
    """How each model stands to the others: ``disagree`` with any, else ``agree`` with any, else ``apart``.

    Empty for a model that has no other beside it.
    """
    relations: dict[str, str] = {}
    for name in comparison.predictions if len(comparison.predictions) > 1 else ():
        found = {pair.relation for pair in comparison.pairs if name in (pair.first, pair.second)}
        relations[name] = next((kind for kind in ("disagree", "agree") if kind in found), "apart")
    return relations


def verdict(comparison: TextComparison) -> str:
    """Agreement or disagreement in a sentence; only models that know each other's answers can do either."""
    relations = relations_of(comparison)
    if not relations:
        (only,) = comparison.predictions.values()
        return strings.compare.ONE_ANSWER.format(label=only.label)
    apart = [name for name, kind in relations.items() if kind == "apart"]
    if len(apart) == len(relations):
        return strings.compare.NOT_COMPARABLE
    groups: dict[str, list[str]] = {}
    for name in relations:
        if name not in apart:
            groups.setdefault(label_key(comparison.predictions[name].label), []).append(name)
    labels = {key: comparison.predictions[names[0]].label for key, names in groups.items()}
    if len(groups) > 1:
        answers = (
            strings.compare.ANSWER_OF.format(names=_list(names), label=labels[key]) for key, names in groups.items()
        )
        said = strings.compare.DISAGREE.format(answers="; ".join(answers))
    else:
        ((key, names),) = groups.items()
        sentence = strings.compare.SOME_AGREE if apart else strings.compare.ALL_AGREE
        said = sentence.format(names=_list(names), count=len(names), label=labels[key])
    if not apart:
        return said
    standing = strings.compare.APART if len(apart) == 1 else strings.compare.APART_MANY
    return f"{said} {standing.format(names=_list(apart))}"


def texts_verdict(compared: TextsComparison) -> str:
    """On how many texts the models disagree, in a sentence."""
    total = f"{len(compared.texts):,}"
    if len(compared.models) == 1:
        return strings.compare.TEXTS_ONE_MODEL.format(total=total)
    if compared.disagreements:
        return strings.compare.TEXTS_DISAGREE.format(count=f"{compared.disagreements:,}", total=total)
    if _overall(_kinds_of(compared)) == "agree":
        return strings.compare.TEXTS_AGREE.format(total=total)
    return strings.compare.NOT_COMPARABLE


def label_order(comparison: TextComparison) -> list[str]:
    """The labels that most models know first, so that they stand side by side in the columns."""
    knowing = {
        label: sum(shares[at] is not None for shares in comparison.table.values())
        for at, label in enumerate(comparison.labels)
    }
    return sorted(comparison.labels, key=lambda label: -knowing[label])


def _columns(comparison: TextComparison, kinds: Mapping[str, str], *, timed: bool) -> str:
    columns = "".join(_column(comparison, name, kinds.get(name), timed) for name in comparison.predictions)
    return f'<div class="emo-columns">{columns}</div>'


def _column(comparison: TextComparison, name: str, relation: str | None, timed: bool) -> str:
    prediction = comparison.predictions[name]
    tag = f'<span class="emo-tag">{strings.compare.RELATIONS[relation]}</span>' if relation else ""
    facts = markup.facts(prediction) if timed else _untimed(prediction)
    return (
        f'<section class="emo-column emo-{relation}" aria-label="{escape(name)}">'
        f'<h2><span class="emo-name">{escape(name)}</span>{tag}</h2><p>{markup.answer(prediction)}</p>'
        f"{_bars(comparison, name)}{facts}</section>"
    )


def _untimed(prediction: Prediction) -> str:
    """Who answered for a cascade, and a note when the text was cut; how long one of several texts took is not known."""
    line = "".join(f'<p class="emo-facts">{said}</p>' for said in markup.answered_by(prediction))
    if not prediction.truncated:
        return line
    note = strings.TRUNCATED.format(tokens=f"{prediction.tokens:,}", max_length=f"{prediction.max_length:,}")
    return f'<p class="emo-note">{escape(note)}</p>{line}'


def _bars(comparison: TextComparison, name: str) -> str:
    """The model's labels, first those that others know too; then, folded, the labels that it does not know."""
    tables = {model: dict(zip(comparison.labels, shares, strict=True)) for model, shares in comparison.table.items()}
    known = [label for label in label_order(comparison) if tables[name][label] is not None]
    own = {label for label in known if all(tables[other][label] is None for other in tables if other != name)}
    heading = (
        {next(label for label in known if label in own): strings.compare.OWN_LABELS}
        if 0 < len(own) < len(known)
        else {}
    )
    others = [label for label in comparison.labels if label not in known]
    return markup.bars(known, [tables[name][label] for label in known], headings=heading) + _unknown(others)


def _unknown(labels: list[str]) -> str:
    if not labels:
        return ""
    summary = (
        strings.compare.ONE_OTHER_LABEL if len(labels) == 1 else strings.compare.OTHER_LABELS.format(count=len(labels))
    )
    return f'<details class="emo-others"><summary>{summary}</summary><p>{escape(", ".join(labels))}</p></details>'


def _text(text: RankedText) -> str:
    """A text with each model's answer in one line, which opens to the columns."""
    kinds = relations_of(text.comparison)
    overall = _overall(kinds)
    answers = "".join(
        f'<span class="emo-given emo-{kinds.get(name)}"><span class="emo-by">{escape(name)}</span> '
        f"<b>{escape(prediction.label)}</b> {escape(markup.percent(max(prediction.probabilities)))}</span>"
        for name, prediction in text.comparison.predictions.items()
    )
    tag = f'<span class="emo-tag">{strings.compare.TEXT_RELATIONS[overall]}</span>' if kinds else ""
    return (
        f'<details class="emo-compared emo-{overall}"><summary><span class="emo-said">'
        f'<span class="emo-quoted">{escape(text.comparison.text)}</span>{tag}</span>'
        f'<span class="emo-answers">{answers}</span></summary>'
        f"{_distance(text)}{_columns(text.comparison, kinds, timed=False)}</details>"
    )


def _distance(text: RankedText) -> str:
    if text.distance is None:
        return ""
    said = strings.compare.TEXT_DISTANCE.format(points=f"{100 * text.distance:.1f}")
    return f'<p class="emo-detail">{said}</p>'


def _overall(relations: Mapping[str, str]) -> str:
    return next((kind for kind in ("disagree", "agree") if kind in relations.values()), "apart")


def _kinds_of(compared: TextsComparison) -> dict[str, str]:
    """Any relation that occurs in any of the texts."""
    return {kind: kind for text in compared.texts for kind in relations_of(text.comparison).values()}


def _verdict(kind: str, sentence: str) -> str:
    return f'<p class="emo-verdict emo-{kind}">{escape(sentence)}</p>'


def _downloads(csv: bytes, json: bytes) -> str:
    links = markup.download(strings.SAVE_CSV, f"{_FILE}.csv", csv, "text/csv") + markup.download(
        strings.SAVE_JSON, f"{_FILE}.json", json, "application/json"
    )
    return f'<p class="emo-downloads">{links}</p>'


def _figure(pngs: Mapping[Theme, bytes], alternative: str, caption: str) -> str:
    return markup.figure(pngs, alternative, caption, f"{_FILE}.png")


def _shortened(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}…"


def _list(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
