"""Engines: what computes, in which precision, and that a text's answer does not depend on its company."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import made_rows

from emohub.errors import UsageError
from emohub.evaluate import evaluate
from emohub.explain import gradient_x_input
from emohub.inference import Classifier, EngineName, find_checkpoint
from emohub.inference.batches import batches, padded_length
from emohub.inference.devices import fastest_on
from emohub.inference.torch_engine import TorchEngine
from emohub.recipe import Corpus
from emohub.tokenizing import read_tokenizer

MakeModel = Callable[..., Path]

FAMILIES = ("bert", "distilbert", "roberta")
TEXTS = [
    "i am happy",
    "a",
    "furious " * 100,
    *(text for text, _ in made_rows(90, seed=7)),
    *("so " * words for words in range(1, 34)),
]
NATIVE_BF16 = fastest_on("cpu") == "torch-bf16"
PRECISIONS = [
    "torch",
    pytest.param(
        "torch-bf16",
        marks=pytest.mark.skipif(not NATIVE_BF16, reason="this processor does not multiply in bfloat16"),
    ),
]


# Precision


def test_bfloat16_holds_every_weight_but_those_of_the_last_layer(tiny_model_dir: Path) -> None:
    engine = TorchEngine.load(find_checkpoint(tiny_model_dir), None, "torch-bf16")
    assert engine.name == "torch-bf16"
    kinds = {name: weight.dtype for name, weight in engine.model.named_parameters()}
    head = {name for name in kinds if name.startswith("classifier.")}
    assert head == {"classifier.weight", "classifier.bias"}
    assert {kinds[name] for name in head} == {torch.float32}
    assert {kind for name, kind in kinds.items() if name not in head} == {torch.bfloat16}


@pytest.mark.parametrize("architecture", FAMILIES)
def test_bfloat16_answers_as_float32_does_to_two_digits(architecture: str, make_tiny_model: MakeModel) -> None:
    folder = make_tiny_model(architecture=architecture)
    exact, rounded = (
        Classifier.from_pretrained(folder, engine=engine).predict_proba(TEXTS) for engine in ("torch", "torch-bf16")
    )
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(rounded.sum(axis=1), 1, atol=1e-6)
    assert 1e-6 < np.abs(rounded - exact).max() < 0.03


def test_auto_takes_what_the_processor_does_by_itself(tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for processor, expected in (
        ({"avx2": True, "avx512_bf16": False}, "torch"),
        ({"avx512_bf16": True}, "torch-bf16"),
        ({"amx_bf16": True, "avx512_bf16": False}, "torch-bf16"),
        ({"neon": True, "bf16": True}, "torch-bf16"),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=processor: found)
        assert fastest_on(None) == fastest_on("cpu") == expected
        assert Classifier.from_pretrained(tiny_model_dir).engine == expected
    for native, expected in ((True, "torch-bf16"), (False, "torch")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        assert fastest_on("cuda:0") == expected
    assert fastest_on("mps") == "torch"


def test_an_engine_that_there_is_not_is_refused(tiny_model_dir: Path) -> None:
    with pytest.raises(UsageError, match="there is no engine 'fast'; choose one of auto, torch, torch-bf16, onnx"):
        Classifier.from_pretrained(tiny_model_dir, engine="fast")  # type: ignore[arg-type]


def test_float32_of_a_classifier_is_loaded_once_or_is_itself(tiny_model_dir: Path) -> None:
    rounded = Classifier.from_pretrained(tiny_model_dir, engine="torch-bf16")
    exact = rounded.in_float32
    assert exact.engine == "torch"
    assert exact is rounded.in_float32 is exact.in_float32
    assert (exact.id, exact.labels, exact.fingerprint) == (rounded.id, rounded.labels, rounded.fingerprint)
    expected = Classifier.from_pretrained(tiny_model_dir, engine="torch").predict_proba(TEXTS)
    np.testing.assert_array_equal(exact.predict_proba(TEXTS), expected)


def test_figures_and_explanations_are_of_float32_whatever_answers(tiny_model_dir: Path, made_corpus: Corpus) -> None:
    exact, rounded = (Classifier.from_pretrained(tiny_model_dir, engine=engine) for engine in ("torch", "torch-bf16"))
    records = [evaluate(model, made_corpus, "test", resamples=10) for model in (tiny_model_dir, exact, rounded)]
    assert len({record.predictions_sha256 for record in records}) == 1
    text = "i am happy today"
    assert gradient_x_input(exact, text) == gradient_x_input(rounded, text)


# Company


@pytest.mark.parametrize("packs", [True, False])
@pytest.mark.parametrize("engine", PRECISIONS)
@pytest.mark.parametrize("architecture", FAMILIES)
def test_a_text_is_answered_alike_alone_and_in_any_company(
    architecture: str, engine: EngineName, packs: bool, make_tiny_model: MakeModel
) -> None:
    folder = make_tiny_model(architecture=architecture, max_length=64)
    classifier = Classifier.from_pretrained(folder, engine=engine) if packs else padding_classifier(folder, engine, 64)
    # Some processors have another kernel for the head on one or two texts, and transformers' sums are rounded there.
    most = 1e-6 if packs or engine == "torch" else 1e-3
    together = classifier.predict_proba(TEXTS)
    alone = np.concatenate([classifier.predict_proba([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, together, rtol=0, atol=most)
    shuffling = np.random.default_rng(0)
    for size in (2, 3, 7, 50):
        order = shuffling.permutation(len(TEXTS))
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        answers = np.concatenate([classifier.predict_proba([TEXTS[row] for row in part]) for part in parts])
        np.testing.assert_allclose(answers, together[order], rtol=0, atol=most)
    predictions = classifier.classify_many(TEXTS)
    np.testing.assert_allclose([each.probabilities for each in predictions], together, rtol=0, atol=most)


def test_a_text_keeps_its_padded_length_in_any_company(tiny_model_dir: Path) -> None:
    classifier = padding_classifier(tiny_model_dir)
    seen: list[tuple[int, list[int]]] = []

    def see(_: object, __: object, inputs: dict[str, torch.Tensor]) -> None:
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        seen.append((ids.shape[1], (torch.ones_like(ids) if mask is None else mask).sum(dim=1).tolist()))

    engine_of(classifier).model.register_forward_pre_hook(see, with_kwargs=True)
    classifier.predict_proba(TEXTS)
    assert sum(len(lengths) for _, lengths in seen) == len(TEXTS)
    assert {padded_length(tokens, 8, 32) for padded, lengths in seen for tokens in lengths if padded != 32} == {
        8,
        16,
        24,
    }
    for padded, lengths in seen:
        assert {padded_length(tokens, 8, classifier.max_length) for tokens in lengths} == {padded}


@pytest.mark.parametrize("engine", PRECISIONS)
@pytest.mark.parametrize("architecture", FAMILIES)
def test_texts_that_fill_their_length_are_computed_without_a_mask_and_alike(
    architecture: str, engine: EngineName, make_tiny_model: MakeModel
) -> None:
    classifier = padding_classifier(make_tiny_model(architecture=architecture), engine)
    full, short = " ".join(["so"] * 14), " ".join(["so"] * 12)
    assert classifier.count_tokens([full, short]).tolist() == [16, 14]
    masks: list[object] = []
    engine_of(classifier).model.register_forward_pre_hook(
        lambda _, __, inputs: masks.append(inputs["attention_mask"]), with_kwargs=True
    )
    alone = classifier.predict_proba([full])[0]
    in_company = classifier.predict_proba([short, full])[1]
    assert [mask is None for mask in masks] == [True, False]
    np.testing.assert_allclose(alone, in_company, rtol=0, atol=1e-6)


def test_padded_lengths_are_multiples_within_what_the_model_reads() -> None:
    assert [padded_length(tokens, 8, 30) for tokens in (1, 8, 9, 24, 25, 30)] == [8, 8, 16, 24, 30, 30]


def test_batches_hold_one_length_within_the_budget_the_longest_first() -> None:
    lengths = [8, 16, 8, 8, 40, 16, 8]
    assert list(batches(lengths, 24, None)) == [[4], [1], [5], [0, 2, 3], [6]]
    assert list(batches(lengths, 24, 2)) == [[4], [1], [5], [0, 2], [3, 6]]
    assert list(batches([], 24, None)) == []


def test_batches_may_hold_several_lengths() -> None:
    lengths = [8, 16, 7, 8, 40, 15, 3]
    assert list(batches(lengths, 31, None, mixed=True)) == [[4], [1, 5], [0, 3, 2, 6]]
    assert list(batches(lengths, 31, 3, mixed=True)) == [[4], [1, 5], [0, 3, 2], [6]]


def padding_classifier(folder: Path, engine: EngineName = "torch", max_length: int = 32) -> Classifier:
    """One that transformers computes for, as it does for families that are not known otherwise."""
    computing = TorchEngine.load(find_checkpoint(folder), None, engine)
    return Classifier(computing, read_tokenizer(folder), id="padding", max_length=max_length)


def engine_of(classifier: Classifier) -> TorchEngine:
    engine = classifier._engine
    assert isinstance(engine, TorchEngine)
    return engine
