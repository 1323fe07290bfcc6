"""A stage before its first step: an accelerator of the recipe's precision, the seed, and everything that is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed

from emohub.inference import check_is_made
from emohub.recipe import Recipe, Stage
from emohub.record import PreviousStage
from emohub.train.accelerator import make_accelerator
from emohub.train.classification import gather_classification
from emohub.train.distillation import gather_distillation
from emohub.train.masked_lm import gather_masked_lm
from emohub.train.stage import StageMaterial


@contextmanager
def prepared_stage(
    recipe: Recipe,
    stage: Stage,
    base_model: str | Path | None,
    data_dir: Path | None,
    folder: Path,
    *,
    previous: PreviousStage | None = None,
    log_with: str | None = None,
) -> Iterator[tuple[StageMaterial, Accelerator]]:
    """What a stage reads and what it computes with; afterwards the process is as it was before.

    ``folder`` is where a tracker writes; the other arguments are those of :func:`emohub.train.train`.

    Raises:
        TrainingError: the device cannot compute in the recipe's precision.
        DataError, ModelError, UsageError: an input cannot be used.
    """
    teachers = recipe.distillation.teachers if recipe.distillation and stage == "distillation" else ()
    for name in (base_model or recipe.base_model, *teachers):
        check_is_made(str(name))  # before data is fetched that nobody could learn from
    settings = recipe.adaptation.training if stage == "masked_lm" and recipe.adaptation else recipe.training
    accelerator = make_accelerator(settings, log_with, folder)
    try:
        set_seed(settings.seed)  # before the head's first weights are drawn
        if stage == "masked_lm":
            material: StageMaterial = gather_masked_lm(recipe, base_model, data_dir)
        elif stage == "distillation":
            material = gather_distillation(recipe, base_model, data_dir, previous)
        else:
            material = gather_classification(recipe, base_model, data_dir, previous)
        yield material, accelerator
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()
        accelerator.free_memory()
        AcceleratorState._reset_state()  # else a second run in this process could not use another precision
