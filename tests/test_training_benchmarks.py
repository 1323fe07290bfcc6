"""The training benchmarks: every contender trains on the same texts, and the same loss is judged over whole runs."""

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks import same_loss, same_loss_result, train_contenders, train_throughput
from benchmarks.train_contenders import Gate, Job, linear_shapes
from benchmarks.training_result import RESULT, Contender, Precision, TrainingResult
from emohub.data import load_split
from emohub.errors import TrainingError
from emohub.recipe import Corpus, Recipe, load_recipe
from emohub.train import Progress, train
from emohub.train.batches import epoch_order

BATCH_SIZE, STEPS, WARM_UP = 8, 4, 2


@pytest.fixture
def recipe(made_corpus: Corpus) -> Recipe:
    return load_recipe("distilbert-emotion").model_copy(update={"corpus": made_corpus, "max_length": 32})


@pytest.fixture
def make_job(recipe: Recipe, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``make_job(contender, precision)``, on the made corpus and the tiny model."""
    monkeypatch.setattr("emohub.recipe.load_recipe", lambda _: recipe)
    split = load_split(recipe.corpus, "train")
    order = epoch_order(split.rows, recipe.training.seed, 0)[: (STEPS + 1) * BATCH_SIZE]
    rows = {"text": [split.texts[row] for row in order], "labels": [int(split.labels[row]) for row in order]}
    (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")

    def make(contender: Contender, precision: Precision = "fp32") -> Job:
        return Job(
            contender=contender,
            precision=precision,
            base=str(tiny_base_dir),
            rows=str(tmp_path / "rows.json"),
            tokens=(50, 60, 70, 80),
            warm_up=WARM_UP,
            batch_size=BATCH_SIZE,
            max_length=32,
            recipe=recipe.name,
            data_dir=None,
            output=str(tmp_path / f"{contender}-{precision}"),
        )

    return make


def trained_on(job: Job, monkeypatch: pytest.MonkeyPatch) -> list[Counter[int]]:
    """How often each token stood in each step that is asked for of a contender, padding left out."""
    tokenizer = AutoTokenizer.from_pretrained(job.base)
    steps: list[Counter[int]] = []
    seen = Counter[int]()
    look_up = torch.nn.functional.embedding

    def embedding(ids: torch.Tensor, weight: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        if len(weight) == len(tokenizer):
            seen.update(token for token in ids.flatten().tolist() if token != tokenizer.pad_token_id)
        return look_up(ids, weight, *rest, **more)

    def step() -> None:
        steps.append(Counter(seen))
        seen.clear()

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "embedding", embedding)
        train_contenders.RUN[job.contender](job, step)  # type: ignore[arg-type]
    AcceleratorState._reset_state(reset_partial_state=True)  # the peers leave it, and each is meant for its own process
    assert len(steps) == STEPS + 1  # during the last emohub evaluates, so it is not asked for
    return steps[:STEPS]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.filterwarnings("ignore:.*pin_memory.*")
def test_every_contender_trains_on_the_same_texts_in_the_same_order(
    make_job: Any, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained_on(make_job("ours", precision), monkeypatch)
    assert len({sum(step.values()) for step in expected}) > 1
    for peer in ("trainer", "trainer_128", "accelerate"):
        assert trained_on(make_job(peer, precision), monkeypatch) == expected, peer


def test_the_products_are_those_of_the_encoder_alone(make_job: Any) -> None:
    steps: list[int] = []
    train_contenders.products(make_job("products", "bf16"), lambda: steps.append(1))  # type: ignore[arg-type]
    assert len(steps) == STEPS
    model = AutoModelForSequenceClassification.from_pretrained(make_job("ours").base, num_labels=3)
    layer = [(32, 32)] * 4 + [(64, 32), (32, 64)]  # query, key, value, output; and up and down
    assert linear_shapes(model) == layer * 2


def test_the_gate_lets_through_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO("3\n1\n9\n"))
    gate = Gate(2, answers)
    told = []
    for _ in range(6):
        gate()
        told.append(len(answers.getvalue().splitlines()))
    assert told == [0, 1, 1, 1, 2, 3]  # two to warm up, then three, then one
    answer = json.loads(answers.getvalue().splitlines()[1])
    assert answer["seconds"] > 0
    assert answer["peak_megabytes"] > 50


def test_what_is_kept_describes_the_texts_of_the_rounds(tiny_base_dir: Path) -> None:
    warm_up, first, second = [[9, 9]], [[3, 5]], [[2, 8]]
    size = train_throughput.describe("tiny", tiny_base_dir, 3, [*warm_up, *first, *second], 1)
    assert size.tokens == (8, 10)
    assert size.dynamic_positions == (10, 16)
    assert size.linear_weights == 2 * (4 * 32 * 32 + 2 * 32 * 64)


@pytest.mark.skipif(not RESULT.is_file(), reason="nothing is measured yet")
def test_the_kept_record_has_every_contender() -> None:
    kept = TrainingResult.load(RESULT)
    for size in kept.sizes:
        asked = {(each.contender, each.precision) for each in kept.measured if each.size == size.name}
        assert len(asked) == 10, size.name
    assert {len(each.seconds) for each in kept.measured} == {kept.rounds}


# ---- the same loss


def test_the_same_recipe_is_trained_in_every_way_and_not_twice(
    recipe: Recipe, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def counted(*arguments: Any, **settings: Any) -> Any:
        trained.append(settings["overrides"])
        return train(*arguments, **settings)

    monkeypatch.setattr(same_loss, "train", counted)

    def all_runs() -> same_loss_result.SameLossResult:
        records = {
            (way, seed): same_loss.run(
                recipe, way, seed, base_model=str(tiny_base_dir), data_dir=None, max_steps=6, runs=tmp_path
            )
            for seed in (1, 2)
            for way in same_loss.WAYS
        }
        return same_loss.result(records)

    found = all_runs()
    assert len(trained) == 6
    assert all_runs() == found
    assert len(trained) == 6
    assert [(run.way, run.seed) for run in found.of("packed bf16")] == [("packed bf16", 1), ("packed bf16", 2)]
    assert (found.seeds, found.rows, found.validation_rows, found.steps, found.epochs) == ((1, 2), 240, 60, 6, 1.5)
    losses = [[run.validation_loss for run in found.of(way)] for way in same_loss.WAYS]
    assert losses[1] == pytest.approx(losses[0], abs=0.05)
    with pytest.raises(TrainingError, match="run of other settings"):
        same_loss.run(recipe, "packed fp32", 1, base_model=str(tiny_base_dir), data_dir=None, runs=tmp_path)


def test_progress_is_told_after_evaluations(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(
        stage="classification",
        step=1,
        total_steps=4,
        epoch=0.5,
        loss=1.0,
        learning_rate=0.1,
        gradient_norm=1.0,
        samples_per_second=5.0,
        padding_share=0.0,
        row=None,
        findings=(),
    )
    same_loss.tell("packed fp32, seed 1", progress)
    assert capsys.readouterr().out == ""
