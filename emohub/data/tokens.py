"""Tokens: a model's own tokenizer, one batched call for many texts, and padding."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import numpy as np
import numpy.typing as npt
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from emohub.errors import ModelError
from emohub.layout import find_model


class TokenizedTexts(NamedTuple):
    """What texts became."""

    ids: list[list[int]]
    """Token ids of each text, special tokens included, cut to ``max_length``."""
    lengths: npt.NDArray[np.int64]
    """Tokens of each text before it was cut, special tokens included, shape (n,)."""

    @property
    def truncated(self) -> int:
        """How many texts were cut."""
        return sum(len(ids) < length for ids, length in zip(self.ids, self.lengths, strict=True))


def load_tokenizer(
    model: str | Path, *, revision: str | None = None, max_length: int | None = None
) -> PreTrainedTokenizerFast:
    """The tokenizer of a model: a folder, a name under ``models/``, or a Hub id.

    ``max_length`` (tokens) becomes the tokenizer's ``model_max_length``, so that it is saved with the tokenizer;
    None keeps the model's own.

    Raises:
        ModelError: the folder has no tokenizer, the Hub has no such model, or the Hub cannot be reached.
    """
    folder = find_model(str(model))
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder or model), revision=revision, local_files_only=folder is not None
        )
    except (OSError, ValueError, httpx2.HTTPError) as error:
        where = f"the folder {folder}" if folder else f"the Hub model {model}"
        raise ModelError(
            f"{where} gives no tokenizer ({str(error).splitlines()[0].rstrip('.')})",
            "give a folder that holds tokenizer.json"
            if folder
            else "check the id and the connection, or give a local folder",
        ) from None
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ModelError(f"{model} has no fast tokenizer", "use a model that ships a tokenizer.json")
    if max_length is not None:
        tokenizer.model_max_length = max_length
    return tokenizer


def tokenize(tokenizer: Any, texts: Sequence[str], max_length: int) -> TokenizedTexts:
    """Tokenize in one batched call; texts of more than ``max_length`` tokens are cut, special tokens kept."""
    ids: list[list[int]] = _encode(tokenizer, texts)
    lengths = np.array([len(one) for one in ids], dtype=np.int64)
    too_long: list[int] = np.flatnonzero(lengths > max_length).tolist()
    cut = _encode(tokenizer, [texts[i] for i in too_long], truncation=True, max_length=max_length)
    for i, shortened in zip(too_long, cut, strict=True):
        ids[i] = shortened
    return TokenizedTexts(ids, lengths)


def _encode(tokenizer: Any, texts: Sequence[str], **truncation: Any) -> list[list[int]]:
    if not texts:
        return []
    # verbose=False: the lengths are wanted, the warning that some exceed the model's is not.
    encoded = tokenizer(
        list(texts), return_attention_mask=False, return_token_type_ids=False, verbose=False, **truncation
    )
    return [list(ids) for ids in encoded["input_ids"]]


def pad(batch: Sequence[Sequence[int]], pad_id: int) -> dict[str, npt.NDArray[np.int64]]:
    """Pad on the right to the longest text of the batch: ``input_ids`` and ``attention_mask``, each (n, longest)."""
    lengths = np.array([len(ids) for ids in batch], dtype=np.int64)
    mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
    input_ids = np.full(mask.shape, pad_id, dtype=np.int64)
    input_ids[mask] = [token for ids in batch for token in ids]
    return {"input_ids": input_ids, "attention_mask": mask.astype(np.int64)}
