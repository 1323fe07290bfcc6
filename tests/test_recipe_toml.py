"""A recipe written as TOML is read back as the same recipe."""

from pathlib import Path

import pytest
from factories import make_corpus, make_recipe

from emohub.recipe import Corpus, list_recipes, load_recipe
from emohub.recipe.toml import recipe_toml


@pytest.mark.parametrize("name", list_recipes())
def test_every_built_in_recipe_comes_back(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    text = recipe_toml(recipe)
    (tmp_path / "again.toml").write_text(text, encoding="utf-8")
    assert load_recipe(str(tmp_path / "again.toml")) == recipe
    assert f'corpus = "{recipe.corpus.name}"' in text


def test_every_built_in_recipe_is_tried() -> None:
    assert len(list_recipes()) >= 8


def test_a_corpus_of_files_is_found_from_another_folder(made_corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(recipe_toml(make_recipe(corpus=made_corpus)), encoding="utf-8")
    splits = load_recipe(str(tmp_path / "recipe.toml")).corpus.splits
    assert {name: split.file for name, split in splits.items()} == {
        name: str(Path(made_corpus.base_folder).resolve() / f"{name}.csv") for name in ("train", "validation", "test")
    }


def test_strange_text_and_keys_come_back(tmp_path: Path) -> None:
    strange = 'quotes " and \\, two\nlines, tab\t, DEL \x7f, ünï 😀'
    corpus = make_corpus(title=strange, flaws=[strange, "another"])
    search = {"adaptation.training.learning_rate": {"low": 1e-7, "high": 1e22, "log": True}, "x": {"choices": [True]}}
    recipe = make_recipe(corpus=corpus, summary=strange, search=search)
    (tmp_path / "strange.toml").write_text(recipe_toml(recipe), encoding="utf-8")
    again = load_recipe(str(tmp_path / "strange.toml"))
    assert again.model_copy(update={"corpus": recipe.corpus}) == recipe
    assert again.corpus.model_copy(update={"base_folder": "."}) == corpus
