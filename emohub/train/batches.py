"""Which rows an optimizer step trains on, and how a process lays its share of them out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One forward pass."""

    inputs: dict[str, Tensor]
    """What the model is given; ``input_ids`` among it."""
    targets: Tensor
    """What it should answer: a label for each text, or a token for each position."""
    weight: float
    """What the batch's summed loss counts for: texts, their class weights, or masked tokens."""
    tokens: int
    """Positions that hold a token; the others are padding."""

    @property
    def positions(self) -> int:
        """Positions that the model computes."""
        return self.inputs["input_ids"].numel()


def epoch_order(size: int, seed: int, epoch: int) -> list[int]:
    """The rows in a new order each epoch that depends on the seed and the epoch alone, so that every process and every
    resumed run agrees on it."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order: list[int] = torch.randperm(size, generator=generator).tolist()
    return order


def chunks(rows: Sequence[int], size: int) -> list[list[int]]:
    """``rows`` in their order, cut into lists of ``size``; the last may be shorter."""
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]


def share_of(rows: Sequence[int], process: int, num_processes: int) -> list[int]:
    """The rows of one process: consecutive ones, their number differing by one at most, each in exactly one share."""
    start, end = (len(rows) * each // num_processes for each in (process, process + 1))
    return list(rows[start:end])


def make_batches(
    rows: Sequence[int], share: Sequence[int], batch_size: int, batch: Callable[[list[int]], Batch]
) -> list[Batch]:
    """The forward passes over a process' ``share`` of the step's ``rows``.

    A process without a share runs one all the same, with a weight of 0: the others wait for its gradients.
    """
    if share:
        return [batch(part) for part in chunks(share, batch_size)]
    stand_in = batch([rows[0]])
    return [Batch(stand_in.inputs, stand_in.targets, 0.0, 0)]
