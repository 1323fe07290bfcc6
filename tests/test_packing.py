"""Packed batches give what padded ones give, for every family and every length, and texts do not see each other."""

import copy
import random

import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

from emohub import packing, tokenizing
from emohub.inference.loading import recompute_activations
from emohub.packing.dropout import dropout

FAMILIES = ("bert", "distilbert", "roberta")
MAX_LENGTH = 32
LENGTHS = (3, MAX_LENGTH, 2, 17, 3, 1, 9, MAX_LENGTH, 25, 4, 4, 31, 5)
"""Tokens per text: the shortest possible, the longest that the models read, and several of one length."""
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, make_tiny_model):
    folder = make_tiny_model(architecture=request.param, max_length=MAX_LENGTH)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    packing.prepare(model)
    return model


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


def test_logits_and_gradients_are_those_of_the_padded_batch(model):
    ids = token_ids(model)
    packed_logits = packing.packed_logits(model, packing.pack(ids))
    reference = padded_logits(model, ids)
    torch.testing.assert_close(packed_logits, reference, **TOLERANCE)
    assert reference.std(dim=0).min() > 0.1  # the texts do get different answers

    ours, theirs = gradients(model, packed_logits), gradients(model, reference)
    assert ours.keys() == theirs.keys()
    assert {name for name, _ in model.named_parameters()} == set(ours)
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, **TOLERANCE, msg=lambda text, name=name: f"{name}: {text}")


def test_a_prepared_model_computes_padded_batches_as_before(model, make_tiny_model):
    plain = AutoModelForSequenceClassification.from_pretrained(
        make_tiny_model(architecture=model.config.model_type, max_length=MAX_LENGTH)
    ).eval()
    ids = token_ids(model)
    torch.testing.assert_close(padded_logits(model, ids), padded_logits(plain, ids), rtol=0, atol=0)


def test_a_copy_of_a_prepared_model_computes_with_its_own_weights(model):
    twin = copy.deepcopy(model)
    ids = token_ids(model)
    before = packing.packed_logits(model, packing.pack(ids))
    with torch.no_grad():
        for weight in twin.parameters():
            weight.mul_(0.5)
    torch.testing.assert_close(packing.packed_logits(model, packing.pack(ids)), before, rtol=0, atol=0)
    torch.testing.assert_close(packing.packed_logits(twin, packing.pack(ids)), padded_logits(twin, ids), **TOLERANCE)


def test_activations_that_are_computed_again_change_no_gradient(model):
    ids = token_ids(model)
    once = gradients(model, packing.packed_logits(model, packing.pack(ids)))
    again = copy.deepcopy(model)
    recompute_activations(again)
    again.train()
    for module in again.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for name, gradient in gradients(again, packing.packed_logits(again, packing.pack(ids))).items():
        torch.testing.assert_close(gradient, once[name], **TOLERANCE)


def test_a_saved_model_knows_nothing_of_packing(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert "packed" not in (tmp_path / "config.json").read_text()
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path).config._attn_implementation == "sdpa"


def test_bfloat16_stays_near_float32(model):
    ids = token_ids(model)
    exact = packing.packed_logits(model, packing.pack(ids))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = packing.packed_logits(model, packing.pack(ids))
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, rtol=0.05, atol=0.05 * exact.abs().max().item())


def test_a_text_alone_gives_what_it_gives_among_others(model):
    ids = token_ids(model)
    together = packing.packed_logits(model, packing.pack(ids))
    for text, alone in enumerate(ids):
        torch.testing.assert_close(together[text : text + 1], padded_logits(model, [alone]), **TOLERANCE)


def test_changing_one_text_changes_no_other(model):
    ids = token_ids(model)
    before = packing.packed_logits(model, packing.pack(ids))
    for changed in range(len(ids)):
        others = [index for index in range(len(ids)) if index != changed]
        altered = [*ids]
        altered[changed] = token_ids(model, [len(ids[changed])], seed=9)[0]
        after = packing.packed_logits(model, packing.pack(altered))
        torch.testing.assert_close(after[others], before[others], rtol=0, atol=1e-6)
        assert (after[changed] - before[changed]).abs().max() > 1e-3


def test_the_sequence_holds_every_token_once_and_nothing_else():
    generator = random.Random(0)
    for size in (1, 2, 40):
        ids = [
            [generator.randrange(1, 1000) for _ in range(generator.choice((1, 2, 7, 8, 9, 30)))] for _ in range(size)
        ]
        packed = packing.pack(ids)
        for text, rank in zip(ids, packed.rank.tolist(), strict=True):
            start = packed.first[rank]
            assert packed.input_ids[0, start : start + len(text)].tolist() == text
            assert packed.position_ids[0, start : start + len(text)].tolist() == list(range(len(text)))
        assert packed.input_ids.shape == (1, sum(map(len, ids)))


def test_texts_of_about_one_length_attend_together_and_slots_lead_back_to_tokens():
    ids = [[1] * 9, [2], [3] * 16, [4] * 8, [5] * 10]
    packed = packing.pack(ids)
    assert packed.groups.tolist() == [[2, 8], [3, 16]]
    assert packed.input_ids.unique_consecutive().tolist() == [2, 4, 1, 5, 3]
    tokens = torch.arange(packed.input_ids.numel())
    assert packed.token_of_slot[packed.slot_of_token].equal(tokens)
    assert packed.filled.nonzero().flatten().equal(packed.slot_of_token)
    # An empty slot holds a token of its own text, so that it can bring nothing foreign in.
    texts = packed.input_ids[0][packed.token_of_slot]
    assert texts.split([8, 8, 16, 16, 16])[0].tolist() == [2] * 8
    assert [part.unique().tolist() for part in texts.split([8, 8, 16, 16, 16])] == [[2], [4], [1], [5], [3]]


def test_no_texts_make_an_empty_sequence():
    packed = packing.pack([])
    assert packed.input_ids.shape == (1, 0)
    assert packed.groups.shape == (0, 2)


def test_what_fills_a_sequence_up_changes_nothing(model):
    ids = token_ids(model)
    filled = packing.pack(ids, multiple_of=64)
    assert filled.input_ids.shape[1] % 64 == 0
    assert filled.input_ids.shape[1] - packing.pack(ids).input_ids.shape[1] == -sum(LENGTHS) % 64 > 0
    logits = packing.packed_logits(model, filled)
    torch.testing.assert_close(logits, padded_logits(model, ids), **TOLERANCE)
    expected = gradients(model, padded_logits(model, ids))
    for name, gradient in gradients(model, logits).items():
        torch.testing.assert_close(gradient, expected[name], **TOLERANCE)


def test_a_text_without_tokens_is_refused():
    with pytest.raises(ValueError, match="without tokens"):
        packing.pack([[1], []])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_drops_its_share_independently_and_keeps_the_mean(rate, dtype):
    torch.manual_seed(0)
    values = torch.ones(1000, 1001, dtype=dtype, requires_grad=True)
    dropped = dropout(values, rate)
    zero = (dropped == 0).double()
    count = values.numel()
    spread = (rate * (1 - rate) / count) ** 0.5
    assert abs(zero.mean().item() - rate) < 5 * spread  # binomial
    assert (dropped[dropped != 0].float() - 1 / (1 - rate)).abs().max() < 0.01
    # Neighbours in memory, whose random bits are of one word, fall independently: pairs are as many as chance has it.
    flat = zero.flatten()
    for apart in (1, 2, 3, 4, 1001):
        both = (flat[:-apart] * flat[apart:]).mean().item()
        assert abs(both - rate**2) < 5 * (rate**2 * (1 - rate**2) / (count / 2)) ** 0.5, apart
    dropped.sum().backward()
    assert values.grad.equal(dropped.detach())


def test_dropout_follows_the_seed_and_its_extremes_are_torchs():
    values = torch.randn(7, 3)
    torch.manual_seed(1)
    first = dropout(values, 0.3)
    torch.manual_seed(1)
    assert dropout(values, 0.3).equal(first)
    assert not dropout(values, 0.3).equal(first)
    assert dropout(values, 0.0).equal(values)
    assert dropout(values, 1.0).eq(0).all()


def test_a_prepared_model_drops_in_training_alone(make_tiny_model):
    model = AutoModelForSequenceClassification.from_pretrained(make_tiny_model(architecture="bert"))
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    packing.prepare(model.eval())
    packed = packing.pack([[1, 2, 3], [4, 5]])
    assert packing.packed_logits(model, packed).equal(packing.packed_logits(model, packed))
    model.train()
    assert not packing.packed_logits(model, packed).equal(packing.packed_logits(model, packed))


def test_other_families_and_other_attention_are_not_supported(make_tiny_model):
    folder = make_tiny_model(architecture="bert")
    assert packing.supports(AutoModelForSequenceClassification.from_pretrained(folder))
    eager = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager")
    assert not packing.supports(eager)
    with pytest.raises(ValueError, match="cannot run packed"):
        packing.prepare(eager)

    from transformers import AutoModel, ElectraConfig, ElectraForSequenceClassification

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    electra = ElectraForSequenceClassification(ElectraConfig(vocab_size=50, embedding_size=32, **sizes))
    assert not packing.supports(electra)
    decoder = BertForSequenceClassification(BertConfig(vocab_size=50, is_decoder=True, **sizes))
    assert not packing.supports(decoder)
    assert not packing.supports(AutoModel.from_pretrained(folder))  # an encoder without a head
    assert not packing.supports(torch.nn.Linear(1, 1))
