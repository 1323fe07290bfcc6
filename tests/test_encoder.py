"""The encoder without transformers computes what transformers does, or leaves it to transformers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import LABELS, made_rows
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import AutoModelForSequenceClassification

from emohub.errors import ModelError
from emohub.explain import gradient_x_input
from emohub.inference import Classifier, find_checkpoint
from emohub.inference.encoder_engine import EncoderEngine
from emohub.inference.engine import load_engine
from emohub.inference.torch_engine import TorchEngine

MakeModel = Callable[..., Path]

FAMILIES = ("bert", "distilbert", "roberta")
MAX_LENGTH = 40


def texts_of_every_length(folder: Path) -> list[list[int]]:
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    draw = np.random.default_rng(5)
    return [draw.integers(0, vocabulary, length).tolist() for length in range(1, MAX_LENGTH + 1)]


def as_batch(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids, padded with some token, and mask; in an order that is not that of the lengths."""
    texts = texts[::2] + texts[1::2]
    ids = np.full((len(texts), max(map(len, texts))), 3, np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    return ids, mask


def reference(folder: Path, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What transformers gives each text alone."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        rows = [
            model(torch.from_numpy(text[kept == 1])[None]).logits[0].numpy()
            for text, kept in zip(ids, mask, strict=True)
        ]
    return np.stack(rows)


def fast(folder: Path, name: str = "torch") -> EncoderEngine:
    engine = load_engine(name, find_checkpoint(folder), None)  # type: ignore[arg-type]
    assert isinstance(engine, EncoderEngine)
    return engine


@pytest.mark.parametrize("stored", ["float32", "float16"])
@pytest.mark.parametrize("architecture", FAMILIES)
def test_texts_of_every_length_get_the_logits_that_transformers_gives_them(
    architecture: str, stored: str, make_tiny_model: MakeModel
) -> None:
    folder = make_tiny_model(architecture=architecture, max_length=MAX_LENGTH, dtype=stored)
    engine = fast(folder)
    ids, mask = as_batch(texts_of_every_length(folder))
    logits = engine.logits(ids, mask)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, reference(folder, ids, mask), rtol=0, atol=1e-5)
    assert logits.std(axis=0).min() > 0.02  # the answers differ, so a wrong order would show


@pytest.mark.parametrize("architecture", FAMILIES)
def test_bfloat16_is_no_further_from_float32_than_transformers_is_in_bfloat16(
    architecture: str, make_tiny_model: MakeModel
) -> None:
    folder = make_tiny_model(architecture=architecture, max_length=MAX_LENGTH)
    batch = as_batch(texts_of_every_length(folder))
    exact = reference(folder, *batch)
    ours = np.abs(fast(folder, "torch-bf16").logits(*batch) - exact)
    theirs = np.abs(TorchEngine.load(find_checkpoint(folder), None, "torch-bf16").logits(*batch) - exact)
    assert ours.mean() < 1.5 * theirs.mean()
    assert ours.max() < 0.2


@pytest.mark.parametrize("architecture", FAMILIES)
def test_it_says_of_itself_what_the_engine_of_transformers_says(architecture: str, make_tiny_model: MakeModel) -> None:
    folder = make_tiny_model(architecture=architecture)
    ours, theirs = fast(folder), TorchEngine.load(find_checkpoint(folder), None, "torch")
    for name in ("name", "num_parameters", "position_limit", "device", "threads"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.config.id2label == theirs.config.id2label


def test_a_padding_token_within_a_text_is_passed_over_in_roberta_as_there(make_tiny_model: MakeModel) -> None:
    folder = make_tiny_model(architecture="roberta")
    padding = json.loads((folder / "config.json").read_text())["pad_token_id"]
    ids, mask = as_batch([[5, padding, 6, 7, padding, 8], [5, 6, 7], [padding]])
    np.testing.assert_allclose(fast(folder).logits(ids, mask), reference(folder, ids, mask), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "step"), [("torch", 1), ("torch-bf16", 8)])
def test_no_product_pads_a_text_to_the_length_of_another(
    name: str, step: int, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = fast(tiny_model_dir, name)
    rows: set[int] = set()
    linear = functional.linear

    def see(tokens: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        rows.add(len(tokens))
        return linear(tokens, *weights)

    monkeypatch.setattr("emohub.inference.encoder.functional.linear", see)
    for lengths in ([5], [3, 30, 4], [31, 2, 2, 2, 2, 2, 2, 2, 2]):
        rows.clear()
        engine.logits(*as_batch([[1] * length for length in lengths]))
        assert rows == {-(-sum(lengths) // step) * step, -(-len(lengths) // step) * step}


def test_a_text_without_tokens_is_refused(tiny_model_dir: Path) -> None:
    with pytest.raises(ValueError, match="without tokens"):
        fast(tiny_model_dir).logits(np.zeros((2, 3), np.int64), np.array([[1, 1, 1], [0, 0, 0]]))


def test_gradients_are_those_of_transformers_loaded_when_asked_for(tiny_model_dir: Path) -> None:
    classifier = Classifier.from_pretrained(tiny_model_dir, engine="torch")
    engine = classifier._engine
    assert isinstance(engine, EncoderEngine)
    assert engine._differentiable is None
    scores = gradient_x_input(classifier, "so happy today")
    assert engine.differentiable is engine.differentiable
    theirs = Classifier(engine.differentiable, classifier._tokenizer, id="theirs", max_length=32)
    assert gradient_x_input(theirs, "so happy today").words == scores.words


# What is left to transformers


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_act": "relu"},
        {"hidden_act": "gelu_new"},
        {"is_decoder": True},
        {"position_embedding_type": "relative_key"},
        {"layer_norm_eps": None},
        {"type_vocab_size": None},
        {"auto_map": {"AutoConfig": "code.C"}},
    ],
)
def test_a_configuration_that_says_anything_else_is_left_to_transformers(
    changes: dict[str, object], tiny_model_dir: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    stated = json.loads((folder / "config.json").read_text())
    kept = {key: value for key, value in {**stated, **changes}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))
    assert EncoderEngine.load(find_checkpoint(folder), None, "torch") is None
    assert isinstance(load_engine("torch", find_checkpoint(folder), None), TorchEngine)


def test_weights_of_other_names_or_kinds_are_left_to_transformers(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    texts = [text for text, _ in made_rows(20, seed=1)]
    expected = Classifier.from_pretrained(tiny_model_dir, engine="torch").predict_proba(texts)
    norm = "bert.embeddings.LayerNorm."
    legacy = {
        name.replace(f"{norm}weight", f"{norm}gamma").replace(f"{norm}bias", f"{norm}beta"): tensor
        for name, tensor in tensors.items()
    }
    doubled = {name: tensor.double() for name, tensor in tensors.items()}
    more = {**tensors, "bert.something.weight": torch.zeros(2)}
    for other in (legacy, doubled, more):
        save_file(other, folder / "model.safetensors", metadata={"format": "pt"})
        assert EncoderEngine.load(find_checkpoint(folder), None, "torch") is None
        answers = Classifier.from_pretrained(folder, engine="torch").predict_proba(texts)
        np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-6)


def test_a_table_of_positions_that_older_files_have_is_passed_over(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    older = {**tensors, "bert.embeddings.position_ids": torch.arange(32)[None]}
    save_file(older, folder / "model.safetensors", metadata={"format": "pt"})
    assert fast(folder).num_parameters == sum(tensor.numel() for tensor in tensors.values())
    assert fast(folder).config.num_labels == len(LABELS)


def test_a_damaged_file_is_left_to_transformers_which_says_so(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert EncoderEngine.load(find_checkpoint(folder), None, "torch") is None
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_engine("torch", find_checkpoint(folder), None)
