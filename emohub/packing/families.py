"""What the families of models call their parts: the last layer for first tokens alone, and the head."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from emohub.packing.attention import NAME, Slots, attend_from_first, register
from emohub.packing.dropout import replace_dropout
from emohub.packing.layout import Packed


@dataclass(frozen=True)
class _Family:
    """How to run a kind of model on packed texts."""

    layers: Callable[[Any], nn.ModuleList]
    """The encoder's layers."""
    last_layer: Callable[..., Tensor]
    """The last layer's ``forward``: hidden states ``(1, T, width)`` → those of first tokens ``(1, n_texts, width)``."""
    head: Callable[[Any, Tensor], Tensor]
    """Model, hidden states ``(n_texts, width)`` → logits."""


def supports(model: nn.Module) -> bool:
    """Whether ``model`` can run packed batches: a BERT, DistilBERT or RoBERTa classifier with SDPA attention.

    Other implementations of attention read the mask differently, or not at all.
    """
    config: Any = getattr(model, "config", None)
    return (
        getattr(config, "model_type", None) in _FAMILIES
        and getattr(config, "_attn_implementation", None) in ("sdpa", NAME)
        and not getattr(config, "is_decoder", False)
        and isinstance(getattr(model, "classifier", None), nn.Module)
    )


def prepare(model: nn.Module) -> None:
    """Make a model ready for :func:`packed_logits`; with padded batches it computes what it did before.

    Raises:
        ValueError: the model is none that :func:`supports` accepts.
    """
    if not supports(model):
        raise ValueError(f"{type(model).__name__} cannot run packed batches")
    register()
    network: Any = model
    network.set_attn_implementation(NAME)
    replace_dropout(model)
    family = _FAMILIES[network.config.model_type]
    last: Any = family.layers(network.base_model)[-1]
    last.forward = MethodType(family.last_layer, last)  # a method, so that a copy of the model gets one of its own


def packed_logits(model: nn.Module, packed: Packed) -> Tensor:
    """Logits of shape ``(n_texts, n_labels)``, in the order the texts were given to :func:`~emohub.packing.pack`.

    Without dropout they and their gradients are those of the padded batch, up to rounding. The model was prepared.
    """
    return head_logits(model, packed_states(model, packed))


def packed_states(model: nn.Module, packed: Packed) -> Tensor:
    """What the encoder makes of each text's first token, ``(n_texts, width)``; ordered as :func:`packed_logits`."""
    network: Any = model
    encoder = network.base_model
    # RoBERTa counts positions from the one after the padding id.
    padding_id = encoder.embeddings.position_embeddings.padding_idx
    hidden: Tensor = encoder(
        input_ids=packed.input_ids,
        position_ids=packed.position_ids + (0 if padding_id is None else padding_id + 1),
        attention_mask=packed.filled.view(1, 1, 1, -1),  # of four axes, and so taken as it is: the slots decide
        slots=Slots.of(packed),
    ).last_hidden_state
    return hidden[0, packed.rank]


def head_logits(model: nn.Module, states: Tensor) -> Tensor:
    """Logits of shape ``(n_texts, n_labels)`` from the states of first tokens."""
    network: Any = model
    return _FAMILIES[network.config.model_type].head(network, states)


# The last layers. Whoever passes no slots gets what the layer always computed.


def _bert_last_layer(layer: Any, hidden: Tensor, *inputs: Any, slots: Slots | None = None, **options: Any) -> Tensor:
    if slots is None:
        return _as_always(layer, hidden, *inputs, **options)
    attention, parts = layer.attention, layer.attention.self
    own = hidden[:, slots.packed.first]
    attended = _attended(parts.query, parts.key, parts.value, own, hidden, slots, parts)
    answered: Tensor = layer.feed_forward_chunk(attention.output(attended, own))
    return answered


def _distilbert_last_layer(
    layer: Any, hidden: Tensor, *inputs: Any, slots: Slots | None = None, **options: Any
) -> Tensor:
    if slots is None:
        return _as_always(layer, hidden, *inputs, **options)
    attention = layer.attention
    own = hidden[:, slots.packed.first]
    attended = _attended(attention.q_lin, attention.k_lin, attention.v_lin, own, hidden, slots, attention)
    between = layer.sa_layer_norm(attention.out_lin(attended) + own)
    answered: Tensor = layer.output_layer_norm(layer.ffn(between) + between)
    return answered


def _as_always(layer: Any, hidden: Tensor, *inputs: Any, **options: Any) -> Tensor:
    answered: Tensor = type(layer).forward(layer, hidden, *inputs, **options)
    return answered


def _attended(
    query: nn.Module, key: nn.Module, value: nn.Module, own: Tensor, hidden: Tensor, slots: Slots, attention: Any
) -> Tensor:
    """What attention gives first tokens ``own``, shape ``(1, n_texts, width)``, before it is projected."""
    size = attention.attention_head_size
    keys, values = (part(hidden).unflatten(-1, (-1, size)).transpose(1, 2) for part in (key, value))
    rate = attention.dropout.p if attention.training else 0.0
    return attend_from_first(query(own).unflatten(-1, (-1, size)), keys, values, slots, rate).flatten(2)


# The heads. Poolers and heads that take a whole sequence look at its first token, so they are given a sequence of one.


def _bert_head(model: Any, hidden: Tensor) -> Tensor:
    logits: Tensor = model.classifier(model.dropout(model.bert.pooler(hidden[:, None])))
    return logits


def _distilbert_head(model: Any, hidden: Tensor) -> Tensor:
    logits: Tensor = model.classifier(model.dropout(torch.relu(model.pre_classifier(hidden))))
    return logits


def _roberta_head(model: Any, hidden: Tensor) -> Tensor:
    logits: Tensor = model.classifier(hidden[:, None])
    return logits


_FAMILIES = {
    "bert": _Family(lambda encoder: encoder.encoder.layer, _bert_last_layer, _bert_head),
    "distilbert": _Family(lambda encoder: encoder.transformer.layer, _distilbert_last_layer, _distilbert_head),
    "roberta": _Family(lambda encoder: encoder.encoder.layer, _bert_last_layer, _roberta_head),
}
