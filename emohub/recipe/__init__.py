"""Recipes and corpora: frozen, strict declarations read from TOML, each with a digest."""

from emohub.recipe.corpus import Corpus, Split, list_corpora, load_corpus
from emohub.recipe.declaration import Declaration
from emohub.recipe.documented import Documented, DocumentedNote, DocumentedRow
from emohub.recipe.recipe import Evaluation, Export, Recipe, Training, list_recipes, load_recipe

__all__ = [
    "Corpus",
    "Declaration",
    "Documented",
    "DocumentedNote",
    "DocumentedRow",
    "Evaluation",
    "Export",
    "Recipe",
    "Split",
    "Training",
    "list_corpora",
    "list_recipes",
    "load_corpus",
    "load_recipe",
]
