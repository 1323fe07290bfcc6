"""The audit: every planted fault counted with its row, nothing found in clean data, and findings that say so."""

# ruff: noqa: RUF001 (other languages use letters that look like ours)

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import made_rows, write_rows
from factories import make_corpus
from sentences import ENGLISH, HUMAN_RIGHTS, LATIN, OTHER_SCRIPTS

from emohub.data import CHECKS, RawSplit, audit, audit_for_training, load_split, read_raw_corpus, read_raw_files
from emohub.data.audit import EXAMPLES, LENGTH_QUANTILES
from emohub.data.damage import damage, is_unicode
from emohub.data.language import foreign_language_test
from emohub.errors import DataError, UsageError
from emohub.recipe import Corpus

FEELINGS = make_corpus()


def clean(count: int = 30, seed: int = 0) -> RawSplit:
    """English texts, none of them twice, with the labels of ``FEELINGS`` in turn."""
    return RawSplit([text for text, _ in made_rows(count, seed)], [row % 3 for row in range(count)])


def with_rows(*rows: tuple[Any, Any]) -> RawSplit:
    """Thirty clean rows and then ``rows``, which so have the numbers 31, 32 and so on."""
    texts, labels = zip(*rows, strict=True)
    return RawSplit([*clean().texts, *texts], [*clean().labels, *labels])


def found_in(split: RawSplit, corpus: Corpus = FEELINGS) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Count and row numbers of every check that found something in a train split."""
    counts = audit(corpus, {"train": split}).splits["train"].counts
    return {key: (count.count, count.rows) for key, count in counts.items() if count is not None and count.count}


def test_clean_data_has_no_findings() -> None:
    rows = made_rows(90, seed=0)
    parts = {"train": rows[:30], "validation": rows[30:60], "test": rows[60:]}
    splits = {
        name: RawSplit([text for text, _ in part], [row % 3 for row in range(30)]) for name, part in parts.items()
    }
    found = audit(FEELINGS, splits, lengths={name: np.full(30, 9) for name in splits}, max_length=9)
    assert (found.errors, found.warnings, found.shared) == ((), (), ())
    for split in found.splits.values():
        assert split.labels == {"sadness": 10, "joy": 10, "anger": 10}
        assert split.imbalance == 1
        assert split.cut == 0
        assert list(split.counts) == [check.key for check in CHECKS]
        assert {count.count for count in split.counts.values() if count} == {0}


@pytest.mark.parametrize(
    ("key", "rows", "numbers"),
    [
        ("no_text", [("", 0), (None, 1), (" \t\u00a0\n", 2)], (31, 32, 33)),
        ("not_text", [(5, 0), (["a list"], 1), (False, 2)], (31, 32, 33)),
        ("not_unicode", [("half of \ud83d a pair", 0), ("caf\udce9", 1)], (31, 32)),
        ("no_label", [("one text", None), ("another text", ""), ("a third text", " ")], (31, 32, 33)),
        ("unknown_label", [("one text", 3), ("another text", -1), ("a third text", "disgust")], (31, 32, 33)),
        ("unknown_label", [("one text", True), ("another text", 1.0), ("a third text", [1])], (31, 32, 33)),
        ("repeated", [("so so", 0), ("so so", 0), ("so", 1), ("so so", 0)], (32, 34)),
        ("nearly_repeated", [("so so", 0), ("So  SO ", 0), ("café", 1), ("cafe\u0301", 1)], (32, 34)),
        ("mojibake", [("I love the cafÃ©", 0), ("itâ€™s", 1)], (31, 32)),
        ("replacement_character", [("it\ufffds so good", 0)], (31,)),
        ("control_character", [("a\x00b", 0), ("a\x9db", 1)], (31, 32)),
        ("html_entity", [("you &amp; me", 0), ("&#39;tis", 1)], (31, 32)),
        ("backslash_escape", [("one line\\nand another", 0), ("\\u2019tis", 1)], (31, 32)),
        ("foreign_language", [("je suis très triste aujourd'hui", 0), ("сегодня я счастлив", 1)], (31, 32)),
    ],
)
def test_each_fault_is_counted_with_its_rows(key: str, rows: list[tuple[Any, Any]], numbers: tuple[int, ...]) -> None:
    split = with_rows(*rows)
    assert found_in(split) == {key: (len(numbers), numbers)}
    (check,) = (check for check in CHECKS if check.key == key)
    found = audit(FEELINGS, {"train": split})
    (finding,) = found.errors if check.severity == "error" else found.warnings
    assert finding.kind == "data"
    assert finding.message == f"{check.found}: {len(numbers)} of {30 + len(rows)} in train"
    assert finding.remedy == check.remedy
    assert finding.step is None


def test_every_check_is_tried_above() -> None:
    marks = test_each_fault_is_counted_with_its_rows.pytestmark  # type: ignore[attr-defined]
    tried = {case[0] for mark in marks for case in mark.args[1]}
    assert {check.key for check in CHECKS} == tried | {"two_labels"}


def test_one_text_with_different_labels_counts_once() -> None:
    rows = [("so so", 0), ("so so", 1), ("So so", 2), ("oh", 0), ("oh", 0), ("ah", 0), ("ah", "unknown")]
    assert found_in(with_rows(*rows)) == {
        "unknown_label": (1, (37,)),
        "repeated": (3, (32, 35, 37)),
        "nearly_repeated": (1, (33,)),
        "two_labels": (1, (31,)),  # an unknown label is no second label
    }


def test_faults_of_one_row_are_all_counted_and_only_the_first_rows_are_named() -> None:
    found = found_in(with_rows(*[("", None)] * 9))
    assert found == {"no_text": (9, tuple(range(31, 36))), "no_label": (9, tuple(range(31, 36)))}
    assert EXAMPLES == 5


def test_names_and_ids_are_read_as_load_split_reads_them() -> None:
    names = RawSplit(["a b", "c d", "e f"], ["sadness", "joy", "anger"])
    assert audit(FEELINGS, {"train": names}).splits["train"].labels == {"sadness": 1, "joy": 1, "anger": 1}
    digits = RawSplit(["a b", "c d", "e f"], ["0", "1", "2"])
    assert audit(FEELINGS, {"train": digits}).errors == ()
    mixed = RawSplit(["a b", "c d", "e f"], ["joy", "1", "Joy"])
    assert found_in(mixed)["unknown_label"] == (2, (2, 3))


def test_texts_in_two_splits_are_paired_and_told_apart_by_their_labels() -> None:
    splits = {
        "train": with_rows(("same as it was", 0), ("another way", 1)),
        "validation": RawSplit(["Same as  it was", "fresh words"], [0, 1]),
        "test": RawSplit(["more words", "another way", "same as it was"], [0, 2, 1]),
    }
    found = audit(FEELINGS, splits)
    assert [(pair.first, pair.second, pair.texts, pair.differing, pair.rows) for pair in found.shared] == [
        ("train", "validation", 1, 0, ((31, 1),)),
        ("train", "test", 2, 2, ((31, 3), (32, 2))),
        ("validation", "test", 1, 1, ((1, 3),)),
    ]
    (warning,) = (finding for finding in found.warnings if "two splits" in finding.message)
    assert warning.message == (
        "texts that stand in two splits: 1 in train and validation (0 with different labels), "
        "2 in train and test (2 with different labels), 1 in validation and test (1 with different labels)"
    )


def test_a_label_that_train_lacks_is_an_error_and_elsewhere_a_warning() -> None:
    two = RawSplit(["some words", "other words"], [0, 1])
    found = audit(FEELINGS, {"train": two, "test": RawSplit(["yet other words"], [2])})
    assert [finding.message for finding in found.errors] == ["train has no row with the label anger"]
    assert [finding.message for finding in found.warnings] == ["test has no row with the labels sadness, joy"]


def test_a_split_without_rows_or_with_others_than_declared_is_an_error() -> None:
    empty, short = RawSplit([], []), RawSplit(["a b", "c d", "e f"], [0, 1, 2], declared_rows=800)
    found = audit(
        FEELINGS, {"train": short, "test": empty}, lengths={"train": np.ones(3), "test": np.ones(0)}, max_length=8
    )
    assert [finding.message for finding in found.errors] == [
        "train has 3 rows, and 800 are declared",
        "test has no rows",
    ]
    assert found.splits["test"].imbalance is None
    assert found.splits["test"].lengths is None


def test_labels_that_differ_in_case_alone_are_an_error() -> None:
    corpus = make_corpus(labels=["joy", "Joy ", "anger"])
    (error,) = audit(corpus, {"train": clean()}).errors
    assert error.message == "the labels 'joy', 'Joy ' differ in case or surrounding space alone"


@pytest.mark.parametrize(("rare", "warned"), [(10, False), (9, True)])
def test_unbalanced_labels_are_warned_about_above_three_to_one(rare: int, warned: bool) -> None:
    texts = [text for text, _ in made_rows(40 + rare, seed=2)]
    split = RawSplit(texts, [*[0] * 30, *[1] * rare, *[2] * 10])
    found = audit(FEELINGS, {"train": split})
    assert found.splits["train"].imbalance == pytest.approx(30 / rare)
    assert [finding.message for finding in found.warnings] == (
        ["the labels are unbalanced: 30 sadness to 9 joy (3.3) in train"] if warned else []
    )


def test_length_quantiles_are_lengths_of_texts_and_rows_without_a_text_have_none() -> None:
    split = RawSplit([*clean(100).texts, ""], [*clean(100).labels, 0])
    lengths = np.array([*np.random.default_rng(0).permutation(np.arange(1, 101)), 2])
    found = audit(FEELINGS, {"train": split}, lengths={"train": lengths}, max_length=99).splits["train"]
    assert found.lengths == {"median": 50, "p90": 90, "p95": 95, "p99": 99, "longest": 100}
    assert list(LENGTH_QUANTILES) == list(found.lengths)
    assert found.cut == 1


@pytest.mark.parametrize(("max_length", "warned"), [(99, True), (100, False)])
def test_cut_texts_are_warned_about_from_one_percent_on(max_length: int, warned: bool) -> None:
    found = audit(FEELINGS, {"train": clean(99)}, lengths={"train": np.arange(2, 101)}, max_length=max_length)
    messages = ["texts that are cut because they have more than 99 tokens: 1 of 99 in train"]
    assert [finding.message for finding in found.warnings] == (messages if warned else [])
    unknown = audit(FEELINGS, {"train": clean(99)}, lengths={"train": np.arange(2, 101)}).splits["train"]
    assert (unknown.cut, unknown.lengths["longest"]) == (None, 100)


def test_a_few_foreign_texts_are_counted_and_not_warned_about() -> None:
    english = [f"{text} {number}" for number, (text, _) in enumerate(made_rows(200, seed=3))]
    split = RawSplit([*english, "ich bin heute sehr glücklich"], [row % 3 for row in range(201)])
    found = audit(FEELINGS, {"train": split})
    assert found.splits["train"].counts["foreign_language"].count == 1
    assert found.warnings == ()


def test_without_a_known_language_nothing_is_said_about_it() -> None:
    for language in ([], ["sw"], ["en", "sw"]):
        found = audit(make_corpus(language=language), {"train": with_rows(("je suis très triste", 0))})
        assert found.splits["train"].counts["foreign_language"] is None
        assert found.warnings == ()


def test_the_values_are_json() -> None:
    found = audit(FEELINGS, {"train": with_rows(("", 0)), "test": clean()}, lengths=None)
    values = json.loads(json.dumps(found.as_values()))
    assert values["splits"]["train"]["counts"]["no_text"] == {"count": 1, "rows": [31]}
    assert values["splits"]["train"]["imbalance"] == 1.1
    assert values["shared"][0]["texts"] == 30
    assert [list(finding) for finding in values["errors"]] == [["kind", "message", "remedy", "step"]]


# Before training


def test_a_training_gets_the_warnings_and_is_stopped_by_errors(made_corpus: Corpus, tmp_path: Path) -> None:
    splits = {name: load_split(made_corpus, name) for name in ("train", "validation")}
    lengths = {name: np.full(split.rows, 40) for name, split in splits.items()}
    assert audit_for_training(splits, made_corpus, lengths, 64) == ()
    (warning,) = audit_for_training(splits, made_corpus, lengths, 32)
    assert "more than 32 tokens: 240 of 240 in train, 60 of 60 in validation" in warning.message

    lacking = made_corpus.model_copy(update={"labels": (*made_corpus.labels, "fear", "love")})
    with pytest.raises(DataError) as caught:
        audit_for_training(splits, lacking, lengths, 64)
    assert str(caught.value) == (
        "the corpus made cannot be trained on: train has no row with the labels fear, love; "
        "add rows of every label, or take the label out of the corpus."
    )


# Reading what load_split would refuse


def test_a_corpus_is_read_with_all_its_faulty_rows(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(b'text,label\nfine words,joy\n,joy\ncaf\xe9 au lait,anger\nno label,\n"",9\n')
    (tmp_path / "test.jsonl").write_text(
        '{"text": "half \\ud83d", "label": 0}\n{"label": 1}\n{"text": 7, "label": 1.5}\n', encoding="utf-8"
    )
    splits = {"train": {"file": "train.csv", "rows": 5}, "test": {"file": "test.jsonl"}}
    corpus = make_corpus(hub_id=None, splits=splits, base_folder=str(tmp_path))
    raw = read_raw_corpus(corpus)
    assert raw["train"].declared_rows == 5
    assert raw["train"].tokenizable == ["fine words", "", "", "no label", ""]
    counts = {name: split.counts for name, split in audit(corpus, raw).splits.items()}
    assert {key: (count.count, count.rows) for key, count in counts["train"].items() if count and count.count} == {
        "no_text": (2, (2, 5)),
        "not_unicode": (1, (3,)),
        "no_label": (1, (4,)),
        "unknown_label": (1, (5,)),
    }
    assert {key: (count.count, count.rows) for key, count in counts["test"].items() if count and count.count} == {
        "no_text": (1, (2,)),
        "not_text": (1, (3,)),
        "not_unicode": (1, (1,)),
        "unknown_label": (1, (3,)),
    }
    with pytest.raises(DataError, match="line 4 is not UTF-8"):
        load_split(corpus, "train")


def test_a_parquet_file_is_read_whatever_its_bytes(tmp_path: Path) -> None:
    texts = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 4, 8], np.int32).tobytes()), pa.py_buffer(b"caf\xe9fine")]
    )
    pq.write_table(pa.table({"text": texts, "label": [0, 1]}), tmp_path / "rows.parquet")
    _, splits = read_raw_files([tmp_path / "rows.parquet"])
    assert splits["rows.parquet"].texts == ["caf\udce9", "fine"]


def test_files_of_ones_own_are_splits_with_the_labels_that_stand_in_them(tmp_path: Path) -> None:
    write_rows(tmp_path / "one.csv", [("a b", "good"), ("c d", "bad")])
    write_rows(tmp_path / "two.csv", [("e f", "so-so"), ("g h", "")])
    corpus, splits = read_raw_files([tmp_path / "one.csv", tmp_path / "two.csv"], language=["en"])
    assert (corpus.labels, corpus.language) == (("bad", "good", "so-so"), ("en",))
    found = audit(corpus, splits)
    assert list(found.splits) == ["one.csv", "two.csv"]
    assert [finding.message for finding in found.errors] == ["rows without a label: 1 of 2 in two.csv"]


def test_numbers_as_labels_of_a_file_are_names(tmp_path: Path) -> None:
    write_rows(tmp_path / "stars.parquet", [("a b", 1), ("c d", 5), ("e f", 1)])
    corpus, splits = read_raw_files([tmp_path / "stars.parquet"])
    assert audit(corpus, splits).splits["stars.parquet"].labels == {"1": 2, "5": 1}


def test_files_that_are_no_corpus_are_refused(tmp_path: Path) -> None:
    one = write_rows(tmp_path / "one.csv", [("a b", "good"), ("c d", "good")])
    with pytest.raises(DataError, match=r"the column 'label' of one\.csv holds only the label 'good'; name another"):
        read_raw_files([one])
    with pytest.raises(DataError, match="has no column 'stars'; name one that it has: 'text', 'label'"):
        read_raw_files([one], label_column="stars")
    with pytest.raises(DataError, match="holds no labels"):
        read_raw_files([write_rows(tmp_path / "none.csv", [("a b", "")])])
    with pytest.raises(UsageError, match="have one name"):
        read_raw_files([one, tmp_path / "other" / "one.csv"])


# Damage


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("text", ["café", "It’s", "“quoted”", "😂", "❤️", "…", "Привет", "日本語", "שלום", "ağır", "£5"])
def test_utf8_that_was_read_in_another_encoding_is_recognised(text: str, encoding: str) -> None:
    # What Windows-1252 leaves undefined, programs read as Latin-1 does.
    garbled = "".join(bytes([byte]).decode(encoding, "ignore") or chr(byte) for byte in text.encode())
    assert garbled != text
    assert "mojibake" in damage(f"so {garbled} it is")
    assert damage(f"so {text} it is") == set()


@pytest.mark.parametrize(
    "text",
    [
        *("café”—", "voilà\u00a0» dit-il", "CAFÉ” he said", "MANHÃ", "São Paulo não", "ânimo", "C’est l’été…", "irmã»"),
        *("Übergröße – groß“", "Île-de-France", "Ångström…", "Đ Ð Ñandú", "½ ¼ €5", "İstanbul’da", "中文", "été–hiver"),
        *("R&D; more", "&notanentity;", "Q&A", "fish & chips", "AT&T", "¯\\_(ツ)_/¯", "\\o/", "C:\\temp", "a\tb\r\nc"),
    ],
)
def test_what_only_looks_like_damage_is_left_alone(text: str) -> None:
    assert damage(text) == set()
    assert is_unicode(text)


# Language


@pytest.mark.parametrize("language", LATIN)
def test_most_sentences_of_another_language_are_recognised_and_none_is_foreign_to_itself(language: str) -> None:
    from_english, from_itself = foreign_language_test(["en"]), foreign_language_test([language, "en"])
    assert sum(map(from_english, LATIN[language])) >= 3
    assert not any(map(from_itself, LATIN[language]))
    assert not any(map(foreign_language_test([language]), LATIN[language]))


def test_nine_of_ten_foreign_sentences_are_recognised_and_no_english_one() -> None:
    is_foreign = foreign_language_test(["en"])
    sentences = [sentence for of_language in LATIN.values() for sentence in of_language]
    assert len(sentences) == 78
    assert sum(map(is_foreign, sentences)) == 70  # as docs/data.md says
    assert sum(map(is_foreign, HUMAN_RIGHTS.values())) == 11
    assert LATIN.keys() == HUMAN_RIGHTS.keys()
    assert [sentence for sentence in ENGLISH if is_foreign(sentence)] == []


@pytest.mark.parametrize("language", OTHER_SCRIPTS)
def test_another_script_is_another_language(language: str) -> None:
    assert all(map(foreign_language_test(["en"]), OTHER_SCRIPTS[language]))
    assert not any(map(foreign_language_test([language]), OTHER_SCRIPTS[language]))
    assert all(map(foreign_language_test([language]), ENGLISH[4:6]))


@pytest.mark.parametrize("text", ["", "😂😂", "12:30", "@Привет #Привет https://example.org/привет", "ª º 𝐀𝐁𝐂"])
def test_texts_that_say_nothing_are_not_judged(text: str) -> None:
    assert not foreign_language_test(["en"])(text)
    assert not foreign_language_test(["ja"])(text)
