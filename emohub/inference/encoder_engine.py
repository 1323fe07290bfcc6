"""The engine of the families that :mod:`emohub.inference.encoder` knows: torch without transformers, no padding."""

import threading
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray

from emohub.inference import devices
from emohub.inference.checkpoint import Checkpoint
from emohub.inference.config import PlainConfig, read_config
from emohub.inference.encoder import Encoder, Layout
from emohub.inference.engine import Batch, EngineName
from emohub.tokenizing import LOADING

if TYPE_CHECKING:
    from emohub.inference.torch_engine import TorchEngine

_FEW = 128
_FEW_STEP = 8
_STEP = 64
"""On a CPU oneDNN makes a kernel for each number of rows that it meets in bfloat16, in about the time of a short text.
So there are multiples of one step up to a few rows, and of the other beyond."""


class EncoderEngine:
    """A model of a known family; see :class:`~emohub.inference.engine.Engine`."""

    padding_step: int | None = None
    """Texts of several lengths are computed together, and none is padded."""

    def __init__(self, encoder: Encoder, config: PlainConfig, checkpoint: Checkpoint) -> None:
        self._encoder, self._config, self._checkpoint = encoder, config, checkpoint
        self._loading = threading.Lock()
        self._differentiable: TorchEngine | None = None

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str | None, name: EngineName) -> Self | None:
        """The classifier in a folder, in float32 for ``torch``, in bfloat16 for ``torch-bf16``.

        None where the model is not exactly one that is known, or is damaged: transformers tells.

        Raises:
            ModelError: the configuration is damaged.
        """
        config = read_config(checkpoint)
        if not isinstance(config, PlainConfig):
            return None
        dtype = torch.bfloat16 if name == "torch-bf16" else torch.float32
        encoder = Encoder.read(
            checkpoint.weights, config.stated, config.num_labels, dtype=dtype, device=device or "cpu"
        )
        return None if encoder is None else cls(encoder, config, checkpoint)

    @property
    def name(self) -> EngineName:
        """``torch``, or ``torch-bf16``."""
        return "torch-bf16" if self._encoder.dtype == torch.bfloat16 else "torch"

    @property
    def config(self) -> PlainConfig:
        """What the model's configuration says of its labels."""
        return self._config

    @property
    def position_limit(self) -> int:
        """The most tokens that the model has positions for."""
        return self._encoder.position_limit

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return self._encoder.num_parameters

    @property
    def device(self) -> str:
        """``cpu``, or the accelerator's own name."""
        return devices.name_of(self._encoder.device)

    @property
    def threads(self) -> int:
        """Threads that one forward pass on a CPU is divided among."""
        return torch.get_num_threads()

    @property
    def batch_tokens(self) -> int:
        """Tokens of one forward pass."""
        return devices.batch_tokens_on(self._encoder.device)

    @property
    def differentiable(self) -> "TorchEngine":
        """The same model as transformers runs it, in float32, for who asks for gradients; loaded at the first use.

        Raises:
            ModelError: the model's files are damaged by now.
        """
        with LOADING:
            from emohub.inference.torch_engine import TorchEngine  # noqa: PLC0415 - answers need none of it

        with self._loading:
            if self._differentiable is None:
                self._differentiable = TorchEngine.load(self._checkpoint, str(self._encoder.device), "torch")
            return self._differentiable

    def logits_of_each(self, batches: Iterable[Batch]) -> Generator[NDArray[np.float32], None, None]:
        """One batch after the other, each by all threads."""
        for batch in batches:
            yield self.logits(**batch)

    def logits(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits of shape ``(n_texts, n_labels)``."""
        lengths = attention_mask.sum(axis=1)
        order = np.argsort(-lengths, kind="stable")
        texts = self._laid_out(input_ids[order], attention_mask[order].astype(bool), lengths[order])
        logits = np.empty((len(order), self._config.num_labels), np.float32)
        logits[order] = self._encoder.logits(texts).cpu().numpy()
        return logits

    def _laid_out(self, ids: NDArray[np.int64], filled: NDArray[np.bool_], lengths: NDArray[np.int64]) -> Layout:
        """Texts by falling length."""
        if not lengths.all():
            raise ValueError("a text without tokens cannot be classified")
        padding = self._encoder.padding_id
        if padding is None:
            positions = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        else:
            counted = ids != padding
            positions = counted.cumsum(axis=1) * counted + padding
        kinds, counts = np.unique(-lengths, return_counts=True)
        return Layout(
            ids=self._tensor(ids[filled]),
            positions=self._tensor(positions[filled]),
            first=self._tensor(lengths.cumsum() - lengths),
            groups=tuple(zip(counts.tolist(), (-kinds).tolist(), strict=True)),
        )

    def _tensor(self, values: NDArray[np.int64]) -> torch.Tensor:
        """Some rows' values, filled up with zeros where a kernel is made for each number of rows."""
        if self.name == "torch-bf16" and self.device == "cpu":
            values = np.pad(values, (0, -len(values) % (_FEW_STEP if len(values) <= _FEW else _STEP)))
        return torch.from_numpy(values).to(self._encoder.device)
