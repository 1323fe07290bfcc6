"""Context → Markdown.

Every part of a body stands between two markers, so that what a person writes between the parts can be told from what is
rendered. The parts of a model's card are, in their order: ``summary`` (with the title), ``usage``, ``results``,
``robustness`` where it was measured, ``training``, ``uses-and-limits``, ``licence`` and, where somebody else reports
figures, ``reported``. A documented page begins with ``sections.DOCUMENTED_PAGE`` and has ``summary``, ``reported`` and
``usage``.
"""

import json
from collections.abc import Callable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from emohub.card.context import card_context, masked_lm_context
from emohub.card.front_matter import is_repo_id
from emohub.card.markdown import Markdown, code, fence, show, table, words
from emohub.card.records import MaskedLMRecords, Records
from emohub.card.reported import documented_context
from emohub.card.sections import DOCUMENTED_PAGE, section
from emohub.card.tables import Table
from emohub.errors import CardError, UsageError
from emohub.recipe import Recipe
from emohub.record import DescriptionRecord, EvalRecord, ExportRecord, RobustnessRecord, RunRecord


def render(
    run: RunRecord,
    evaluation: EvalRecord,
    description: DescriptionRecord | None = None,
    export: ExportRecord | None = None,
    *,
    robustness: RobustnessRecord | None = None,
    repo_id: str | None = None,
    model: str | None = None,
) -> str:
    """The card of the model that ``run`` exported and ``evaluation`` measured, with what ``description`` adds.

    ``export`` says which files for other runtimes lie beside the weights, ``robustness`` how the model answers what is
    unlike its data.

    ``repo_id`` is where the model is or will be on the Hub; it names the model and is what the usage examples load.
    Without it the model has its recipe's name, and the examples load the folder ``model`` (``models/<recipe>`` when
    None). The same arguments give the same text.

    Raises:
        CardError: the records contradict each other.
        UsageError: ``repo_id`` is not of the form USER/NAME.
    """
    records = Records.of(run, evaluation, description, robustness)
    own_name = records.recipe.name
    context = card_context(
        records,
        export,
        name=_name(repo_id, own_name),
        model=repo_id or model or f"models/{own_name}",
        repo_id=repo_id,
    )
    return _environment().get_template("model_card.md.jinja").render(context)


def render_masked_lm(run: RunRecord, *, repo_id: str | None = None, model: str | None = None) -> str:
    """The card of the language model that the masked-LM stage ``run`` exported; as :func:`render` in all else.

    Raises:
        CardError: the record contradicts itself.
        UsageError: ``repo_id`` is not of the form USER/NAME.
    """
    records = MaskedLMRecords.of(run)
    own_name = f"{records.recipe.name}-masked-lm"
    context = masked_lm_context(
        records,
        name=_name(repo_id, own_name),
        model=repo_id or model or f"models/{own_name}",
        repo_id=repo_id,
    )
    return _environment().get_template("masked_lm_card.md.jinja").render(context)


def render_documented(recipe: Recipe) -> str:
    """A page with what the document of ``recipe``'s model reports; it has no front matter, being no model's card.

    Raises:
        CardError: the recipe has no documented results.
    """
    if recipe.documented is None:
        raise CardError(
            f"the recipe {recipe.name} has no documented results, and there are no records of it",
            f"train and evaluate it first: emohub train {recipe.name}",
        )
    context = {"recipe": recipe, "documented": documented_context(recipe.documented)}
    return _environment().get_template("documented_page.md.jinja").render(context)


def _name(repo_id: str | None, own_name: str) -> str:
    """What a model is called: by its name on the Hub, if it has one."""
    if repo_id is None:
        return own_name
    if not is_repo_id(repo_id):
        raise UsageError(f"{repo_id!r} is no id of a repository on the Hub", "write USER/NAME")
    return repo_id.rpartition("/")[2]


@cache
def _environment() -> Environment:
    """Jinja in which every expression is shown by the rules of ``markdown.show``, so that nothing goes in unescaped."""
    environment = Environment(
        loader=PackageLoader("emohub"),
        undefined=StrictUndefined,
        finalize=show,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the output is Markdown: `show` escapes for it
    )
    environment.filters |= {"code": code, "fence": fence, "raw": Markdown, "literal": _literal, "words": words}
    environment.globals |= {"table": _table, "section": _section, "documented_page": Markdown(DOCUMENTED_PAGE)}
    return environment


def _section(name: str, caller: Callable[[], str]) -> Markdown:
    """What a template's ``call`` block holds, between the markers of a generated part."""
    return Markdown(section(name, caller()))


def _table(content: Table) -> Markdown:
    return table(content.header, content.rows, bold_row=content.bold_row)


def _literal(text: str) -> Markdown:
    """Text as a Python string literal, for a code block."""
    return Markdown(json.dumps(text, ensure_ascii=False))
