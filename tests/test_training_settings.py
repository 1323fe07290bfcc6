"""What a recipe's settings and a run's troubles do to training: each against torch, scikit-learn or another run."""

import contextlib
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MakeModel
from scipy.special import rel_entr, softmax
from sklearn.utils.class_weight import compute_class_weight
from test_train import make_recipe, still_base_dir
from transformers import AutoConfig, AutoModelForSequenceClassification

from emohub.data import load_split
from emohub.errors import DivergedError, ModelError, RecipeError, TrainingError, UsageError
from emohub.inference import Classifier
from emohub.recipe import Corpus, Recipe
from emohub.record import RunRecord
from emohub.train import Progress, optimization, train
from emohub.train.batches import epoch_order
from emohub.train.classification import divergence
from emohub.train.optimization import make_optimizer, set_learning_rate

__all__ = ["still_base_dir"]  # a fixture


def losses_of(recipe: Recipe, folder: Path, **options: object) -> list[float]:
    losses: list[float] = []
    train(recipe, output_dir=folder, on_progress=lambda progress: losses.append(progress.loss), **options)
    return losses


def first_logits(recipe: Recipe, base: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of the untrained model for the first step's texts, and their labels, by plain transformers."""
    from transformers import AutoTokenizer

    rows = load_split(recipe.corpus, "train")
    batch = epoch_order(rows.rows, recipe.training.seed, 0)[: recipe.training.per_device_train_batch_size]
    torch.manual_seed(recipe.training.seed)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3).eval()
    encoded = AutoTokenizer.from_pretrained(base)([rows.texts[row] for row in batch], padding=True, return_tensors="pt")
    with torch.no_grad():
        return model(**encoded).logits, torch.from_numpy(rows.labels[batch])


@pytest.mark.parametrize("weights", [None, "balanced", (0.2, 3.0, 1.0)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_smoothing_and_class_weights_are_those_of_torch(
    made_corpus: Corpus,
    still_base_dir: Path,
    tmp_path: Path,
    weights: str | tuple[float, ...] | None,
    smoothing: float,
) -> None:
    recipe = make_recipe(made_corpus, still_base_dir, class_weights=weights, label_smoothing=smoothing)
    logits, labels = first_logits(recipe, still_base_dir)
    all_labels = load_split(made_corpus, "train").labels
    if weights == "balanced":
        weights = tuple(compute_class_weight("balanced", classes=np.arange(3), y=all_labels))
    expected = torch.nn.functional.cross_entropy(
        logits, labels, weight=None if weights is None else torch.tensor(weights).float(), label_smoothing=smoothing
    )
    assert losses_of(recipe, tmp_path / "run", max_steps=1) == [pytest.approx(expected.item(), abs=1e-6)]
    # … and however the step is cut into passes.
    cut = recipe.with_overrides({"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4})
    assert losses_of(cut, tmp_path / "cut", max_steps=1) == [pytest.approx(expected.item(), abs=1e-6)]


def test_r_drop_is_the_mean_of_two_answers_and_their_divergence(
    made_corpus: Corpus, tiny_base_dir: Path, still_base_dir: Path, tmp_path: Path
) -> None:
    drawn = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1))
    one, other = softmax(drawn.numpy().astype(np.float64), axis=-1)
    expected = (rel_entr(one, other).sum() + rel_entr(other, one).sum()) / 2
    assert divergence(*drawn).item() == pytest.approx(expected, rel=1e-5)

    # Without dropout both answers are the same, and the loss is that of one of them.
    still = make_recipe(made_corpus, still_base_dir)
    plain = losses_of(still, tmp_path / "still", max_steps=2)
    assert losses_of(still, tmp_path / "twice", overrides={"r_drop": 4.0}, max_steps=2) == pytest.approx(
        plain, abs=1e-6
    )

    # With it the divergence counts as much as the recipe says: the first step's loss is a straight line of the weight.
    recipe = make_recipe(made_corpus, tiny_base_dir, dropout=0.3)
    lightly, at_two, at_four = (
        losses_of(recipe, tmp_path / f"at-{weight}", overrides={"r_drop": weight}, max_steps=1)[0]
        for weight in (1e-9, 2.0, 4.0)
    )
    assert at_two > lightly
    assert at_four - lightly == pytest.approx(2 * (at_two - lightly), rel=1e-3)


def test_layer_decay_gives_each_layer_its_share_of_the_rate(
    made_corpus: Corpus, make_tiny_model: MakeModel, tmp_path: Path
) -> None:
    for family in ("bert", "roberta", "distilbert"):
        model = AutoModelForSequenceClassification.from_pretrained(make_tiny_model(architecture=family))
        layers = model.config.num_hidden_layers
        optimizer = make_optimizer(
            model, make_recipe(made_corpus, tmp_path, layer_decay=0.5, weight_decay=0.01).training
        )
        set_learning_rate(optimizer, 0.8)
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        rates = {names[id(p)]: group["lr"] for group in optimizer.param_groups for p in group["params"]}
        assert rates.keys() == dict(model.named_parameters()).keys()
        for name, rate in rates.items():
            expected = 0.8
            if "embeddings" in name:
                expected = 0.8 * 0.5 ** (layers + 1)
            elif ".layer." in name:
                expected = 0.8 * 0.5 ** (layers - int(name.split(".layer.")[1].split(".")[0]))
            assert rate == pytest.approx(expected), name
        decaying = {names[id(p)] for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]}
        assert not [name for name in decaying if name.endswith("bias")]
        assert len(decaying) > layers
    with pytest.raises(
        ModelError, match="layers of Linear cannot be told by the names of its weights; leave layer_dec"
    ):
        make_optimizer(torch.nn.Linear(2, 2), make_recipe(made_corpus, tmp_path, layer_decay=0.5).training)


def test_class_weights_must_fit_the_labels(made_corpus: Corpus, tiny_base_dir: Path) -> None:
    with pytest.raises(RecipeError, match="class_weights has 2 values for 3 labels"):
        make_recipe(made_corpus, tiny_base_dir, class_weights=[1.0, 2.0])


def test_dropout_is_the_recipes_and_stays_on_after_an_evaluation(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, dropout=0.4, attention_dropout=0.3)
    rare = losses_of(recipe, tmp_path / "rare", max_steps=6)
    often = losses_of(
        recipe.with_overrides({"eval_strategy": "steps", "eval_steps": 1}), tmp_path / "often", max_steps=6
    )
    assert rare == often  # to measure changes nothing
    assert losses_of(recipe.with_overrides({"dropout": 0.0}), tmp_path / "none", max_steps=6) != rare
    config = AutoConfig.from_pretrained(tmp_path / "rare" / "checkpoint")
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.4, 0.3)


def test_gradient_checkpointing_changes_no_loss(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir)
    plain = losses_of(recipe, tmp_path / "plain", max_steps=5)
    saved = losses_of(recipe.with_overrides({"gradient_checkpointing": True}), tmp_path / "saved", max_steps=5)
    assert saved == pytest.approx(plain, abs=1e-6)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a processor")
@pytest.mark.filterwarnings("ignore")  # torch's own, about itself
def test_torch_compile_changes_no_loss(made_corpus: Corpus, still_base_dir: Path, tmp_path: Path) -> None:
    recipe = make_recipe(made_corpus, still_base_dir)
    plain = losses_of(recipe, tmp_path / "plain", max_steps=1)
    compiled = losses_of(recipe.with_overrides({"torch_compile": True}), tmp_path / "compiled", max_steps=1)
    assert compiled == pytest.approx(plain, abs=1e-4)


def test_fp16_without_a_gpu_is_refused(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    recipe = make_recipe(made_corpus, tiny_base_dir, mixed_precision="fp16")
    with pytest.raises(TrainingError, match=r'cannot compute in fp16 .*; set mixed_precision to "bf16" or "no"'):
        train(recipe, output_dir=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    train(recipe, overrides={"mixed_precision": "no"}, output_dir=tmp_path / "run", max_steps=1)


def out_of_memory_above(limit: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let a forward pass of more than ``limit`` texts fail as a full device does; the sizes that were tried."""
    tried: list[int] = []
    forward: Callable[..., torch.Tensor] = optimization.TrainingModule.forward

    def failing(self: torch.nn.Module, inputs: dict, targets: torch.Tensor, weight: float) -> torch.Tensor:
        tried.append(len(targets))
        if len(targets) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(self, inputs, targets, weight)

    monkeypatch.setattr(optimization.TrainingModule, "forward", failing)
    return tried


def test_a_lack_of_memory_halves_the_batch_and_keeps_the_step(
    made_corpus: Corpus, still_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(made_corpus, still_base_dir)
    whole = losses_of(recipe, tmp_path / "whole")
    with monkeypatch.context() as patched:
        tried = out_of_memory_above(5, patched)
        halved = losses_of(recipe, tmp_path / "halved")
    assert tried[:7] == [16, 8, 4, 4, 4, 4, 4]
    assert halved == pytest.approx(whole, abs=1e-4)
    record = RunRecord.load(tmp_path / "halved" / "run.json")
    assert [
        (each.step, each.per_device_train_batch_size, each.gradient_accumulation_steps)
        for each in record.smaller_batches
    ] == [(1, 8, 2), (1, 4, 4)]
    assert record.effective_batch_size == 16
    assert record.total_steps == len(whole)
    memory = [finding for finding in record.findings if finding.kind == "memory"]
    assert [finding.message for finding in memory] == [
        "memory did not suffice for batches of 16, and batches of 8 were accumulated instead",
        "memory did not suffice for batches of 8, and batches of 4 were accumulated instead",
    ]


def test_a_lack_of_memory_is_an_error_where_nothing_helps_or_nothing_may_be_done(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir)
    out_of_memory_above(0, monkeypatch)
    with pytest.raises(TrainingError, match="does not suffice for a single example at step 1; lower max_length"):
        train(recipe, output_dir=tmp_path / "run")
    wanted = "batches of 16 at step 1; set per_device_train_batch_size=8 and gradient_accumulation_steps=2"
    with pytest.raises(TrainingError, match=wanted):
        train(recipe, output_dir=tmp_path / "run", auto_batch=False)
    assert list(tmp_path.iterdir()) == []


def test_a_lack_of_memory_in_an_evaluation_is_a_sentence(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Classifier, "predict_proba", failing)
    wanted = "measure validation in batches of 64; give --set per_device_eval_batch_size=32 and --no-resume"
    with pytest.raises(TrainingError, match=wanted):
        train(make_recipe(made_corpus, tiny_base_dir), output_dir=tmp_path / "run", max_steps=2)


def test_another_error_is_no_lack_of_memory(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> torch.Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(optimization.TrainingModule, "forward", failing)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        train(make_recipe(made_corpus, tiny_base_dir), output_dir=tmp_path / "run")


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, checkpoint_steps=5)
    forward: Callable[..., torch.Tensor] = optimization.TrainingModule.forward
    calls = 0

    def poisoned(self: torch.nn.Module, *arguments: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        loss = forward(self, *arguments)
        if calls != 8:
            return loss
        return loss * math.inf if where == "loss" else loss + 0 * loss.sqrt().abs().log().exp() * _infinite_slope(loss)

    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(optimization.TrainingModule, "forward", poisoned)
        with pytest.raises(TrainingError) as stopped:
            train(recipe, output_dir=folder)
    rate = recipe.training.learning_rate * 23 / 26  # warm-up over 4 of 30 steps, then linear: step 8 has 23 of 26 left
    rows = epoch_order(240, recipe.training.seed, 0)[7 * 16 : 8 * 16]
    assert f"at step 8, with the learning rate at {rate:.2e}" in str(stopped.value)
    assert f"on the training rows {', '.join(map(str, sorted(rows)))} (counted from 0)" in str(stopped.value)
    assert ("training loss is inf" if where == "loss" else "norm of the gradient is") in str(stopped.value)
    assert [path.name for path in (folder / "resume").glob("step-*")] == ["step-00000005"]
    steps: list[int] = []
    train(recipe, output_dir=folder, on_progress=lambda progress: steps.append(progress.step))
    assert steps == list(range(6, 31))


class _InfiniteSlope(torch.autograd.Function):
    """Zero, with a gradient that is infinite."""

    @staticmethod
    def forward(context: object, value: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(value)

    @staticmethod
    def backward(context: object, gradient: torch.Tensor) -> torch.Tensor:
        return torch.full_like(gradient, math.inf)


def _infinite_slope(value: torch.Tensor) -> torch.Tensor:
    return _InfiniteSlope.apply(value)


def test_tensorboard_gets_every_step(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    seen: list[Progress] = []
    record = train(
        make_recipe(made_corpus, tiny_base_dir),
        output_dir=tmp_path / "run",
        max_steps=6,
        log_with="tensorboard",
        on_progress=seen.append,
    )
    events = EventAccumulator(str(tmp_path / "run" / "logs" / "made")).Reload()
    logged = [(event.step, event.value) for event in events.Scalars("training_loss")]
    assert logged == [(progress.step, pytest.approx(progress.loss, rel=1e-6)) for progress in seen]
    (validation,) = events.Scalars("validation_loss")
    assert (validation.step, validation.value) == (6, pytest.approx(record.history[0].validation_loss, rel=1e-6))


def test_a_resumed_run_logs_each_step_once(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    class Killed(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.step == 8:
            raise Killed

    recipe = make_recipe(made_corpus, tiny_base_dir, checkpoint_steps=5)
    for on_progress in (kill, None):
        with contextlib.suppress(Killed):
            train(recipe, output_dir=tmp_path / "run", max_steps=12, log_with="tensorboard", on_progress=on_progress)
    events = EventAccumulator(str(tmp_path / "run" / "logs" / "made")).Reload()
    assert [event.step for event in events.Scalars("training_loss")] == list(range(1, 13))


def test_a_tracker_that_is_not_there_is_named(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emohub.train import accelerator

    recipe = make_recipe(made_corpus, tiny_base_dir)
    monkeypatch.setattr(accelerator, "get_available_trackers", list)
    with pytest.raises(UsageError, match=r"wandb is not installed; pip install 'emohub\[wandb\]'"):
        train(recipe, output_dir=tmp_path / "run", log_with="wandb")
    with pytest.raises(UsageError, match="there is no tracker 'mlflow'; use tensorboard, trackio, wandb"):
        train(recipe, output_dir=tmp_path / "run", log_with="mlflow")
    assert list(tmp_path.iterdir()) == []


def test_the_padding_share_is_what_the_batches_hold(made_corpus: Corpus, make_tiny_model, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    base = make_tiny_model(architecture="roberta")
    recipe = make_recipe(made_corpus, base, num_train_epochs=1)
    packed = train(recipe, output_dir=tmp_path / "packed", max_steps=4)
    config = json.loads((base / "config.json").read_text())
    eager = tmp_path / "eager"
    shutil.copytree(base, eager)
    # Decoders attend to the left alone, which packing does not do: such a model is padded.
    (eager / "config.json").write_text(json.dumps({**config, "is_decoder": True}))
    padded = train(recipe.model_copy(update={"base_model": str(eager)}), output_dir=tmp_path / "padded", max_steps=4)
    assert (packed.batching, padded.batching) == ("packed", "padded")
    rows = load_split(made_corpus, "train")
    tokenizer = AutoTokenizer.from_pretrained(base)
    order = epoch_order(rows.rows, recipe.training.seed, 0)
    lengths = [[len(tokenizer(rows.texts[row]).input_ids) for row in order[at : at + 16]] for at in range(0, 64, 16)]
    computed = sum(max(batch) * len(batch) for batch in lengths)
    assert padded.padding_share == pytest.approx(1 - sum(map(sum, lengths)) / computed, abs=1e-12)
    assert packed.padding_share is not None
    assert packed.padding_share < padded.padding_share


def test_weights_that_diverge_in_the_last_step_are_named_and_leave_the_folder_usable(
    made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(made_corpus, tiny_base_dir, warmup_steps=0)
    with pytest.raises(DivergedError, match=r"after step 1 the .* no finite numbers; lower learning_rate"):
        train(
            recipe,
            overrides={"learning_rate": 1e30},
            output_dir=tmp_path / "run",
            max_steps=1,
            log_with="tensorboard",
        )
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["logs"]  # the curve, to be looked at
    train(recipe, output_dir=tmp_path / "run", max_steps=1)
