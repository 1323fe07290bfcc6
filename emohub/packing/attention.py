"""Attention that keeps the texts of a packed batch apart, as transformers calls it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from emohub.packing.dropout import dropout as drop
from emohub.packing.layout import Packed

NAME = "emohub_packed"
"""What it is called in a model's configuration while it trains."""


@dataclass(frozen=True)
class Slots:
    """The slots of a packed batch, group by group."""

    packed: Packed
    groups: tuple[tuple[int, int], ...]
    """Number of texts and slots of each."""
    masks: tuple[Tensor | None, ...]
    """Whether each slot is filled, shape ``(n_texts, 1, 1, n_slots)``; None for a group whose slots all are."""

    @classmethod
    def of(cls, packed: Packed) -> "Slots":
        """Those of a batch."""
        groups = tuple((count, width) for count, width in packed.groups.tolist())
        filled = torch.split(packed.filled, [count * width for count, width in groups])
        masks = (
            None if bool(part.all()) else part.view(count, 1, 1, width)
            for part, (count, width) in zip(filled, groups, strict=True)
        )
        return cls(packed, groups, tuple(masks))

    def spread(self, tokens: Tensor) -> Iterator[Tensor]:
        """Tokens ``(1, heads, T, size)`` as ``(n_texts, heads, n_slots, size)`` of each group."""
        slots = tokens[0].transpose(0, 1).index_select(0, self.packed.token_of_slot)
        for part, (count, width) in zip(
            torch.split(slots, [count * width for count, width in self.groups]), self.groups, strict=True
        ):
            yield part.view(count, width, *part.shape[1:]).transpose(1, 2)


def register() -> None:
    """Make :func:`attend` known to transformers; without packed texts it is transformers' own."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    slots: Slots | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """What transformers asks of attention: ``(1, heads, T, size)`` each to ``(1, T, heads, size)``."""
    if slots is None:
        output: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
        return output
    parts = zip(slots.spread(query), slots.spread(key), slots.spread(value), slots.masks, strict=True)
    attended = torch.cat([_attended(*part, dropout, scaling).transpose(1, 2).flatten(0, 1) for part in parts])
    return attended.index_select(0, slots.packed.slot_of_token)[None], None


def attend_from_first(query: Tensor, key: Tensor, value: Tensor, slots: Slots, dropout: float) -> Tensor:
    """For each text's first token alone: a query ``(1, n_texts, heads, size)`` and all tokens' keys and values.

    Returns the shape of the query.
    """
    queries = torch.split(query[0], [count for count, _ in slots.groups])
    parts = zip(queries, slots.spread(key), slots.spread(value), slots.masks, strict=True)
    return torch.cat([_attended(part[0][:, :, None], *part[1:], dropout, None)[:, :, 0] for part in parts])[None]


def _attended(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, scaling: float | None
) -> Tensor:
    """Scaled dot-product attention over ``(n_texts, heads, length, size)``."""
    if query.device.type != "cpu":
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout, scale=scaling
        )
    # On a CPU torch has no kernel for attention with dropout, and its way around is slower than the plain formula. In
    # bfloat16 a kernel is made anew for every shape, and the shapes of groups are many.
    with torch.autocast("cpu", enabled=False):
        scores = query.float() @ key.float().transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = drop(scores.softmax(dim=-1), dropout) if dropout else scores.softmax(dim=-1)
        return (weights @ value.float()).to(value.dtype)
