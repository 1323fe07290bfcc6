"""The classifier gives what plain transformers gives, whatever the batch, and refuses what it cannot stand behind."""

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import pytest
import torch
from conftest import LABELS, made_rows
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertForMaskedLM

from emohub.errors import DataError, ModelError, UsageError
from emohub.inference import MAX_TEXT_CHARS, Classifier, find_checkpoint, is_of_this_project
from emohub.inference.loading import load_for_training, save_pretrained
from emohub.inference.torch_engine import TorchEngine
from emohub.recipe import list_recipes

FAMILIES = ("bert", "distilbert", "roberta")
TEXTS = [
    "i am happy",
    "a",
    "",
    "furious " * 100,
    *(text for text, _ in made_rows(120, seed=7)),
    "naïve café, 東京 🙂 \x00 <b>[SEP]</b>",
    "i am happy",
]
"""Texts of all lengths out of order: empty, one word, far beyond the model's limit, characters out of vocabulary."""


def plain_transformers(folder: Path, texts: list[str]) -> np.ndarray:
    """The reference: one text at a time, no padding, nothing of this project."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    rows = []
    with torch.no_grad():
        for text in texts:
            logits = model(**tokenizer(text, truncation=True, return_tensors="pt")).logits
            rows.append(logits.double().softmax(dim=-1)[0].numpy())
    return np.stack(rows)


@pytest.fixture(scope="module")
def classifier(tiny_model_dir):
    return Classifier.from_pretrained(tiny_model_dir, engine="torch")


@pytest.fixture
def model_copy(tiny_model_dir, tmp_path):
    """A model folder that a test may damage."""
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "copy"))


@pytest.mark.parametrize("architecture", FAMILIES)
def test_probabilities_are_those_of_plain_transformers_one_text_at_a_time(architecture, make_tiny_model):
    folder = make_tiny_model(architecture=architecture)
    probabilities = Classifier.from_pretrained(folder, engine="torch").predict_proba(TEXTS)
    reference = plain_transformers(folder, TEXTS)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, reference, rtol=0, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert reference.std(axis=0).min() > 0.02  # the answers differ, so a wrong order would show


def test_the_order_of_the_answers_is_the_order_of_the_texts(classifier):
    order = np.random.default_rng(0).permutation(len(TEXTS))
    shuffled = classifier.predict_proba([TEXTS[index] for index in order])
    np.testing.assert_allclose(shuffled, classifier.predict_proba(TEXTS)[order], rtol=0, atol=1e-6)


def test_progress_counts_up_to_all_texts(classifier):
    counts: list[int] = []
    classifier.predict_proba(TEXTS * 4, on_progress=counts.append)
    assert counts == sorted(set(counts))
    assert counts[-1] == len(TEXTS) * 4
    assert len(counts) > 3


def test_no_text_gives_no_row(classifier):
    counts: list[int] = []
    assert classifier.predict_proba([], on_progress=counts.append).shape == (0, 3)
    assert counts == []
    assert classifier.count_tokens([]).shape == (0,)


def test_a_prediction_says_all_about_its_text(classifier, tiny_model_dir):
    prediction = classifier.classify("i am so happy today")
    assert prediction.text == "i am so happy today"
    assert prediction.labels == classifier.labels == LABELS
    np.testing.assert_allclose(
        prediction.probabilities, plain_transformers(tiny_model_dir, [prediction.text])[0], rtol=0, atol=1e-6
    )
    assert prediction.label == LABELS[int(np.argmax(prediction.probabilities))]
    assert (prediction.tokens, prediction.max_length, prediction.truncated) == (7, 32, False)
    assert prediction.seconds > 0


@pytest.mark.parametrize(("words", "truncated"), [(30, False), (31, True), (500, True)])
def test_a_text_longer_than_the_model_reads_is_flagged(classifier, words, truncated):
    prediction = classifier.classify(" ".join(["happy"] * words))
    assert prediction.tokens == words + 2  # with the special tokens at both ends
    assert prediction.truncated is truncated
    assert prediction.read_chars == (30 * len("happy ") - 1 if truncated else None)
    assert classifier.count_tokens(["happy", " ".join(["happy"] * words)]).tolist() == [3, words + 2]


@pytest.mark.parametrize("text", ["", "   ", "\n\t\u00a0"])
def test_an_empty_text_is_refused(classifier, text):
    with pytest.raises(UsageError, match="the text is empty; write something"):
        classifier.classify(text)


def test_the_longest_text_is_classified_and_one_more_character_is_refused(classifier):
    prediction = classifier.classify("h" * MAX_TEXT_CHARS)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-6)
    spaced = classifier.classify("a " * (MAX_TEXT_CHARS // 2))
    assert spaced.tokens == MAX_TEXT_CHARS // 2 + 2
    with pytest.raises(UsageError, match="100,001 characters, the limit is 100,000; shorten or split it"):
        classifier.classify("h" * (MAX_TEXT_CHARS + 1))


def test_half_a_surrogate_pair_is_refused_by_its_row(classifier):
    with pytest.raises(DataError, match="text 1 is not valid Unicode"):
        classifier.predict_proba(["happy", "sad \ud83d"])
    with pytest.raises(DataError, match="not valid Unicode"):
        classifier.classify("\udc00")


def test_identity_states_name_revision_and_the_hash_of_the_weights(classifier, tiny_model_dir):
    identity = classifier.identity()
    assert identity.id == classifier.id == tiny_model_dir.name
    assert identity.revision is None
    weights = (tiny_model_dir / "model.safetensors").read_bytes()
    assert identity.fingerprint == classifier.fingerprint == hashlib.sha256(weights).hexdigest()
    tensors = load_file(tiny_model_dir / "model.safetensors")
    assert classifier.num_parameters == sum(tensor.numel() for tensor in tensors.values())


def test_a_run_is_named_after_its_folder(tiny_model_dir, tmp_path, monkeypatch):
    shutil.copytree(tiny_model_dir, tmp_path / "runs" / "first" / "checkpoint")
    shutil.copytree(tiny_model_dir, tmp_path / "models" / "shipped")
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("first").id == "first"
    assert find_checkpoint(Path("runs/first/checkpoint")).id == "first"
    assert find_checkpoint("shipped").id == "shipped"
    assert Classifier.from_pretrained("shipped").classify("happy").label in LABELS


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_weights_stored_in_half_precision_compute_in_float32(dtype, make_tiny_model, tmp_path):
    folder = make_tiny_model(dtype=dtype)
    stored = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {getattr(torch, dtype)}
    probabilities = Classifier.from_pretrained(folder, engine="torch").predict_proba(TEXTS)

    widened = Path(shutil.copytree(folder, tmp_path / "widened"))
    save_file({k: v.float() for k, v in stored.items()}, widened / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((widened / "config.json").read_text())
    (widened / "config.json").write_text(json.dumps({**config, "dtype": "float32"}))
    np.testing.assert_allclose(probabilities, plain_transformers(widened, TEXTS), rtol=0, atol=1e-6)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_a_half_precision_export_gives_plain_transformers_the_same_probabilities(
    architecture, make_tiny_model, tmp_path
):
    base = load_for_training(make_tiny_model(architecture=architecture), LABELS)
    full = Classifier(TorchEngine(base.model), base.tokenizer(24), id="in memory", max_length=24).predict_proba(TEXTS)
    folder = tmp_path / "run" / "checkpoint"
    save_pretrained(base.model, base.tokenizer(24), folder, "float16")

    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.float16}
    exported = Classifier.from_pretrained(folder, engine="torch")
    assert (exported.id, exported.max_length, exported.labels) == ("run", 24, LABELS)
    probabilities = exported.predict_proba(TEXTS)
    np.testing.assert_allclose(probabilities, plain_transformers(folder, TEXTS), rtol=0, atol=1e-6)
    assert 0 < np.abs(probabilities - full).max() < 0.05  # what half precision costs, and that it was used


def test_a_weight_beyond_half_precision_is_refused(tiny_base_dir, tmp_path):
    base = load_for_training(tiny_base_dir, LABELS)
    base.model.classifier.bias.data[0] = 70_000
    with pytest.raises(ModelError, match=r"classifier.bias has values that float16 cannot hold"):
        save_pretrained(base.model, base.tokenizer(32), tmp_path / "out", "float16")
    assert not (tmp_path / "out").exists()
    save_pretrained(base.model, base.tokenizer(32), tmp_path / "out", "float32")
    assert load_file(tmp_path / "out" / "model.safetensors")["classifier.bias"][0] == 70_000


def test_a_folder_that_cannot_be_written_is_an_error(tiny_base_dir, tmp_path):
    (tmp_path / "file").write_text("in the way")
    base = load_for_training(tiny_base_dir, LABELS)
    with pytest.raises(ModelError, match="cannot be written"):
        save_pretrained(base.model, base.tokenizer(32), tmp_path / "file", "float32")


def test_the_model_around_a_classifier_in_training_is_evaluated_without_dropout(tiny_base_dir):
    base = load_for_training(tiny_base_dir, LABELS)
    assert base.model.training
    classifier = Classifier(TorchEngine(base.model), base.tokenizer(32), id="in memory", max_length=32)
    np.testing.assert_array_equal(classifier.predict_proba(TEXTS), classifier.predict_proba(TEXTS))
    base.model.train()
    np.testing.assert_array_equal(classifier.predict_proba(TEXTS[:5]), classifier.predict_proba(TEXTS[:5]))
    with pytest.raises(ModelError, match="in memory only"):
        classifier.identity()


def test_a_batch_size_bounds_every_forward_pass_and_changes_nothing(tiny_base_dir):
    base = load_for_training(tiny_base_dir, LABELS)
    sizes: list[int] = []
    base.model.register_forward_pre_hook(lambda _, __, inputs: sizes.append(len(inputs["input_ids"])), with_kwargs=True)
    unbounded = Classifier(TorchEngine(base.model), base.tokenizer(32), id="in memory", max_length=32)
    bounded = Classifier(TorchEngine(base.model), base.tokenizer(32), id="in memory", max_length=32, batch_size=2)
    expected = unbounded.predict_proba(TEXTS)
    assert max(sizes) > 2
    sizes.clear()
    np.testing.assert_allclose(bounded.predict_proba(TEXTS), expected, atol=1e-6)
    assert max(sizes) == 2
    assert sum(sizes) == len(TEXTS)


def test_concurrent_threads_get_what_one_thread_gets(classifier):
    texts = [*TEXTS, "so " * 200]
    alone = [classifier.classify(text or "a").probabilities for text in texts]
    batch = classifier.predict_proba(texts)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: classifier.classify(text or "a").probabilities, texts * 3))
        batches = list(pool.map(lambda _: classifier.predict_proba(texts), range(8)))
    assert together == alone * 3
    for probabilities in batches:
        np.testing.assert_array_equal(probabilities, batch)


def test_a_tokenizer_with_a_limit_and_padding_of_its_own_changes_nothing(model_copy, classifier):
    path = model_copy / "tokenizer.json"
    values = json.loads(path.read_text())
    values["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    values["padding"] = {
        "strategy": {"Fixed": 9},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    path.write_text(json.dumps(values))
    changed = Classifier.from_pretrained(model_copy, engine="torch")
    assert changed.count_tokens(["happy", "happy " * 40]).tolist() == [3, 42]
    np.testing.assert_array_equal(changed.predict_proba(TEXTS), classifier.predict_proba(TEXTS))


@pytest.mark.parametrize(
    ("architecture", "in_tokenizer", "expected"),
    [("bert", 1_000, 32), ("bert", 16, 16), ("roberta", 1_000, 32), ("distilbert", None, 32)],
)
def test_max_length_is_the_tokenizers_bounded_by_the_positions(architecture, in_tokenizer, expected, make_tiny_model):
    folder = make_tiny_model(architecture=architecture)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("model_max_length")
    if in_tokenizer is not None:
        config["model_max_length"] = in_tokenizer
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    classifier = Classifier.from_pretrained(folder)
    assert classifier.max_length == expected
    assert classifier.classify("happy " * 100).truncated  # the last position that there is can be read


def test_loading_and_saving_print_nothing(tiny_base_dir, tmp_path, capfd):
    base = load_for_training(tiny_base_dir, LABELS)
    save_pretrained(base.model, base.tokenizer(32), tmp_path / "out", "float16")
    Classifier.from_pretrained(tmp_path / "out").classify("happy " * 100)
    with pytest.raises(ModelError):
        Classifier.from_pretrained(tiny_base_dir)
    assert capfd.readouterr() == ("", "")


# Models that are refused


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.json", "has no configuration"),
        ("model.safetensors", "has no safetensors weights"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(model_copy, missing, message):
    (model_copy / missing).unlink()
    with pytest.raises(ModelError, match=message):
        Classifier.from_pretrained(model_copy)


def test_a_folder_without_a_vocabulary_is_refused(model_copy):
    for name in ("tokenizer.json", "vocab.txt"):
        (model_copy / name).unlink()
    with pytest.raises(ModelError, match="holds no tokenizer"):
        Classifier.from_pretrained(model_copy)


def test_pickled_weights_are_never_opened(model_copy):
    (model_copy / "model.safetensors").unlink()
    (model_copy / "pytorch_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n(S'touch pickle-was-opened'\ntR.")
    with pytest.raises(ModelError, match="pickle files are never loaded"):
        Classifier.from_pretrained(model_copy)
    assert not (model_copy / "pickle-was-opened").exists()
    assert not Path("pickle-was-opened").exists()


def test_code_in_a_model_is_never_run(model_copy):
    config = json.loads((model_copy / "config.json").read_text())
    config |= {
        "model_type": "custom",
        "auto_map": {"AutoConfig": "code.C", "AutoModelForSequenceClassification": "code.M"},
    }
    (model_copy / "config.json").write_text(json.dumps(config))
    (model_copy / "code.py").write_text(f"open({str(model_copy / 'ran')!r}, 'w')")
    with pytest.raises(ModelError, match="cannot be read"):
        Classifier.from_pretrained(model_copy)
    assert not (model_copy / "ran").exists()


def test_a_masked_language_model_is_refused_because_its_head_would_be_random(model_copy):
    classifier = AutoModelForSequenceClassification.from_pretrained(model_copy)
    BertForMaskedLM(classifier.config).save_pretrained(model_copy)
    with pytest.raises(ModelError, match=r"not a trained text classifier \(its file lacks bert.pooler"):
        Classifier.from_pretrained(model_copy)


def test_an_encoder_without_a_head_is_refused(tiny_base_dir):
    with pytest.raises(ModelError, match=r"lacks classifier.bias\); give a fine-tuned"):
        Classifier.from_pretrained(tiny_base_dir)


def test_a_checkpoint_that_lacks_one_weight_of_its_encoder_is_refused(model_copy):
    tensors = load_file(model_copy / "model.safetensors")
    del tensors["bert.encoder.layer.1.output.dense.weight"]
    save_file(tensors, model_copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks bert.encoder.layer.1.output.dense.weight"):
        Classifier.from_pretrained(model_copy)
    with pytest.raises(ModelError, match=r"lacks 1 weights of its encoder, bert.encoder.layer.1.output.dense.weight"):
        load_for_training(model_copy, LABELS)


@pytest.mark.parametrize("keep", [0, 100, -100])
def test_a_damaged_weights_file_is_refused(model_copy, keep):
    weights = model_copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ModelError, match="cannot be loaded"):
        Classifier.from_pretrained(model_copy)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b'{"model_type": "no such model"}'])
def test_a_damaged_configuration_is_refused(model_copy, content):
    (model_copy / "config.json").write_bytes(content)
    with pytest.raises(ModelError, match="configuration of copy cannot be read"):
        Classifier.from_pretrained(model_copy)


@pytest.mark.parametrize(
    "content", [b"{", b'{"version": "1.0"}', b"\xff\xfe", b'{"added_tokens": [], "model": {"type": "X"}}']
)
def test_a_damaged_tokenizer_is_refused(model_copy, content):
    (model_copy / "tokenizer.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"the tokenizer in .* cannot be read"):
        Classifier.from_pretrained(model_copy)


def test_weights_of_other_shapes_than_the_configuration_states_are_refused(model_copy):
    config = json.loads((model_copy / "config.json").read_text())
    (model_copy / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        Classifier.from_pretrained(model_copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem_type": "multi_label_classification"}, "made for multi label classification"),
        ({"problem_type": "regression"}, "made for regression"),
        ({"id2label": {"0": "joy", "1": "joy", "2": "anger"}}, "the same label twice"),
        ({"id2label": {"0": "joy", "1": " ", "2": "anger"}}, "an empty label"),
        ({"id2label": {"1": "joy", "2": "anger", "3": "fear"}}, "does not number its labels from 0"),
    ],
)
def test_a_model_that_does_not_give_one_named_label_is_refused(model_copy, changes, message):
    config = json.loads((model_copy / "config.json").read_text())
    (model_copy / "config.json").write_text(json.dumps({**config, **changes}))
    with pytest.raises(ModelError, match=message):
        Classifier.from_pretrained(model_copy)


def test_a_model_with_one_output_is_refused(make_tiny_model):
    with pytest.raises(ModelError, match="made for regression"):
        Classifier.from_pretrained(make_tiny_model(labels=["score"]))


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "a/b/c", "two words"])
def test_a_name_that_is_no_hub_id_is_refused_at_once(name):
    with pytest.raises(ModelError, match="there is no model"):
        Classifier.from_pretrained(name)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("distilbert-emotion", "train it with `emohub train distilbert-emotion --output-dir runs/distilbert-emotion`"),
        ("models/bert-emotion", "train it with `emohub train bert-emotion --output-dir runs/bert-emotion`"),
        ("models/mine", "correct the name"),
        ("./runs/mine", "correct the name"),
    ],
)
def test_the_hub_is_never_asked_for_a_name_of_this_project(name, remedy, tmp_path, monkeypatch):
    """What such a name means there is somebody else's model."""
    asked = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *names, **_: asked.append(names))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    assert is_of_this_project(name)
    for load in (Classifier.from_pretrained, lambda name: load_for_training(name, LABELS, revision="main")):
        with pytest.raises(ModelError, match=rf"there is no model '{name}' here \(models/: none\)") as caught:
            load(name)
        assert caught.value.remedy == f"{remedy}, or give the folder of a model or run"
    assert asked == []


def test_names_of_a_project_are_those_of_its_folders_and_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("models/mine", "runs/again"):
        (tmp_path / folder).mkdir(parents=True)
    own = ["mine", "again", "models/mine", str(tmp_path / "runs"), ".", *list_recipes()]
    others = ["nobody/nothing", "sentence-transformers/all-MiniLM-L6-v2", "bert-base-uncased", "mine2", "x/models"]
    assert [name for name in (*own, *others) if is_of_this_project(name)] == own


def test_an_empty_name_and_a_revision_of_a_folder_are_wrong_usage(tiny_model_dir):
    with pytest.raises(UsageError, match="name of the model is empty"):
        Classifier.from_pretrained(" ")
    with pytest.raises(UsageError, match="has no revision 'main'"):
        Classifier.from_pretrained(tiny_model_dir, revision="main")


def test_a_hub_that_cannot_be_reached_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for load in (Classifier.from_pretrained, lambda name: load_for_training(name, LABELS)):
        with pytest.raises(
            ModelError, match=r"'nobody/nothing' is not a local model .* the Hub cannot be reached"
        ) as caught:
            load("nobody/nothing")
        assert "(ConnectError)" in caught.value.cause
        assert "--base-model" in caught.value.remedy
        assert "\n" not in str(caught.value)


def test_a_token_in_an_error_of_the_hub_client_is_not_shown(monkeypatch):
    def refuse(*arguments, **options):
        raise httpx2.LocalProtocolError("Illegal header value b'Bearer hf_secret '")  # as the client does

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(ModelError, match=r"the Hub cannot be reached for it \(LocalProtocolError\)") as caught:
        Classifier.from_pretrained("nobody/nothing")
    assert "secret" not in str(caught.value)


# Models to train from


def test_a_base_model_gets_the_labels_and_a_head_that_the_seed_decides(tiny_base_dir):
    heads = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        base = load_for_training(tiny_base_dir, ("no", "yes"), attention_dropout=0.0)
        heads.append(base.model.classifier.weight)
    torch.testing.assert_close(heads[0], heads[1], rtol=0, atol=0)
    assert not torch.equal(heads[0], heads[2])

    assert base.model.config.id2label == {0: "no", 1: "yes"}
    assert base.model.config.label2id == {"no": 0, "yes": 1}
    assert base.model.config.attention_probs_dropout_prob == 0
    assert base.model.dtype == torch.float32
    assert base.model.bert.encoder.layer[0].attention.self.dropout.p == 0
    encoder = load_file(tiny_base_dir / "model.safetensors")
    for name, tensor in base.model.bert.state_dict().items():
        torch.testing.assert_close(tensor, encoder[name], rtol=0, atol=0)
    weights = (tiny_base_dir / "model.safetensors").read_bytes()
    assert base.identity.fingerprint == hashlib.sha256(weights).hexdigest()
    assert base.identity.id == tiny_base_dir.name
    assert base.tokenizer(20).model_max_length == 20


def test_distilbert_names_its_attention_dropout_differently(make_tiny_model):
    base = load_for_training(make_tiny_model(architecture="distilbert"), LABELS, attention_dropout=0.25)
    assert base.model.distilbert.transformer.layer[0].attention.dropout.p == 0.25


def test_a_classifier_for_other_labels_can_be_the_base(tiny_model_dir):
    base = load_for_training(tiny_model_dir, ("a", "b", "c", "d"))
    assert base.model.classifier.weight.shape == (4, 32)
    reference = AutoModelForSequenceClassification.from_pretrained(tiny_model_dir)
    torch.testing.assert_close(base.model.bert.state_dict(), reference.bert.state_dict(), rtol=0, atol=0)


def test_a_max_length_beyond_the_positions_is_refused(tiny_base_dir):
    base = load_for_training(tiny_base_dir, LABELS)
    with pytest.raises(ModelError, match="reads 32 tokens and max_length is 33; set max_length to 32 or less"):
        base.tokenizer(33)
