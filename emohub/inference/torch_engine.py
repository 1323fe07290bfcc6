"""The engine that runs any classifier that transformers knows, as transformers runs it."""

from collections.abc import Generator, Iterable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel

from emohub.inference import devices
from emohub.inference.checkpoint import Checkpoint
from emohub.inference.engine import Batch, EngineName
from emohub.inference.loading import load_classifier, position_limit


class TorchEngine:
    """A model of transformers, in the precision of its weights; see :class:`~emohub.inference.engine.Engine`."""

    padding_step: int | None = 8

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str | None, name: EngineName) -> Self:
        """The classifier in a folder, in float32 for ``torch``, in bfloat16 for ``torch-bf16``.

        Raises:
            ModelError: the model is damaged, or is no classifier with one label per text.
        """
        model = load_classifier(checkpoint)
        if name == "torch-bf16":
            _narrow(model)
        return cls(model.to(device or "cpu"))

    @property
    def name(self) -> EngineName:
        """``torch``, or ``torch-bf16``."""
        return "torch-bf16" if self.model.dtype == torch.bfloat16 else "torch"

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
        return devices.name_of(self.model.device)

    @property
    def threads(self) -> int:
        """Threads that one forward pass on a CPU is divided among."""
        return torch.get_num_threads()

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of one forward pass."""
        return devices.batch_tokens_on(self.model.device)

    def logits_of_each(self, batches: Iterable[Batch]) -> Generator[NDArray[np.float32], None, None]:
        """One batch after the other, each by all threads."""
        for batch in batches:
            yield self.logits(**batch)

    @torch.inference_mode()
    def logits(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits of shape ``(n_texts, n_labels)``."""
        if self.model.training:
            self.model.eval()
        device = self.model.device
        # Without padding the answer is the same, bit for bit, and no mask need be made for every head and layer.
        mask = None if attention_mask.all() else torch.from_numpy(attention_mask).to(device)
        ids = torch.from_numpy(input_ids).to(device)
        logits: NDArray[np.float32] = self.model(input_ids=ids, attention_mask=mask).logits.float().cpu().numpy()
        return logits


def _narrow(model: PreTrainedModel) -> None:
    """Make the weights bfloat16 but for the last layer, which so keeps the digits of the logits for next to nothing."""
    model.to(torch.bfloat16)
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    head = linear[-1]
    if head.out_features == model.config.num_labels:
        head.float().register_forward_pre_hook(lambda _, inputs: tuple(each.float() for each in inputs))
