"""The training loop: prepare, loop over optimizer steps, keep the best, export it, record what happened."""

import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import gather_object, set_seed
from torch.optim.lr_scheduler import LambdaLR

from emohub import layout, packing
from emohub.errors import TrainingError
from emohub.inference import Classifier
from emohub.recipe import Recipe
from emohub.record import Exported, HistoryRow, RunRecord, current_environment, utc_now
from emohub.train.batches import step_loader
from emohub.train.folder import claim, finish, unfinished_folder
from emohub.train.material import gather_material
from emohub.train.measuring import Best, evaluate, evaluation_is_due, export
from emohub.train.optimization import (
    TrainingModule,
    learning_rate_factor,
    make_optimizer,
    optimizer_step,
    warmup_steps,
)


@dataclass(frozen=True)
class Progress:
    """Where a run is, told after every optimizer step."""

    step: int
    total_steps: int
    loss: float
    """Mean training loss of the step's texts on this process."""
    learning_rate: float
    samples_per_second: float
    row: HistoryRow | None
    """The evaluation that followed the step, when one did."""


def train(
    recipe: Recipe,
    *,
    base_model: str | None = None,
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    max_steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> RunRecord:
    """Fine-tune as ``recipe`` says and leave a run folder: ``checkpoint/`` and ``run.json``.

    Args:
        recipe: what to do.
        base_model: Hub id or folder to start from instead of the recipe's.
        data_dir: folder with the corpus as parquet files, instead of the Hub.
        output_dir: the run folder, which must not exist or be empty; ``runs/<run_id>`` when None.
        max_steps: stop after so many optimizer steps, with the schedule made for that many.
        overrides: recipe keys to replace, such as ``{"learning_rate": 1e-4}``.
        on_progress: called on the main process after every optimizer step.

    Raises:
        TrainingError: the run folder cannot be used, or the loss is no longer finite; nothing is left behind.
        DataError, ModelError, RecipeError, UsageError: an input cannot be used.
    """
    overrides = dict(overrides or {})
    base_model = base_model or overrides.pop("base_model", None)
    recipe = recipe.with_overrides(overrides) if overrides else recipe
    run_id = f"{recipe.name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    folder = output_dir or layout.project_root() / "runs" / run_id
    accelerator = Accelerator(mixed_precision=recipe.training.mixed_precision)
    unfinished = claim(folder) if accelerator.is_main_process else unfinished_folder(folder)
    try:
        record = _run(recipe, overrides, base_model, run_id, unfinished, accelerator, data_dir, max_steps, on_progress)
        if accelerator.is_main_process:
            finish(unfinished, folder)
        accelerator.wait_for_everyone()
        return record
    finally:
        if accelerator.is_main_process:
            shutil.rmtree(unfinished, ignore_errors=True)
        accelerator.free_memory()
        AcceleratorState._reset_state()  # else a second run in this process could not use another precision


def _run(
    recipe: Recipe,
    overrides: dict[str, Any],
    base_model: str | None,
    run_id: str,
    folder: Path,
    accelerator: Accelerator,
    data_dir: Path | None,
    max_steps: int | None,
    on_progress: Callable[[Progress], None] | None,
) -> RunRecord:
    """Everything between claiming the run folder and giving it its name."""
    settings, is_writer = recipe.training, accelerator.is_main_process
    set_seed(settings.seed)  # before the head's first weights are drawn
    material = gather_material(recipe, base_model, data_dir)
    model, validation = material.base.model, material.splits["validation"]
    validator = Classifier(
        model,
        material.tokenizer,
        id=run_id,
        max_length=recipe.max_length,
        batch_size=settings.per_device_eval_batch_size,
    )
    packed = packing.supports(model)
    steps = step_loader(material, settings, packed=packed)
    adamw = make_optimizer(model, settings)
    module, optimizer, steps = accelerator.prepare(TrainingModule(model, packed=packed), adamw, steps)
    all_steps = len(steps) * settings.num_train_epochs
    total_steps = min(max_steps or all_steps, all_steps)
    warmup = warmup_steps(settings, total_steps)
    schedule = LambdaLR(adamw, learning_rate_factor(settings.lr_scheduler_type, warmup, total_steps))

    history: list[HistoryRow] = []
    best = Best(recipe.evaluation)
    step, losses, samples = 0, [], 0
    started, evaluating = time.perf_counter(), 0.0
    while step < total_steps and not best.out_of_patience:
        steps.set_epoch(step // len(steps))
        for batch in steps:
            module.train()
            rate = float(schedule.get_last_lr()[0])
            loss = optimizer_step(accelerator, module, optimizer, batch, settings.max_grad_norm)
            schedule.step()
            step += 1
            losses.append(loss)
            samples += batch.size * accelerator.num_processes
            if not math.isfinite(loss):
                raise TrainingError(
                    f"the training loss is {loss} at step {step}, with the learning rate at {rate:.2e}",
                    "lower learning_rate, or lengthen warmup_steps",
                )
            row = None
            if step == total_steps or evaluation_is_due(recipe.evaluation, step, len(steps)):
                before = time.perf_counter()
                row = evaluate(accelerator, validator, validation, losses, step, len(steps))
                evaluating += time.perf_counter() - before
                losses = []
                history.append(row)
                best.offer(row, model)
            if on_progress is not None and is_writer:
                seconds = time.perf_counter() - started - evaluating
                on_progress(Progress(step, total_steps, loss, rate, samples / seconds, row))
            if step == total_steps or best.out_of_patience:
                break
    training_seconds = time.perf_counter() - started

    model.load_state_dict(best.weights)
    checkpoint = folder / layout.CHECKPOINT_FOLDER
    written = export(best, material, checkpoint, recipe.export.dtype) if is_writer else None
    exported: Exported = gather_object([written])[0]
    record = RunRecord(
        run_id=run_id,
        created=utc_now(),
        recipe=material.recorded.model_dump(mode="json"),
        recipe_digest=material.recorded.digest,
        overrides=overrides,
        max_steps=max_steps,
        base_model=material.identity,
        data=material.data_identities,
        environment=current_environment(validator.device, accelerator.num_processes),
        seed=settings.seed,
        mixed_precision=settings.mixed_precision,
        batching="packed" if packed else "padded",
        total_steps=total_steps,
        steps_run=step,
        warmup_steps=warmup,
        effective_batch_size=settings.per_device_train_batch_size
        * settings.gradient_accumulation_steps
        * accelerator.num_processes,
        stopped="early" if step < total_steps else "max_steps" if step < all_steps else "finished",
        history=tuple(history),
        exported=exported,
        training_seconds=training_seconds,
        samples_per_second=samples / (training_seconds - evaluating),
    )
    if is_writer:
        record.save(folder / layout.RUN_FILE)
    return record
