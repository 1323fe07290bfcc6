"""How the weights move: parameter groups, learning rates, and one optimizer step."""

import math
from collections.abc import Callable
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional

from emohub import packing
from emohub.recipe import Training
from emohub.train.batches import Step


class TrainingModule(nn.Module):
    """The classifier behind one ``forward`` that takes packed or padded inputs, as the parallel wrappers need."""

    def __init__(self, model: nn.Module, *, packed: bool) -> None:
        super().__init__()
        self.model, self.packed = model, packed

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Logits of shape ``(n_texts, n_labels)``."""
        if self.packed:
            return packing.packed_logits(self.model, packing.Packed(**inputs))
        logits: Tensor = self.model(**inputs).logits
        return logits


def make_optimizer(model: nn.Module, settings: Training) -> torch.optim.AdamW:
    """AdamW; weight matrices decay, biases and normalisation weights, which are vectors, don't."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_epsilon,
        fused=True,
    )


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
    accelerator: Accelerator, module: nn.Module, optimizer: torch.optim.Optimizer, step: Step, max_grad_norm: float
) -> float:
    """Move the weights once; the gradient is the mean over the step's texts however they were split up.

    Returns the mean loss over those texts, on this process.
    """
    device = accelerator.device
    total = 0.0
    for index, (inputs, labels) in enumerate(zip(step.inputs, step.labels, strict=True)):
        last = index == len(step.inputs) - 1
        with nullcontext() if last else accelerator.no_sync(module):
            logits = module({name: tensor.to(device) for name, tensor in inputs.items()})
            loss = functional.cross_entropy(logits.float(), labels.to(device), reduction="sum") / step.size
            accelerator.backward(loss)
        total += loss.item()
    accelerator.clip_grad_norm_(module.parameters(), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    return total
