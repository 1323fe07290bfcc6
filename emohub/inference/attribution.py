"""Gradients of a label's probability with respect to what a classifier reads: the embeddings of the tokens."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emohub.errors import ModelError
from emohub.inference.encoder_engine import EncoderEngine
from emohub.inference.engine import Engine
from emohub.inference.torch_engine import TorchEngine
from emohub.tokenizing import Tokenizer, TracedTokens

ZERO_BASELINE = "zero"
"""What the baseline is called where a tokenizer has neither a mask nor a padding token."""


@dataclass(frozen=True)
class PathGradients:
    """One text at some points of the straight line from a baseline to it, in the space of the tokens' embeddings.

    In the baseline each token of the text is a mask token, or a padding token where the tokenizer has no mask; the
    tokens that the tokenizer adds stay as they are.
    """

    spans: tuple[tuple[int, int], ...]
    """Characters of the text for each token that is read; ``(0, 0)`` for one that the tokenizer added."""
    baseline: str
    """The token that the baseline is made of, or :data:`ZERO_BASELINE`."""
    values: NDArray[np.float64]
    """Probability of the label at each point; shape ``(n_points,)``."""
    times_input: NDArray[np.float64]
    """Scalar product of the gradient there and the token's embedding in the text; shape ``(n_points, n_tokens)``."""
    times_difference: NDArray[np.float64]
    """The same with the embedding in the text minus that in the baseline."""


def path_gradients(
    engine: Engine, tokenizer: Tokenizer, tokens: TracedTokens, column: int, points: Sequence[float]
) -> PathGradients:
    """Gradients of the probability in ``column`` at ``points``: 0 is the baseline and 1 the text.

    One forward pass holds as many tokens as the engine's batches, or one point.

    Raises:
        ModelError: the model cannot be asked about embeddings.
    """
    if isinstance(engine, EncoderEngine):
        engine = engine.differentiable
    if not isinstance(engine, TorchEngine):
        raise ModelError(f"the engine {engine.name} has no gradients", "use leave_one_out")
    model = engine.model.eval()
    if "inputs_embeds" not in inspect.signature(model.forward).parameters:
        raise ModelError(
            f"a {model.config.model_type} model takes no embeddings, so it has no such gradients", "use leave_one_out"
        )
    device = model.device
    token, baseline_id = _baseline(tokenizer)
    with torch.no_grad():
        table = model.get_input_embeddings()
        text = table(torch.tensor(tokens.ids, device=device))
        blank = torch.zeros_like(text) if baseline_id is None else table(torch.tensor(baseline_id, device=device))
        added = torch.tensor(tokens.added, device=device)[:, None]
        difference = torch.where(added, torch.zeros_like(text), text - blank)
    gradients: list[Tensor] = []
    values: list[Tensor] = []
    at_once = max(1, engine.batch_tokens // len(tokens.ids))
    for start in range(0, len(points), at_once):
        share = torch.tensor(points[start : start + at_once], dtype=text.dtype, device=device)[:, None, None]
        embeddings = (text - (1 - share) * difference).requires_grad_()
        with torch.enable_grad():
            mask = torch.ones(embeddings.shape[:2], dtype=torch.long, device=device)
            logits = model(inputs_embeds=embeddings, attention_mask=mask).logits
            # A sure answer rounds to exactly 1 in float32, and its gradient to nothing.
            probability = logits.double().softmax(dim=-1)[:, column]
            gradients += torch.autograd.grad(probability.sum(), embeddings)
        values.append(probability.detach())
    gradient = torch.cat(gradients).double()
    return PathGradients(
        spans=tuple(tokens.spans),
        baseline=token,
        values=torch.cat(values).cpu().numpy(),
        times_input=(gradient * text.double()).sum(dim=-1).cpu().numpy(),
        times_difference=(gradient * difference.double()).sum(dim=-1).cpu().numpy(),
    )


def _baseline(tokenizer: Tokenizer) -> tuple[str, int | None]:
    for token, token_id in (
        (tokenizer.mask_token, tokenizer.mask_token_id),
        (tokenizer.pad_token, tokenizer.pad_token_id),
    ):
        if token is not None and token_id is not None:
            return str(token), int(token_id)
    return ZERO_BASELINE, None
