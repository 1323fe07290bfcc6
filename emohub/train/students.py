"""Students: smaller models that begin as a projection of a larger one, and read with a part of its vocabulary."""

import copy
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from emohub import tokenizing
from emohub.errors import ModelError, UsageError
from emohub.inference.loading import BaseModel
from emohub.recipe import Student
from emohub.tokenizing import TrainingTokenizer


@dataclass(frozen=True)
class _Family:
    """What a kind of model calls its parts; names of weights without ``.weight`` and ``.bias``."""

    intermediate_size: str
    """Key of the configuration."""
    layers: str
    """Before each layer's number."""
    up: str
    """Within a layer, the product that widens."""
    down: str
    """Within a layer, the one after it."""
    output: str
    """The product that gives the logits."""


_BERT = _Family("intermediate_size", "bert.encoder.layer.", "intermediate.dense", "output.dense", "classifier")
_FAMILIES = {
    "bert": _BERT,
    "roberta": _Family("intermediate_size", "roberta.encoder.layer.", _BERT.up, _BERT.down, "classifier.out_proj"),
    "distilbert": _Family("hidden_dim", "distilbert.transformer.layer.", "ffn.lin1", "ffn.lin2", "classifier"),
}


class Projection(NamedTuple):
    """From wide states to narrow ones, and what it is measured from."""

    basis: Tensor
    """Orthonormal columns, shape ``(width, narrow width)``."""
    mean: Tensor
    """Shape ``(width,)``."""


def make_student(
    base: BaseModel, tokenizer: TrainingTokenizer, shape: Student, texts: Sequence[str], max_length: int
) -> tuple[BaseModel, TrainingTokenizer]:
    """A model of another ``shape`` that starts from the weights of ``base``, and its tokenizer.

    ``texts`` decide which tokens of the vocabulary are kept.

    Raises:
        ModelError: the base model's family is not known, it is smaller than the shape, or its vocabulary is no
            WordPiece vocabulary.
        UsageError: the heads do not divide the width, or the vocabulary is too small for what it must hold.
    """
    if shape.vocab_size is None:
        kept = list(range(base.model.config.vocab_size))
    else:
        kept = kept_tokens(tokenizer, texts, shape.vocab_size)
        tokenizer = pruned(tokenizer, kept, max_length)
    return BaseModel(_projected(base, shape, kept).train(), base.checkpoint), tokenizer


def principal_components(rows: Tensor, size: int) -> Projection:
    """The mean of ``rows`` and the ``size`` directions in which they vary most, the first the most; shape
    ``(n, width)``.

    In each direction the largest coordinate is positive. At full width nothing is turned or moved.
    """
    width = rows.shape[1]
    if size == width:
        return Projection(torch.eye(width), torch.zeros(width))
    exact = rows.double()
    mean = exact.mean(dim=0)
    centred = exact - mean
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    basis = vectors.flip(1)[:, :size]
    largest = basis.abs().argmax(dim=0)
    basis = basis * basis[largest, torch.arange(size)].sign()
    return Projection(basis.float(), mean.float())


def evenly(count: int, chosen: int) -> list[int]:
    """``chosen`` of ``count`` layers at even distances, the first and (of several) the last among them."""
    return [round(number) for number in np.linspace(0, count - 1, chosen).tolist()]


def _projected(base: BaseModel, shape: Student, kept: list[int]) -> Any:
    """The student with its weights; ``kept`` are the ids of the tokens that it keeps, in its own order."""
    model, id = base.model, base.checkpoint.id
    family = _FAMILIES.get(model.config.model_type)
    if family is None:
        raise ModelError(
            f"{id} is a {model.config.model_type} model, and no student of another shape can be made of it",
            f"leave [distillation.student] out, or start from one of {', '.join(sorted(_FAMILIES))}",
        )
    config, layers, neurons = _config(model.config, family, shape, id)
    config.vocab_size = len(kept)
    if config.pad_token_id is not None:
        config.pad_token_id = kept.index(config.pad_token_id)
    source = model.state_dict()
    words = source[f"{model.base_model_prefix}.embeddings.word_embeddings.weight"][kept]
    projection = principal_components(words, config.hidden_size)
    student = type(model)(config)
    weights = {}
    for name in student.state_dict():
        own, rest = _source_name(name, family, layers)
        chosen = _strongest(source, own.removesuffix(rest), family, neurons) if rest else None
        weights[name] = _carried_over(own, rest, source[own], family, projection, kept, chosen)
    student.load_state_dict(weights)
    return student


def _config(config: Any, family: _Family, shape: Student, id: str) -> tuple[Any, list[int], int]:
    """The student's configuration, the base model's layers that it takes, and its neurons in each of them."""
    own = copy.deepcopy(config)
    sizes = {
        "num_hidden_layers": "num_hidden_layers",
        "hidden_size": "hidden_size",
        "intermediate_size": family.intermediate_size,
    }
    for key, called in sizes.items():
        wanted, there = getattr(shape, key), getattr(config, called)
        if wanted is not None and wanted > there:
            raise ModelError(
                f"a student of {id} can have no {key} of {wanted}, since {id} itself has {there}",
                f"set {key} to {there} or less in [distillation.student]",
            )
        setattr(own, called, wanted or there)
    own.num_attention_heads = shape.num_attention_heads or config.num_attention_heads
    if own.hidden_size % own.num_attention_heads:
        raise UsageError(
            f"{own.num_attention_heads} attention heads do not divide a hidden_size of {own.hidden_size}",
            "set num_attention_heads in [distillation.student] to a divisor of it",
        )
    return own, evenly(config.num_hidden_layers, own.num_hidden_layers), getattr(own, family.intermediate_size)


def _source_name(name: str, family: _Family, layers: list[int]) -> tuple[str, str]:
    """What the base model calls a weight of the student, and what of that follows the layer's number, if any."""
    if not name.startswith(family.layers):
        return name, ""
    number, _, rest = name.removeprefix(family.layers).partition(".")
    return f"{family.layers}{layers[int(number)]}.{rest}", rest


def _strongest(source: dict[str, Tensor], layer: str, family: _Family, count: int) -> Tensor:
    """The neurons of a layer with the largest product of the norms of their weights, in the layer's order."""
    up, down = source[f"{layer}{family.up}.weight"], source[f"{layer}{family.down}.weight"]
    strength = up.norm(dim=1) * down.norm(dim=0)
    strongest: Tensor = strength.argsort(descending=True, stable=True)[:count].sort().values
    return strongest


def _carried_over(
    name: str,
    rest: str,
    weight: Tensor,
    family: _Family,
    projection: Projection,
    kept: list[int],
    neurons: Tensor | None,
) -> Tensor:
    """A weight of the base model as the student has it: with states, where it meets them, written in the basis."""
    basis = projection.basis
    part, _, kind = name.rpartition(".")
    if part.endswith("embeddings"):
        return _embeddings(part, weight, projection, kept)
    if "layernorm" in part.replace("_", "").lower():
        return weight @ (basis if kind == "bias" else basis.square())  # the diagonal of the turned matrix
    if kind == "weight":
        weight = weight[:, neurons] if rest.startswith(family.down) else weight @ basis
    if part == family.output:
        return weight
    return weight[neurons] if rest.startswith(family.up) else basis.T @ weight


def _embeddings(part: str, weight: Tensor, projection: Projection, kept: list[int]) -> Tensor:
    """Embeddings in the basis. A token's state is the sum of its own and its position's, so nothing shared is lost."""
    if part.endswith("word_embeddings"):
        weight = weight[kept] - projection.mean
    elif part.endswith("position_embeddings"):
        weight = weight + projection.mean
    return weight @ projection.basis


def kept_tokens(tokenizer: TrainingTokenizer, texts: Sequence[str], size: int) -> list[int]:
    """Ids of the ``size`` tokens that a pruned WordPiece vocabulary keeps, in their order.

    They are the special tokens, all single characters, at a word's beginning and within, and then the most frequent
    tokens of ``texts``, of equally frequent ones the first. Since every character is there, whatever could be read
    before can be read in smaller pieces.

    Raises:
        ModelError: it is no WordPiece vocabulary.
        UsageError: special tokens and characters alone are more than ``size``.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    model = state["model"]
    if model["type"] != "WordPiece":
        raise ModelError(
            f"a vocabulary of the kind {model['type']} cannot be pruned",
            "leave vocab_size out of [distillation.student], or start from a model with a WordPiece vocabulary",
        )
    prefix = model["continuing_subword_prefix"]
    special = {token["id"] for token in state["added_tokens"]} | {model["vocab"][model["unk_token"]]}
    characters = {id for token, id in model["vocab"].items() if len(token.removeprefix(prefix)) == 1}
    needed = special | characters
    if len(needed) > size:
        raise UsageError(
            f"a vocabulary of {size} tokens has no room for {len(needed)} special tokens and single characters",
            f"set vocab_size in [distillation.student] to {len(needed)} or more",
        )
    counts = Counter(id for ids in tokenizing.tokenize(tokenizer, texts, 2**31).ids for id in ids)
    # Tokens in brackets, such as [unused7], stand for no text.
    others = [id for token, id in model["vocab"].items() if id not in needed and not token.startswith("[")]
    others.sort(key=lambda id: (-counts[id], id))
    return sorted([*needed, *others[: size - len(needed)]])


def pruned(tokenizer: TrainingTokenizer, kept: Sequence[int], max_length: int) -> TrainingTokenizer:
    """The tokenizer with the tokens ``kept`` alone, numbered anew in that order."""
    new_ids = {id: number for number, id in enumerate(kept)}
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        path = Path(folder) / "tokenizer.json"
        state = json.loads(path.read_text(encoding="utf-8"))
        vocabulary = state["model"]["vocab"]
        state["model"]["vocab"] = {token: new_ids[id] for token, id in vocabulary.items() if id in new_ids}
        for token in state["added_tokens"]:
            token["id"] = new_ids[token["id"]]
        _renumber(state["post_processor"], new_ids)
        path.write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
        stated = Path(folder) / "tokenizer_config.json"
        config = json.loads(stated.read_text(encoding="utf-8"))
        config.pop("added_tokens_decoder", None)  # older files number the special tokens there as well
        stated.write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
        own: TrainingTokenizer = tokenizing.load_tokenizer(folder, max_length=max_length)
        return own


def _renumber(processor: Any, new_ids: dict[int, int]) -> None:
    """Give the special tokens that a post-processor adds their new ids."""
    if processor is None:
        return
    for token in processor.get("special_tokens", {}).values():  # of TemplateProcessing
        token["ids"] = [new_ids[id] for id in token["ids"]]
    for name in ("sep", "cls"):  # of BertProcessing
        if name in processor:
            processor[name][1] = new_ids[processor[name][1]]
