"""Packed batches give what padded ones give, for every family and every length, and texts do not see each other."""

import random

import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

from emohub import packing, tokenizing

FAMILIES = ("bert", "distilbert", "roberta")
MAX_LENGTH = 32
LENGTHS = (3, MAX_LENGTH, 2, 17, 3, 1, 9, MAX_LENGTH, 25, 4, 4, 31, 5)
"""Tokens per text: the shortest possible, the longest that the models read, and rows that fill up exactly."""
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, make_tiny_model):
    folder = make_tiny_model(architecture=request.param, max_length=MAX_LENGTH)
    return AutoModelForSequenceClassification.from_pretrained(folder).eval()


def token_ids(model, lengths=LENGTHS, seed=0):
    generator = random.Random(seed)
    return [[generator.randrange(5, model.config.vocab_size) for _ in range(length)] for length in lengths]


def padded_logits(model, ids):
    batch = tokenizing.pad(ids, model.config.pad_token_id)
    return model(**{name: torch.from_numpy(array) for name, array in batch.items()}).logits


def gradients(model, logits):
    model.zero_grad()
    labels = torch.arange(len(logits)) % model.config.num_labels
    torch.nn.functional.cross_entropy(logits, labels).backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("capacity", [8, 33, 96, 1000])
def test_logits_and_gradients_are_those_of_the_padded_batch(model, capacity):
    ids = token_ids(model)
    packed_logits = packing.packed_logits(model, packing.pack(ids, model.config.pad_token_id, capacity))
    reference = padded_logits(model, ids)
    torch.testing.assert_close(packed_logits, reference, **TOLERANCE)
    assert reference.std(dim=0).min() > 0.1  # the texts do get different answers

    ours, theirs = gradients(model, packed_logits), gradients(model, reference)
    assert ours.keys() == theirs.keys()
    assert {name for name, _ in model.named_parameters()} == set(ours)
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, **TOLERANCE, msg=lambda text, name=name: f"{name}: {text}")


def test_a_text_alone_gives_what_it_gives_among_others(model):
    ids = token_ids(model)
    together = packing.packed_logits(model, packing.pack(ids, model.config.pad_token_id))
    for text, alone in enumerate(ids):
        torch.testing.assert_close(together[text : text + 1], padded_logits(model, [alone]), **TOLERANCE)


def test_changing_one_text_changes_no_other(model):
    ids = token_ids(model)
    pad_id = model.config.pad_token_id
    before = packing.packed_logits(model, packing.pack(ids, pad_id, capacity=1000))  # all of them in one row
    for changed in range(len(ids)):
        others = [index for index in range(len(ids)) if index != changed]
        altered = [*ids]
        altered[changed] = token_ids(model, [len(ids[changed])], seed=9)[0]
        after = packing.packed_logits(model, packing.pack(altered, pad_id, capacity=1000))
        torch.testing.assert_close(after[others], before[others], rtol=0, atol=1e-6)
        assert (after[changed] - before[changed]).abs().max() > 1e-3


def test_what_stands_in_the_padding_changes_nothing(model):
    packed = packing.pack(token_ids(model, (20, 3)), model.config.pad_token_id, capacity=20)
    assert packed.input_ids.shape == (2, 20)
    filled = packed.input_ids.clone()
    filled[1, 3:] = 7
    torch.testing.assert_close(
        packing.packed_logits(model, packed._replace(input_ids=filled)),
        packing.packed_logits(model, packed),
        rtol=0,
        atol=1e-6,
    )


def test_rows_are_filled_longest_first_and_hold_every_token_once():
    ids = [[1] * 30, [2] * 50, [3] * 46, [4] * 66, [5]]
    packed = packing.pack(ids, pad_id=0, capacity=96)
    assert packed.input_ids.shape == (3, 96)
    assert packed.first.tolist() == [[0, 66], [1, 0], [1, 50], [0, 0], [2, 0]]
    for text, (row, start) in zip(ids, packed.first.tolist(), strict=True):
        place = slice(start, start + len(text))
        assert packed.input_ids[row, place].tolist() == text
        assert packed.position_ids[row, place].tolist() == list(range(len(text)))
        assert packed.attention_mask[row, 0, start].nonzero().flatten().tolist() == list(range(96))[place]
    assert (packed.input_ids != 0).sum() == sum(map(len, ids))
    assert packed.attention_mask.any(dim=-1).all()  # a token that attends to nothing would give NaN


def test_capacity_grows_to_the_longest_text():
    assert packing.pack([[1] * 100, [2] * 3], pad_id=0, capacity=8).input_ids.shape == (2, 100)


def test_random_batches_lose_nothing_and_waste_little():
    generator = random.Random(0)
    for _ in range(50):
        ids = [[text + 1] * generator.randrange(1, 60) for text in range(generator.randrange(1, 80))]
        packed = packing.pack(ids, pad_id=0)
        total = sum(map(len, ids))
        assert packed.input_ids.flatten().bincount(minlength=len(ids) + 1)[1:].tolist() == [len(text) for text in ids]
        # First-fit never leaves two rows that would fit into one.
        assert len(packed.input_ids) <= 2 * total / 96 + 1
    assert packing.pack([], pad_id=0).first.shape == (0, 2)


def test_a_text_without_tokens_is_refused():
    with pytest.raises(ValueError, match="without tokens"):
        packing.pack([[1], []], pad_id=0)


def test_other_families_and_other_attention_are_not_supported(make_tiny_model):
    folder = make_tiny_model(architecture="bert")
    assert packing.supports(AutoModelForSequenceClassification.from_pretrained(folder))
    eager = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager")
    assert not packing.supports(eager)
    with pytest.raises(ValueError, match="cannot run packed"):
        packing.packed_logits(eager, packing.pack([[1, 2]], pad_id=0))

    from transformers import AutoModel, ElectraConfig, ElectraForSequenceClassification

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    electra = ElectraForSequenceClassification(ElectraConfig(vocab_size=50, embedding_size=32, **sizes))
    assert not packing.supports(electra)
    decoder = BertForSequenceClassification(BertConfig(vocab_size=50, is_decoder=True, **sizes))
    assert not packing.supports(decoder)
    assert not packing.supports(AutoModel.from_pretrained(folder))  # an encoder without a head
    assert not packing.supports(torch.nn.Linear(1, 1))
