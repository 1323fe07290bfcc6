"""A classifier's forward pass as an ONNX graph in float32."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from emohub.errors import ModelError, UsageError
from emohub.inference.checkpoint import Checkpoint
from emohub.inference.loading import load_classifier, quiet

if TYPE_CHECKING:
    import onnx

OPSET = 21
"""Version of ONNX's operators, which runtimes have known since 2024: the first with a scale for each block of what is
quantised, and it has Gelu as one operator (since 20), which ONNX Runtime computes together with the bias before it."""
PACKAGES = ("onnx", "onnxruntime", "onnxscript", "torch", "transformers")
"""Libraries that an export depends on."""

_LENGTH = 8
"""Tokens of the texts that the model is traced with; the graph takes any number of texts of any length."""


def load_onnx() -> Any:
    """The package ``onnx``, when all that an export needs is there.

    Raises:
        UsageError: a package is missing.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra
        import onnxruntime  # noqa: F401, PLC0415
        import onnxscript  # noqa: F401, PLC0415
    except ImportError as error:
        raise UsageError(
            f"exporting to ONNX needs the package {error.name}", "install it with pip install 'emohub[onnx]'"
        ) from None
    return onnx


def trace(checkpoint: Checkpoint) -> "onnx.ModelProto":
    """The classifier in a folder as a graph, with the names that Optimum and Transformers.js use.

    Its inputs are ``input_ids``, ``attention_mask`` and, where the tokenizer gives them to this model,
    ``token_type_ids``, each of shape ``(batch_size, sequence_length)``; its output is ``logits``, ``(batch_size,
    n_labels)``. The same weights and packages give the same bytes.

    Raises:
        UsageError: a package is missing.
        ModelError: the model is damaged, no classifier, or of a kind that torch cannot export.
    """
    load_onnx()
    model = load_classifier(checkpoint).eval()
    # Attention as plain products: the graph is smaller than that of torch's fused one, and no slower.
    model.set_attn_implementation("eager")
    names = ["input_ids", "attention_mask"]
    if "token_type_ids" in signature(model.forward).parameters and getattr(model.config, "type_vocab_size", 0) > 1:
        names.append("token_type_ids")
    graph = _exported(_Logits(model, names).eval(), names, checkpoint)
    _tidy(graph)
    return graph


class _Logits(nn.Module):
    """A classifier that takes its inputs in order and gives its logits alone."""

    def __init__(self, model: PreTrainedModel, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: Tensor) -> Tensor:
        logits: Tensor = self.model(**dict(zip(self.names, inputs, strict=True))).logits
        return logits


def _exported(model: nn.Module, names: list[str], checkpoint: Checkpoint) -> "onnx.ModelProto":
    mask = torch.ones(2, _LENGTH, dtype=torch.long)
    mask[1, _LENGTH // 2 :] = 0
    # One tensor for two inputs would be one input to the exporter.
    examples = {"input_ids": torch.ones_like(mask), "attention_mask": mask, "token_type_ids": torch.zeros_like(mask)}
    any_size = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    try:
        with _silence():
            program = torch.onnx.export(
                model,
                tuple(examples[name] for name in names),
                dynamo=True,
                input_names=names,
                output_names=["logits"],
                dynamic_shapes=(tuple(any_size for _ in names),),
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:  # tracing runs the model's own code, which may raise anything
        raise ModelError(
            f"torch cannot export {checkpoint.id} to ONNX ({type(error).__name__})", "use the engine torch for it"
        ) from None
    assert program is not None  # as ``dynamo`` says
    return program.model_proto


def _tidy(graph: "onnx.ModelProto") -> None:
    """Keep what runtimes read: names for the free sizes, and none of the exporter's notes, which quote file names."""
    body = graph.graph
    for value in (*body.input, *body.output):
        batch, *length = value.type.tensor_type.shape.dim
        batch.dim_param = "batch_size"
        if value in body.input:
            length[0].dim_param = "sequence_length"
    del body.value_info[:], body.metadata_props[:], graph.metadata_props[:]
    for item in (*body.node, *body.input, *body.output, *body.initializer):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")


@contextmanager
def _silence() -> Iterator[None]:
    """Keep warnings about the exporter's own insides off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
