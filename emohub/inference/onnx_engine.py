"""The engine that runs a model with ONNX Runtime, from the files that ``emohub export`` or another exporter wrote."""

import os
import threading
from collections.abc import Generator, Iterable
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from emohub.errors import ModelError, UsageError
from emohub.inference.ahead import map_beside
from emohub.inference.checkpoint import Checkpoint
from emohub.inference.config import read_config
from emohub.inference.cost import multiply_adds
from emohub.inference.engine import Batch, EngineName
from emohub.layout import ONNX_EXPORT_FILE, ONNX_FILES

if TYPE_CHECKING:
    import onnxruntime

_BATCH_TOKENS = 512
"""Few enough that the activations stay in the cache of one core."""
_WORTH_DIVIDING = {"onnx": 1e8, "onnx-int8": 1e9}
"""Multiply-adds from which a lone batch is divided among threads. With fewer they wait for each other about as long as
they compute: some milliseconds on two cores, where the time for one text went up as often as down."""
_SHORT = 24
"""Tokens of a short text."""
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
"""What a graph of the Hub's convention may ask for; a text is one segment, whose token type is 0."""
_POSITIONS_FROM_PADDING = frozenset(
    {"camembert", "data2vec-text", "longformer", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta"}
    | {"xlm-roberta-xl", "xmod"}
)
"""Families that count positions from the one after the padding id."""


class OnnxEngine:
    """A graph that ONNX Runtime runs on the CPU; see :class:`~emohub.inference.engine.Engine`.

    What it answers for a text does not depend on the texts beside it where the graph does not make it so: those of
    ``emohub export`` do not. A graph that was quantised dynamically by ONNX Runtime's own tool takes one scale for all
    activations of a batch, and its probabilities can change by tenths with the company of a text.
    """

    padding_step: int | None = 2

    def __init__(self, checkpoint: Checkpoint, name: EngineName, config: Any) -> None:
        self._checkpoint, self._name, self._config = checkpoint, name, config
        self._sessions: dict[int, onnxruntime.InferenceSession] = {}
        """By the number of threads that they divide a batch among; each is opened when it is first needed."""
        self._opening = threading.Lock()

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str | None, name: EngineName) -> Self:
        """The graph in a model's folder: ``onnx`` is float32, ``onnx-int8`` has integer weights.

        Raises:
            UsageError: ONNX Runtime is not installed, or ``device`` is no CPU.
            ModelError: the file is missing, damaged, of other weights, or holds no classifier of the configuration's
                labels.
        """
        if device not in (None, "cpu"):
            raise UsageError(f"the engine {name} computes on the CPU and not on {device}", "leave --engine out")
        if not (checkpoint.folder / ONNX_FILES[name]).is_file():
            option = " --int8" if name == "onnx-int8" else ""
            raise ModelError(
                f"{checkpoint.id} has no {ONNX_FILES[name]}",
                f"write it with `emohub export MODEL --format onnx{option}`, or choose another engine",
            )
        _check_weights(checkpoint)
        engine = cls(checkpoint, name, read_config(checkpoint))
        _check_graph(engine._first_session, checkpoint, ONNX_FILES[name], engine.config.num_labels)
        return engine

    @property
    def name(self) -> EngineName:
        """``onnx`` or ``onnx-int8``."""
        return self._name

    @property
    def config(self) -> Any:
        """The model's configuration."""
        return self._config

    @property
    def position_limit(self) -> int | None:
        """The most tokens that the model has positions for; None when it has no table of positions."""
        limit: int | None = getattr(self._config, "max_position_embeddings", None)
        if limit is not None and self._config.model_type in _POSITIONS_FROM_PADDING:
            return int(limit - self._config.pad_token_id - 1)
        return limit

    @property
    def num_parameters(self) -> int:
        """Number of weights in ``model.safetensors``, of which the graph is another form."""
        with safe_open(self._checkpoint.weights, "numpy") as weights:
            return sum(int(np.prod(weights.get_slice(name).get_shape())) for name in weights.keys())  # noqa: SIM118

    @property
    def device(self) -> str:
        """``cpu``."""
        return "cpu"

    @cached_property
    def threads(self) -> int:
        """Threads that compute: on one batch together, or each on a batch of its own."""
        return _threads()

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of one forward pass."""
        return _BATCH_TOKENS

    def logits_of_each(self, batches: Iterable[Batch]) -> Generator[NDArray[np.float32], None, None]:
        """A lone batch by as many threads as it is worth; of several, each by one thread and as many at once.

        Threads that share a batch wait for each other after every operator, and hand each other what they computed from
        one core's cache to the other's.
        """
        remaining = iter(batches)
        first = list(islice(remaining, 2))
        if len(first) < 2:
            yield from (self._logits(batch, self._threads_for(batch["input_ids"].size)) for batch in first)
        else:
            yield from map_beside(lambda batch: self._logits(batch, 1), chain(first, remaining), self.threads)

    def _logits(self, batch: Batch, threads: int) -> NDArray[np.float32]:
        inputs = dict(batch)
        if self._asks_token_types:
            inputs["token_type_ids"] = np.zeros_like(batch["input_ids"])
        logits: NDArray[np.float32] = self._session(threads).run(["logits"], inputs)[0]
        return logits

    def _threads_for(self, tokens: int) -> int:
        """Threads for a batch that is computed alone."""
        return self.threads if tokens >= self._tokens_worth_dividing else 1

    @cached_property
    def _tokens_worth_dividing(self) -> float:
        """0 where it is not known what a token costs."""
        work = multiply_adds(self._checkpoint, np.array([1]))
        return 0 if work is None else _WORTH_DIVIDING[self._name] / float(work[0])

    @cached_property
    def _asks_token_types(self) -> bool:
        return any(each.name == "token_type_ids" for each in self._first_session.get_inputs())

    @property
    def _first_session(self) -> "onnxruntime.InferenceSession":
        """The one for a short text, which is asked for first, or alone."""
        return self._session(self._threads_for(_SHORT))

    def _session(self, threads: int) -> "onnxruntime.InferenceSession":
        with self._opening:
            if threads not in self._sessions:
                file = self._checkpoint.folder / ONNX_FILES[self._name]
                self._sessions[threads] = _open(file, self._checkpoint, threads)
            return self._sessions[threads]


def _open(path: Path, checkpoint: Checkpoint, threads: int) -> "onnxruntime.InferenceSession":
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError("ONNX Runtime is not installed", "install it with pip install 'emohub[onnx]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what goes wrong is raised as well
    # Texts differ in length: what one shape needs of memory is no plan for the next, and plans would pile up.
    options.enable_mem_pattern = False
    # Threads wait actively inside a run, where the next node is near, and sleep between runs.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{path.name} of {checkpoint.id} cannot be loaded ({reason.rstrip('. ')})", "export or fetch it again"
        ) from None


def _threads() -> int:
    """As many as OMP_NUM_THREADS says, which torch follows too, else one for each processor of this process."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_weights(checkpoint: Checkpoint) -> None:
    """A record of the export, where there is one, names the weights that the files were made from."""
    record = checkpoint.folder / ONNX_EXPORT_FILE
    if not record.is_file():
        return
    from emohub.record import ExportRecord  # noqa: PLC0415 - other models have none, and need not wait for records

    if ExportRecord.load(record).model.fingerprint != checkpoint.fingerprint:
        raise ModelError(
            f"the ONNX files of {checkpoint.id} were made from other weights than lie beside them",
            "write them again with `emohub export`",
        )


def _check_graph(session: "onnxruntime.InferenceSession", checkpoint: Checkpoint, file: str, n_labels: int) -> None:
    unknown = sorted({each.name for each in session.get_inputs()} - _INPUTS)
    outputs = {each.name: each.shape for each in session.get_outputs()}
    if unknown:
        problem = f"asks for {unknown[0]}"
    elif "logits" not in outputs:
        problem = "gives no logits"
    elif outputs["logits"][-1] != n_labels:
        problem = f"gives {outputs['logits'][-1]} logits for the {n_labels} labels of the configuration"
    else:
        return
    raise ModelError(f"{file} of {checkpoint.id} {problem}", "write it again with `emohub export`")
