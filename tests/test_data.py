"""Corpora: the declared rows and nothing else, whatever file they come in, or an error that says where they differ."""

import csv
import hashlib
import json
import random
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from emohub.data import LabelledTexts, fingerprint, load_split, split_identity
from emohub.errors import DataError, UsageError
from emohub.recipe import Corpus

LABELS = ("sadness", "joy", "anger")
TEXTS = ("i am gloomy", "such a sunny day", 'they shout,\nand "shout"', "i am gloomy")
IDS = (0, 1, 2, 0)


def corpus_of(file: str | None, base_folder: Path, **changes: Any) -> Corpus:
    """A corpus with a test split in ``file``, or on the Hub."""
    values = {
        "name": "feelings",
        "title": "Feelings",
        "labels": list(LABELS),
        "splits": {"test": {} if file is None else {"file": file}},
        "hub_id": "someone/feelings" if file is None else None,
        "base_folder": str(base_folder),
    }
    return Corpus.from_values({**values, **changes}, "test corpus")


def write(
    path: Path, texts: Sequence[object], labels: Sequence[object], names: tuple[str, str] = ("text", "label")
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([names, *zip(texts, labels, strict=True)])
    elif path.suffix == ".jsonl":
        rows = (dict(zip(names, row, strict=True)) for row in zip(texts, labels, strict=True))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.table(dict(zip(names, (list(texts), list(labels)), strict=True))), path)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("labels", [IDS, tuple(LABELS[index] for index in IDS), tuple(map(str, IDS))])
def test_every_kind_of_file_gives_the_same_rows(suffix: str, labels: Sequence[object], tmp_path: Path) -> None:
    write(tmp_path / f"rows{suffix}", TEXTS, labels, ("sentence", "feeling"))
    data = load_split(corpus_of(f"rows{suffix}", tmp_path, text_column="sentence", label_column="feeling"), "test")
    assert data.texts == list(TEXTS)
    assert data.labels.dtype == np.int64
    assert data.labels.tolist() == list(IDS)
    assert (data.rows, data.duplicates, data.source) == (4, 1, f"file:rows{suffix}")
    assert data.fingerprint == fingerprint(TEXTS, IDS)


def test_names_that_are_numbers_are_names(tmp_path: Path) -> None:
    write(tmp_path / "stars.csv", ["bad", "fine", "good"], ["1", "2", "3"])
    assert load_split(corpus_of("stars.csv", tmp_path, labels=["1", "2", "3"]), "test").labels.tolist() == [0, 1, 2]
    write(tmp_path / "mixed.csv", ["bad", "fine"], ["1", "0"])
    with pytest.raises(DataError, match="row 2: the label '0' is not one"):
        load_split(corpus_of("mixed.csv", tmp_path, labels=["1", "2", "3"]), "test")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("labels", "row", "shown"),
    [
        ((0, 3), 2, "3"),
        ((-1, 0), 1, "-1"),
        (("joy", "Joy"), 2, "'Joy'"),
        (("joy", ""), 2, "''"),
        (("joy", "disgust"), 2, "'disgust'"),
    ],
)
def test_a_label_out_of_range_names_its_row(
    suffix: str, labels: tuple[object, ...], row: int, shown: str, tmp_path: Path
) -> None:
    write(tmp_path / f"rows{suffix}", ["a", "b"], labels)
    with pytest.raises(DataError) as caught:
        load_split(corpus_of(f"rows{suffix}", tmp_path), "test")
    shown = f"'{shown.strip(chr(39))}'" if suffix == ".csv" else shown
    assert f"rows{suffix}, row {row}: the label {shown} is not one of the corpus feelings" in caught.value.cause
    assert "sadness, joy, anger" in caught.value.remedy
    assert "0 to 2" in caught.value.remedy


@pytest.mark.parametrize("label", [True, 1.0, None, [1], {"id": 1}])
def test_a_label_of_another_type_is_refused(label: object, tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", ["a", "b"], [0, label])
    with pytest.raises(DataError, match="row 2: the label"):
        load_split(corpus_of("rows.jsonl", tmp_path), "test")


@pytest.mark.parametrize("text", ["", " \t\n", "\u00a0"])
def test_an_empty_text_names_its_row(text: str, tmp_path: Path) -> None:
    write(tmp_path / "rows.csv", ["a", text, "c"], [0, 1, 2])
    with pytest.raises(DataError, match=r"rows\.csv, row 2: 'text' is empty; give every row a text"):
        load_split(corpus_of("rows.csv", tmp_path), "test")


def test_a_missing_column_names_the_ones_there_are(tmp_path: Path) -> None:
    write(tmp_path / "rows.csv", ["a"], [0], ("sentence", "label"))
    with pytest.raises(DataError, match=r"has no column 'text'; name one that it has: 'sentence', 'label'\."):
        load_split(corpus_of("rows.csv", tmp_path), "test")
    with pytest.raises(DataError, match=r"has no column 'feeling'; name one that it has: 'sentence', 'label'\."):
        load_split(corpus_of("rows.csv", tmp_path, text_column="sentence", label_column="feeling"), "test")


def test_invalid_utf8_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b'text,label\n"two\nlines",0\ncaf\xe9,1\n')
    with pytest.raises(DataError, match=r"rows\.csv, line 4 is not UTF-8; save the file as UTF-8\."):
        load_split(corpus_of("rows.csv", tmp_path), "test")


@pytest.mark.parametrize("declared", [3, 5, 16_000])
def test_another_number_of_rows_is_refused_with_both_numbers(declared: int, tmp_path: Path) -> None:
    write(tmp_path / "rows.csv", TEXTS, IDS)
    splits = {"test": {"file": "rows.csv", "rows": declared}}
    with pytest.raises(DataError, match=rf"has 4 rows; the corpus feelings declares {declared:,} for test"):
        load_split(corpus_of("rows.csv", tmp_path, splits=splits), "test")


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "rows.csv", [], [])
    with pytest.raises(DataError, match=r"rows\.csv has no rows"):
        load_split(corpus_of("rows.csv", tmp_path), "test")


def test_a_split_that_is_not_declared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the corpus feelings has no split 'validation'; use test"):
        load_split(corpus_of("rows.csv", tmp_path), "validation")


def with_class_label(names: Sequence[str]) -> Callable[[Path], None]:
    features = Features({"text": Value("string"), "label": ClassLabel(names=list(names))})
    rows = Dataset.from_dict({"text": list(TEXTS), "label": list(IDS)}, features=features)
    return lambda path: pq.write_table(rows.data.table, path)


def test_label_names_that_the_file_states_must_be_the_declared_ones_in_order(tmp_path: Path) -> None:
    with_class_label(["Sadness", "Joy", "Anger"])(tmp_path / "rows.parquet")
    assert load_split(corpus_of("rows.parquet", tmp_path), "test").labels.tolist() == list(IDS)
    with_class_label(["joy", "sadness", "anger"])(tmp_path / "rows.parquet")
    with pytest.raises(
        DataError, match="has the labels joy, sadness, anger; the corpus feelings declares sadness, joy"
    ):
        load_split(corpus_of("rows.parquet", tmp_path), "test")


def test_where_rows_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_hub = corpus_of(None, tmp_path, folder="feelings_2018")
    write(tmp_path / "given" / "feelings_2018" / "test.parquet", TEXTS, IDS)
    write(tmp_path / "set" / "feelings_2018" / "test.parquet", TEXTS[:2], IDS[:2])
    write(tmp_path / "own.csv", TEXTS[:1], IDS[:1])

    assert load_split(on_hub, "test", data_dir=tmp_path / "given").rows == 4
    monkeypatch.setenv("EMOHUB_DATA_DIR", str(tmp_path / "set"))
    data = load_split(on_hub, "test")
    assert (data.rows, data.source) == (2, "file:feelings_2018/test.parquet")
    assert load_split(on_hub, "test", data_dir=tmp_path / "given").rows == 4
    # A file that the corpus names itself comes before both.
    assert load_split(corpus_of("own.csv", tmp_path), "test", data_dir=tmp_path / "given").rows == 1


def test_a_missing_file_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_split(corpus_of(None, tmp_path), "test", data_dir=tmp_path / "nowhere")
    assert str(tmp_path / "nowhere" / "feelings" / "test.parquet") in caught.value.cause
    assert "--data-dir, or EMOHUB_DATA_DIR, that holds feelings/test.parquet" in caught.value.remedy
    with pytest.raises(DataError, match=r"there is no file .*typo\.csv; correct file in the declaration"):
        load_split(corpus_of("typo.csv", tmp_path), "test")


def test_the_source_never_holds_an_absolute_path(tmp_path: Path) -> None:
    write(tmp_path / "rows.csv", TEXTS, IDS)
    assert load_split(corpus_of(str(tmp_path / "rows.csv"), Path("/")), "test").source == "file:rows.csv"
    write(tmp_path / "x" / "test.parquet", TEXTS, IDS)
    data = load_split(corpus_of(None, tmp_path, folder=str(tmp_path / "x")), "test", data_dir=Path("/"))
    assert data.source == "file:x/test.parquet"


def test_a_hub_that_cannot_be_reached_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"the Hub cannot be asked for the dataset someone/feelings \(ConnectError\)"
    ) as caught:
        load_split(corpus_of(None, tmp_path), "test")
    assert "--data-dir" in caught.value.remedy


def reference_fingerprint(texts: Sequence[str], labels: Sequence[int]) -> str:
    """The documented format, by other means."""
    rows = [
        struct.pack("<Q", len(text.encode())) + text.encode() + struct.pack("<Q", label)
        for text, label in zip(texts, labels, strict=True)
    ]
    return hashlib.sha256(b"".join(rows)).hexdigest()


def test_the_fingerprint_is_the_documented_one() -> None:
    assert (
        fingerprint(["ab", "é"], [1, 0])
        == (
            hashlib.sha256(b"\x02" + b"\0" * 7 + b"ab\x01" + b"\0" * 7 + b"\x02" + b"\0" * 7 + b"\xc3\xa9" + b"\0" * 8)
        ).hexdigest()
    )
    generator = random.Random(0)
    for _ in range(50):
        labels = [generator.randrange(300) for _ in range(generator.randrange(20))]
        texts = ["".join(generator.choices("aé😀\0\n", k=generator.randrange(9))) for _ in labels]
        assert fingerprint(texts, labels) == reference_fingerprint(texts, labels)
        assert fingerprint(texts, np.array(labels, dtype=np.int64)) == reference_fingerprint(texts, labels)


def test_the_fingerprint_tells_every_change() -> None:
    variants = {
        "as it is": (["ab", "c"], [0, 1]),
        "other order": (["c", "ab"], [1, 0]),
        "labels swapped": (["ab", "c"], [1, 0]),
        "letters moved": (["a", "bc"], [0, 1]),
        "a space more": (["ab", "c "], [0, 1]),
        "another case": (["ab", "C"], [0, 1]),
        "a row less": (["ab"], [0]),
        "a row twice": (["ab", "c", "c"], [0, 1, 1]),
        "composed": (["ab", "\u00e9"], [0, 1]),
        "decomposed": (["ab", "e\u0301"], [0, 1]),
    }
    assert len({fingerprint(*rows) for rows in variants.values()}) == len(variants)


def test_the_identity_states_what_a_record_needs() -> None:
    data = LabelledTexts(["a", "a"], np.array([0, 1]), fingerprint(["a", "a"], [0, 1]), "file:x.csv", 1)
    identity = split_identity(data, truncated=2)
    assert identity.model_dump() == {
        "rows": 2,
        "fingerprint": data.fingerprint,
        "source": "file:x.csv",
        "duplicates": 1,
        "truncated": 2,
    }


def test_the_made_corpus_is_the_same_from_csv_and_from_a_data_dir(made_corpus: Corpus, made_data_dir: Path) -> None:
    files = {name: split.model_copy(update={"file": None}) for name, split in made_corpus.splits.items()}
    on_hub = made_corpus.model_copy(update={"splits": files, "hub_id": "someone/made"})
    for split in made_corpus.splits:
        ours, theirs = load_split(made_corpus, split), load_split(on_hub, split, data_dir=made_data_dir)
        assert ours.fingerprint == theirs.fingerprint
        assert ours.source == f"file:{split}.csv"
        assert theirs.source == f"file:made/{split}.parquet"
