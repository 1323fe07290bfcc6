"""How Accelerate is set up for a run: precision, compilation, trackers."""

import atexit
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.tracking import get_available_trackers
from accelerate.utils import ProjectConfiguration, broadcast_object_list, parse_flag_from_env

from emohub.errors import EmohubError, TrainingError, UsageError
from emohub.layout import LOGS_FOLDER
from emohub.recipe import Training

T = TypeVar("T")

TRACKERS = ("tensorboard", "trackio", "wandb")
"""Trackers that a run can log with; each is an extra of the same name."""


def this_process() -> PartialState:
    """Which process of a launch this is.

    Raises:
        TrainingError: a launcher started several processes and they do not find each other, so that each would train
            by itself.
    """
    # Accelerate reads the variable for an Accelerator, and not for the state that it is made of.
    process = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != process.num_processes:
        raise TrainingError(
            f"the launcher started {started} processes, and each finds itself alone",
            "set ACCELERATE_USE_CPU=true where there are no GPUs, or start a single process",
        )
    if process.num_processes > 1:
        atexit.register(process.destroy_process_group)  # else leaving aborts the process
    return process


def is_main_process() -> bool:
    """Whether this is the one process that writes and reports."""
    return bool(PartialState().is_main_process)


def agreed(work: Callable[[], T]) -> T:
    """What ``work`` returns on the main process, where alone it runs; every process calls this.

    What is raised there is raised by all: else the others would wait for it until they are killed.
    """
    value: T | None = None
    failure: tuple[type[EmohubError], str, str] | None = None
    if is_main_process():
        try:
            value = work()
        except EmohubError as error:
            failure = (type(error), error.cause, error.remedy)
    value, failure = broadcast_object_list([value, failure])
    if failure is not None:
        kind, cause, remedy = failure
        raise kind(cause, remedy)
    return value


def make_accelerator(settings: Training, log_with: str | None, folder: Path) -> Accelerator:
    """An accelerator of the recipe's precision.

    Raises:
        TrainingError: the device cannot compute in that precision.
        UsageError: there is no such tracker, or it is not installed.
    """
    if log_with is not None and log_with not in TRACKERS:
        raise UsageError(f"there is no tracker {log_with!r}", f"use {', '.join(TRACKERS)}")
    if log_with is not None and log_with not in map(str, get_available_trackers()):
        raise UsageError(f"{log_with} is not installed", f"pip install 'emohub[{log_with}]', or leave --log-with out")
    # At every checkpoint it would warn that weights which two layers share are saved once.
    logging.getLogger("accelerate.utils.other").setLevel(logging.ERROR)
    try:
        accelerator = Accelerator(
            mixed_precision=settings.mixed_precision,
            dynamo_backend="inductor" if settings.torch_compile else "no",
            log_with=log_with,
            project_config=ProjectConfiguration(project_dir=str(folder), logging_dir=str(folder / LOGS_FOLDER)),
        )
        if settings.mixed_precision == "fp16" and accelerator.device.type == "cpu":
            raise ValueError("a processor has no fp16 training")  # Accelerate would compute in fp32 and say nothing
    except ValueError as error:
        AcceleratorState._reset_state()
        raise TrainingError(
            f"this machine cannot compute in {settings.mixed_precision} ({str(error).splitlines()[0].rstrip('. ')})",
            'set mixed_precision to "bf16" or "no"',
        ) from None
    if accelerator.state.deepspeed_plugin is not None:  # which else asks a data loader of its own kind
        configured = accelerator.state.deepspeed_plugin.deepspeed_config
        configured["train_micro_batch_size_per_gpu"] = settings.per_device_train_batch_size
    return accelerator


def device_name(accelerator: Accelerator) -> str:
    """``cpu``, or the accelerator's own name."""
    device = accelerator.device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device.type)
