"""``emohub recipes``: list the recipes, or show one with what its document reports."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emohub.cli.app import app, output
from emohub.cli.options import Format
from emohub.cli.tables import results_table

if TYPE_CHECKING:
    from emohub.recipe import Corpus, Documented, Recipe


@app.command()
def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="A recipe by name, or the path of one (TOML).")
    ] = None,
    format_: Format = "table",
) -> None:
    """List the recipes, or show the one that is named: its settings, its corpus, and what its document reports.

    Example: `emohub recipes bert-tiny-emotion`
    """
    from emohub.recipe import list_recipes, load_recipe

    if name is None:
        every = [load_recipe(each) for each in list_recipes()]
        if format_ == "json":
            typer.echo(json.dumps([_row(recipe) for recipe in every], indent=2, ensure_ascii=False))
        else:
            output.print(_list_table(every))
        return
    recipe = load_recipe(name)
    if format_ == "json":
        # Where the declaration lies is a fact about this machine, not about the recipe.
        values = recipe.model_dump(mode="json", exclude={"corpus": {"base_folder"}})
        typer.echo(json.dumps({"digest": recipe.digest, **values}, indent=2, ensure_ascii=False))
    else:
        _show_recipe(recipe)
        _show_corpus(recipe.corpus)
        if recipe.documented is not None:
            _show_documented(recipe.documented)


def _row(recipe: "Recipe") -> dict[str, Any]:
    return {
        "name": recipe.name,
        "base_model": recipe.base_model,
        "corpus": recipe.corpus.name,
        "origin": "documented" if recipe.documented else "ours",
        "summary": recipe.summary,
        "digest": recipe.digest,
    }


def _list_table(every: Iterable["Recipe"]) -> Table:
    # Two columns, because five beside each other would cut the names at 80 characters.
    table = Table("Recipe, origin", "Base model, corpus, summary", show_lines=True)
    for row in map(_row, every):
        table.add_row(
            Text(f"{row['name']}\n{row['origin']}", no_wrap=True),
            escape(f"{row['base_model']}\n{row['corpus']}\n{row['summary']}"),
        )
    return table


def _show_recipe(recipe: "Recipe") -> None:
    from emohub.recipe import list_recipes

    newest = "none, a recipe makes it here" if recipe.base_model in list_recipes() else "the newest"
    _heading(recipe.name)
    _lines(
        recipe.summary,
        f"Base model: {recipe.base_model}",
        f"Revision: {recipe.base_model_revision or newest}",
        f"Licence: {recipe.license or 'none chosen'}",
        f"Digest: {recipe.digest}",
    )
    settings: dict[str, Any] = {"max_length": recipe.max_length}
    for section in (recipe.training, recipe.evaluation, recipe.export):
        settings |= section.model_dump(mode="json")
    _print_table("Hyperparameters", ["Setting", "Value"], [[key, _plain(value)] for key, value in settings.items()])


def _show_corpus(corpus: "Corpus") -> None:
    _heading(f"Corpus {corpus.name}")
    _lines(
        corpus.title,
        f"Hub dataset: {corpus.hub_id or 'none'}" + (f", configuration {corpus.config}" if corpus.config else ""),
        "Labels: " + ", ".join(f"{index} {label}" for index, label in enumerate(corpus.labels)),
        "Rows: "
        + ", ".join(
            f"{split} {'not stated' if declared.rows is None else f'{declared.rows:,}'}"
            for split, declared in corpus.splits.items()
        ),
        f"Licence: {corpus.license or 'none of the Hub list is stated'}",
        f"Terms: {corpus.terms or 'none are stated'}",
    )
    _bullets("Known flaws", corpus.flaws)
    if corpus.citation:
        _heading("Citation")
        output.print(corpus.citation.strip(), highlight=False, markup=False, soft_wrap=True)


def _show_documented(documented: "Documented") -> None:
    from emohub.card.reported import documented_context

    context = documented_context(documented)
    _heading(f"Reported by the document of {documented.name}")
    _lines(
        "Figures of others, as they stand there; they were not measured here.",
        f"Base model: {documented.base_model}",
        f"Dataset: {documented.dataset}",
        f"Parameters: {_count(documented.parameters)}",
        f"Weights: {documented.weights_format or 'not stated'}",
        f"Rows trained on (inferred): {_count(documented.train_rows)}",
        f"Rows evaluated (inferred): {_count(documented.evaluated_rows)}",
    )
    for title, key in (
        ("Headline", "headline"),
        ("Training results", "results"),
        ("Hyperparameters as reported", "hyperparameters"),
        ("Frameworks", "frameworks"),
    ):
        if context[key].rows:
            _print_table(title, context[key].header, context[key].rows)
    if documented.results_elided:
        _lines(documented.results_elided)
    if documented.loss_first is not None:
        _lines(
            f'The text gives {documented.loss_first} as the first loss and "{documented.loss_claim}" as its direction.'
        )
    _bullets("Notes", [note.text + (" (inferred)" if note.inferred else "") for note in documented.notes])
    _bullets("Uses", documented.uses)
    _bullets("Limits", documented.limits)
    _bullets("Preprocessing", documented.preprocessing)
    _bullets("Troubleshooting", documented.troubleshooting)


def _heading(text: str) -> None:
    output.print(f"\n[bold]{escape(text)}[/]", highlight=False)


def _lines(*lines: str) -> None:
    for line in lines:
        output.print(line, highlight=False, markup=False)


def _bullets(title: str, items: Iterable[str]) -> None:
    texts = list(items)
    if texts:
        _heading(title)
    for text in texts:
        table = Table.grid(padding=(0, 1))
        table.add_row("-", escape(text))
        output.print(Padding(table, (0, 0, 0, 1)))


def _print_table(title: str, header: list[str], rows: list[list[str | None]]) -> None:
    table = results_table(title, [], [])
    for name in header:  # a name with its value, or figures alone; long headers and values wrap
        table.add_column(name, justify="left" if len(header) == 2 else "right", overflow="fold")
    for row in rows:
        table.add_row(*("–" if cell is None else escape(cell) for cell in row))
    output.print(table)


def _plain(value: Any) -> str:
    """A setting as TOML would show it, with ``none`` where it is left open."""
    if isinstance(value, list):
        return ", ".join(value)
    return "none" if value is None else str(value)


def _count(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"
