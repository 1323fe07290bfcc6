"""The engine that runs a model with torch."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from emohub.inference.checkpoint import Checkpoint
from emohub.inference.engine import EngineName
from emohub.inference.loading import load_classifier, position_limit

_BATCH_TOKENS_CPU = 1024
"""Few enough that the activations stay in a CPU's cache."""
_BATCH_TOKENS_ACCELERATOR = 32_768
"""Enough that the time is spent on arithmetic."""


class TorchEngine:
    """A model that torch runs, in the precision of its weights; see :class:`~emohub.inference.engine.Engine`."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str | None) -> Self:
        """The classifier in a folder, in float32.

        Raises:
            ModelError: the model is damaged, or is no classifier with one label per text.
        """
        return cls(load_classifier(checkpoint).to(device or "cpu"))

    @property
    def name(self) -> EngineName:
        """``torch``."""
        return "torch"

    @property
    def config(self) -> Any:
        """The model's configuration."""
        return self.model.config

    @property
    def position_limit(self) -> int | None:
        """The most tokens that the model has positions for; None when it has no table of positions."""
        return position_limit(self.model)

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def device(self) -> str:
        """``cpu``, or the accelerator's own name."""
        device = self.model.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

    @property
    def threads(self) -> int:
        """Threads that one forward pass on a CPU is divided among."""
        return torch.get_num_threads()

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of one forward pass."""
        return _BATCH_TOKENS_CPU if self.model.device.type == "cpu" else _BATCH_TOKENS_ACCELERATOR

    @torch.inference_mode()
    def logits(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits of shape ``(n_texts, n_labels)``."""
        if self.model.training:
            self.model.eval()
        ids, mask = (torch.from_numpy(array).to(self.model.device) for array in (input_ids, attention_mask))
        logits: NDArray[np.float32] = self.model(input_ids=ids, attention_mask=mask).logits.float().cpu().numpy()
        return logits
