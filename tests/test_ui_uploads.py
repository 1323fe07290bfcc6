"""Uploaded files: what is read, what is refused, and that nothing of them stays on the server."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emohub.errors import EmohubError, UsageError
from emohub.ui.service import limits
from emohub.ui.service.uploads import take_upload


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Gradio puts uploads."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


def uploaded(folder: Path, content: bytes, name: str = "rows.csv", **changes: object) -> dict[str, object]:
    """A file as Gradio keeps it, and what it hands on for it."""
    path = folder / "0123abcd" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return {"path": str(path), "orig_name": name, "meta": {"_type": "gradio.FileData"}, **changes}


def test_a_table_is_read_and_its_file_is_gone(folder: Path) -> None:
    pq.write_table(pa.table({"n": range(150), "text": ["a"] * 150}), folder / "made.parquet")
    parquet = (folder / "made.parquet").read_bytes()
    (folder / "made.parquet").unlink()
    for name, content, columns in (
        ("a.csv", b"id,text\n007,=1\n", {"id": ["007"], "text": ["=1"]}),
        ("a.JSONL", b'{"id": 7, "text": "x"}\n', {"id": [7], "text": ["x"]}),
        ("a.parquet", parquet, {"n": list(range(150)), "text": ["a"] * 150}),
    ):
        table = take_upload(uploaded(folder, content, name))
        assert {column: table.values(column) for column in table.columns} == columns
        assert table.source == name
        assert list(folder.iterdir()) == []


def repeated(rows: int, length: int, *, dictionary: bool = False) -> bytes:
    """A parquet file of few bytes that stand for many: one text, ``rows`` times."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows), ["x" * length])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": texts if dictionary else texts.dictionary_decode()}), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"PK", "a.xlsx is not a kind of table"),
        ("a", b"text\nx\n", "is not a kind of table"),
        ("a.csv", b"", "a.csv has no header"),
        ("a.csv", b"text\n", "a.csv has no rows"),
        ("a.csv", b"text\n\xff\n", "a.csv, line 2 is not UTF-8"),
        ("a.csv", b"text\n" + b"x\n" * (limits.MAX_ROWS + 1), "more than 10,000 rows"),
        ("a.csv", ",".join(map(str, range(limits.MAX_COLUMNS + 1))).encode() + b"\n", "more than 200 columns"),
        ("a.csv", b",".join(b"%d" % n for n in range(500_000)) + b"\n", "more than 200 columns"),
        ("a.csv", b"x" * (limits.MAX_FILE_BYTES + 1), "a.csv is larger than 20 MiB"),
        ("a.jsonl", b"{}\n" * (limits.MAX_ROWS + 1), "more than 10,000 rows"),
        ("a.jsonl", "".join(json.dumps({str(n): 1}) + "\n" for n in range(300)).encode(), "more than 200 columns"),
        ("a.parquet", b"PAR1", "a.parquet is not a readable parquet file"),
        ("a.parquet", repeated(limits.MAX_ROWS + 1, 1), "more than 10,000 rows"),
        ("a.parquet", repeated(10_000, 40_000), "more than 200 MiB"),
        ("a.parquet", repeated(10_000, 1_000_000, dictionary=True), "more than 200 MiB"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_and_gone(folder: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(EmohubError, match=message) as refused:
        take_upload(uploaded(folder, content, name))
    assert str(folder) not in str(refused.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("value", [None, "", [], "rows.csv", {}, {"path": None}, {"path": ["x"]}])
def test_what_is_no_file_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="no file was uploaded; choose one"):
        take_upload(value)


def test_only_what_was_uploaded_is_read_or_deleted(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("text\nsecret\n")
    (folder / "link.csv").symlink_to(secret)
    for path in (secret, folder / "link.csv", folder / ".." / "secret.csv", folder, "a\0.csv", "x" * 5000):
        with pytest.raises(UsageError, match="no longer there"):
            take_upload({"path": str(path), "orig_name": "a.csv"})
    assert secret.read_text() == "text\nsecret\n"


@pytest.mark.parametrize("name", ["../../etc/passwd.csv", "a" * 300 + ".csv", "<b>.csv", None, 5, ""])
def test_the_name_it_had_is_only_for_messages(folder: Path, name: object) -> None:
    table = take_upload(uploaded(folder, b"text\nx\n", orig_name=name))
    assert 0 < len(table.source) <= 80
    assert "/" not in table.source
    assert list(folder.iterdir()) == []


def test_two_people_who_upload_the_same_file(folder: Path) -> None:
    value = uploaded(folder, b"text\nx\n")
    take_upload(value)
    with pytest.raises(UsageError, match="choose it again"):
        take_upload(value)


def test_values_packed_within_lists_are_refused(folder: Path) -> None:
    packed = pa.DictionaryArray.from_arrays(pa.array([0, 0]), ["x"])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": pa.ListArray.from_arrays([0, 2], packed)}), sink)
    with pytest.raises(EmohubError, match="'text' packs its values in a way that hides their size"):
        take_upload(uploaded(folder, sink.getvalue().to_pybytes(), "a.parquet"))
