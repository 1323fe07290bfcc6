"""How the weights move: parameter groups, learning rates, and one optimizer step."""

import math
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor, nn

from emohub.errors import ModelError
from emohub.recipe import Training
from emohub.train.batches import Batch

_LAYER = re.compile(r"\.layer\.(\d+)\.")
"""What stands in the name of a layer's weight, in the families that are packed and in many others."""
_FACTOR = "rate_factor"
"""Key of a parameter group: its share of the learning rate."""
Loss = Callable[[nn.Module, dict[str, Tensor], Tensor], Tensor]
"""Model, inputs and targets → the loss, summed over the batch."""


class NotFinite(Exception):
    """A step's loss or gradient is infinite or not a number; the weights have not moved."""

    def __init__(self, what: str, value: float) -> None:
        self.what, self.value = what, value
        super().__init__(f"the {what} is {value}")


class StepResult(NamedTuple):
    """What one optimizer step showed."""

    loss: float
    """Mean loss of the step's examples, over all processes."""
    gradient_norm: float
    """L2 norm of the gradient before it was clipped; 0 where the engine clips by itself and does not tell."""


class TrainingModule(nn.Module):
    """A model and its loss behind one ``forward``, as the parallel wrappers need."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, inputs: dict[str, Tensor], targets: Tensor, weight: float) -> Tensor:
        """The summed loss of a batch; a scalar, 0 for a batch that stands in for an empty share."""
        loss = self.loss(self.model, inputs, targets)
        return loss if weight else loss * 0.0


def make_optimizer(model: nn.Module, settings: Training) -> torch.optim.AdamW:
    """AdamW; weight matrices decay, biases and normalisation weights, which are vectors, don't.

    Raises:
        ModelError: layers shall have rates of their own, and the model's layers cannot be told.
    """
    factors = layer_factors(model, settings.layer_decay)
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for factor in dict.fromkeys(factors.values()):
        for is_matrix in (True, False):
            decay = settings.weight_decay if is_matrix else 0.0
            groups[factor, is_matrix] = {"params": [], "weight_decay": decay, _FACTOR: factor}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[factors[name], parameter.ndim > 1]["params"].append(parameter)
    return torch.optim.AdamW(
        list(groups.values()),
        lr=settings.learning_rate,
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_epsilon,
        fused=True,
    )


def layer_factors(model: nn.Module, decay: float) -> dict[str, float]:
    """The share of the learning rate that each parameter trains with, by its name.

    The head has all of it, the last layer ``decay``, the layer before ``decay``², and so on down to the embeddings.

    Raises:
        ModelError: ``decay`` is not 1, and the model's layers cannot be told.
    """
    names = [name for name, _ in model.named_parameters()]
    if decay == 1:
        return dict.fromkeys(names, 1.0)
    layers = {name: int(found[1]) for name in names if (found := _LAYER.search(name))}
    if not layers:
        raise ModelError(
            f"the layers of {type(model).__name__} cannot be told by the names of its weights",
            "leave layer_decay out of the recipe, or train a model of the BERT, DistilBERT or RoBERTa family",
        )
    count = max(layers.values()) + 1
    below = {name: count + 1 for name in names if ".embeddings." in name}
    above = {name: count - layer for name, layer in layers.items()}
    return {name: decay ** {**below, **above}.get(name, 0) for name in names}


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Let the next step use ``learning_rate``, and in each layer its share of it."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group[_FACTOR]


def warmup_steps(settings: Training, total_steps: int) -> int:
    """Warm-up in steps; a share is rounded up, as transformers does."""
    warmup = settings.warmup_steps
    return min(total_steps, math.ceil(warmup * total_steps) if warmup < 1 else int(warmup))


def learning_rate_factor(kind: str, warmup_steps: int, total_steps: int) -> Callable[[int], float]:
    """The share of the peak rate that each step (counted from 0) uses.

    Rises linearly from 0 over ``warmup_steps``; then ``linear`` falls to 0 at ``total_steps`` and ``constant`` stays
    at 1, as transformers' schedules of these names do.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return step / warmup_steps
        if kind == "constant":
            return 1.0
        return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))

    return factor


def optimizer_step(
    accelerator: Accelerator,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: list[Batch],
    max_grad_norm: float,
) -> StepResult:
    """Move the weights once; the gradient is the mean over the step's examples, however they are split into batches and
    over processes.

    Raises:
        NotFinite: the loss or the gradient is not finite, on any process; the weights have not moved.
    """
    module.train()  # an evaluation before may have turned dropout off
    weight = total(accelerator, sum(batch.weight for batch in batches))
    own_loss = 0.0
    for index, batch in enumerate(batches):
        with _gradients_meet(accelerator, module, last=index == len(batches) - 1):
            inputs = {name: tensor.to(accelerator.device) for name, tensor in batch.inputs.items()}
            loss = module(inputs, batch.targets.to(accelerator.device), batch.weight) / weight
            # The wrappers take the mean over processes of what is to be summed.
            accelerator.backward(loss * accelerator.num_processes if accelerator.num_processes > 1 else loss)
            own_loss += loss.item()
    mean_loss = total(accelerator, own_loss)
    if not math.isfinite(mean_loss):
        optimizer.zero_grad()
        raise NotFinite("training loss", mean_loss)
    norm = accelerator.clip_grad_norm_(module.parameters(), max_grad_norm)
    gradient_norm = 0.0 if norm is None else float(norm)  # DeepSpeed clips by itself and tells nothing
    # With fp16 a gradient beyond its range is usual: the scaler skips that step and lowers its factor.
    if not math.isfinite(gradient_norm) and accelerator.scaler is None:
        optimizer.zero_grad()
        raise NotFinite("norm of the gradient", gradient_norm)
    optimizer.step()
    optimizer.zero_grad()
    return StepResult(mean_loss, gradient_norm)


def total(accelerator: Accelerator, value: float) -> float:
    """The sum of a number over all processes."""
    if accelerator.num_processes == 1:
        return value
    own = torch.tensor(value, dtype=torch.float64 if accelerator.device.type != "mps" else torch.float32)
    return float(accelerator.reduce(own.to(accelerator.device), "sum"))


def _gradients_meet(accelerator: Accelerator, module: nn.Module, *, last: bool) -> AbstractContextManager[None]:
    """Within it the gradients of all processes are joined if ``last``, and only added up on their own if not."""
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        accelerator.gradient_state._set_sync_gradients(last)  # its engine steps where this says so
        return nullcontext()
    context: AbstractContextManager[None] = nullcontext() if last else accelerator.no_sync(module)
    return context
