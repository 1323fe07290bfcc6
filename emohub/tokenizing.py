"""Texts to token ids: loading a tokenizer, cutting long texts, padding a batch. The only owner of the tokenizers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from emohub.errors import DataError, ModelError

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
"""Every file that a tokenizer may be read from."""

Tokenizer = PreTrainedTokenizerBase
"""What ``load_tokenizer`` returns, named for modules that hold one and do not own transformers."""

_Item = TypeVar("_Item")
_VOCABULARY_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")


@dataclass(frozen=True)
class Tokens:
    """Token ids of some texts, special tokens included."""

    ids: list[list[int]]
    """Ids per text, cut to the longest that the model reads; the special token at the end survives the cut."""
    lengths: NDArray[np.int64]
    """Tokens per text before the cut; shape ``(n_texts,)``."""

    @property
    def truncated(self) -> int:
        """How many of the texts lost tokens."""
        return sum(int(length) > len(ids) for length, ids in zip(self.lengths, self.ids, strict=True))


@dataclass(frozen=True)
class TracedTokens:
    """The tokens of one text that a model reads, and where in the text each stands."""

    ids: list[int]
    """Special tokens included, cut as in :func:`tokenize`."""
    spans: list[tuple[int, int]]
    """Characters of the text for each token; nothing, ``(0, 0)``, for one that the tokenizer added."""
    added: list[bool]
    """Whether the tokenizer added it, at the start or the end."""


def load_tokenizer(folder: str | Path, *, max_length: int | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer in a model's folder; code in the folder is never run and no network is used.

    ``max_length`` becomes the ``model_max_length`` that is saved with the tokenizer; None keeps what the files say.

    Raises:
        ModelError: the folder holds no tokenizer, or a damaged one.
    """
    folder = Path(folder)
    # Without a vocabulary transformers makes up one of five tokens, and says nothing.
    if not any((folder / name).is_file() for name in _VOCABULARY_FILES):
        raise ModelError(
            f"{folder} holds no tokenizer (none of {', '.join(_VOCABULARY_FILES)})",
            "copy the tokenizer's files beside the weights, or give another model",
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # for a damaged file the tokenizers library raises a bare Exception
        raise ModelError(
            f"the tokenizer in {folder} cannot be read ({_first_line(error)})", "fetch or export the model again"
        ) from None
    if not tokenizer.is_fast:
        raise ModelError(f"the tokenizer in {folder} has no fast form", "give a model with a tokenizer.json")
    # A tokenizer.json may carry a length and a padding of its own. Calls that differ from them would switch them off
    # and on, which is not safe between threads; so they go once, here.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    if max_length is not None:
        tokenizer.model_max_length = max_length
    return tokenizer


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> Tokens:
    """Token ids of ``texts``, each cut to ``max_length`` tokens.

    Safe to call from several threads with a tokenizer of :func:`load_tokenizer`.

    Raises:
        DataError: a text holds half of a surrogate pair, which is no Unicode.
    """
    if not texts:
        return Tokens([], np.zeros(0, np.int64))
    try:
        ids = _encode(tokenizer, texts)
    except TypeError:
        row = next((row for row, text in enumerate(texts) if isinstance(text, str) and not _is_unicode(text)), None)
        if row is None:
            raise
        raise DataError(
            f"text {row} is not valid Unicode (half of a surrogate pair)", "remove that character"
        ) from None
    lengths = np.fromiter(map(len, ids), np.int64, count=len(ids))
    if lengths.max() > max_length:
        ending = _ending(tokenizer)
        ids = [_cut(text_ids, max_length, ending) for text_ids in ids]
    return Tokens(ids, lengths)


def read_chars(tokenizer: PreTrainedTokenizerBase, text: str, max_length: int) -> int:
    """Characters from the start of ``text`` up to the end of the last token that survives a cut to ``max_length``."""
    encoded = tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False, verbose=False
    )
    special = len(_encode(tokenizer, ["a"])[0]) - len(_encode(tokenizer, ["a"], add_special_tokens=False)[0])
    return max((end for _, end in encoded["offset_mapping"][: max(max_length - special, 0)]), default=0)


def trace(tokenizer: PreTrainedTokenizerBase, text: str, max_length: int) -> TracedTokens:
    """The tokens of ``text`` as :func:`tokenize` cuts them, each with its place in the text.

    Raises:
        DataError: the text holds half of a surrogate pair, which is no Unicode.
    """
    (ids,) = tokenize(tokenizer, [text], max_length).ids
    encoded = tokenizer(
        text, truncation=False, return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False
    )
    spans = [(start, end) for start, end in encoded["offset_mapping"]]
    added = [bool(special) for special in encoded["special_tokens_mask"]]
    if len(ids) < len(spans):
        ending = _ending(tokenizer)
        spans, added = _cut(spans, max_length, ending), _cut(added, max_length, ending)
    return TracedTokens(ids, spans, added)


def pad(ids: Sequence[Sequence[int]], pad_id: int) -> dict[str, NDArray[np.int64]]:
    """A batch padded at the right to its longest text.

    Returns ``input_ids`` and ``attention_mask`` (1 for tokens, 0 for padding), both of shape ``(n_texts, longest)``.
    """
    shape = (len(ids), max(map(len, ids), default=0))
    input_ids = np.full(shape, pad_id, np.int64)
    attention_mask = np.zeros(shape, np.int64)
    for row, text_ids in enumerate(ids):
        input_ids[row, : len(text_ids)] = text_ids
        attention_mask[row, : len(text_ids)] = 1
    return {"input_ids": input_ids, "attention_mask": attention_mask}


def _encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], **options: Any) -> list[list[int]]:
    encoded = tokenizer(
        list(texts),
        truncation=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
        **options,
    )
    return list(encoded["input_ids"])


def _ending(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many special tokens the tokenizer puts after a text."""
    body, whole = (_encode(tokenizer, ["a"], add_special_tokens=special)[0] for special in (False, True))
    start = next(index for index in range(len(whole)) if whole[index : index + len(body)] == body)
    return len(whole) - start - len(body)


def _cut(ids: list[_Item], max_length: int, ending: int) -> list[_Item]:
    if len(ids) <= max_length:
        return ids
    return ids[: max_length - ending] + ids[len(ids) - ending :]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
