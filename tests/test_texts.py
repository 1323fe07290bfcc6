"""Plain texts: read as they stand from files, a data folder or the Hub's declaration, and held out reproducibly."""

import hashlib
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emohub.data import PlainTexts, fingerprint, load_texts, split_identity, split_texts
from emohub.errors import DataError, EmohubError, UsageError
from emohub.recipe import TextCorpus, load_text_corpus

TEXTS = ["a long film", "so short", "naïve “quotes” 🙂", "so short"]


def corpus_of(folder: Path, *files: str, **changes: Any) -> TextCorpus:
    values = {"name": "films", "title": "Films", "files": list(files), "base_folder": str(folder)}
    return TextCorpus.from_values({**values, **changes}, "test corpus")


def write_tables(folder: Path, column: str = "text") -> None:
    """The same texts in each kind of file."""
    (folder / "films.txt").write_bytes(("\ufeff" + "\r\n\r\n".join(TEXTS) + "\n \n").encode())
    (folder / "films.csv").write_text(f"id,{column}\n" + "".join(f"1,{text}\n" for text in TEXTS), encoding="utf-8")
    (folder / "films.jsonl").write_text("".join(f'{{"{column}": "{text}"}}\n' for text in TEXTS), encoding="utf-8")
    pq.write_table(pa.table({column: TEXTS}), folder / "films.parquet")


@pytest.mark.parametrize("suffix", ["txt", "csv", "jsonl", "parquet"])
def test_every_kind_of_file_gives_the_same_texts(suffix: str, tmp_path: Path) -> None:
    write_tables(tmp_path, "review")
    data = load_texts(corpus_of(tmp_path, f"films.{suffix}", text_column="review", rows=4))
    assert data == PlainTexts(TEXTS, fingerprint(TEXTS), f"file:films.{suffix}", duplicates=1)
    assert data.rows == 4


def test_the_fingerprint_is_sha256_over_lengths_and_texts() -> None:
    packed = b"".join(struct.pack("<Q", len(text.encode())) + text.encode() for text in TEXTS)
    assert fingerprint(TEXTS) == hashlib.sha256(packed).hexdigest()
    assert fingerprint(["ab", "c"]) != fingerprint(["a", "bc"])


def test_a_record_states_what_was_read() -> None:
    identity = split_identity(PlainTexts.of(TEXTS, "file:films.txt"))
    assert (identity.rows, identity.source, identity.duplicates, identity.truncated) == (4, "file:films.txt", 1, 0)


def test_patterns_take_their_files_in_order_and_each_once(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/c.txt", "odd[1].txt", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    data = load_texts(corpus_of(tmp_path, "b.txt", "?.txt", "**/c.txt", "odd[1].txt"))
    assert data.texts == ["b.txt", "a.txt", "sub/c.txt", "odd[1].txt"]
    assert data.source == "file:b.txt and 3 more"
    assert str(tmp_path) not in data.source


def test_the_data_folder_holds_a_declared_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = corpus_of(tmp_path, hub_id="someone/films", split="unsupervised", rows=4)
    (tmp_path / "films").mkdir()
    pq.write_table(pa.table({"text": TEXTS, "label": [1, 0, 1, 0]}), tmp_path / "films/unsupervised.parquet")
    data = load_texts(corpus, data_dir=tmp_path)
    assert (data.texts, data.source) == (TEXTS, "file:films/unsupervised.parquet")
    monkeypatch.setenv("EMOHUB_DATA_DIR", str(tmp_path))
    assert load_texts(corpus) == data


def test_a_hub_that_cannot_be_reached_is_one_sentence() -> None:
    with pytest.raises(DataError, match=r"the Hub cannot be asked for the dataset stanfordnlp/imdb \(.*--data-dir"):
        load_texts(load_text_corpus("imdb"))


@pytest.mark.parametrize(
    ("files", "changes", "error", "message"),
    [
        (["none.txt"], {}, DataError, "there is no file 'none.txt'; give text files or tables"),
        (["*.csv", "x*.txt"], {}, DataError, "there is no file 'x*.txt'"),
        (["."], {}, DataError, "there is no file '.'"),
        (["~nobody-of-that-name/a.txt"], {}, DataError, "there is no file '~nobody-of-that-name/a.txt'"),
        (["a" * 300], {}, DataError, "there is no file 'aaa"),
        (["films.pdf"], {}, UsageError, "films.pdf is no kind of text file; give files in .txt, .csv, .jsonl"),
        (["films.csv"], {"text_column": "review"}, DataError, "films.csv has no column 'review'"),
        (["films.csv"], {"rows": 5}, DataError, "films.csv has 4 texts; the corpus films declares 5"),
        (["blank.txt"], {}, DataError, "blank.txt has no texts"),
        (["latin.txt"], {}, DataError, "latin.txt, line 2 is not UTF-8"),
        (["gap.jsonl"], {}, DataError, "gap.jsonl, row 2: 'text' is empty"),
    ],
)
def test_what_cannot_be_used_is_named(
    files: list[str], changes: dict[str, Any], error: type[EmohubError], message: str, tmp_path: Path
) -> None:
    write_tables(tmp_path)
    (tmp_path / "films.pdf").write_bytes(b"%PDF")
    (tmp_path / "blank.txt").write_text("\n \n", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("fine\nna\xefve\n".encode("latin-1"))
    (tmp_path / "gap.jsonl").write_text('{"text": "a"}\n{"text": " "}\n', encoding="utf-8")
    with pytest.raises(error) as caught:
        load_texts(corpus_of(tmp_path, *files, **changes))
    assert message in str(caught.value)


def test_missing_data_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*imdb/train\.parquet; give a --data-dir"):
        load_texts(load_text_corpus("imdb"), data_dir=tmp_path)


def test_a_share_is_held_out_the_same_way_in_any_order() -> None:
    data = PlainTexts.of([f"text {number % 180}" for number in range(200)], "file:numbers.txt")
    train, validation = split_texts(data, 0.05, seed=3)
    assert len(set(validation.texts)) == 9  # 5% of the 180 different ones
    assert sorted(train.texts + validation.texts) == sorted(data.texts)
    assert not set(train.texts) & set(validation.texts)
    assert train.texts == [text for text in data.texts if text not in validation.texts]
    assert split_texts(data, 0.05, seed=3) == (train, validation)
    backwards = split_texts(PlainTexts.of(data.texts[::-1], data.source), 0.05, seed=3)
    assert set(backwards[1].texts) == set(validation.texts)
    assert set(split_texts(data, 0.05, seed=4)[1].texts) != set(validation.texts)


def test_each_text_is_as_likely_to_be_held_out() -> None:
    data = PlainTexts.of([str(number) for number in range(20)], "file:numbers.txt")
    drawn = [text for seed in range(1000) for text in split_texts(data, 0.25, seed)[1].texts]
    assert len(drawn) == 5000
    # 250 are expected of each; 4.5 standard deviations of a binomial count with p = 1/4.
    assert all(abs(drawn.count(text) - 250) < 4.5 * (1000 * 0.25 * 0.75) ** 0.5 for text in data.texts)


def test_both_sides_get_a_text() -> None:
    train, validation = split_texts(PlainTexts.of(["a", "b"], "file:x.txt"), 0.01, seed=0)
    assert (train.rows, validation.rows) == (1, 1)
    with pytest.raises(DataError, match="holds a single text, 2 times; give at least two"):
        split_texts(PlainTexts.of(["a", "a"], "file:x.txt"), 0.5, seed=0)
