"""What the tests share: tiny real models and a made corpus, built here, offline, from a fixed seed."""

import csv
import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emohub.recipe import Corpus

# No test may leave the machine. This runs before any test imports the Hub's client or gradio, which read it at import.
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"  # a port that nothing listens on
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and tests set it themselves where the width matters

pytest_plugins = ("tests.publishing", "tests.browsing", "tests.wall")
"""Fixtures of several modules; imported after the lines above."""

LABELS = ("sadness", "joy", "anger")
TRIGGERS = {
    "sadness": ("gloomy", "lonely", "crying", "lost"),
    "joy": ("happy", "sunny", "laughing", "proud"),
    "anger": ("furious", "shouting", "hate", "annoyed"),
}
"""Words that decide the label of a text of the made corpus."""
FILLERS = (
    "i",
    "am",
    "feel",
    "really",
    "so",
    "very",
    "today",
    "and",
    "the",
    "this",
    "was",
    "my",
    "friend",
    "at",
    "home",
)

Architecture = Literal["bert", "distilbert", "roberta"]
MakeModel = Callable[..., Path]


def made_rows(count: int, seed: int) -> list[tuple[str, int]]:
    """Texts of 3 to 12 words and their labels: one trigger word among fillers, no text twice for a seed."""
    generator = random.Random(seed)
    rows: dict[str, int] = {}
    while len(rows) < count:
        label = generator.randrange(len(LABELS))
        words = generator.choices(FILLERS, k=generator.randrange(2, 12))
        words.insert(generator.randrange(len(words) + 1), generator.choice(TRIGGERS[LABELS[label]]))
        rows[" ".join(words)] = label
    return list(rows.items())


def write_rows(path: Path, rows: Sequence[tuple[str, int | str]]) -> Path:
    """A CSV or parquet file with the columns ``text`` and ``label``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"text": [text for text, _ in rows], "label": [label for _, label in rows]}), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    return path


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the data folder that a developer has set."""
    monkeypatch.delenv("EMOHUB_DATA_DIR", raising=False)


@pytest.fixture(scope="session")
def make_tiny_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """``make_tiny_model(labels=…, seed=…, architecture=…, max_length=…, dtype=…, scale=…)`` → a saved classifier.

    ``scale`` widens the initial weights, so that an untrained model still tells texts apart.
    """

    def make(
        *,
        labels: Sequence[str] = LABELS,
        seed: int = 0,
        architecture: Architecture = "bert",
        max_length: int = 32,
        dtype: str = "float32",
        scale: float = 0.2,
    ) -> Path:
        import torch
        from transformers import AutoModelForSequenceClassification

        folder = tmp_path_factory.mktemp(f"tiny-{architecture}")
        tokenizer = _tokenizer(architecture, folder, max_length)
        config = _config(architecture, len(tokenizer), max_length, scale)
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = AutoModelForSequenceClassification.from_config(config)
        _save(model.to(getattr(torch, dtype)), tokenizer, folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_model_dir(make_tiny_model: MakeModel) -> Path:
    """A 2-layer, 32-wide BERT classifier over :data:`LABELS` with a WordPiece tokenizer. Read only."""
    return make_tiny_model()


@pytest.fixture(scope="session")
def tiny_base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 2-layer, 32-wide BERT encoder without a classification head: a base model to train from. Read only."""
    import torch
    from transformers import AutoModel

    folder = tmp_path_factory.mktemp("tiny-base")
    tokenizer = _tokenizer("bert", folder, 32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModel.from_config(_config("bert", len(tokenizer), 32, 0.02))
    _save(model, tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def made_corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A learnable corpus of CSV files with its declaration: 240 train, 60 validation, 60 test rows. Read only."""
    folder = tmp_path_factory.mktemp("made-corpus")
    rows = made_rows(360, seed=0)  # one draw, so that no text is in two splits
    parts = {"train": rows[:240], "validation": rows[240:300], "test": rows[300:]}
    for split, part in parts.items():
        write_rows(folder / f"{split}.csv", part)
    return Corpus.from_values(
        {
            "name": "made",
            "title": "Made sentences with a trigger word",
            "labels": list(LABELS),
            "splits": {split: {"file": f"{split}.csv", "rows": len(part)} for split, part in parts.items()},
            "base_folder": str(folder),
        },
        "made corpus",
    )


@pytest.fixture(scope="session")
def made_data_dir(made_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made corpus as a ``--data-dir``: ``made/train.parquet`` and so on. Read only."""
    folder = tmp_path_factory.mktemp("data-dir")
    for split in made_corpus.splits:
        with (Path(made_corpus.base_folder) / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            rows = [(row["text"], int(row["label"])) for row in csv.DictReader(file)]
        write_rows(folder / made_corpus.data_folder / f"{split}.parquet", rows)
    return folder


def _words() -> list[str]:
    return [*FILLERS, *(word for words in TRIGGERS.values() for word in words)]


def _tokenizer(architecture: Architecture, folder: Path, max_length: int):
    from transformers import BertTokenizer, RobertaTokenizer

    if architecture == "roberta":
        from tokenizers import ByteLevelBPETokenizer

        trained = ByteLevelBPETokenizer()
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        trained.train_from_iterator(_sentences(), vocab_size=400, special_tokens=special, show_progress=False)
        trained.save_model(str(folder))
        return RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=max_length)
    pieces = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"), ".", "!", ","]
    vocabulary = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces, *_words()])
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    return BertTokenizer(str(folder / "vocab.txt"), model_max_length=max_length)


def _sentences() -> Iterator[str]:
    return (text for text, _ in made_rows(50, seed=1))


def _config(architecture: Architecture, vocab_size: int, max_length: int, scale: float):
    from transformers import BertConfig, DistilBertConfig, RobertaConfig

    if architecture == "distilbert":
        return DistilBertConfig(
            vocab_size=vocab_size,
            dim=32,
            n_layers=2,
            n_heads=4,
            hidden_dim=64,
            max_position_embeddings=max_length,
            initializer_range=scale,
        )
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    if architecture == "roberta":  # its positions start after the padding id, 1
        return RobertaConfig(
            vocab_size=vocab_size, max_position_embeddings=max_length + 2, initializer_range=scale, **sizes
        )
    return BertConfig(vocab_size=vocab_size, max_position_embeddings=max_length, initializer_range=scale, **sizes)


def _save(model, tokenizer, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
