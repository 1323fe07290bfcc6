"""Texts to token ids: loading a tokenizer, cutting long texts, padding a batch. The only owner of the tokenizers."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import tokenizers
from numpy.typing import NDArray

from emohub.errors import DataError, ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

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
LOADING = threading.RLock()
"""Held while transformers is imported, or loads anything, which imports more of it and changes settings of the process.

Its first import ends with another module in its own place; who asked for it meanwhile is left with the one of before,
which is empty.
"""

_Item = TypeVar("_Item")
_VOCABULARY_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")


class Tokenizer(Protocol):
    """What texts are cut with: transformers' tokenizers are such, and what :func:`read_tokenizer` gives."""

    @property
    def backend_tokenizer(self) -> tokenizers.Tokenizer:
        """What does the work; it neither cuts nor pads."""

    @property
    def model_max_length(self) -> int:
        """The most tokens that the model reads, as the tokenizer's files state it; a huge number where they do not."""

    @property
    def pad_token(self) -> Any:
        """The padding token; None when there is none."""

    @property
    def pad_token_id(self) -> Any:
        """Its id."""

    @property
    def mask_token(self) -> Any:
        """The mask token; None when there is none."""

    @property
    def mask_token_id(self) -> Any:
        """Its id."""


class TrainingTokenizer(Tokenizer, Protocol):
    """One of transformers' own tokenizers, which can be saved: what :func:`load_tokenizer` gives."""

    def __len__(self) -> int:
        """Tokens of the vocabulary, added ones included."""

    @property
    def all_special_ids(self) -> list[int]:
        """Ids of the tokens that stand for no text."""

    def save_pretrained(self, save_directory: Any) -> Any:
        """Write its files into a folder."""


@dataclass(frozen=True)
class PlainTokenizer:
    """A tokenizer that was read without transformers; see :class:`Tokenizer`."""

    backend_tokenizer: tokenizers.Tokenizer
    model_max_length: int
    pad_token: str
    mask_token: str

    @property
    def pad_token_id(self) -> int | None:
        """Id of the padding token."""
        return self.backend_tokenizer.token_to_id(self.pad_token)

    @property
    def mask_token_id(self) -> int | None:
        """Id of the mask token."""
        return self.backend_tokenizer.token_to_id(self.mask_token)


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


def read_tokenizer(folder: str | Path) -> Tokenizer:
    """The tokenizer in a model's folder, without transformers where that gives the same; for who only classifies.

    Raises:
        ModelError: the folder holds no tokenizer, or a damaged one.
    """
    plain = _read_plain(Path(folder))
    return load_tokenizer(folder) if plain is None else plain


def load_tokenizer(folder: str | Path, *, max_length: int | None = None) -> "PreTrainedTokenizerBase":
    """The tokenizer in a model's folder, as transformers loads it; code in the folder is never run, no network used.

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
    with LOADING:
        from transformers import AutoTokenizer  # noqa: PLC0415 - it takes seconds to import

        try:
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
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


def tokenize(tokenizer: Tokenizer, texts: Sequence[str], max_length: int, *, before: int = 0) -> Tokens:
    """Token ids of ``texts``, each cut to ``max_length`` tokens; an error counts the texts ``before`` them as well.

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
            f"text {before + row} is not valid Unicode (half of a surrogate pair)", "remove that character"
        ) from None
    lengths = np.fromiter(map(len, ids), np.int64, count=len(ids))
    if lengths.max() > max_length:
        ending = _ending(tokenizer)
        ids = [_cut(text_ids, max_length, ending) for text_ids in ids]
    return Tokens(ids, lengths)


def read_chars(tokenizer: Tokenizer, text: str, max_length: int) -> int:
    """Characters from the start of ``text`` up to the end of the last token that survives a cut to ``max_length``."""
    encoded = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
    special = len(_encode(tokenizer, ["a"])[0]) - len(_encode(tokenizer, ["a"], special=False)[0])
    return max((end for _, end in encoded.offsets[: max(max_length - special, 0)]), default=0)


def trace(tokenizer: Tokenizer, text: str, max_length: int) -> TracedTokens:
    """The tokens of ``text`` as :func:`tokenize` cuts them, each with its place in the text.

    Raises:
        DataError: the text holds half of a surrogate pair, which is no Unicode.
    """
    (ids,) = tokenize(tokenizer, [text], max_length).ids
    encoded = tokenizer.backend_tokenizer.encode(text)
    spans = list(encoded.offsets)
    added = [bool(special) for special in encoded.special_tokens_mask]
    if len(ids) < len(spans):
        ending = _ending(tokenizer)
        spans, added = _cut(spans, max_length, ending), _cut(added, max_length, ending)
    return TracedTokens(ids, spans, added)


def pad(ids: Sequence[Sequence[int]], pad_id: int, length: int | None = None) -> dict[str, NDArray[np.int64]]:
    """A batch padded at the right to ``length`` tokens, which no text may exceed, or to its longest text.

    Returns ``input_ids`` and ``attention_mask`` (1 for tokens, 0 for padding), both of shape ``(n_texts, length)``.
    """
    shape = (len(ids), max(map(len, ids), default=0) if length is None else length)
    input_ids = np.full(shape, pad_id, np.int64)
    attention_mask = np.zeros(shape, np.int64)
    for row, text_ids in enumerate(ids):
        input_ids[row, : len(text_ids)] = text_ids
        attention_mask[row, : len(text_ids)] = 1
    return {"input_ids": input_ids, "attention_mask": attention_mask}


def _read_plain(folder: Path) -> PlainTokenizer | None:
    """The tokenizer of ``tokenizer.json``, or None where transformers would build another one from the folder.

    From the families below it takes only the vocabulary, and the rest from ``tokenizer_config.json``; so both must say
    the same. Whatever is older, damaged or of another kind is left to transformers.
    """
    try:
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        stated, config = json.loads(text), json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        expected = _PARTS[config["tokenizer_class"]](config)
        special = {value for key, value in config.items() if key.endswith("_token")}
        as_built = (
            config["backend"] == "tokenizers"
            and all(stated["model"][key] == value for key, value in expected.pop("model").items())
            and all(stated[key] == value for key, value in expected.items())
            and {token["content"] for token in stated["added_tokens"]} == special
            and all(token.items() >= _SPECIAL.items() for token in stated["added_tokens"])
            and not config.keys() & _ADDED
        )
        if not as_built:
            return None
        backend = tokenizers.Tokenizer.from_str(text)
        backend.no_truncation()
        backend.no_padding()
        return PlainTokenizer(backend, int(config["model_max_length"]), config["pad_token"], config["mask_token"])
    except Exception:  # for a damaged file the tokenizers library raises a bare Exception; transformers will tell
        return None


def _bert_parts(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": config["tokenize_chinese_chars"],
            "strip_accents": config["strip_accents"],
            "lowercase": config["do_lower_case"],
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            "type": "WordPiece",
            "unk_token": config["unk_token"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        },
    }


def _roberta_parts(config: Mapping[str, Any]) -> dict[str, Any]:
    space = {"add_prefix_space": config["add_prefix_space"]}
    return {
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", **space, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
        },
    }


_PARTS = {"BertTokenizer": _bert_parts, "RobertaTokenizer": _roberta_parts}
"""What transformers builds for its classes, in the terms of ``tokenizer.json``."""
_SPECIAL = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
_ADDED = frozenset({"added_tokens_decoder", "additional_special_tokens", "extra_special_tokens", "auto_map"})
"""Keys that add tokens, or name another class."""


def _encode(tokenizer: Tokenizer, texts: Sequence[str], *, special: bool = True) -> list[list[int]]:
    encoded = tokenizer.backend_tokenizer.encode_batch_fast(list(texts), add_special_tokens=special)
    return [text.ids for text in encoded]


def _ending(tokenizer: Tokenizer) -> int:
    """How many special tokens the tokenizer puts after a text."""
    body, whole = (_encode(tokenizer, ["a"], special=special)[0] for special in (False, True))
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
