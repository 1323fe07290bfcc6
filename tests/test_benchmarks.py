"""The benchmarks: full-size fresh bases, records without paths of a machine, and a page that says what they say."""

import json
import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from benchmarks import recipes
from benchmarks import recipes_page as page
from benchmarks.fresh_base import ARCHITECTURES, SPECIAL_TOKENS, build, make_vocabulary
from emohub.inference.loading import load_for_training
from emohub.recipe import Corpus, load_recipe
from emohub.reproduce import compare
from tests.test_reproduce import DOCUMENTED, evaluation_of, run_as_documented

TEXTS = ["I feel happy", "i feel Gloomy today", "happy happy days, he said"] * 2
PARAMETERS = {
    # With a head for the recipe's labels; published sizes: 4.4M (Turc et al. 2019), 108M (the documented card), and
    # 65M and 66M (Sanh et al. 2019, whose DistilBERT is 40% smaller than BERT-base).
    "bert-tiny-emotion": 4_386_694,
    "bert-base-cased-emotion": 108_314_886,
    "bert-emotion": 65_784_580,
    "distilbert-emotion": 66_958_086,
    "sst2-distilbert-5e": 66_955_010,
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_architecture_has_its_full_size(name: str) -> None:
    recipe = load_recipe(name)
    config = ARCHITECTURES[recipe.base_model].configuration()
    config.num_labels = len(recipe.corpus.labels)
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config)
    size = sum(parameter.numel() for parameter in model.parameters())
    assert size == PARAMETERS[name]
    assert recipe.documented is not None
    assert recipe.documented.parameters in (None, round(size, -6))


def test_a_vocabulary_depends_on_the_texts_alone() -> None:
    vocabulary = make_vocabulary(TEXTS, 100, lowercase=True)
    assert vocabulary == make_vocabulary(list(reversed(TEXTS)), 100, lowercase=True)
    assert vocabulary[:5] == SPECIAL_TOKENS
    assert vocabulary[-7:] == ["happy", "feel", "days", "gloomy", "he", "said", "today"]  # by count, then by name
    assert len(set(vocabulary)) == len(vocabulary)
    assert "Gloomy" in make_vocabulary(TEXTS, 100, lowercase=False)
    assert len(make_vocabulary(TEXTS, 30, lowercase=True)) == 30


def test_a_fresh_base_can_be_trained_from(tmp_path: Path) -> None:
    folder = build("prajjwal1/bert-tiny", TEXTS, tmp_path / "base")
    base = load_for_training(folder, ("sad", "glad"))
    tokenizer = base.tokenizer(128)
    assert tokenizer.tokenize("I feel HAPPY") == ["i", "feel", "happy"]
    assert base.model.config.vocab_size == 30522
    again = build("prajjwal1/bert-tiny", TEXTS, tmp_path / "again")
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (folder / name).read_bytes() == (again / name).read_bytes()


def test_a_run_leaves_its_records(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe("distilbert-emotion").model_copy(update={"corpus": made_corpus, "max_length": 32})
    kept = recipes.run(
        recipe,
        name="tiny",
        base_model=str(tiny_base_dir),
        data_dir=None,
        max_steps=2,
        runs=tmp_path / "runs",
        records=tmp_path / "records",
    )
    assert sorted(path.name for path in kept.iterdir()) == ["eval.json", "reproduction.json", "run.json"]
    (read,) = page.read(tmp_path / "records")
    assert (read.name, read.whole) == ("distilbert-emotion-tiny", False)
    assert f"| {read.stages[0].exported.parameters:,} | 64 | 2 |" in page.render([read])
    assert str(tmp_path) not in "".join(path.read_text(encoding="utf-8") for path in kept.iterdir())


def test_the_page_shows_what_the_records_say(tmp_path: Path) -> None:
    recipe = load_recipe("bert-tiny-emotion")
    run = run_as_documented(recipe)
    kept = page.Kept("whole", (run,), compare(recipe, [run], evaluation_of(run)))
    text = page.render([kept])
    assert "no accuracy is claimed" not in text
    assert "| step 4000 | step 4000 | `accuracy` | 0.9155 | 0.9155 | +0.0000 |" in text
    assert text.count("\n| ") == (2 + 1) + (2 + len(kept.reproduction.figures))


# ---- what is in the repository

RECORDS = page.read()


def test_every_documented_recipe_ran_from_fresh_weights_and_two_ran_whole() -> None:
    assert {each.name for each in RECORDS if each.name.endswith("-fresh")} == {f"{name}-fresh" for name in DOCUMENTED}
    assert not any(each.whole for each in RECORDS if each.name.endswith("-fresh"))
    assert sum(each.whole for each in RECORDS) >= 2
    two_stages = next(each for each in RECORDS if each.name == "bert-tiny-emotion-fresh")
    assert [stage.stage for stage in two_stages.stages] == ["masked_lm", "classification"]
    previous = two_stages.stages[1].previous
    assert previous is not None
    assert previous.fingerprint == two_stages.stages[0].exported.fingerprint


def test_the_fresh_models_have_their_documented_size() -> None:
    sizes = {each.reproduction.recipe: each.stages[-1].exported.parameters for each in RECORDS if not each.whole}
    assert sizes == PARAMETERS


def test_no_record_holds_a_path_of_a_machine() -> None:
    files = sorted(page.RECORDS.rglob("*.json"))
    assert len(files) >= 3 * len(RECORDS)
    for file in files:
        text = file.read_text(encoding="utf-8")
        json.loads(text)
        assert not re.search(r'"(file:)?(/|~|[A-Za-z]:\\\\)', text), file


def test_the_page_is_current() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.render(RECORDS), "run `python -m benchmarks.report`"
