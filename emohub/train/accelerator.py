"""How Accelerate is set up for a run: precision, compilation, trackers."""

from importlib.util import find_spec
from pathlib import Path

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import ProjectConfiguration

from emohub.errors import TrainingError, UsageError
from emohub.recipe import Training

TRACKERS = ("tensorboard", "trackio", "wandb")
"""Trackers that a run can log with; each is an extra of the same name."""


def make_accelerator(settings: Training, log_with: str | None, folder: Path) -> Accelerator:
    """An accelerator of the recipe's precision.

    Raises:
        TrainingError: the device cannot compute in that precision.
        UsageError: there is no such tracker, or it is not installed.
    """
    if log_with is not None and log_with not in TRACKERS:
        raise UsageError(f"there is no tracker {log_with!r}", f"use {', '.join(TRACKERS)}")
    if log_with is not None and find_spec(log_with) is None:
        raise UsageError(f"{log_with} is not installed", f"pip install 'emohub[{log_with}]', or leave --log-with out")
    try:
        accelerator = Accelerator(
            mixed_precision=settings.mixed_precision,
            dynamo_backend="inductor" if settings.torch_compile else "no",
            log_with=log_with,
            project_config=ProjectConfiguration(project_dir=str(folder), logging_dir=str(folder)),
        )
        if settings.mixed_precision == "fp16" and accelerator.device.type == "cpu":
            raise ValueError("a processor has no fp16 training")  # Accelerate would compute in fp32 and say nothing
    except ValueError as error:
        AcceleratorState._reset_state()
        raise TrainingError(
            f"this machine cannot compute in {settings.mixed_precision} ({str(error).splitlines()[0].rstrip('. ')})",
            'set mixed_precision to "bf16" or "no"',
        ) from None
    return accelerator
