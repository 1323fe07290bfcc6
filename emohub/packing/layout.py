"""Where each token of a packed batch stands."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_STEP = 8
"""Texts whose lengths are the same when rounded up to a multiple of this attend together: in few calls, which cost
more than a little padding does."""


class Packed(NamedTuple):
    """Some texts as one sequence of T tokens, and the S slots in which they attend.

    The texts stand in the order of their lengths. Attention wants rectangles, so texts of about one length are a group
    with a slot for each token of its longest text: only attention, a small part of the work, sees that padding.
    """

    input_ids: Tensor
    """Token ids, shape ``(1, T)``; 0 where the sequence was filled up."""
    position_ids: Tensor
    """Position of each token within its own text, from 0; shape ``(1, T)``."""
    token_of_slot: Tensor
    """Which token stands in each slot, and in an empty one some other token of the text; shape ``(S,)``."""
    filled: Tensor
    """Whether a slot's token belongs there; bool, shape ``(S,)``."""
    slot_of_token: Tensor
    """Slot of each token; shape ``(T,)``."""
    groups: Tensor
    """Number of texts and slots of each for every group; shape ``(n_groups, 2)``."""
    first: Tensor
    """First token of each text, in the order of the sequence; shape ``(n_texts,)``."""
    rank: Tensor
    """Place in that order of each text, in the order the texts were given; shape ``(n_texts,)``."""


def pack(token_ids: Sequence[Sequence[int]], *, multiple_of: int = 1) -> Packed:
    """Lay texts out one after the other, and fill the sequence up to a multiple of ``multiple_of`` tokens.

    Raises:
        ValueError: a text has no tokens.
    """
    lengths = np.fromiter(map(len, token_ids), np.int64, count=len(token_ids))
    if not lengths.all():
        raise ValueError("a text without tokens cannot be packed")
    order = lengths.argsort(kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    lengths = lengths[order]
    first = lengths.cumsum() - lengths

    rounded = -(-lengths // _STEP)
    borders = [0, *(np.flatnonzero(np.diff(rounded)) + 1).tolist(), len(lengths)] if len(lengths) else []
    # A group is as wide as its longest text, which is its last.
    groups = [(end - start, int(lengths[end - 1])) for start, end in itertools.pairwise(borders)]
    widths = np.repeat([width for _, width in groups], [count for count, _ in groups]).astype(np.int64)
    column = _counted(widths)
    text_of_slot = np.repeat(np.arange(len(lengths)), widths)
    filled = column < lengths[text_of_slot]
    ids = np.fromiter((token for text in order.tolist() for token in token_ids[text]), np.int64, count=lengths.sum())
    # What fills the sequence up belongs to no text, and what comes out there is never read.
    surplus = -len(ids) % multiple_of
    return Packed(
        torch.from_numpy(np.pad(ids, (0, surplus))[None]),
        torch.from_numpy(np.pad(_counted(lengths), (0, surplus))[None]),
        torch.from_numpy(first[text_of_slot] + np.where(filled, column, 0)),
        torch.from_numpy(filled),
        torch.from_numpy(np.pad(np.flatnonzero(filled), (0, surplus))),
        torch.tensor(groups, dtype=torch.int64).reshape(-1, 2),
        torch.from_numpy(first),
        torch.from_numpy(rank),
    )


def _counted(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, … up to each of the lengths, one after the other."""
    starts = lengths.cumsum() - lengths
    counted: NDArray[np.int64] = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    return counted
