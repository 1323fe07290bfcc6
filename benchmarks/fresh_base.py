"""The documented base models at their full size with fresh weights, for a machine where the real ones can't be had.

They have the architecture, and so the cost of every step, of the documented models, and none of their knowledge: what
is trained from them shows that a recipe runs and how fast, never how accurate it is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import AutoModelForPreTraining, BertConfig, BertTokenizer, DistilBertConfig, PreTrainedConfig

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@dataclass(frozen=True)
class Architecture:
    """What decides the size of a base model, and whether its tokenizer tells upper case apart."""

    name: str
    config: type[PreTrainedConfig]
    sizes: dict[str, Any]
    """Settings of the configuration that differ from its defaults."""
    cased: bool

    def configuration(self) -> PreTrainedConfig:
        """The configuration of the full-size model."""
        return self.config(**self.sizes)


ARCHITECTURES = {
    "prajjwal1/bert-tiny": Architecture(
        "bert-tiny",
        BertConfig,
        # Turc et al. 2019, "Well-Read Students Learn Better": L=2, H=128, H/64 heads, 4H in between.
        {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512},
        cased=False,
    ),
    "sentence-transformers/all-MiniLM-L6-v2": Architecture(
        "minilm",
        BertConfig,
        # Its own config.json: 6 layers 384 wide, 12 heads.
        {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
        cased=False,
    ),
    "google-bert/bert-base-cased": Architecture("bert-base-cased", BertConfig, {"vocab_size": 28996}, cased=True),
    "distilbert/distilbert-base-cased": Architecture(
        "distilbert-base-cased", DistilBertConfig, {"vocab_size": 28996}, cased=True
    ),
    "distilbert/distilbert-base-uncased": Architecture("distilbert-base-uncased", DistilBertConfig, {}, cased=False),
}
"""By the Hub id of the documented base, and of the base of the models that ship here. The defaults of transformers are
the sizes of BERT-base and DistilBERT."""


def build(base_model: str, texts: Sequence[str], folder: Path, *, seed: int = 0) -> Path:
    """Write a fresh model of the architecture of ``base_model`` into ``folder``, with a tokenizer made from ``texts``.

    The tokenizer may have fewer pieces than the model has embeddings for: the model keeps its documented size.
    """
    architecture = ARCHITECTURES[base_model]
    config = architecture.configuration()
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(texts, folder, architecture, config.vocab_size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForPreTraining.from_config(config)
    model.save_pretrained(folder)
    return folder


def _write_tokenizer(texts: Sequence[str], folder: Path, architecture: Architecture, vocab_size: int) -> None:
    lowercase = not architecture.cased
    vocabulary = make_vocabulary(texts, vocab_size, lowercase=lowercase)
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocabulary), encoding="utf-8")
    tokenizer = BertTokenizer(str(folder / "vocab.txt"), do_lower_case=lowercase, model_max_length=512)
    tokenizer.save_pretrained(folder)


def make_vocabulary(texts: Sequence[str], size: int, *, lowercase: bool) -> list[str]:
    """WordPiece pieces: special tokens, every character by itself and within a word, then the most frequent words.

    The trainers of the tokenizers library give another vocabulary each time (its issue 1794), and with it other
    figures; this one depends on the texts alone.
    """
    normalizer, splitter = BertNormalizer(lowercase=lowercase), BertPreTokenizer()
    words = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    characters = sorted({character for word in words for character in word})
    frequent = sorted((word for word, count in words.items() if count > 1), key=lambda word: (-words[word], word))
    pieces = [*SPECIAL_TOKENS, *characters, *(f"##{character}" for character in characters), *frequent]
    return list(dict.fromkeys(pieces))[:size]
