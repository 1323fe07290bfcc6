"""What computes: the engines behind a classifier, and what each of them must be able to do."""

from collections.abc import Generator, Iterable, Mapping
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from emohub.errors import UsageError
from emohub.inference.checkpoint import Checkpoint
from emohub.layout import ONNX_EXPORT_FILE, ONNX_FILES
from emohub.tokenizing import LOADING

EngineName = Literal["auto", "torch", "torch-bf16", "onnx", "onnx-int8"]
"""How a classifier may be asked to compute; ``auto`` leaves it to the machine."""


Batch = Mapping[str, NDArray[np.int64]]
"""Token ids ``input_ids`` of some texts and their ``attention_mask``, 0 for padding; both ``(n_texts, length)``."""


class Engine(Protocol):
    """A classifier's model, ready to compute. Several threads may use it at once."""

    @property
    def name(self) -> EngineName:
        """What it is called; never ``auto``."""

    @property
    def config(self) -> Any:
        """The model's configuration, as transformers reads it."""

    @property
    def position_limit(self) -> int | None:
        """The most tokens that the model has positions for; None when it has no table of positions."""

    @property
    def num_parameters(self) -> int:
        """Number of weights."""

    @property
    def device(self) -> str:
        """What it computes on: ``cpu``, or the accelerator's own name."""

    @property
    def threads(self) -> int:
        """Threads that one forward pass on a CPU is divided among."""

    @property
    def padding_step(self) -> int | None:
        """What the lengths of padded texts are multiples of: few enough lengths that texts find company, close enough
        that little is padding. None where nothing is computed for padding, and texts of all lengths go together."""

    @property
    def batch_tokens(self) -> int:
        """Tokens of one forward pass, padding included, that it is fastest with."""

    def logits_of_each(self, batches: Iterable[Batch]) -> Generator[NDArray[np.float32], None, None]:
        """Logits of shape ``(n_texts, n_labels)`` for each of some batches that are there at once, in their order."""


def files_of(name: EngineName) -> tuple[str, ...]:
    """Files of a model that the engine reads beside those that every model has."""
    return (ONNX_FILES[name], ONNX_EXPORT_FILE) if name in ONNX_FILES else ()


def load_engine(name: EngineName, checkpoint: Checkpoint, device: str | None) -> Engine:
    """The model of ``checkpoint``, ready to compute as ``name`` says; ``device`` is the CPU when None.

    Raises:
        UsageError: there is no such engine, or an extra that it needs is missing.
        ModelError: the model is damaged, is no classifier, or has no files for the engine.
    """
    if name not in get_args(EngineName):
        raise UsageError(f"there is no engine {name!r}", f"choose one of {', '.join(get_args(EngineName))}")
    # Each engine's library takes seconds to import, and nobody needs more than one.
    if name in ONNX_FILES:
        from emohub.inference.onnx_engine import OnnxEngine  # noqa: PLC0415

        return OnnxEngine.load(checkpoint, device, name)
    from emohub.inference.devices import fastest_on  # noqa: PLC0415
    from emohub.inference.encoder_engine import EncoderEngine  # noqa: PLC0415

    precision = fastest_on(device) if name == "auto" else name
    engine = EncoderEngine.load(checkpoint, device, precision)
    if engine is not None:
        return engine
    with LOADING:
        from emohub.inference.torch_engine import TorchEngine  # noqa: PLC0415

    return TorchEngine.load(checkpoint, device, precision)
