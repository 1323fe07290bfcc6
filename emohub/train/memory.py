"""When memory does not suffice for a batch: smaller forward passes, and the same effective batch."""

import math

from emohub.errors import TrainingError
from emohub.recipe import Training
from emohub.record import Finding, SmallerBatch
from emohub.train.progress import RunState


def halve_batch(state: RunState, settings: Training, *, allowed: bool) -> None:
    """Halve the per-device batch after a lack of memory; the effective batch and the schedule stay.

    ``allowed`` is False where that was turned off, or would have to be agreed on with other processes.

    Raises:
        TrainingError: it is not allowed, or cannot help.
    """
    size = state.per_device_train_batch_size
    smaller = max(1, size // 2)
    accumulation = math.ceil(settings.per_device_train_batch_size * settings.gradient_accumulation_steps / smaller)
    if size == 1:
        raise TrainingError(
            f"memory does not suffice for a single example at step {state.step + 1}",
            "lower max_length, set gradient_checkpointing = true, or take a smaller model",
        )
    if not allowed:
        raise TrainingError(
            f"memory does not suffice for batches of {size} at step {state.step + 1}",
            f"set per_device_train_batch_size={smaller} and gradient_accumulation_steps={accumulation}, "
            "which keeps the effective batch",
        )
    state.per_device_train_batch_size = smaller
    state.smaller_batches.append(
        SmallerBatch(
            step=state.step + 1,
            per_device_train_batch_size=smaller,
            gradient_accumulation_steps=accumulation,
        )
    )
    state.findings.append(
        Finding(
            kind="memory",
            message=f"memory did not suffice for batches of {size}, and batches of {smaller} were accumulated instead",
            remedy=f"set per_device_train_batch_size to {smaller} to spare the attempt",
            step=state.step + 1,
        )
    )
