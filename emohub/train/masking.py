"""What a masked language model is asked: texts cut into blocks, and some tokens of each block hidden."""

import math
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor

from emohub.errors import DataError, DivergedError

NOTHING_ASKED = -100
"""Target of a position whose token is not asked for."""

_HIDDEN, _REPLACED = 0.8, 0.1
"""Shares of the chosen tokens that become the mask token, and a random token; the others stay as they are."""


def blocks(token_ids: Sequence[Sequence[int]], max_length: int, start_id: int, end_id: int) -> list[list[int]]:
    """Texts, given without special tokens, joined in their order and cut into blocks of ``max_length`` tokens.

    Each block begins with ``start_id`` and ends with ``end_id``, which count; the last one may be shorter.

    Raises:
        DataError: the texts hold no tokens.
    """
    joined = list(chain.from_iterable(token_ids))
    if not joined:
        raise DataError("the texts hold no token that the tokenizer knows of", "give texts with words in them")
    room = max_length - 2
    return [[start_id, *joined[at : at + room], end_id] for at in range(0, len(joined), room)]


def mask(
    ids: Tensor,
    generator: torch.Generator,
    *,
    probability: float,
    mask_id: int,
    vocab_size: int,
    special_ids: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """Choose tokens that the model must restore, and hide them (Devlin et al. 2019, section 3.1).

    Each token that is not special is chosen with ``probability``, and at least one of each block. Of those chosen 80%
    become the mask token, 10% a random token of the vocabulary, and 10% stay as they are.

    Args:
        ids: token ids of one block, shape ``(length,)``, or of several, ``(n_blocks, length)``.
        generator: the same state gives the same choice.
        probability: share of the tokens that are asked for.
        mask_id: id of the mask token.
        vocab_size: number of ids to draw random tokens from.
        special_ids: ids that are never asked for, that of padding among them.

    Returns:
        The inputs, and the targets: the token where one is asked for, ``NOTHING_ASKED`` elsewhere; both as ``ids``.
    """
    eligible = ~torch.isin(ids, torch.tensor(special_ids))
    draws = torch.rand(ids.shape, generator=generator).masked_fill(~eligible, 1.0)
    chosen = (draws < probability) | (draws == draws.min(dim=-1, keepdim=True).values)
    chosen &= eligible
    fate = torch.rand(ids.shape, generator=generator)
    others = torch.randint(vocab_size, ids.shape, generator=generator)
    inputs = torch.where(chosen & (fate < _HIDDEN), mask_id, ids)
    inputs = torch.where(chosen & (fate >= _HIDDEN) & (fate < _HIDDEN + _REPLACED), others, inputs)
    return inputs, torch.where(chosen, ids, NOTHING_ASKED)


def masked_lm_metrics(summed_loss: float, masked_tokens: float) -> dict[str, float]:
    """``loss``, the mean cross-entropy of a masked token in nats, and ``perplexity``, e to that power.

    Raises:
        DivergedError: the loss is so high that the perplexity is no finite number.
    """
    loss = summed_loss / masked_tokens
    try:
        perplexity = math.exp(loss)
    except OverflowError:
        perplexity = math.inf
    if not math.isfinite(perplexity):
        raise DivergedError(
            f"the loss of a masked token is {loss:.4g}, and its perplexity is no finite number",
            "lower learning_rate, or lengthen warmup_steps",
        )
    return {"loss": loss, "perplexity": perplexity}
