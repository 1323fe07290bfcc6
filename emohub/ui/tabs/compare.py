"""Compare: one text, several models, their labels matched by name, disagreement first."""

from collections.abc import Iterable
from html import escape

import gradio as gr

from emohub.compare import TextComparison
from emohub.errors import EmohubError
from emohub.labels import label_key
from emohub.ui import markup, strings
from emohub.ui.service import Service
from emohub.ui.sharing import Shared


def build(service: Service) -> Shared:
    """Lay the tab out and wire it."""
    names = list(service.store.names)

    def show_comparison(text: str, models: list[str]) -> str:
        try:
            return render(service.compare(text, models))
        except EmohubError as error:
            return markup.notice(error)

    text = gr.Textbox(
        label=strings.TEXT,
        placeholder=strings.TEXT_PLACEHOLDER,
        lines=1,
        max_lines=8,
        elem_id="compare-text",
        elem_classes="emo-text",
    )
    models = gr.CheckboxGroup(names, value=names, label=strings.MODELS, elem_id="compare-models")
    button = gr.Button(strings.COMPARE, variant="primary", elem_id="compare-button", elem_classes="emo-fit")
    output = gr.HTML(
        markup.empty(strings.COMPARE_EMPTY, strings.COMPARE_EMPTY_DETAIL),
        apply_default_css=False,
        elem_id="compare-result",
    )
    gr.on(
        [button.click, text.submit],
        show_comparison,
        inputs=[text, models],
        outputs=output,
        queue=False,
        api_visibility="private",
        show_progress="minimal",
    )
    return Shared(text, models)


def render(comparison: TextComparison) -> str:
    """What follows from the answers, then one column for each model."""
    relations = relations_of(comparison)
    columns = "".join(_column(comparison, name, relations.get(name)) for name in comparison.predictions)
    overall = next((kind for kind in ("disagree", "agree") if kind in relations.values()), "apart")
    return markup.result(
        f'<p class="emo-verdict emo-{overall}">{escape(verdict(comparison))}</p>',
        f'<div class="emo-columns">{columns}</div>',
        kind="comparison",
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
        return strings.ONE_ANSWER.format(label=only.label)
    apart = [name for name, kind in relations.items() if kind == "apart"]
    if len(apart) == len(relations):
        return strings.NOT_COMPARABLE
    groups: dict[str, list[str]] = {}
    for name in relations:
        if name not in apart:
            groups.setdefault(label_key(comparison.predictions[name].label), []).append(name)
    labels = {key: comparison.predictions[names[0]].label for key, names in groups.items()}
    if len(groups) > 1:
        answers = (strings.ANSWER_OF.format(names=_list(names), label=labels[key]) for key, names in groups.items())
        said = strings.DISAGREE.format(answers="; ".join(answers))
    else:
        ((key, names),) = groups.items()
        sentence = strings.SOME_AGREE if apart else strings.ALL_AGREE
        said = sentence.format(names=_list(names), count=len(names), label=labels[key])
    if not apart:
        return said
    return f"{said} {(strings.APART if len(apart) == 1 else strings.APART_MANY).format(names=_list(apart))}"


def _column(comparison: TextComparison, name: str, relation: str | None) -> str:
    prediction = comparison.predictions[name]
    tag = f'<span class="emo-tag">{strings.RELATIONS[relation]}</span>' if relation else ""
    return (
        f'<section class="emo-column emo-{relation}" aria-label="{escape(name)}">'
        f'<h3><span class="emo-name">{escape(name)}</span>{tag}</h3><p>{markup.answer(prediction)}</p>'
        f"{markup.bars(comparison.labels, comparison.table[name])}{markup.facts(prediction)}</section>"
    )


def _list(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
