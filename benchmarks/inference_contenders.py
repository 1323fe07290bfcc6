"""Every way to classify that ``benchmarks.inference`` measures: emohub's engines, and what people would use instead.

Each takes a model's folder, and texts to probabilities in the order of the model's labels. The peers are written as
their documentation shows them. Libraries are imported late: each way is loaded in a process of its own, which then
holds what that way needs and nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from emohub.layout import WEIGHTS_FILE

ONNX_FILE = "onnx/model.onnx"
"""Where the Hub's convention has a model in float32."""
QUANTIZED_FILE = "onnx/model_quantized.onnx"
"""The same in int8."""
BATCH_TEXTS = 64
"""Texts of a batch where a peer makes batches in the order of the texts."""
BATCH_TOKENS = 1024
"""Padded tokens of a batch where texts are sorted by length."""
PACKED_TOKENS = 2048
"""Tokens of a packed batch."""

Probabilities = NDArray[np.float32]


class Answerer(Protocol):
    """A model in memory that classifies."""

    def one(self, text: str) -> Probabilities:
        """Probabilities of one text; shape ``(n_labels,)``."""

    def many(self, texts: Sequence[str]) -> Probabilities:
        """Probabilities of texts that are there at once; shape ``(n_texts, n_labels)``, in their order."""


@dataclass(frozen=True)
class Way:
    """How one contender classifies."""

    kind: Literal["engine", "peer", "not kept"]
    how: str
    """One sentence."""
    file: str
    """What it reads the weights from, in the model's folder."""
    load: Callable[[Path], Answerer]


class Engine:
    """emohub as it is: the classifier that command line, page and API ask."""

    def __init__(self, folder: Path, engine: Any) -> None:
        """``engine`` is a name that ``--engine`` takes."""
        from emohub.inference import Classifier  # noqa: PLC0415 - see the module's docstring

        self._classifier = Classifier.from_pretrained(folder, engine=engine)
        if self._classifier.engine != engine:
            raise RuntimeError(f"{self._classifier.engine} computes where {engine} was asked for")

    def one(self, text: str) -> Probabilities:
        """See :class:`Answerer`."""
        return np.array(self._classifier.classify(text).probabilities, np.float32)

    def many(self, texts: Sequence[str]) -> Probabilities:
        """See :class:`Answerer`."""
        return self._classifier.predict_proba(texts)


class Pipeline:
    """transformers' ``pipeline``."""

    def __init__(self, folder: Path, **options: Any) -> None:
        """``options`` are those of ``pipeline``."""
        from transformers import pipeline  # noqa: PLC0415

        self._pipeline: Any = pipeline("text-classification", model=str(folder), top_k=None, **options)
        self._labels: list[str] = list(self._pipeline.model.config.id2label.values())

    def one(self, text: str) -> Probabilities:
        """See :class:`Answerer`."""
        return self._in_order(self._pipeline([text])).reshape(-1)

    def many(self, texts: Sequence[str]) -> Probabilities:
        """See :class:`Answerer`."""
        return self._in_order(self._pipeline(list(texts)))

    def _in_order(self, answers: list[list[dict[str, Any]]]) -> Probabilities:
        scores = [{each["label"]: each["score"] for each in answer} for answer in answers]
        return np.array([[score[label] for label in self._labels] for score in scores], np.float32)


class Together(ABC):
    """A way that knows no other path for one text than that for many."""

    @abstractmethod
    def many(self, texts: Sequence[str]) -> Probabilities:
        """See :class:`Answerer`."""

    def one(self, text: str) -> Probabilities:
        """See :class:`Answerer`."""
        return self.many([text]).reshape(-1)


class OnnxInOrder(Together):
    """ONNX Runtime with its own defaults, batches in the order of the texts."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime  # noqa: PLC0415

        self._tokenizer = _tokenizer(folder)
        self._session = onnxruntime.InferenceSession(folder / ONNX_FILE, providers=["CPUExecutionProvider"])
        self._inputs = [each.name for each in self._session.get_inputs()]

    def many(self, texts: Sequence[str]) -> Probabilities:
        """See :class:`Answerer`."""
        batches = (list(texts[start : start + BATCH_TEXTS]) for start in range(0, len(texts), BATCH_TEXTS))
        return np.concatenate([self._batch(batch) for batch in batches])

    def _batch(self, texts: list[str]) -> Probabilities:
        encoded = self._tokenizer(texts, padding=True, truncation=True, return_tensors="np")
        return _softmax(self._session.run(["logits"], {name: encoded[name] for name in self._inputs})[0])


class OpenVino(Together):
    """OpenVINO computing in bf16, on the file that ONNX Runtime takes, texts sorted by length."""

    def __init__(self, folder: Path) -> None:
        import openvino  # noqa: PLC0415

        self._tokenizer = _tokenizer(folder)
        self._model = openvino.Core().compile_model(
            folder / ONNX_FILE, "CPU", {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "LATENCY"}
        )
        self._inputs = [each.get_any_name() for each in self._model.inputs]

    def many(self, texts: Sequence[str]) -> Probabilities:
        """See :class:`Answerer`."""
        ids = self._tokenizer(list(texts), truncation=True)["input_ids"]
        found: dict[int, Probabilities] = {}
        for rows in _alike([len(each) for each in ids]):
            batch = self._tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="np")
            batch["token_type_ids"] = np.zeros_like(batch["input_ids"])
            logits = self._model({name: batch[name] for name in self._inputs})["logits"]
            found.update(zip(rows, _softmax(logits), strict=True))
        return np.stack([found[row] for row in range(len(ids))])


class PackedBf16(Together):
    """The weights in bf16, all texts of a batch in one sequence without padding, as they are trained."""

    def __init__(self, folder: Path) -> None:
        import torch  # noqa: PLC0415
        from transformers import AutoModelForSequenceClassification  # noqa: PLC0415

        from emohub.packing import prepare  # noqa: PLC0415

        self._tokenizer = _tokenizer(folder)
        self._model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.bfloat16).eval()
        prepare(self._model)

    def many(self, texts: Sequence[str]) -> Probabilities:
        """See :class:`Answerer`."""
        import torch  # noqa: PLC0415

        from emohub.packing import pack, packed_logits  # noqa: PLC0415

        ids = self._tokenizer(list(texts), truncation=True)["input_ids"]
        with torch.inference_mode():
            logits = [packed_logits(self._model, pack(group)).float().numpy() for group in _in_turn(ids)]
        return _softmax(np.concatenate(logits))


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer  # noqa: PLC0415

    return AutoTokenizer.from_pretrained(folder)


def _alike(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows in groups of at most ``BATCH_TOKENS`` padded tokens, the longest first."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    yield batch


def _in_turn(ids: Sequence[list[int]]) -> Iterator[list[list[int]]]:
    """Texts in their order, in groups of at most ``PACKED_TOKENS`` tokens."""
    group: list[list[int]] = []
    for each in ids:
        if group and sum(map(len, group)) + len(each) > PACKED_TOKENS:
            yield group
            group = []
        group.append(each)
    yield group


def _softmax(logits: NDArray[np.float32]) -> Probabilities:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


WAYS: dict[str, Way] = {
    "torch": Way("engine", "torch in float32", WEIGHTS_FILE, lambda folder: Engine(folder, "torch")),
    "torch-bf16": Way(
        "engine", "torch, weights and products in bf16", WEIGHTS_FILE, lambda folder: Engine(folder, "torch-bf16")
    ),
    "onnx": Way("engine", "ONNX Runtime in float32", ONNX_FILE, lambda folder: Engine(folder, "onnx")),
    "onnx-int8": Way(
        "engine",
        "ONNX Runtime, weights and products in int8",
        QUANTIZED_FILE,
        lambda folder: Engine(folder, "onnx-int8"),
    ),
    "pipeline": Way("peer", "transformers' pipeline as it comes", WEIGHTS_FILE, Pipeline),
    "pipeline-64": Way(
        "peer",
        f"transformers' pipeline with batch_size={BATCH_TEXTS}",
        WEIGHTS_FILE,
        lambda folder: Pipeline(folder, batch_size=BATCH_TEXTS),
    ),
    "onnx-in-order": Way(
        "not kept",
        f"ONNX Runtime in float32, {BATCH_TEXTS} texts a batch in their order, padded to the longest",
        ONNX_FILE,
        OnnxInOrder,
    ),
    "openvino-bf16": Way("not kept", "OpenVINO in bf16, texts sorted by length", ONNX_FILE, OpenVino),
    "packed-bf16": Way(
        "not kept",
        "torch in bf16, the texts of a batch packed into one sequence without padding",
        WEIGHTS_FILE,
        PackedBf16,
    ),
}
"""By the name that records use; for engines of emohub the one that ``--engine`` takes."""
