"""``train``: a recipe's stages, one after the other, each in its run folder."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list

from emohub import inference, layout
from emohub.errors import TrainingError, UsageError
from emohub.recipe import Recipe, Stage
from emohub.record import PreviousStage, RunRecord
from emohub.train.accelerator import this_process
from emohub.train.energy import check_energy
from emohub.train.folder import RunFolder
from emohub.train.loop import Run
from emohub.train.masked_lm import text_fingerprints, with_texts
from emohub.train.options import OnTeaching, Options
from emohub.train.preparation import prepared_stage
from emohub.train.progress import Progress
from emohub.train.stage import recorded_recipe


def train(
    recipe: Recipe,
    *,
    stage: Stage | None = None,
    base_model: str | Path | None = None,
    data_dir: Path | None = None,
    texts: Sequence[Path] = (),
    output_dir: Path | None = None,
    max_steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    resume: bool = True,
    checkpoint_minutes: float | None = 10.0,
    auto_batch: bool = True,
    log_with: str | None = None,
    energy: bool = False,
    country: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_teaching: OnTeaching | None = None,
) -> RunRecord:
    """Train as ``recipe`` says and leave a run folder: ``checkpoint/``, ``run.json`` and ``learning_curves.png``.

    A folder with an unfinished run of the same is gone on with, from its newest checkpoint. On a processor the weights,
    the history and the record are then bit for bit those of a run that was never stopped.

    Args:
        recipe: what to do.
        stage: the only stage to run; None runs all, the first in the folder ``masked_lm`` of the run's.
        base_model: Hub id or folder to start from instead of the recipe's. For the second stage alone of a recipe
            with two it is needed: the run of the first.
        data_dir: folder with the corpora as parquet files, instead of the Hub.
        texts: text files or tables for the masked-LM stage, instead of its corpus.
        output_dir: the run folder, which must not exist, be empty, or hold an unfinished run;
            ``runs/<run_id>`` when None.
        max_steps: stop each stage after so many optimizer steps, with the schedule made for that many.
        overrides: recipe keys to replace, such as ``{"learning_rate": 1e-4}``.
        resume: False discards an unfinished run instead of going on with it.
        checkpoint_minutes: write a checkpoint whenever so much time has passed since the last; None leaves it to the
            recipe's ``checkpoint_steps``. One is written after the last step and when the run is asked to stop anyway.
        auto_batch: halve the per-device batch, and double the accumulation, when memory runs out.
        log_with: ``tensorboard``, ``trackio`` or ``wandb``; None logs nowhere.
        energy: measure what the machine of the main process uses, with CodeCarbon and without a network. A run that was
            begun with it must be gone on with it.
        country: where that machine stands (ISO 3166-1 alpha-3), for what the energy emits; None leaves that out.
        on_progress: called on the main process after every optimizer step.
        on_teaching: called there while teachers answer, before the first step, with the texts done and all texts.

    Returns:
        The record of the last stage that ran.

    Raises:
        StoppedError: SIGTERM or Ctrl-C; the step was finished and saved.
        DivergedError: the loss or the gradient is no longer finite. The last checkpoint stays.
        TrainingError: the run folder cannot be used or written, what is in it is another run's, or memory does not
            suffice.
        DataError, ModelError, RecipeError, UsageError: an input cannot be used.
    """
    overrides = dict(overrides or {})
    base_model = base_model or overrides.pop("base_model", None)
    recipe = recipe.with_overrides(overrides) if overrides else recipe
    if stage is not None and stage not in recipe.stages:
        raise UsageError(f"the recipe {recipe.name} has no stage {stage}", f"use {' or '.join(recipe.stages)}")
    if texts:
        if stage not in (None, "masked_lm"):
            raise UsageError(f"the {stage} stage reads no plain texts", "leave --texts out")
        recipe = with_texts(recipe, texts)
    country = check_energy(energy, country)
    process = this_process()
    name = recipe.name if stage is None else f"{recipe.name}-{stage}"
    run_id: str = broadcast_object_list([f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"])[0]
    path = output_dir or layout.project_root() / "runs" / run_id
    options = Options(
        data_dir=data_dir,
        max_steps=max_steps,
        overrides=overrides,
        checkpoint_minutes=checkpoint_minutes,
        auto_batch=auto_batch,
        log_with=log_with,
        energy=energy,
        country=country,
        on_progress=on_progress,
        on_teaching=on_teaching,
    )
    with RunFolder(path, is_writer=process.is_main_process, resume=resume) as folder:
        if stage == "masked_lm":
            return _run_stage(recipe, "masked_lm", run_id, folder, base_model, None, options)
        previous = None
        if recipe.adaptation is not None:
            if stage is None:
                base_model = _adapt(recipe, run_id, folder, base_model, options)
            if base_model is None:
                raise UsageError(
                    f"the {recipe.stages[-1]} stage of {recipe.name} starts from its masked_lm stage",
                    "give --base-model the run of that stage, or leave --stage out to run both",
                )
            recipe, previous = _after_adaptation(recipe, base_model)
        return _run_stage(recipe, recipe.stages[-1], run_id, folder, base_model, previous, options)


def _adapt(recipe: Recipe, run_id: str, whole: RunFolder, base_model: str | Path | None, options: Options) -> Path:
    """The folder of the first stage's run: trained now, gone on with, or found finished from an earlier sitting."""
    path = whole.path / layout.MASKED_LM_FOLDER
    if (path / layout.RUN_FILE).is_file() and whole.resume:
        record = RunRecord.load(path / layout.RUN_FILE)
        given = base_model and inference.find_checkpoint(base_model).fingerprint
        fits = record.recipe_digest == recorded_recipe(recipe, record.base_model.id).adaptation_digest
        if not fits or given not in (None, record.base_model.fingerprint) or record.max_steps != options.max_steps:
            raise _foreign(path, "of other settings", "the settings")
        if text_fingerprints(recipe, options.data_dir) != {n: part.fingerprint for n, part in record.data.items()}:
            raise _foreign(path, "on other texts", "the texts")
        return path
    with RunFolder(path, is_writer=whole.is_writer, resume=whole.resume, whole=whole.path) as folder:
        _run_stage(recipe, "masked_lm", f"{run_id}-masked_lm", folder, base_model, None, options)
    return path


def _foreign(folder: Path, how: str, what: str) -> TrainingError:
    return TrainingError(
        f"{folder} holds a masked_lm stage {how}",
        f"give {what} that it was trained with, or --no-resume to discard it, or another --output-dir",
    )


def _after_adaptation(recipe: Recipe, base_model: str | Path) -> tuple[Recipe, PreviousStage | None]:
    """What the second stage knows of the first: recipe and link to its run, where ``base_model`` is such a run."""
    records = layout.find_records(str(base_model))
    first = records and RunRecord.load(records / layout.RUN_FILE)
    if not first or first.stage != "masked_lm":
        return recipe, None
    if inference.find_checkpoint(base_model).fingerprint != first.exported.fingerprint:
        return recipe, None  # other weights, whatever the record beside them says
    previous = PreviousStage(
        stage=first.stage,
        run_id=first.run_id,
        recipe_digest=first.recipe_digest,
        fingerprint=first.exported.fingerprint,
        base_model=first.base_model,
        origin=first.origin,
    )
    ran = Recipe.from_values(first.recipe, f"the recipe in {records}/{layout.RUN_FILE}")
    return recipe.model_copy(update={"base_model": ran.base_model, "adaptation": ran.adaptation}), previous


def _run_stage(
    recipe: Recipe,
    stage: Stage,
    run_id: str,
    folder: RunFolder,
    base_model: str | Path | None,
    previous: PreviousStage | None,
    options: Options,
) -> RunRecord:
    """One stage, from its data to its record; ``folder`` is entered already. See :func:`emohub.train.train`."""
    with prepared_stage(
        recipe, stage, base_model, options.data_dir, folder.path, previous=previous, log_with=options.log_with
    ) as (material, accelerator):
        run = Run(material, accelerator, folder, options)
        return run.record(run.start(run_id, previous), previous)
