"""Tokenizing gives the ids that transformers gives, cut at the same place, from any number of threads."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import made_rows
from transformers import AutoTokenizer

from emohub.errors import DataError, ModelError
from emohub.tokenizing import PlainTokenizer, load_tokenizer, pad, read_chars, read_tokenizer, tokenize, trace

TEXTS = ["", "happy", "so furious " * 30, "[SEP] </s> unknowable 東京 🙂", *(text for text, _ in made_rows(40, seed=3))]


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta"])
@pytest.mark.parametrize("max_length", [2, 3, 8, 32])
def test_ids_and_cuts_are_those_of_transformers(architecture, max_length, make_tiny_model):
    folder = make_tiny_model(architecture=architecture)
    plain = AutoTokenizer.from_pretrained(folder)
    tokens = tokenize(load_tokenizer(folder), TEXTS, max_length)
    assert tokens.ids == plain(TEXTS, truncation=True, max_length=max_length)["input_ids"]
    lengths = [len(ids) for ids in plain(TEXTS, verbose=False)["input_ids"]]
    assert tokens.lengths.tolist() == lengths
    assert tokens.truncated == sum(length > max_length for length in lengths) > 0


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta"])
@pytest.mark.parametrize("max_length", [2, 3, 8, 32])
def test_what_was_read_of_a_long_text_has_the_tokens_of_the_cut_text(architecture, max_length, make_tiny_model):
    tokenizer = load_tokenizer(make_tiny_model(architecture=architecture))
    for text in ("so furious " * 30, "  Ünïcode 東京 a b c d e f g h i j k l m n o p q r s t u v w x y z " * 3):
        read = text[: read_chars(tokenizer, text, max_length)]
        assert len(read) < len(text)
        (cut,) = tokenize(tokenizer, [text], max_length).ids
        (whole,) = tokenize(tokenizer, [read], 10_000).ids
        assert whole[: max_length - 1] == cut[:-1]
        assert len(whole) - max_length in (0, 1)  # a character of several bytes may be cut through
    assert read_chars(tokenizer, "happy", 32) == 5


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta"])
def test_a_tokenizer_read_without_transformers_does_what_transformers_does(architecture, make_tiny_model):
    folder = make_tiny_model(architecture=architecture)
    plain, theirs = read_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
    assert isinstance(plain, PlainTokenizer)
    for name in ("model_max_length", "pad_token", "pad_token_id", "mask_token", "mask_token_id"):
        assert getattr(plain, name) == getattr(theirs, name)
    texts = [*TEXTS, "  ÉCOLE naïve\t\u0000\u200b x<mask>y [MASK] <s>", "don't stop!!", "\n", "a" * 300]
    assert tokenize(plain, texts, 10_000).ids == theirs(texts)["input_ids"]
    for text in texts:
        traced = trace(plain, text, 10_000)
        wanted = theirs(text, return_offsets_mapping=True, return_special_tokens_mask=True)
        assert traced.spans == wanted["offset_mapping"]
        assert traced.added == [bool(special) for special in wanted["special_tokens_mask"]]


@pytest.mark.parametrize(
    ("file", "keys", "value"),
    [
        ("tokenizer.json", ["normalizer", "lowercase"], False),
        ("tokenizer.json", ["pre_tokenizer"], {"type": "Whitespace"}),
        ("tokenizer.json", ["model", "max_input_chars_per_word"], 5),
        ("tokenizer.json", ["added_tokens", 1, "special"], False),
        ("tokenizer_config.json", ["do_lower_case"], False),
        ("tokenizer_config.json", ["backend"], "other"),
        ("tokenizer_config.json", ["tokenizer_class"], "PreTrainedTokenizerFast"),
        ("tokenizer_config.json", ["extra_special_tokens"], ["<new>"]),
        ("tokenizer_config.json", ["sep_token"], "happy"),
    ],
)
def test_files_that_transformers_would_read_otherwise_are_left_to_it(file, keys, value, tiny_model_dir, tmp_path):
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    content = place = json.loads((folder / file).read_text())
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (folder / file).write_text(json.dumps(content))
    read = read_tokenizer(folder)
    assert not isinstance(read, PlainTokenizer)
    assert tokenize(read, TEXTS, 32).ids == tokenize(load_tokenizer(folder), TEXTS, 32).ids


def test_a_damaged_tokenizer_is_refused_without_transformers_too(tiny_model_dir, tmp_path):
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        read_tokenizer(folder)


def test_threads_with_different_limits_do_not_disturb_each_other(tiny_model_dir):
    tokenizer = load_tokenizer(tiny_model_dir)
    limits = [4, 8, 16, 32] * 10
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda limit: tokenize(tokenizer, TEXTS, limit).ids, limits))
    for limit, ids in zip(limits, results, strict=True):
        assert ids == tokenize(tokenizer, TEXTS, limit).ids
        assert max(map(len, ids)) == limit


def test_no_texts_give_no_tokens(tiny_model_dir):
    tokens = tokenize(load_tokenizer(tiny_model_dir), [], 8)
    assert (tokens.ids, tokens.lengths.shape, tokens.truncated) == ([], (0,), 0)


def test_padding_goes_to_the_right_and_is_masked():
    batch = pad([[5, 6, 7], [8], []], pad_id=9)
    np.testing.assert_array_equal(batch["input_ids"], [[5, 6, 7], [8, 9, 9], [9, 9, 9]])
    np.testing.assert_array_equal(batch["attention_mask"], [[1, 1, 1], [1, 0, 0], [0, 0, 0]])
    assert pad([], pad_id=9)["input_ids"].shape == (0, 0)


def test_the_limit_that_will_be_saved_can_be_set(tiny_model_dir, tmp_path):
    assert load_tokenizer(tiny_model_dir).model_max_length == 32
    load_tokenizer(tiny_model_dir, max_length=7).save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path).model_max_length == 7


def test_half_a_surrogate_pair_is_refused_by_its_place(tiny_model_dir):
    with pytest.raises(DataError, match="text 2 is not valid Unicode"):
        tokenize(load_tokenizer(tiny_model_dir), ["a", "b", "\ud83d c"], 8)


def test_what_is_no_text_is_a_programming_error(tiny_model_dir):
    with pytest.raises(TypeError):
        tokenize(load_tokenizer(tiny_model_dir), ["a", None], 8)


def test_a_folder_without_a_vocabulary_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match=r"holds no tokenizer \(none of tokenizer.json, vocab.txt, vocab.json\)"):
        load_tokenizer(tmp_path)
