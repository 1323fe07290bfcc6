"""What one optimizer step trains on, and in which order the rows come."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from emohub import packing, tokenizing
from emohub.recipe import Training
from emohub.train.material import Material


@dataclass(frozen=True)
class Step:
    """The texts of one optimizer step: one model input and its labels for each forward pass."""

    inputs: list[dict[str, Tensor]]
    labels: list[Tensor]

    @property
    def size(self) -> int:
        """Number of texts."""
        return sum(len(labels) for labels in self.labels)


class EpochShuffle(Sampler[int]):
    """A new order each epoch that depends on the seed and the epoch alone, so that every process agrees on it."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def __len__(self) -> int:
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of ``epoch``."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return iter(torch.randperm(self.size, generator=generator).tolist())


class StepCollator:
    """Rows → the :class:`Step` that trains on them, in batches of at most ``batch_size`` texts."""

    def __init__(
        self, token_ids: list[list[int]], labels: NDArray[np.int64], *, pad_id: int, batch_size: int, packed: bool
    ) -> None:
        self.token_ids, self.labels, self.pad_id, self.packed = token_ids, labels, pad_id, packed
        self.batch_size = batch_size

    def __call__(self, rows: list[int]) -> Step:
        """The step that trains on ``rows``, in their order."""
        batches = [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]
        return Step([self._inputs(batch) for batch in batches], [torch.from_numpy(self.labels[b]) for b in batches])

    def _inputs(self, rows: list[int]) -> dict[str, Tensor]:
        texts = [self.token_ids[row] for row in rows]
        if self.packed:
            return packing.pack(texts, self.pad_id)._asdict()
        return {name: torch.from_numpy(array) for name, array in tokenizing.pad(texts, self.pad_id).items()}


def step_loader(material: Material, settings: Training, *, packed: bool) -> DataLoader[Step]:
    """The training split as optimizer steps: one item is one :class:`Step`, in a new order each epoch."""
    labels = material.splits["train"].labels
    return DataLoader(
        range(len(labels)),  # type: ignore[arg-type]  # a range is a sequence of row numbers
        batch_size=settings.per_device_train_batch_size * settings.gradient_accumulation_steps,
        sampler=EpochShuffle(len(labels), settings.seed),
        collate_fn=StepCollator(
            material.tokens["train"].ids,
            labels,
            pad_id=material.tokenizer.pad_token_id,
            batch_size=settings.per_device_train_batch_size,
            packed=packed,
        ),
    )
