"""Masked language models: loaded to be trained or measured, and asked for some tokens of a text."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import AutoModelForMaskedLM, PreTrainedModel

from emohub.errors import ModelError
from emohub.inference.checkpoint import find_checkpoint
from emohub.inference.loading import BaseModel, load_config, load_model, load_with_new_head, set_dropouts


def load_for_masked_lm(
    base_model: str | Path,
    *,
    revision: str | None = None,
    dropout: float | None = None,
    attention_dropout: float | None = None,
) -> BaseModel:
    """A pretrained model with a language-model head, in float32 and in training mode.

    What the file lacks of the head is drawn from torch's global random generator: seed it before. The dropouts replace
    the configuration's; None keeps it.

    Raises:
        UsageError: a revision was given for a local folder.
        ModelError: the model cannot be found, reached or read, is of a kind without such a head, or its encoder's
            weights are not in the file.
    """
    checkpoint = find_checkpoint(base_model, revision=revision)
    config = load_config(checkpoint)
    set_dropouts(config, checkpoint, dropout, attention_dropout)
    return load_with_new_head(AutoModelForMaskedLM, checkpoint, config)


def load_masked_lm(model: str | Path, *, revision: str | None = None) -> PreTrainedModel:
    """A trained masked language model, every weight of it from the file, in float32 and in evaluation mode.

    Raises:
        UsageError: a revision was given for a local folder.
        ModelError: the model cannot be found, reached or read, or the file lacks a weight of it.
    """
    checkpoint = find_checkpoint(model, revision=revision)
    loaded, account = load_model(AutoModelForMaskedLM, checkpoint, load_config(checkpoint))
    if account["missing_keys"]:
        raise ModelError(
            f"{checkpoint.id} is no trained masked language model (its file lacks "
            f"{sorted(account['missing_keys'])[0]})",
            "give the checkpoint of a masked_lm stage, or a pretrained model with its language-model head",
        )
    return loaded.eval()


def masked_lm_logits(model: nn.Module, inputs: Mapping[str, Tensor], asked: Tensor) -> Tensor:
    """Logits over the vocabulary where ``asked`` is True, in reading order; shape ``(n_asked, vocab_size)``.

    ``inputs`` are the model's, and ``asked`` has the shape of its ``input_ids``. Where the family is known, its head
    runs on those positions alone: in a small model most of a step's time and memory would go into the others.
    """
    network: Any = model
    head = _HEADS.get(network.config.model_type)
    if head is None:
        logits: Tensor = network(**inputs).logits[asked]
        return logits
    hidden: Tensor = network.base_model(**inputs).last_hidden_state
    return head(network, hidden[asked])


# What each family does with hidden states of the shape (n_asked, width).


def _bert_head(model: Any, hidden: Tensor) -> Tensor:
    logits: Tensor = model.cls(hidden)
    return logits


def _distilbert_head(model: Any, hidden: Tensor) -> Tensor:
    transformed = model.vocab_layer_norm(model.activation(model.vocab_transform(hidden)))
    logits: Tensor = model.vocab_projector(transformed)
    return logits


def _roberta_head(model: Any, hidden: Tensor) -> Tensor:
    logits: Tensor = model.lm_head(hidden)
    return logits


_HEADS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "bert": _bert_head,
    "distilbert": _distilbert_head,
    "roberta": _roberta_head,
}
