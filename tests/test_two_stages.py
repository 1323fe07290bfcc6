"""A recipe of two stages: adaptation to plain texts, then classification from its checkpoint; chained records."""

import json
import math
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import FILLERS, TRIGGERS
from transformers import AutoModelForMaskedLM

from emohub.audit import audit
from emohub.card import parse, write_card
from emohub.data import load_split
from emohub.errors import DataError, RecipeError, StoppedError, TrainingError, UsageError
from emohub.evaluate import evaluate
from emohub.recipe import Corpus, Recipe
from emohub.record import RunRecord, sha256_file
from emohub.train import Progress, train


@pytest.fixture(scope="module")
def plain_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 texts in which each filler is followed by its successor: something for a language model to learn."""
    generator = random.Random(5)
    words = [*FILLERS, *(word for trigger in TRIGGERS.values() for word in trigger)]
    lines = []
    for _ in range(400):
        start = generator.randrange(len(words))
        lines.append(" ".join(words[(start + offset) % len(words)] for offset in range(generator.randrange(4, 10))))
    path = tmp_path_factory.mktemp("texts") / "reviews.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def make_recipe(corpus: Corpus, base: Path, texts: Path) -> Recipe:
    return Recipe.from_values(
        {
            "name": "two",
            "summary": "A tiny model, adapted first.",
            "base_model": str(base),
            "max_length": 32,
            "corpus": corpus.model_dump(mode="json"),
            "adaptation": {
                "corpus": {"name": "reviews", "title": "Reviews", "files": [str(texts)], "validation_share": 0.1},
                "max_length": 24,
                "training": {
                    "learning_rate": 1e-2,
                    "per_device_train_batch_size": 16,
                    "num_train_epochs": 12,
                    "seed": 3,
                },
                "evaluation": {"eval_strategy": "steps", "eval_steps": 20},
            },
            "training": {
                "learning_rate": 5e-3,
                "per_device_train_batch_size": 16,
                "num_train_epochs": 2,
                "seed": 7,
            },
            "evaluation": {"early_stopping_patience": 3},
        },
        "test recipe",
    )


@pytest.fixture(scope="module")
def both(made_corpus: Corpus, tiny_base_dir: Path, plain_texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "both"
    train(make_recipe(made_corpus, tiny_base_dir, plain_texts), output_dir=folder)
    return folder


def test_both_stages_run_and_their_records_are_chained(both: Path) -> None:
    first, second = RunRecord.load(both / "masked_lm" / "run.json"), RunRecord.load(both / "run.json")
    assert (first.stage, second.stage) == ("masked_lm", "classification")
    assert second.previous is not None
    assert second.previous.fingerprint == first.exported.fingerprint == second.base_model.fingerprint
    assert second.previous.run_id == second.base_model.id == first.run_id
    assert second.previous.recipe_digest == first.recipe_digest
    assert first.previous is None
    assert first.exported.fingerprint == sha256_file(both / "masked_lm" / "checkpoint" / "model.safetensors")
    assert {path.name for path in both.iterdir()} == {"run.json", "checkpoint", "learning_curves.png", "masked_lm"}
    assert first.base_model.id == second.recipe["base_model"]


def test_a_first_stage_from_a_model_trained_here_names_the_one_on_the_hub(
    made_corpus: Corpus, tiny_base_dir: Path, plain_texts: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, Path("someone/tiny-base"), plain_texts)
    fingerprint = sha256_file(tiny_base_dir / "model.safetensors")
    plain = recipe.model_copy(update={"name": "plain", "adaptation": None, "base_model_sha256": fingerprint})
    train(plain, base_model=tiny_base_dir, output_dir=tmp_path / "plain", max_steps=1)
    both = tmp_path / "both"
    record = train(recipe, base_model=tmp_path / "plain", output_dir=both, max_steps=1)
    first = RunRecord.load(both / "masked_lm" / "run.json")
    assert record.previous is not None
    assert record.origin is None  # it began with the run of the first stage, which says the rest
    assert record.pretrained == first.pretrained == record.previous.origin == first.origin
    assert record.pretrained is not None
    assert (record.pretrained.id, record.pretrained.fingerprint) == ("someone/tiny-base", fingerprint)
    evaluate(both, made_corpus, split="test", output_dir=both)
    for folder in (both, both / "masked_lm"):
        card = write_card(folder).read_text(encoding="utf-8")
        assert parse(card).front_matter["base_model"] == "someone/tiny-base"
        assert "trained here; by its own record that training began with `someone/tiny-base`.\n" in card
        (audited,) = audit(str(folder))
        assert audited.findings == ()


def test_the_first_stage_learns_and_reports_its_perplexity(both: Path, made_corpus: Corpus) -> None:
    record = RunRecord.load(both / "masked_lm" / "run.json")
    perplexities = [row.metrics["perplexity"] for row in record.history]
    assert perplexities[-1] < 0.95 * perplexities[0]
    for row in record.history:
        assert row.metrics["perplexity"] == pytest.approx(math.exp(row.validation_loss), rel=1e-12)
    lowest = min(record.history, key=lambda row: row.validation_loss)
    assert record.exported.step == lowest.step
    assert record.exported.validation == pytest.approx(record.exported.validation_before_export, rel=1e-5)
    assert record.data["train"].rows + record.data["validation"].rows == 400
    assert record.data["train"].source == "file:reviews.txt"
    model, report = AutoModelForMaskedLM.from_pretrained(both / "masked_lm" / "checkpoint", output_loading_info=True)
    assert not report["missing_keys"]
    assert next(model.parameters()).dtype == torch.float32
    assert made_corpus.name not in json.dumps(record.data["train"].model_dump())


def test_each_stage_can_run_by_itself_and_gives_the_same(
    both: Path,
    made_corpus: Corpus,
    tiny_base_dir: Path,
    plain_texts: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, plain_texts)
    first = train(recipe, stage="masked_lm", output_dir=tmp_path / "first")
    assert first.history == RunRecord.load(both / "masked_lm" / "run.json").history
    assert "shared tensor" not in caplog.text  # a language model's head is tied: no news
    second = train(recipe, stage="classification", base_model=tmp_path / "first", output_dir=tmp_path / "second")
    together = RunRecord.load(both / "run.json")
    assert second.previous is not None
    assert second.previous.run_id == first.run_id
    assert second.exported.fingerprint == together.exported.fingerprint
    assert second.history == together.history


def test_texts_of_ones_own_replace_the_corpus_and_are_named(
    made_corpus: Corpus, tiny_base_dir: Path, plain_texts: Path, tmp_path: Path
) -> None:
    other = tmp_path / "mine.txt"
    other.write_text("\n".join(load_split(made_corpus, "train").texts[:100]), encoding="utf-8")
    recipe = make_recipe(made_corpus, tiny_base_dir, plain_texts)
    record = train(recipe, stage="masked_lm", texts=[other], output_dir=tmp_path / "run", max_steps=2)
    assert record.data["train"].source == "file:mine.txt"
    assert record.recipe["adaptation"]["corpus"]["files"] == ["mine.txt"]
    assert str(tmp_path) not in (tmp_path / "run" / "run.json").read_text()


def test_blocks_of_unknown_words_are_left_out_and_texts_of_nothing_else_refused(
    made_corpus: Corpus, tiny_base_dir: Path, plain_texts: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, plain_texts)
    foreign = [f"{chr(0x4E00 + row)} {chr(0x4E00 + row)} " * 40 for row in range(40)]
    mixed, unknown = tmp_path / "mixed.txt", tmp_path / "unknown.txt"
    unknown.write_text("\n".join(foreign), encoding="utf-8")
    mixed.write_text("\n".join([*foreign, *plain_texts.read_text().splitlines()[:60]]), encoding="utf-8")
    record = train(recipe, stage="masked_lm", texts=[mixed], output_dir=tmp_path / "run")
    assert record.history[-1].metrics["perplexity"] < record.history[0].metrics["perplexity"]
    with pytest.raises(DataError, match="knows no word of the texts"):
        train(recipe, stage="masked_lm", texts=[unknown], output_dir=tmp_path / "none")


def test_a_finished_first_stage_is_used_again_and_another_refused(
    made_corpus: Corpus, tiny_base_dir: Path, plain_texts: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, plain_texts)
    run = tmp_path / "run"
    first = train(recipe, stage="masked_lm", output_dir=run / "masked_lm", max_steps=3)
    with pytest.raises(TrainingError, match=r"masked_lm stage of other settings; .*--no-resume"):
        train(recipe, output_dir=run, overrides={"adaptation.training.learning_rate": 1e-3}, max_steps=3)
    record = train(recipe, output_dir=run, max_steps=3)
    assert record.previous is not None
    assert record.previous.run_id == first.run_id


def test_wrong_requests_are_refused(
    made_corpus: Corpus, tiny_base_dir: Path, plain_texts: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, plain_texts)
    with pytest.raises(UsageError, match="--base-model the run of that stage"):
        train(recipe, stage="classification", output_dir=tmp_path / "run")
    plain = recipe.model_copy(update={"adaptation": None})
    with pytest.raises(UsageError, match="has no stage masked_lm; use classification"):
        train(plain, stage="masked_lm", output_dir=tmp_path / "run")
    with pytest.raises(UsageError, match="no masked_lm stage to give texts to"):
        train(plain, texts=[plain_texts], output_dir=tmp_path / "run")
    with pytest.raises(RecipeError, match="label_smoothing belongs to classification"):
        recipe.with_overrides({"adaptation.training.label_smoothing": 0.1})
    assert list(tmp_path.iterdir()) == []


def stop_at(stage: str, step: int) -> Callable[[Progress], None]:
    def stop(progress: Progress) -> None:
        if (progress.stage, progress.step) == (stage, step):
            signal.raise_signal(signal.SIGTERM)

    return stop


def test_stopped_in_either_stage_it_goes_on_from_the_folder_that_the_message_names(
    both: Path, made_corpus: Corpus, tiny_base_dir: Path, plain_texts: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, plain_texts)
    last = RunRecord.load(both / "masked_lm" / "run.json").steps_run
    for stage, step in (("masked_lm", 7), ("masked_lm", last), ("classification", 5)):
        with pytest.raises(StoppedError, match=rf"after step {step} of .*--output-dir {tmp_path / 'run'}\.$"):
            train(recipe, output_dir=tmp_path / "run", on_progress=stop_at(stage, step))
        assert not (tmp_path / "run" / "run.json").exists()
    train(recipe, output_dir=tmp_path / "run")
    for folder in (".", "masked_lm"):
        records = [RunRecord.load(run / folder / "run.json") for run in (both, tmp_path / "run")]
        assert records[0].history == records[1].history
        assert records[0].exported == records[1].exported
        assert not (tmp_path / "run" / folder / "resume").exists()


def test_no_resume_discards_the_first_stage_too(
    made_corpus: Corpus, tiny_base_dir: Path, plain_texts: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, plain_texts)
    other = recipe.with_overrides({"adaptation.training.seed": 4})
    for stage in ("masked_lm", "classification"):
        with pytest.raises(StoppedError):
            train(recipe, output_dir=tmp_path / stage, max_steps=3, on_progress=stop_at(stage, 2))
        with pytest.raises(TrainingError, match="--no-resume to discard it"):
            train(other, output_dir=tmp_path / stage, max_steps=3)
        train(other, output_dir=tmp_path / stage, max_steps=3, resume=False)
        first = RunRecord.load(tmp_path / stage / "masked_lm" / "run.json")
        assert (first.seed, first.sittings) == (4, 1)


def test_a_first_stage_on_other_texts_is_not_used_again(
    made_corpus: Corpus, tiny_base_dir: Path, plain_texts: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.txt"
    lines = plain_texts.read_text().splitlines()
    mine.write_text("\n".join(lines[:100]))
    recipe = make_recipe(made_corpus, tiny_base_dir, mine)
    with pytest.raises(StoppedError):
        train(recipe, output_dir=tmp_path / "run", max_steps=3, on_progress=stop_at("classification", 2))
    mine.write_text("\n".join(lines[:99]))
    with pytest.raises(TrainingError, match="holds a masked_lm stage on other texts"):
        train(recipe, output_dir=tmp_path / "run", max_steps=3)
    with pytest.raises(UsageError, match="reads no plain texts"):
        train(recipe, stage="classification", base_model=tmp_path / "run" / "masked_lm", texts=[mine])


def test_the_chain_is_of_weights_and_not_of_names(
    both: Path,
    made_corpus: Corpus,
    tiny_base_dir: Path,
    plain_texts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, plain_texts)
    (tmp_path / "models").mkdir()  # which makes it a project
    first = tmp_path / "runs" / "first"
    shutil.copytree(both / "masked_lm", first)
    monkeypatch.chdir(tmp_path)
    named = train(recipe, stage="classification", base_model="first", output_dir=tmp_path / "named", max_steps=1)
    assert named.previous is not None
    shutil.copy(tiny_base_dir / "model.safetensors", first / "checkpoint" / "model.safetensors")
    replaced = train(recipe, stage="classification", base_model="first", output_dir=tmp_path / "other", max_steps=1)
    assert replaced.previous is None
    assert replaced.base_model.fingerprint == sha256_file(tiny_base_dir / "model.safetensors")
