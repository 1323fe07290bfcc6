"""Batches without padding: several texts in one sequence, kept apart by their positions and by attention.

Texts are short and of uneven length, so in a padded batch most of the work goes into padding. Here all tokens of a
batch stand in one sequence. Each text counts its positions from its own beginning and attends to its own tokens only,
so every logit and gradient is the padded one; Krell et al. 2021, "Efficient Sequence Packing without
Cross-contamination", https://arxiv.org/abs/2107.02027. The head reads each text's first token, so the last layer
computes no other.
"""

from emohub.packing.families import head_logits, packed_logits, packed_states, prepare, supports
from emohub.packing.layout import Packed, pack

__all__ = ["Packed", "head_logits", "pack", "packed_logits", "packed_states", "prepare", "supports"]
