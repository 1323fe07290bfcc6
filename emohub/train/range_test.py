"""The learning-rate range test: a short training at ever higher rates shows between which of them a model learns.

Smith (2017), "Cyclical Learning Rates for Training Neural Networks", section 3.3. That the rates grow by a constant
factor, and that a tenth of the rate with the lowest loss is suggested, are fastai's (``lr_find``, ``minimum``).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from accelerate import Accelerator
from accelerate.utils.memory import should_reduce_batch_size

from emohub import layout
from emohub.errors import TrainingError, UsageError
from emohub.inference.loading import recompute_activations
from emohub.pictures import draw_range_test
from emohub.recipe import Recipe, Stage
from emohub.recipe.declaration import Positive, PositiveFloat, Sha256, Text
from emohub.record import Environment, Finite, ModelIdentity, Record, check_writable, current_environment, utc_now
from emohub.train.accelerator import device_name, this_process
from emohub.train.batches import epoch_order, make_batches
from emohub.train.masked_lm import with_texts
from emohub.train.optimization import (
    NotFinite,
    StepResult,
    TrainingModule,
    make_optimizer,
    optimizer_step,
    set_learning_rate,
)
from emohub.train.preparation import prepared_stage
from emohub.train.progress import Clock, Progress, RunState
from emohub.train.stage import StageMaterial

RANGE_TEST_FILE = "range_test.json"
PICTURE_FILE = "range_test.png"
LOWEST_RATE = 1e-7
HIGHEST_RATE = 1.0
FEWEST_STEPS = 20
"""Three a decade: fewer do not show where a curve bends."""
SMOOTHING = 0.05
"""Share of the steps, on either side of one, that its smoothed loss is the mean of: a third of a decade each way."""
DIVERGED = 1.5
"""The test ends when the smoothed loss is so many times that of the start: higher rates can only be worse."""
LEAST_FALL = 0.03
"""Share of the first smoothed loss by which it must fall somewhere; else no rate was seen to teach anything."""
RULE = "a tenth of the rate at which the smoothed training loss is lowest"


class RangeTest(Record):
    """What a range test saw, and which learning rate it suggests."""

    kind: ClassVar[str] = "range test"

    created: Text
    """UTC, ISO 8601."""
    recipe: Text
    """Name of the recipe."""
    recipe_digest: Sha256
    """Of what the tested stage trains."""
    stage: Stage
    overrides: dict[str, Any]
    base_model: ModelIdentity
    environment: Environment
    seed: int
    effective_batch_size: Positive
    """Examples per optimizer step."""
    steps: Positive
    """Steps from the lowest rate to the highest, had none been too much."""
    rates: tuple[PositiveFloat, ...]
    losses: tuple[Finite, ...]
    """Mean training loss of the step at each rate, before it moved the weights."""
    smoothed: tuple[Finite, ...]
    stopped: Literal["finished", "diverged"]
    suggestion: PositiveFloat | None
    """The suggested peak rate; None when the loss never fell, or fell to the end."""
    rule: Text


def find_learning_rate(
    recipe: Recipe,
    *,
    stage: Stage | None = None,
    base_model: str | Path | None = None,
    data_dir: Path | None = None,
    texts: Sequence[Path] = (),
    output_dir: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    steps: int = 100,
    on_progress: Callable[[Progress], None] | None = None,
) -> RangeTest:
    """Train for some steps while the rate grows from 1e-7 to 1, and leave ``range_test.json`` and ``range_test.png``.

    The weights are thrown away. Everything but the rate is as the recipe says: seed, order of the texts, batch,
    dropout, weight decay, clipping.

    Args:
        recipe: whose learning rate is wanted.
        stage: which of its stages; the last when None. It starts from ``base_model`` here even when the recipe has a
            stage before it.
        base_model: Hub id or folder to start from instead of the recipe's.
        data_dir: folder with the corpora as parquet files, instead of the Hub.
        texts: text files or tables for the masked-LM stage, instead of its corpus.
        output_dir: where the two files go, replacing those of an earlier test; ``runs/<recipe>-range-test`` when
            None.
        overrides: recipe keys to replace.
        steps: optimizer steps from the lowest rate to the highest.
        on_progress: called after every step.

    Raises:
        TrainingError: memory does not suffice, or the loss is not finite from the start.
        RecordError: the folder cannot be written.
        DataError, ModelError, RecipeError, UsageError: an input cannot be used.
    """
    overrides = dict(overrides or {})
    base_model = base_model or overrides.pop("base_model", None)
    recipe = recipe.with_overrides(overrides) if overrides else recipe
    recipe = with_texts(recipe, texts) if texts else recipe
    stage = stage or recipe.stages[-1]
    if stage not in recipe.stages:
        raise UsageError(f"the recipe {recipe.name} has no stage {stage}", f"use {' or '.join(recipe.stages)}")
    if steps < FEWEST_STEPS:
        raise UsageError(f"a range test of {steps} steps shows nothing", f"give it {FEWEST_STEPS} steps or more")
    if this_process().num_processes > 1:
        raise UsageError("a range test runs in a single process", "start it without accelerate launch")
    folder = output_dir or layout.project_root() / "runs" / f"{recipe.name}-range-test"
    check_writable(folder)
    with prepared_stage(recipe, stage, base_model, data_dir, folder) as (material, accelerator):
        material.begin(None, str(accelerator.device), None)
        test = _test(material, accelerator, overrides, steps, on_progress)
    test.save(folder / RANGE_TEST_FILE)
    draw_range_test(test.rates, test.losses, test.smoothed, test.suggestion, folder / PICTURE_FILE)
    return test


def _test(
    material: StageMaterial,
    accelerator: Accelerator,
    overrides: dict[str, Any],
    steps: int,
    on_progress: Callable[[Progress], None] | None,
) -> RangeTest:
    settings = material.settings
    half_width = round(SMOOTHING * steps)
    rates: list[float] = []
    losses: list[float] = []
    stopped: Literal["finished", "diverged"] = "finished"
    try:
        for rate, result in _sweep(material, accelerator, steps, on_progress):
            rates.append(rate)
            losses.append(result.loss)
            # The middle of the newest window that is whole, against the middle of the first.
            newest, first = (float(np.mean(part)) for part in (losses[-2 * half_width - 1 :], losses[: half_width + 1]))
            if newest > DIVERGED * first:
                stopped = "diverged"
                break
    except NotFinite as error:
        if not losses:
            raise TrainingError(
                f"the {error.what} is {error.value} at the first step, at a learning rate of {LOWEST_RATE:g}",
                'look at the data with emohub data audit, and set mixed_precision to "no"',
            ) from None
        stopped = "diverged"
    smooth = smoothed(losses, half_width)
    return RangeTest(
        created=utc_now(),
        recipe=material.recorded.name,
        recipe_digest=material.digest,
        stage=material.stage,
        overrides=overrides,
        base_model=material.identity,
        environment=current_environment(device_name(accelerator)),
        seed=settings.seed,
        effective_batch_size=settings.per_device_train_batch_size * settings.gradient_accumulation_steps,
        steps=steps,
        rates=tuple(rates),
        losses=tuple(losses),
        smoothed=tuple(smooth),
        stopped=stopped,
        suggestion=suggested_rate(rates, smooth),
        rule=RULE,
    )


def _sweep(
    material: StageMaterial, accelerator: Accelerator, steps: int, on_progress: Callable[[Progress], None] | None
) -> Iterator[tuple[float, StepResult]]:
    """One optimizer step after another, each at a higher rate; over the rows in the order of a run."""
    settings, size = material.settings, material.settings.per_device_train_batch_size
    if settings.gradient_checkpointing:
        recompute_activations(material.base.model)
    module, optimizer = accelerator.prepare(
        TrainingModule(material.model, material.loss), make_optimizer(material.model, settings)
    )
    effective = size * settings.gradient_accumulation_steps
    steps_per_epoch = math.ceil(material.size / effective)
    state = RunState(size)
    clock = Clock(state)
    for rate in np.geomspace(LOWEST_RATE, HIGHEST_RATE, steps).tolist():
        epoch, index = divmod(state.step, steps_per_epoch)
        rows = epoch_order(material.size, settings.seed, epoch)[index * effective : (index + 1) * effective]
        batches = make_batches(rows, rows, size, partial(material.batch, epoch=epoch))
        set_learning_rate(optimizer, rate)
        try:
            result = optimizer_step(accelerator, module, optimizer, batches, settings.max_grad_norm)
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            raise TrainingError(
                f"memory does not suffice for batches of {size}",
                f"set per_device_train_batch_size={max(1, size // 2)} and gradient_accumulation_steps="
                f"{2 * settings.gradient_accumulation_steps}, which keeps the effective batch",
            ) from None
        state.step += 1
        state.samples += len(rows)
        state.tokens += sum(batch.tokens for batch in batches)
        state.positions += sum(batch.positions for batch in batches)
        clock.stamp()
        if on_progress is not None:
            on_progress(
                Progress(
                    stage=material.stage,
                    step=state.step,
                    total_steps=steps,
                    epoch=state.step / steps_per_epoch,
                    loss=result.loss,
                    learning_rate=rate,
                    gradient_norm=result.gradient_norm,
                    samples_per_second=state.samples_per_second,
                    padding_share=state.padding_share,
                    row=None,
                    findings=(),
                )
            )
        yield rate, result


def smoothed(losses: Sequence[float], half_width: int) -> list[float]:
    """Each loss with those up to ``half_width`` before and after it, as their mean; fewer at the ends.

    An average over both sides does not lag behind the rate, as a running one does.
    """
    return [float(np.mean(losses[max(0, index - half_width) : index + half_width + 1])) for index in range(len(losses))]


def suggested_rate(rates: Sequence[float], smooth: Sequence[float]) -> float | None:
    """A tenth of the rate at which the smoothed loss is lowest: there training is fast already and far from diverging.

    None when the loss never fell by :data:`LEAST_FALL`, or was still falling at the highest rate.
    """
    lowest = int(np.argmin(smooth))
    if lowest == len(smooth) - 1 or smooth[lowest] > (1 - LEAST_FALL) * smooth[0]:
        return None
    return rates[lowest] / 10
