"""The learning-rate range test: what it suggests trains, what lies far above does not, and nothing else is left."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest

from emohub.data import load_split
from emohub.errors import RecordError, TrainingError, UsageError
from emohub.recipe import Corpus, Recipe
from emohub.train import Progress, RangeTest, find_learning_rate, range_test, train
from emohub.train.range_test import PICTURE_FILE, RANGE_TEST_FILE, smoothed, suggested_rate


@pytest.fixture(scope="module")
def tiny_recipe(made_corpus: Corpus, tiny_base_dir: Path) -> Recipe:
    values = {
        "name": "made",
        "summary": "A tiny model on made data.",
        "base_model": str(tiny_base_dir),
        "max_length": 32,
        "corpus": made_corpus.model_dump(mode="json"),
        "training": {
            "learning_rate": 1e-12,
            "per_device_train_batch_size": 16,
            "num_train_epochs": 16,
            "seed": 7,
            "warmup_steps": 4,
        },
    }
    return Recipe.from_values(values, "test recipe")


@pytest.fixture(scope="module")
def tested(tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[RangeTest, Path, list[Progress]]:
    folder = tmp_path_factory.mktemp("tested") / "range"
    seen: list[Progress] = []
    return find_learning_rate(tiny_recipe, output_dir=folder, on_progress=seen.append), folder, seen


def test_the_suggested_rate_trains_and_one_far_above_it_does_not(
    tested: tuple[RangeTest, Path, list[Progress]], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    suggestion = tested[0].suggestion
    assert suggestion is not None
    good = train(tiny_recipe, overrides={"learning_rate": suggestion}, output_dir=tmp_path / "good")
    bad = train(tiny_recipe, overrides={"learning_rate": 100 * suggestion}, output_dir=tmp_path / "bad")
    assert good.exported.validation["accuracy"] > 0.95
    assert bad.exported.validation["accuracy"] < 0.5


def test_rates_grow_by_a_constant_factor_until_training_diverges(
    tested: tuple[RangeTest, Path, list[Progress]],
) -> None:
    test, _, seen = tested
    np.testing.assert_allclose(test.rates, np.geomspace(1e-7, 1, 100)[: len(test.rates)], rtol=1e-12)
    assert test.stopped == "diverged"
    assert test.smoothed[-1] > test.smoothed[0]
    assert [progress.step for progress in seen] == list(range(1, len(test.rates) + 1))
    assert [progress.learning_rate for progress in seen] == list(test.rates)
    assert [progress.loss for progress in seen] == list(test.losses)


def test_its_first_step_is_that_of_a_run(
    tested: tuple[RangeTest, Path, list[Progress]], tiny_recipe: Recipe, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    train(tiny_recipe, max_steps=1, output_dir=tmp_path / "run", on_progress=seen.append)
    assert seen[0].loss == tested[0].losses[0]


def test_it_leaves_its_record_and_its_picture_and_no_weights(tested: tuple[RangeTest, Path, list[Progress]]) -> None:
    test, folder, _ = tested
    assert sorted(path.name for path in folder.iterdir()) == [RANGE_TEST_FILE, PICTURE_FILE]
    assert RangeTest.load(folder / RANGE_TEST_FILE) == test
    assert test.recipe == "made"
    assert test.effective_batch_size == 16
    assert test.environment.device
    assert str(folder) not in (folder / RANGE_TEST_FILE).read_text()
    header = (folder / PICTURE_FILE).read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert min(struct.unpack(">II", header[16:])) > 200


def test_the_same_again_is_the_same_and_replaces_it(
    tested: tuple[RangeTest, Path, list[Progress]], tiny_recipe: Recipe
) -> None:
    test, folder, _ = tested
    again = find_learning_rate(tiny_recipe, output_dir=folder)
    assert again.losses == test.losses
    assert again.suggestion == test.suggestion


def test_a_stage_on_plain_texts_is_tested_by_its_own_loss(
    tiny_recipe: Recipe, made_corpus: Corpus, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(load_split(made_corpus, "train").texts), encoding="utf-8")
    values = tiny_recipe.model_dump(mode="json") | {
        "adaptation": {
            "corpus": {"name": "texts", "title": "Plain texts", "files": [str(texts)]},
            "max_length": 16,
            "training": {
                "learning_rate": 1e-3,
                "per_device_train_batch_size": 8,
                "gradient_accumulation_steps": 2,
                "num_train_epochs": 1,
                "seed": 1,
            },
        }
    }
    recipe = Recipe.from_values(values, "test recipe")
    test = find_learning_rate(recipe, stage="masked_lm", steps=20, output_dir=tmp_path / "range")
    assert test.stage == "masked_lm"
    assert (test.seed, test.effective_batch_size) == (1, 16)
    # The head is new: every one of the vocabulary's tokens is about equally likely.
    vocabulary = json.loads((Path(recipe.base_model) / "config.json").read_text())["vocab_size"]
    assert test.losses[0] == pytest.approx(math.log(vocabulary), rel=0.05)


# The rule


def test_a_smoothed_loss_is_the_mean_of_those_around_it() -> None:
    assert smoothed([3.0, 6.0, 0.0, 9.0], 1) == [4.5, 3.0, 5.0, 4.5]


def test_a_tenth_of_the_lowest_point_is_suggested() -> None:
    rates = [1e-4, 1e-3, 1e-2, 1e-1]
    assert suggested_rate(rates, [1.1, 1.0, 0.5, 2.0]) == pytest.approx(1e-3)
    assert suggested_rate(rates, [1.1, 1.09, 1.08, 2.0]) is None, "it never fell to speak of"
    assert suggested_rate(rates, [1.1, 1.0, 0.5, 0.4]) is None, "it was still falling"


# What can go wrong


def test_what_it_cannot_do_is_said_before_any_work(tiny_recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no stage masked_lm"):
        find_learning_rate(tiny_recipe, stage="masked_lm", output_dir=tmp_path / "range")
    with pytest.raises(UsageError, match="20 steps or more"):
        find_learning_rate(tiny_recipe, steps=5, output_dir=tmp_path / "range")
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="nothing can be written"):
        find_learning_rate(tiny_recipe, output_dir=tmp_path / "file" / "range")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_lack_of_memory_names_the_batch_that_may_fit(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(range_test, "optimizer_step", too_large)
    with pytest.raises(TrainingError, match=r"batches of 16; set per_device_train_batch_size=8 and .*_steps=2"):
        find_learning_rate(tiny_recipe, output_dir=tmp_path / "range")
    assert not (tmp_path / "range").exists()


@pytest.mark.parametrize("bad_step", [1, 30])
def test_a_loss_that_is_not_finite_ends_the_test(
    bad_step: int, tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter(range(1, 101))
    honest = range_test.optimizer_step

    def breaks(*arguments, **options):
        if next(steps) == bad_step:
            raise range_test.NotFinite("training loss", math.nan)
        return honest(*arguments, **options)

    monkeypatch.setattr(range_test, "optimizer_step", breaks)
    if bad_step == 1:
        with pytest.raises(TrainingError, match="nan at the first step"):
            find_learning_rate(tiny_recipe, output_dir=tmp_path / "range")
    else:
        test = find_learning_rate(tiny_recipe, output_dir=tmp_path / "range")
        assert (test.stopped, len(test.losses)) == ("diverged", 29)
        assert test.suggestion is None
