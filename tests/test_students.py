"""Students: the base model's weights in a smaller shape, a vocabulary with fewer tokens, and texts made of texts."""

import json
import math
import random
import string
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import LABELS, MakeModel, made_rows
from sklearn.decomposition import PCA

from emohub.errors import ModelError, RecipeError, UsageError
from emohub.inference.loading import load_for_training
from emohub.recipe import Augmentation, Student
from emohub.tokenizing import load_tokenizer, tokenize
from emohub.train.augmentation import made_texts
from emohub.train.students import evenly, kept_tokens, make_student, principal_components, pruned

TEXTS = [text for text, _ in made_rows(80, seed=3)]
FAMILIES = ("bert", "distilbert", "roberta")


def student_of(folder: Path, texts: list[str] = TEXTS, **shape: Any) -> tuple[Any, Any, Any]:
    """The base model in a folder, the student of that shape, and the student's tokenizer."""
    base = load_for_training(folder, LABELS)
    tokenizer = base.tokenizer(32)
    declared = Student.from_values(shape, "test student")
    student, own = make_student(base, tokenizer, declared, texts, 32)
    return base.model.eval(), student.model.eval(), own


def logits(model: Any, tokenizer: Any, texts: list[str]) -> torch.Tensor:
    ids = tokenize(tokenizer, texts, 32).ids
    with torch.inference_mode():
        return torch.cat([model(input_ids=torch.tensor([text])).logits for text in ids])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_of_the_same_shape_is_the_base_model(family: Any, make_tiny_model: MakeModel) -> None:
    base, student, tokenizer = student_of(make_tiny_model(architecture=family), num_hidden_layers=2)
    assert base.state_dict().keys() == student.state_dict().keys()
    assert all(torch.equal(weight, student.state_dict()[name]) for name, weight in base.state_dict().items())
    own, wide = (logits(model, tokenizer, TEXTS[:9]) for model in (student, base))
    assert torch.allclose(own, wide, atol=1e-6)  # memory may be laid out in another way


@pytest.mark.parametrize("family", FAMILIES)
def test_every_size_can_be_smaller(family: Any, make_tiny_model: MakeModel) -> None:
    shape = {"num_hidden_layers": 1, "hidden_size": 12, "num_attention_heads": 3, "intermediate_size": 20}
    _, student, tokenizer = student_of(make_tiny_model(architecture=family), **shape)
    assert {key: getattr(student.config, key) for key in shape if key != "intermediate_size"} == {
        key: value for key, value in shape.items() if key != "intermediate_size"
    }
    assert logits(student, tokenizer, TEXTS[:3]).shape == (3, len(LABELS))
    assert all(weight.isfinite().all() for weight in student.state_dict().values())


def test_the_embeddings_are_their_principal_components(make_tiny_model: MakeModel) -> None:
    base, student, _ = student_of(make_tiny_model(), hidden_size=12, num_attention_heads=3)
    words = base.bert.embeddings.word_embeddings.weight.detach().double().numpy()
    own = student.bert.embeddings.word_embeddings.weight.detach().numpy()
    reference = PCA(12, svd_solver="full").fit(words)
    expected = reference.transform(words)
    signs = np.sign((own * expected).sum(axis=0))
    np.testing.assert_allclose(own, expected * signs, atol=1e-5)
    # Nothing of what all tokens share is lost: it stands in the positions.
    moved = student.bert.embeddings.position_embeddings.weight[0].detach().numpy()
    first = base.bert.embeddings.position_embeddings.weight[0].detach().numpy()
    np.testing.assert_allclose(moved, (first + reference.mean_) @ reference.components_.T * signs, atol=1e-5)


def test_what_is_turned_gives_the_same_as_the_wide_weights_in_the_subspace(make_tiny_model: MakeModel) -> None:
    """Of a base model whose states lie in a subspace nothing is lost by writing its products down in that subspace."""
    base, student, _ = student_of(make_tiny_model(), hidden_size=12, num_attention_heads=3)
    words = base.bert.embeddings.word_embeddings.weight.detach()
    basis, _ = principal_components(words, 12)
    assert torch.allclose(basis.T @ basis, torch.eye(12), atol=1e-5)
    state = torch.randn(5, 12, generator=torch.Generator().manual_seed(0))
    for part in ("bert.encoder.layer.0.attention.self.query", "bert.pooler.dense"):
        wide, narrow = base.get_submodule(part), student.get_submodule(part)
        assert torch.allclose(narrow(state), wide(state @ basis.T) @ basis, atol=1e-5)
    assert torch.allclose(student.classifier(state), base.classifier(state @ basis.T), atol=1e-5)


def test_the_neurons_with_the_largest_weights_stay(make_tiny_model: MakeModel) -> None:
    base, student, _ = student_of(make_tiny_model(), intermediate_size=10)
    layer, own = base.bert.encoder.layer[1], student.bert.encoder.layer[1]
    up, down = layer.intermediate.dense.weight.detach().numpy(), layer.output.dense.weight.detach().numpy()
    strongest = sorted(np.argsort(-np.linalg.norm(up, axis=1) * np.linalg.norm(down, axis=0))[:10].tolist())
    np.testing.assert_array_equal(own.intermediate.dense.weight.detach().numpy(), up[strongest])
    np.testing.assert_array_equal(own.output.dense.weight.detach().numpy(), down[:, strongest])


@pytest.mark.parametrize(
    ("count", "chosen", "expected"), [(6, 2, [0, 5]), (6, 3, [0, 2, 5]), (6, 6, list(range(6))), (12, 1, [0])]
)
def test_layers_are_chosen_evenly(count: int, chosen: int, expected: list[int]) -> None:
    assert evenly(count, chosen) == expected


def test_a_pruned_vocabulary_keeps_what_is_frequent_and_reads_every_text(make_tiny_model: MakeModel) -> None:
    folder = make_tiny_model()
    tokenizer = load_tokenizer(folder, max_length=32)
    vocabulary = tokenizer.get_vocab()
    needed = 5 + 26 + 26 + 3
    kept = kept_tokens(tokenizer, TEXTS, needed + 6)
    counts = Counter(word for text in TEXTS for word in text.split() if word in vocabulary and len(word) > 1)
    by_frequency = sorted(counts, key=lambda word: (-counts[word], vocabulary[word]))
    small = pruned(tokenizer, kept, 32)
    assert set(by_frequency[:6]) == {word for word in small.get_vocab() if len(word.removeprefix("##")) > 1} - {
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
    }
    assert sorted(small.get_vocab().values()) == list(range(needed + 6))
    generator = random.Random(1)
    odd = ["".join(generator.choices(string.ascii_lowercase, k=9)) for _ in range(20)]
    for text in [*TEXTS, *odd]:
        (ids,) = tokenize(small, [text], 512).ids
        tokens = small.convert_ids_to_tokens(ids)
        assert tokens[0] == "[CLS]"
        assert tokens[-1] == "[SEP]"
        assert "[UNK]" not in tokens
        assert "".join(token.removeprefix("##") for token in tokens[1:-1]) == text.replace(" ", "")


def test_a_token_that_stays_keeps_its_embedding_and_the_files_say_the_same(
    make_tiny_model: MakeModel, tmp_path: Path
) -> None:
    base, student, tokenizer = student_of(make_tiny_model(), vocab_size=64)
    before = load_tokenizer(Path(base.name_or_path)).get_vocab()
    for token, id in tokenizer.get_vocab().items():
        words = student.bert.embeddings.word_embeddings.weight
        assert torch.equal(words[id], base.bert.embeddings.word_embeddings.weight[before[token]])
    assert student.config.vocab_size == len(tokenizer) == 64
    assert student.config.pad_token_id == tokenizer.pad_token_id
    tokenizer.save_pretrained(tmp_path)
    assert tokenize(load_tokenizer(tmp_path), TEXTS, 32).ids == tokenize(tokenizer, TEXTS, 32).ids
    assert "/tmp" not in (tmp_path / "tokenizer_config.json").read_text()
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["model_max_length"] == 32


@pytest.mark.parametrize(
    ("family", "shape", "error", "message"),
    [
        ("bert", {"hidden_size": 64}, ModelError, "no hidden_size of 64, since .* has 32"),
        ("bert", {"num_hidden_layers": 3}, ModelError, "no num_hidden_layers of 3"),
        ("distilbert", {"intermediate_size": 65}, ModelError, "no intermediate_size of 65, since .* 64"),
        ("bert", {"hidden_size": 30}, UsageError, "4 attention heads do not divide"),
        ("roberta", {"vocab_size": 64}, ModelError, "of the kind BPE cannot be pruned"),
        ("bert", {"vocab_size": 65}, None, ""),
    ],
)
def test_a_shape_that_cannot_be_is_refused(
    family: Any, shape: dict[str, int], error: Any, message: str, make_tiny_model: MakeModel
) -> None:
    folder = make_tiny_model(architecture=family)
    if error is None:
        student_of(folder, **shape)
    else:
        with pytest.raises(error, match=message):
            student_of(folder, **shape)


def test_a_vocabulary_without_room_for_all_characters_is_refused(make_tiny_model: MakeModel) -> None:
    tokenizer = load_tokenizer(make_tiny_model())
    with pytest.raises(UsageError, match=r"no room for 60 special tokens and single characters; .*60 or more"):
        kept_tokens(tokenizer, TEXTS, 59)


ALL_WAYS = {"splice": 0.5, "ngram": 0.2, "word_dropout": 0.1, "word_swap": 0.1, "casing": 0.3}


def test_texts_are_made_of_the_words_of_the_texts_and_are_all_different() -> None:
    settings = Augmentation(copies=3, **ALL_WAYS)
    made = made_texts(TEXTS, settings, 7)
    assert made == made_texts(TEXTS, settings, 7)
    assert made != made_texts(TEXTS, settings, 8)
    assert len(set(made)) == len(made) > 2.5 * len(TEXTS)
    assert not set(made) & set(TEXTS)
    words = {word for text in TEXTS for word in text.split()}
    assert {word.lower() for text in made for word in text.split()} <= words


def test_each_way_does_what_it_says() -> None:
    text, other = "one two three four five six", "a b c"

    def ways(**settings: float) -> list[str]:
        return [made_texts([text, other], Augmentation(copies=1, **settings), seed)[0] for seed in range(60)]

    words = text.split()
    assert all(each in text and len(each.split()) <= 5 for each in ways(ngram=1.0))
    assert {each.lower() for each in ways(casing=1.0)} == {text}
    assert set(ways(casing=1.0)) == {text.upper(), string.capwords(text)}
    for each in ways(word_dropout=0.4):
        assert [word for word in words if word in each.split()] == each.split()
        assert each
    assert all(sorted(each.split()) == sorted(words) for each in ways(word_swap=0.5))
    spliced = ways(splice=1.0)
    assert any(each.startswith("one") and each.endswith("c") for each in spliced)
    assert all(each.split()[0] == "one" and each.split()[-1] in ("six", "c") for each in spliced)


def test_dropout_drops_the_share_that_it_is_given() -> None:
    texts = [" ".join(f"w{row}x{place}" for place in range(40)) for row in range(100)]
    made = made_texts(texts, Augmentation(copies=1, word_dropout=0.3), 1)
    left = sum(len(text.split()) for text in made) / (len(made) * 40)
    assert abs(left - 0.7) < 4 * math.sqrt(0.3 * 0.7 / 4000)


def test_one_word_has_no_neighbours() -> None:
    assert made_texts(["alone"], Augmentation(copies=2, word_swap=1.0, word_dropout=0.9, ngram=1.0), 0) == []


def test_an_augmentation_that_changes_nothing_is_refused() -> None:
    with pytest.raises(RecipeError, match="every way of changing a text has the probability 0"):
        Augmentation.from_values({"copies": 2}, "test")
