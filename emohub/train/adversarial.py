"""Texts moved against the loss: word embeddings a small step in the direction in which the loss grows fastest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_LEAST = 1e-12
"""Below any gradient that says something: what is divided by stays above it."""


def adversarial_loss(
    embeddings: nn.Module, loss_of: Callable[[], Tensor], text_of_token: Tensor, size: float
) -> Tensor:
    """Mean of the loss as it is and of that of the moved texts (Miyato et al. 2017, equation 7).

    ``embeddings`` looks words up, and ``loss_of`` goes through the model and gives a sum over texts. Each text is moved
    by a vector of L2 norm ``size`` over all of its word embeddings. ``text_of_token`` has their shape but for the last
    dimension, and numbers the texts from 0.
    """
    looked_up: list[Tensor] = []

    def keep(output: Tensor) -> Tensor:
        looked_up.append(output)
        return output

    with _changing(embeddings, keep):
        loss = loss_of()
    (gradient,) = torch.autograd.grad(loss, looked_up, retain_graph=True)
    gradient = gradient.float()
    squares = torch.zeros(int(text_of_token.max()) + 1, device=gradient.device)
    squares.index_add_(0, text_of_token.flatten(), gradient.square().sum(dim=-1).flatten())
    step = size * gradient / squares.sqrt().clamp_min(_LEAST)[text_of_token].unsqueeze(-1)
    with _changing(embeddings, lambda output: output + step.to(output.dtype)):
        return (loss + loss_of()) / 2


@contextmanager
def _changing(module: nn.Module, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """What a module gives is ``change`` of it within."""
    handle = module.register_forward_hook(lambda _, __, output: change(output))
    try:
        yield
    finally:
        handle.remove()
