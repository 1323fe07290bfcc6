"""BERT, DistilBERT and RoBERTa classifiers in torch alone, and without padding.

transformers takes seconds to import, and a good part of a single text's time to call its modules. The same arithmetic
is short for models that are exactly known, and texts of any lengths stand one after the other in it, so that no product
pads one text to the length of another. Whatever differs from what is known here is left to transformers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import functional

Pair = tuple[Tensor, Tensor]
"""Weight and bias."""

_USUAL = {
    "is_decoder": False,
    "add_cross_attention": False,
    "position_embedding_type": "absolute",
    "sinusoidal_pos_embds": False,
    "quantization_config": None,
    "auto_map": None,
}
"""What keys must say where they are there at all; anything else is another model."""
_STORED = frozenset({"F32", "F16", "BF16"})
"""Kinds of weights that are read, as safetensors calls them."""


@dataclass(frozen=True)
class _Family:
    """What a kind of model calls its settings and its weights."""

    root: str
    layers: str
    """Before each layer's number."""
    parts: tuple[str, str, str, str, str, str, str, str]
    """In a layer: query, key, value, what follows attention and its norm, the two products between and their norm."""
    dense: str
    """What a text's first token goes through before the last product."""
    activation: Callable[[Tensor], Tensor]
    """What follows it."""
    classifier: str
    settings: tuple[str, str, str, str, str]
    """Number of layers and heads, width, width between the two products, name of the activation there."""
    segments: bool = True
    """Whether there are embeddings of segments; a text is the first one."""
    counts_from_padding: bool = False
    """Whether positions are counted from the one after the padding id, and padding tokens in a text are passed over."""
    epsilon: float | None = None
    """That of the norms, where the configuration does not state it."""
    unused: tuple[str, ...] = ()
    """Weights that older files have and no classifier reads."""


_FAMILIES = {
    "bert": _Family(
        root="bert.",
        layers="encoder.layer.",
        parts=(
            *("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"),
            *("attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm"),
        ),
        dense="bert.pooler.dense",
        activation=torch.tanh,
        classifier="classifier",
        settings=("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size", "hidden_act"),
    ),
    "distilbert": _Family(
        root="distilbert.",
        layers="transformer.layer.",
        parts=(
            *("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"),
            *("sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm"),
        ),
        dense="pre_classifier",
        activation=torch.relu,
        classifier="classifier",
        settings=("n_layers", "n_heads", "dim", "hidden_dim", "activation"),
        segments=False,
        epsilon=1e-12,
    ),
}
_FAMILIES["roberta"] = _Family(
    root="roberta.",
    layers="encoder.layer.",
    parts=_FAMILIES["bert"].parts,
    dense="classifier.dense",
    activation=torch.tanh,
    classifier="classifier.out_proj",
    settings=_FAMILIES["bert"].settings,
    counts_from_padding=True,
    unused=("roberta.pooler.dense.weight", "roberta.pooler.dense.bias"),
)


@dataclass(frozen=True)
class Layout:
    """Texts one after the other in one sequence, those of one length next to each other.

    After their tokens, and after their first tokens, there may be more that belong to no text.
    """

    ids: Tensor
    """Token ids, shape ``(T,)``."""
    positions: Tensor
    """Row of each token in the table of positions, shape ``(T,)``."""
    first: Tensor
    """First token of each text, shape ``(N,)``."""
    groups: tuple[tuple[int, int], ...]
    """How many texts of which length stand together, in order."""

    def parts(self) -> Iterator[tuple[slice, slice, tuple[int, int]]]:
        """The texts, the tokens, and number and length of the texts, for each group."""
        text = token = 0
        for count, length in self.groups:
            yield slice(text, text + count), slice(token, token + count * length), (count, length)
            text, token = text + count, token + count * length


@dataclass(frozen=True)
class _Layer:
    fused: Pair
    """Query, key and value in one product."""
    attended: Pair
    attended_norm: Pair
    up: Pair
    down: Pair
    norm: Pair


class Encoder:
    """A classifier's weights, ready to compute. Several threads may use it at once; build it with :meth:`read`.

    A text attends over exactly its own tokens, beside texts of its length alone. So its answer does not depend on the
    texts that it is computed with, which padding to another length would change in the last digits.
    """

    def __init__(self, family: _Family, stated: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        """``weights`` as in the file, in the precision to compute in."""
        self.num_parameters = sum(tensor.numel() for tensor in weights.values())
        self.padding_id: int | None = stated["pad_token_id"] if family.counts_from_padding else None
        self._activation = family.activation
        self._heads = int(stated[family.settings[1]])
        self._size = int(stated[family.settings[2]]) // self._heads
        self._epsilon = _epsilon(family, stated)

        def pair(name: str) -> Pair:
            return weights[f"{name}.weight"], weights[f"{name}.bias"]

        embeddings = f"{family.root}embeddings."
        self._words = weights[f"{embeddings}word_embeddings.weight"]
        self._positions = weights[f"{embeddings}position_embeddings.weight"]
        if family.segments:
            self._positions = self._positions + weights[f"{embeddings}token_type_embeddings.weight"][0]
        self._norm = pair(f"{embeddings}LayerNorm")
        self._layers: list[_Layer] = []
        for number in range(int(stated[family.settings[0]])):
            parts = [pair(f"{family.root}{family.layers}{number}.{part}") for part in family.parts]
            weight, bias = (torch.cat(each) for each in zip(*parts[:3], strict=True))
            self._layers.append(_Layer((weight, bias), *parts[3:]))
        self._dense = pair(family.dense)
        # The last product keeps the digits of the logits for next to nothing.
        weight, bias = pair(family.classifier)
        self._classifier = weight.float(), bias.float()

    @classmethod
    def read(
        cls, path: Path, stated: Mapping[str, Any], n_labels: int, *, dtype: torch.dtype, device: str
    ) -> "Encoder | None":
        """The classifier in a weights file, or None where it is not exactly one that is known here.

        ``stated`` is what its ``config.json`` states. A damaged file is left to transformers, too.
        """
        family = _FAMILIES.get(stated.get("model_type", ""))
        if family is None or not _is_known(family, stated):
            return None
        shapes = dict(_shapes(family, stated, n_labels))
        try:
            with safe_open(path, framework="pt") as file:
                slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
                found = {name: tuple(each.get_shape()) for name, each in slices.items()}
                for name in (f"{family.root}embeddings.position_ids", *family.unused):
                    found.pop(name, None)
                kinds = {slices[name].get_dtype() for name in found}
                if found != shapes or not kinds <= _STORED or (file.metadata() or {}).get("format") != "pt":
                    return None
                weights = {name: file.get_tensor(name).to(device, dtype) for name in shapes}
        except (OSError, SafetensorError):
            return None
        return cls(family, stated, weights)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights, but for those of the last product, which are float32."""
        return self._words.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._words.device

    @property
    def position_limit(self) -> int:
        """The most tokens that it has positions for."""
        return len(self._positions) - (0 if self.padding_id is None else self.padding_id + 1)

    @torch.inference_mode()
    def logits(self, texts: Layout) -> Tensor:
        """Logits in float32, shape ``(n_texts, n_labels)``."""
        hidden = functional.embedding(texts.ids, self._words) + functional.embedding(texts.positions, self._positions)
        hidden = self._normed(hidden, self._norm)
        for layer in self._layers[:-1]:
            fused = functional.linear(hidden, *layer.fused)
            attended = torch.zeros_like(hidden)
            for _, rows, shape in texts.parts():
                self._attend(attended[rows], *self._heads_of(fused[rows], shape))
            hidden = self._fed(layer, hidden, attended)
        first = self._activation(functional.linear(self._last(hidden, texts), *self._dense))
        return functional.linear(first.float(), *self._classifier)[: sum(count for count, _ in texts.groups)]

    def _last(self, hidden: Tensor, texts: Layout) -> Tensor:
        """The last layer for each text's first token alone, which is all that the answer reads."""
        layer, own, width = self._layers[-1], hidden[texts.first], hidden.shape[1]
        weight, bias = layer.fused
        queries = functional.linear(own, weight[:width], bias[:width])
        others = functional.linear(hidden, weight[width:], bias[width:])
        attended = torch.zeros_like(own)
        for places, rows, (count, length) in texts.parts():
            (query,) = self._heads_of(queries[places], (count, 1))
            self._attend(attended[places], query, *self._heads_of(others[rows], (count, length)))
        return self._fed(layer, own, attended)

    def _heads_of(self, tokens: Tensor, shape: tuple[int, int]) -> Tensor:
        """``(count * length, kinds * width)`` as ``(kinds, count, heads, length, size)``."""
        # On a CPU a kernel for bfloat16 is made anew for every shape, and there are many.
        wide = tokens.float() if tokens.device.type == "cpu" else tokens
        return wide.view(*shape, -1, self._heads, self._size).permute(2, 0, 3, 1, 4)

    def _attend(self, result: Tensor, query: Tensor, key: Tensor, value: Tensor) -> None:
        """Attention over ``(count, heads, length, size)``, put into ``(count * length, width)``."""
        attended = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        result.view(attended.shape).copy_(attended)

    def _fed(self, layer: _Layer, hidden: Tensor, attended: Tensor) -> Tensor:
        """The rest of a layer, token by token."""
        hidden = self._normed(functional.linear(attended, *layer.attended) + hidden, layer.attended_norm)
        between = functional.gelu(functional.linear(hidden, *layer.up))
        return self._normed(functional.linear(between, *layer.down) + hidden, layer.norm)

    def _normed(self, hidden: Tensor, norm: Pair) -> Tensor:
        return functional.layer_norm(hidden, hidden.shape[1:], *norm, self._epsilon)


def _is_known(family: _Family, stated: Mapping[str, Any]) -> bool:
    """Whether a configuration states everything, and nothing that would be computed in another way."""
    sizes = [stated.get(key) for key in (*family.settings[:4], "vocab_size", "max_position_embeddings")]
    if family.segments:
        sizes.append(stated.get("type_vocab_size"))
    if not all(type(size) is int and size > 0 for size in sizes):
        return False
    padding, positions = stated.get("pad_token_id"), stated["max_position_embeddings"]
    return (
        stated.get(family.settings[4]) == "gelu"
        and stated[family.settings[2]] % stated[family.settings[1]] == 0
        and type(_epsilon(family, stated)) is float
        and type(padding) is int
        and 0 <= padding < stated["vocab_size"]
        and (padding + 1 < positions or not family.counts_from_padding)
        and all(stated.get(key, value) == value for key, value in _USUAL.items())
    )


def _epsilon(family: _Family, stated: Mapping[str, Any]) -> Any:
    return family.epsilon or stated.get("layer_norm_eps")


def _shapes(family: _Family, stated: Mapping[str, Any], n_labels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every weight that a classifier has, and its shape."""
    layers, _, width, between = (stated[key] for key in family.settings[:4])

    def linear(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{name}.weight", (outputs, inputs)
        yield f"{name}.bias", (outputs,)

    def norm(name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f"{name}.weight", (width,)
        yield f"{name}.bias", (width,)

    embeddings = f"{family.root}embeddings."
    yield f"{embeddings}word_embeddings.weight", (stated["vocab_size"], width)
    yield f"{embeddings}position_embeddings.weight", (stated["max_position_embeddings"], width)
    if family.segments:
        yield f"{embeddings}token_type_embeddings.weight", (stated["type_vocab_size"], width)
    yield from norm(f"{embeddings}LayerNorm")
    for number in range(layers):
        *square, attended_norm, up, down, last_norm = (
            f"{family.root}{family.layers}{number}.{part}" for part in family.parts
        )
        for name in square:
            yield from linear(name, width, width)
        yield from linear(up, width, between)
        yield from linear(down, between, width)
        for name in (attended_norm, last_norm):
            yield from norm(name)
    yield from linear(family.dense, width, width)
    yield from linear(family.classifier, width, n_labels)
