"""Batches without padding: several texts share a row, kept apart by their positions and a block-diagonal mask.

Texts are short and of uneven length, so in a padded batch most of the work goes into padding. Here a row holds text
after text until it is full. Each text counts its positions from its own beginning and attends to its own tokens only,
so every logit and gradient is the padded one; Krell et al. 2021, "Efficient Sequence Packing without
Cross-contamination", https://arxiv.org/abs/2107.02027.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn


class Packed(NamedTuple):
    """Some texts laid out in rows of one length."""

    input_ids: Tensor
    """Token ids, shape ``(rows, length)``; what is left over at a row's end is padding."""
    position_ids: Tensor
    """Position of each token within its own text, from 0; shape ``(rows, length)``."""
    attention_mask: Tensor
    """True where a token (third axis) attends to another (last axis); bool, shape ``(rows, 1, length, length)``."""
    first: Tensor
    """Row and column of each text's first token, in the order the texts were given; shape ``(n_texts, 2)``."""


def pack(token_ids: Sequence[Sequence[int]], pad_id: int, capacity: int = 96) -> Packed:
    """Lay texts out by first-fit decreasing: the longest first, each in the first row with room for it.

    ``capacity`` is the most tokens in a row; it grows to the longest text. Longer rows leave less room unused, but the
    cost of attention grows with the square of their length.

    Raises:
        ValueError: a text has no tokens.
    """
    lengths = [len(ids) for ids in token_ids]
    if not all(lengths):
        raise ValueError("a text without tokens cannot be packed")
    capacity = max([capacity, *lengths])
    used: list[int] = []  # tokens in each row so far
    first = np.zeros((len(lengths), 2), np.int64)
    for text in sorted(range(len(lengths)), key=lambda text: -lengths[text]):
        row = next((row for row, taken in enumerate(used) if taken + lengths[text] <= capacity), len(used))
        if row == len(used):
            used.append(0)
        first[text] = row, used[row]
        used[row] += lengths[text]

    shape = (len(used), max(used, default=0))
    input_ids = np.full(shape, pad_id, np.int64)
    position_ids = np.zeros(shape, np.int64)
    owner = np.full(shape, -1, np.int64)  # padding belongs to nobody, and attends to itself so that no row is empty
    for text, (row, start) in enumerate(first):
        place = row, slice(start, start + lengths[text])
        input_ids[place] = token_ids[text]
        position_ids[place] = np.arange(lengths[text])
        owner[place] = text
    owners = torch.from_numpy(owner)
    return Packed(
        torch.from_numpy(input_ids),
        torch.from_numpy(position_ids),
        (owners[:, None, :, None] == owners[:, None, None, :]),
        torch.from_numpy(first),
    )


def supports(model: nn.Module) -> bool:
    """Whether :func:`packed_logits` can run ``model``: a BERT, DistilBERT or RoBERTa encoder with SDPA attention.

    Other implementations of attention read the mask differently, or not at all.
    """
    config: Any = getattr(model, "config", None)
    return (
        getattr(config, "model_type", None) in _HEADS
        and getattr(config, "_attn_implementation", None) == "sdpa"
        and not getattr(config, "is_decoder", False)
        and isinstance(getattr(model, "classifier", None), nn.Module)
    )


def packed_logits(model: nn.Module, packed: Packed) -> Tensor:
    """Logits of shape ``(n_texts, n_labels)``, in the order the texts were given to :func:`pack`.

    Without dropout they and their gradients are those of the padded batch, up to rounding.

    Raises:
        ValueError: the model is none that :func:`supports` accepts.
    """
    if not supports(model):
        raise ValueError(f"{type(model).__name__} cannot run packed batches")
    network: Any = model
    encoder = network.base_model
    # RoBERTa counts positions from the one after the padding id.
    padding_id = encoder.embeddings.position_embeddings.padding_idx
    offset = 0 if padding_id is None else padding_id + 1
    hidden = encoder(
        input_ids=packed.input_ids,
        position_ids=packed.position_ids + offset,
        attention_mask=packed.attention_mask,
    ).last_hidden_state
    return _HEADS[network.config.model_type](network, hidden[packed.first[:, 0], packed.first[:, 1]])


# What each family does with the hidden state of a text's first token, shape (n_texts, width). Poolers and heads that
# take a whole sequence look at its first token, so they are given a sequence of one.


def _bert_head(model: Any, hidden: Tensor) -> Tensor:
    logits: Tensor = model.classifier(model.dropout(model.bert.pooler(hidden[:, None])))
    return logits


def _distilbert_head(model: Any, hidden: Tensor) -> Tensor:
    logits: Tensor = model.classifier(model.dropout(torch.relu(model.pre_classifier(hidden))))
    return logits


def _roberta_head(model: Any, hidden: Tensor) -> Tensor:
    logits: Tensor = model.classifier(hidden[:, None])
    return logits


_HEADS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "bert": _bert_head,
    "distilbert": _distilbert_head,
    "roberta": _roberta_head,
}
