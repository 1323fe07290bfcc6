"""The first table of the README: documented models beside ours, with what makes their figures differ."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import architectures
from benchmarks.architectures_result import RESULT, ArchitecturesResult, Contender, times_as_fast, times_as_fast_alone
from docs import documented_table as page
from docs import generate_readme
from emohub.inference import Classifier
from emohub.recipe import list_recipes, load_recipe
from tests.conftest import LABELS, made_rows
from tests.factories import make_environment

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTED = [name for name in list_recipes() if load_recipe(name).documented is not None]


def contender(name: str, seconds: list[float]) -> Contender:
    return Contender(
        name=name,
        kind="documented" if "/" in name else "ours",
        parameters=1,
        tokens_per_text=len(name),
        single_ms=tuple(1000 * each / 100 for each in seconds),
        seconds=tuple(seconds),
    )


def result(*contenders: Contender) -> ArchitecturesResult:
    return ArchitecturesResult(
        created="2026-01-02T03:04:05Z",
        environment=make_environment(),
        load_before=0.0,
        engine="torch",
        threads=2,
        corpus="emotion",
        texts=1000,
        single=100,
        contenders=contenders,
    )


def test_every_documented_model_has_a_row_with_its_figure_and_ours() -> None:
    table = page.documented_table()
    rows = [line for line in table.splitlines() if line.startswith("| [")]
    assert set(page.OURS) == set(DOCUMENTED)
    assert len(rows) == len(DOCUMENTED) == 5
    for recipe in map(load_recipe, DOCUMENTED):
        assert recipe.documented is not None
        (row,) = [line for line in rows if f"](cards/{recipe.name}/README.md)" in line]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        name, value = cells[2].rsplit(" ", 1)
        reported = {"accuracy": "accuracy", "F1": "f1_unstated_average", "loss": "loss"}[name]
        assert float(value) == getattr(recipe.documented.headline, reported)
        ours = re.fullmatch(r"\[([\w-]+)\]\(cards/\1/README\.md\)", cells[3])
        assert ours is not None
        record = json.loads((ROOT / "cards" / ours[1] / "eval.json").read_text(encoding="utf-8"))
        figure = record["metrics"][page.MEASURED_AS[reported]]
        assert f"{figure['value']:.4f} ({figure['low']:.4f} to {figure['high']:.4f}), {record['split']}" in cells[6]
        size = (ROOT / "models" / ours[1] / "model.safetensors").stat().st_size
        assert cells[5] == f"{size / 1e6:.1f} MB"
        assert f"- **{recipe.documented.name}**: " in table


def test_the_parameters_are_those_of_the_documented_architectures() -> None:
    cells = [line.split("|") for line in page.documented_table().splitlines() if line.startswith("| [")]
    assert {re.findall(r"cards/(.*?)/", row[1])[0]: row[2].strip() for row in cells} == {
        "bert-tiny-emotion": "4.4M",
        "bert-emotion": "65.8M",
        "bert-base-cased-emotion": "108.3M",
        "distilbert-emotion": "67.0M",
        "sst2-distilbert-5e": "67.0M",
    }


def test_the_differences_are_said_in_words() -> None:
    notes = {line.split("**")[1]: line for line in page.documented_table().splitlines() if line.startswith("- **")}
    assert (
        "2,000 texts, as many as the validation and the test split have"
        in notes["bert-tiny-mlm-finetuned-imdb-finetuned-emotion"]
    )
    assert "0.9155" in notes["bert-tiny-mlm-finetuned-imdb-finetuned-emotion"]
    assert "each label counts alike (macro)" in notes["BERT-Emotion"]
    assert "It reports no accuracy." in notes["bert-finetuned-emotion"]
    (sst2,) = [note for name, note in notes.items() if name.startswith("SST2")]
    assert "150 texts, which no split of the corpus has (6,920 in train, 872 in validation, 1,821 in test)" in sst2
    assert "from 0.834 to 0.933" in sst2


def test_the_generator_writes_it() -> None:
    assert generate_readme.render("results", "documented") == page.documented_table()


def test_speed_is_the_median_of_the_ratios_of_the_rounds() -> None:
    own, other = (
        contender("minilm-emotion", [1.0, 2.0, 4.0]),
        contender("google-bert/bert-base-cased", [5.0, 8.0, 12.0]),
    )
    assert times_as_fast(own, other).median == 4.0
    assert (times_as_fast(own, other).low, times_as_fast(own, other).high) == (3.0, 5.0)
    assert times_as_fast_alone(own, other) == times_as_fast(own, other)
    speeds = result(own, other)
    assert page.faster("google-bert/bert-base-cased", "minilm-emotion", speeds) == "4.0 (3.0 to 5.0)"
    assert page.faster("someone/else", "minilm-emotion", speeds) is None
    assert page.faster("google-bert/bert-base-cased", "minilm-emotion", None) is None
    remark = page.speed_remark(speeds)
    assert "the median of 3 rounds" in remark
    assert "14.0 tokens for ours and 27.0 for those" in remark


def test_fresh_architectures_are_measured_beside_models(tiny_model_dir: Path, tmp_path: Path) -> None:
    texts = [text for text, _ in made_rows(40, seed=3)]
    found = architectures.run(
        {"tiny": tiny_model_dir},
        bases=["prajjwal1/bert-tiny"],
        labels=LABELS,
        vocabulary=texts,
        texts=texts,
        corpus="made",
        engine="torch",
        rounds=2,
        single=3,
    )
    documented, ours = found.contenders
    assert (documented.name, documented.kind, ours.name, ours.kind) == (
        *("prajjwal1/bert-tiny", "documented"),
        *("tiny", "ours"),
    )
    assert documented.parameters == 4_386_694 - 3 * 129  # of a head of six labels, with 129 values each, three
    assert [len(each.seconds) for each in found.contenders] == [2, 2]
    classifier = Classifier.from_pretrained(tiny_model_dir, engine="torch")
    assert ours.tokens_per_text == pytest.approx(np.minimum(classifier.count_tokens(texts), 32).mean())
    found.save(tmp_path / "found.json")
    assert ArchitecturesResult.load(tmp_path / "found.json") == found


def test_all_documented_bases_are_measured() -> None:
    bases = {load_recipe(name).base_model for name in DOCUMENTED}
    assert set(architectures.documented_bases()) == bases
    assert bases <= set(architectures.ARCHITECTURES)


@pytest.mark.skipif(not RESULT.is_file(), reason="nothing is measured yet")
def test_the_kept_record_has_every_contender() -> None:
    kept = ArchitecturesResult.load(RESULT)
    names = {each.name for each in kept.contenders}
    assert set(architectures.documented_bases()) <= names
    assert len({len(each.seconds) for each in kept.contenders}) == 1
