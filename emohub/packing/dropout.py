"""Dropout that spends less on random numbers: on a CPU torch draws 32 bits and a logarithm's worth of work for each."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 1 << 16
"""Probabilities are rounded to so many levels: sixteen random bits decide on each value."""


class Dropout(nn.Dropout):
    """``nn.Dropout``, computed by :func:`dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        """Drop values while training."""
        return dropout(input, self.p) if self.training else input


def dropout(values: Tensor, probability: float) -> Tensor:
    """Set each value to 0 with a probability, and scale the others so that the mean stays.

    The probability is rounded to a multiple of 2^-16. Where it is not computed on a CPU, torch's own is fast.
    """
    level = round(probability * _LEVELS)
    if values.device.type != "cpu" or level in (0, _LEVELS):
        return functional.dropout(values, probability)
    dropped: Tensor = _Dropout.apply(values, level)  # type: ignore[no-untyped-call]
    return dropped


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, level: int) -> Tensor:
        count = values.numel()
        words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
        # As signed numbers the bits range from -2^15 to 2^15 - 1.
        kept = words.view(torch.int16)[:count].view(values.shape) >= level - _LEVELS // 2
        factors = kept.to(values.dtype).mul_(_LEVELS / (_LEVELS - level))
        ctx.save_for_backward(factors)
        return values * factors

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (factors,) = ctx.saved_tensors
        return gradients[0] * factors, None


def replace_dropout(model: nn.Module) -> None:
    """Let every ``nn.Dropout`` of a model be a :class:`Dropout`."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))
