"""Recipes and corpora: frozen, strict declarations read from TOML, each with a digest."""

from emohub.recipe.corpus import Corpus, Split, TextCorpus, TextSource, list_corpora, load_corpus, load_text_corpus
from emohub.recipe.declaration import Declaration
from emohub.recipe.distillation import Augmentation, Distillation, Student
from emohub.recipe.documented import Documented, DocumentedNote, DocumentedRow
from emohub.recipe.recipe import (
    Adaptation,
    Evaluation,
    EvaluationSchedule,
    Export,
    Recipe,
    Search,
    Stage,
    Training,
    list_recipes,
    load_recipe,
)

__all__ = [
    "Adaptation",
    "Augmentation",
    "Corpus",
    "Declaration",
    "Distillation",
    "Documented",
    "DocumentedNote",
    "DocumentedRow",
    "Evaluation",
    "EvaluationSchedule",
    "Export",
    "Recipe",
    "Search",
    "Split",
    "Stage",
    "Student",
    "TextCorpus",
    "TextSource",
    "Training",
    "list_corpora",
    "list_recipes",
    "load_corpus",
    "load_recipe",
    "load_text_corpus",
]
