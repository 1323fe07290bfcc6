"""Masked language models: every family loads, gets the head it lacks, and is a base to classify from afterwards."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

from emohub.errors import ModelError, UsageError
from emohub.inference.loading import load_for_training, save_pretrained
from emohub.inference.masked_lm import load_for_masked_lm, load_masked_lm, masked_lm_logits
from emohub.layout import WEIGHTS_FILE
from emohub.tokenizing import load_tokenizer
from tests.conftest import LABELS, MakeModel

FAMILIES = ("bert", "distilbert", "roberta")
HEAD = {"bert": "cls.predictions.", "distilbert": "vocab_", "roberta": "lm_head."}


@pytest.fixture(params=FAMILIES)
def masked_lm_dir(request: pytest.FixtureRequest, make_tiny_model: MakeModel, tmp_path: Path) -> Path:
    """A saved tiny masked language model of each family, with its tokenizer."""
    source = make_tiny_model(architecture=request.param)
    folder = tmp_path / f"{request.param}-mlm"
    torch.manual_seed(5)
    AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(source)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


def family(folder: Path) -> str:
    return folder.name.removesuffix("-mlm")


def without(folder: Path, prefix: str) -> None:
    """Take the weights whose names begin with ``prefix`` out of the model's file."""
    tensors = load_file(folder / WEIGHTS_FILE)
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    assert len(kept) < len(tensors)
    save_file(kept, folder / WEIGHTS_FILE, metadata={"format": "pt"})


def test_a_language_model_loads_whole_and_in_training_mode(masked_lm_dir: Path) -> None:
    base = load_for_masked_lm(masked_lm_dir)
    reference = AutoModelForMaskedLM.from_pretrained(masked_lm_dir)
    torch.testing.assert_close(base.model.state_dict(), reference.state_dict(), rtol=0, atol=0)
    assert base.model.training
    assert base.identity.id == masked_lm_dir.name
    assert base.tokenizer(20).model_max_length == 20
    torch.testing.assert_close(load_masked_lm(masked_lm_dir).state_dict(), reference.state_dict(), rtol=0, atol=0)


def test_a_missing_head_is_drawn_by_the_seed_and_refused_in_a_trained_model(masked_lm_dir: Path) -> None:
    without(masked_lm_dir, HEAD[family(masked_lm_dir)])
    drawn = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        drawn.append(load_for_masked_lm(masked_lm_dir).model)
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    logits = [model.eval()(ids).logits for model in drawn]
    torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=0)
    assert not torch.equal(logits[0], logits[2])
    with pytest.raises(ModelError, match="is no trained masked language model"):
        load_masked_lm(masked_lm_dir)


def test_a_classifier_gives_its_encoder(make_tiny_model: MakeModel) -> None:
    for architecture in FAMILIES:
        folder = make_tiny_model(architecture=architecture)
        encoder = load_for_masked_lm(folder).model.base_model.state_dict()
        stored = load_file(folder / WEIGHTS_FILE)
        for name, tensor in encoder.items():
            torch.testing.assert_close(tensor, stored[f"{architecture}.{name}"], rtol=0, atol=0)


def test_a_missing_weight_of_the_encoder_is_refused(masked_lm_dir: Path) -> None:
    layers = {"bert": "bert.encoder", "distilbert": "distilbert.transformer", "roberta": "roberta.encoder"}
    without(masked_lm_dir, f"{layers[family(masked_lm_dir)]}.layer.1.")
    with pytest.raises(ModelError, match=r"lacks 16 weights of its encoder.*give --base-model a complete"):
        load_for_masked_lm(masked_lm_dir)


def test_damage_is_named_for_what_was_wanted(masked_lm_dir: Path) -> None:
    (masked_lm_dir / WEIGHTS_FILE).write_bytes(b"nothing")
    for load in (load_for_masked_lm, load_masked_lm):
        with pytest.raises(ModelError, match="cannot be loaded as a masked language model"):
            load(masked_lm_dir)
    with pytest.raises(UsageError, match="has no revision 'main'"):
        load_for_masked_lm(masked_lm_dir, revision="main")


def test_what_was_exported_is_what_was_trained_and_a_base_to_classify_from(masked_lm_dir: Path, tmp_path: Path) -> None:
    base = load_for_masked_lm(masked_lm_dir)
    with torch.no_grad():  # as training would, the tied weight in both of its places
        for parameter in base.model.parameters():
            parameter.add_(0.01)
    save_pretrained(base.model, base.tokenizer(32), tmp_path / "checkpoint", "float32")
    again = load_masked_lm(tmp_path / "checkpoint")
    torch.testing.assert_close(again.state_dict(), base.model.state_dict(), rtol=0, atol=0)
    size = sum(parameter.numel() * 4 for parameter in again.parameters())
    assert (tmp_path / "checkpoint" / WEIGHTS_FILE).stat().st_size < size + 20_000  # a tied weight is stored once

    classifier = load_for_training(tmp_path / "checkpoint", LABELS).model
    encoder = {name: tensor for name, tensor in classifier.base_model.state_dict().items() if "pooler" not in name}
    trained = base.model.base_model.state_dict()
    assert encoder.keys() == trained.keys()
    torch.testing.assert_close(encoder, trained, rtol=0, atol=0)


@pytest.mark.parametrize("with_padding", [False, True])
def test_the_head_on_some_positions_gives_what_it_gives_on_all(masked_lm_dir: Path, with_padding: bool) -> None:
    model = load_masked_lm(masked_lm_dir)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 60, (3, 12), generator=generator)
    mask = torch.ones_like(ids)
    if with_padding:
        mask[1, 7:] = 0
    asked = (torch.rand(ids.shape, generator=generator) < 0.3) & mask.bool()
    inputs = {"input_ids": ids, "attention_mask": mask}
    logits = masked_lm_logits(model, inputs, asked)
    assert logits.shape == (int(asked.sum()), model.config.vocab_size)
    torch.testing.assert_close(logits, model(**inputs).logits[asked], rtol=1e-5, atol=1e-6)


def test_a_family_that_is_not_known_computes_every_position(make_tiny_model: MakeModel) -> None:
    from transformers import ElectraConfig, ElectraForMaskedLM

    torch.manual_seed(0)
    model = ElectraForMaskedLM(
        ElectraConfig(vocab_size=60, embedding_size=16, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    ).eval()
    inputs = {"input_ids": torch.arange(5, 17).reshape(2, 6)}
    asked = torch.zeros(2, 6, dtype=torch.bool)
    asked[1, 2:4] = True
    torch.testing.assert_close(masked_lm_logits(model, inputs, asked), model(**inputs).logits[1, 2:4])


@pytest.mark.parametrize(
    "load", [load_for_masked_lm, lambda folder, **options: load_for_training(folder, LABELS, **options)]
)
def test_dropouts_replace_those_of_the_configuration(load, masked_lm_dir: Path) -> None:
    own = {round(module.p, 6) for module in dropouts(load(masked_lm_dir).model)}
    assert own <= {0.1, 0.2}  # what transformers' configurations start with
    model = load(masked_lm_dir, dropout=0.37, attention_dropout=0.0).model
    attention = [module for name, module in model.named_modules() if is_dropout(module) and "attention.self" in name]
    if family(masked_lm_dir) == "distilbert":
        attention = [layer.attention.dropout for layer in model.distilbert.transformer.layer]
    assert len(attention) == 2
    assert all(module.p == 0 for module in attention)
    others = [module for module in dropouts(model) if all(module is not one for one in attention)]
    assert len(others) >= 3
    assert all(module.p == 0.37 for module in others)


def test_a_family_without_a_kind_of_dropout_is_refused(masked_lm_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emohub.inference.loading._DROPOUTS", ("no_such_key",))
    with pytest.raises(ModelError, match=r"has no dropout; leave dropout out of the recipe's \[training\]"):
        load_for_masked_lm(masked_lm_dir, dropout=0.1)
    load_for_masked_lm(masked_lm_dir, attention_dropout=0.1)


def test_the_tokenizer_of_a_language_model_has_a_mask(masked_lm_dir: Path) -> None:
    assert load_tokenizer(masked_lm_dir).mask_token_id is not None


def is_dropout(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Dropout)


def dropouts(model: torch.nn.Module) -> list[torch.nn.Dropout]:
    return [module for module in model.modules() if isinstance(module, torch.nn.Dropout)]
