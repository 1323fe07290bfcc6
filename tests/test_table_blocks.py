"""Tables of any size: read and written a block of rows at a time, to the same cells as in one piece."""

import collections
import io
import json
import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emohub.data import (
    Table,
    TableFile,
    TableOutline,
    parse_table,
    read_table,
    table_bytes,
    table_reading,
    table_writer,
)
from emohub.data.table import ABSENT
from emohub.errors import DataError, UsageError

ROWS = 10_000


def table_of(kind: str) -> Table:
    """A table whose blocks differ: keys that come late, numbers that become fractions, values that are missing."""
    generator = random.Random(3)
    texts = [generator.choice(["so\nhappy", 'a "b", c', "é😀", " ", "\r\n"]) + str(row) for row in range(ROWS)]
    if kind == ".csv":
        return Table({"text": texts, "n": [str(row) for row in range(ROWS)]})
    if kind == ".parquet":
        kinds = pa.chunked_array(
            [pa.array(["x", "y"] * 2500).dictionary_encode(), pa.array(["z", "y"] * 2500).dictionary_encode()]
        )
        whole = pa.table({"text": texts, "n": pa.array(range(ROWS), pa.int16())}).append_column("kind", kinds)
        return Table(dict(zip(whole.column_names, whole.columns, strict=True)))
    late = [ABSENT] * 8000
    numbers = [None if row < 5000 else row if row < 9000 else row / 2 for row in range(ROWS)]
    nested = [{"a": 1}] * 5000 + [{"b": [row]} for row in range(5000)]
    return Table({"text": texts, "n": numbers, "nested": nested, "late": [*late, *["x"] * 2000]})


def written_in_blocks(blocks: Callable[[], Iterable[Table]], path: Path) -> bytes:
    outline = TableOutline(path)
    for block in blocks():
        outline.add(block)
    file = io.BytesIO()
    with table_writer(file, path, outline.types) as write:
        for block in blocks():
            write(block)
    return file.getvalue()


def cells(table: Table) -> dict[str, list[Any]]:
    return {name: table.values(name) for name in table.columns}


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
def test_blocks_hold_the_rows_of_the_whole_table_as_often_as_they_are_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"in{kind}"
    path.write_bytes(table_bytes(table_of(kind), path))
    whole = read_table(path)
    with TableFile(path) as file:
        for _ in range(2):
            seen, numbers, shares = 0, [], []
            for block in file.blocks(list(whole.columns)):
                assert list(block.columns) == list(whole.columns)
                assert cells(block) == {name: values[seen : seen + len(block)] for name, values in cells(whole).items()}
                numbers.append(block.first_row)
                shares.append(file.share)
                seen += len(block)
            assert seen == ROWS
            assert numbers == [1, 4097, 8193]
            assert shares == sorted(shares)
            assert shares[0] < shares[-1] == 1


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_file_written_in_blocks_is_the_one_written_whole(kind: str, output: str, tmp_path: Path) -> None:
    path = tmp_path / f"in{kind}"
    path.write_bytes(table_bytes(table_of(kind), path))
    whole = read_table(path)
    with TableFile(path) as file:
        data = written_in_blocks(lambda: file.blocks(list(whole.columns)), Path(output))
    if output != "out.parquet":
        assert data == table_bytes(whole, Path(output))
        return
    back, wanted = (pq.read_table(pa.BufferReader(each)) for each in (data, table_bytes(whole, Path(output))))
    assert back.schema.equals(wanted.schema)
    assert back.to_pylist() == wanted.to_pylist()


def test_a_column_that_comes_late_is_absent_before(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(table_bytes(table_of(".jsonl"), path))
    with TableFile(path) as file:
        names = [list(block.columns) for block in file.blocks()]
        assert names == [["text", "n", "nested"]] + [["text", "n", "nested", "late"]] * 2
        first = next(file.blocks(["late", "text"]))
    assert list(first.columns) == ["late", "text", "n", "nested"]
    assert set(first.columns["late"]) == {ABSENT}
    blocks = [Table({"a": [1]}), Table({"b": [True]})]
    assert written_in_blocks(lambda: blocks, Path("out.csv")) == b"a,b\n1,\n,true\n"
    assert written_in_blocks(lambda: blocks, Path("out.jsonl")) == b'{"a": 1}\n{"b": true}\n'
    back = pq.read_table(pa.BufferReader(written_in_blocks(lambda: blocks, Path("out.parquet"))))
    assert back.to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": True}]


@pytest.mark.parametrize(("name", "content"), [("in.csv", b"text,n\n\n"), ("in.jsonl", b"\n"), ("in.parquet", b"")])
def test_a_file_of_no_rows_is_one_block(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content or table_bytes(Table({"text": [], "n": []}), path))
    with TableFile(path) as file:
        (block,) = file.blocks()
    assert (list(block.columns), len(block)) == ([] if name == "in.jsonl" else ["text", "n"], 0)


def test_large_rows_make_small_blocks(tmp_path: Path) -> None:
    rows = {"text": ["x" * 100_000] * 400, "n": [0] * 400}
    for name in ("in.csv", "in.jsonl", "in.parquet"):
        (tmp_path / name).write_bytes(table_bytes(Table(rows), tmp_path / name))
        with TableFile(tmp_path / name) as file:
            lengths = [len(block) for block in file.blocks()]
        assert sum(lengths) == 400
        # 256 rows of a parquet file are decoded together, whatever their size.
        assert max(lengths) <= (256 if name == "in.parquet" else 85)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("in.csv", b'7,"a\n', "line 9002: unexpected end of data"),
        ("in.csv", b"7\n", "line 9002: the row has 1 cells, the header 2"),
        ("in.csv", b"7,\xff\n", "line 9002 is not UTF-8"),
        ("in.jsonl", b"[7]\n", "line 9001 is not a JSON object"),
        ("in.jsonl", b'{"text": "\xff"}\n', "line 9001 is not UTF-8"),
    ],
)
def test_a_flaw_far_into_a_file_names_its_line(name: str, line: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    rows = table_bytes(Table({"n": ["1"] * 9000, "text": ["é"] * 9000}), path)
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + rows + line)
        with pytest.raises(DataError, match=message):
            read_table(path)
        with TableFile(path) as file, pytest.raises(DataError, match=message):
            list(file.blocks())


def test_a_value_far_into_a_file_names_its_row(tmp_path: Path) -> None:
    damaged = pa.array([b"a"] * 9000 + [b"\xff"], pa.binary()).view(pa.string())
    for name, values, message in (
        ("in.csv", ["a"] * 9000 + [" "], "is empty"),
        ("in.jsonl", ["a"] * 9000 + [None], "is empty"),
        ("in.parquet", pa.chunked_array([damaged]), "cannot be read"),
    ):
        (tmp_path / name).write_bytes(table_bytes(Table({"text": values}), tmp_path / name))
        with TableFile(tmp_path / name) as file, pytest.raises(DataError, match=f"row 9001: 'text' {message}"):
            collections.deque(block.texts("text") for block in file.blocks())


def test_a_file_without_line_ends_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_reading, "_LINE_CHARS", 1000)
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n' + json.dumps([{"text": "a"}] * 1000), encoding="utf-8")
    with pytest.raises(DataError, match=r"in\.jsonl, line 2 has more than 999 characters; put each row on a line"):
        read_table(tmp_path / "in.jsonl")


def test_what_blocks_cannot_be_together_is_refused() -> None:
    for first, second in (([1], ["a"]), ([True], [1]), ([[1]], [1])):
        outline = TableOutline(Path("out.parquet"))
        outline.add(Table({"n": first}))
        with pytest.raises(DataError, match=r"out\.parquet cannot hold the values"):
            outline.add(Table({"n": second}))
    for output, value in (("out.parquet", {}), ("out.csv", b"a"), ("out.jsonl", b"a")):
        with pytest.raises(DataError, match="cannot hold the values"):
            TableOutline(Path(output)).add(Table({"n": [value]}))
    with pytest.raises(UsageError, match=r"out\.xlsx is not a kind of table"):
        TableOutline(Path("out.xlsx"))


def test_a_pipe_is_refused_for_it_can_be_read_only_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.csv")
    held = os.open(tmp_path / "in.csv", os.O_RDWR)  # else opening it would wait for a writer
    try:
        with pytest.raises(DataError, match=r"in\.csv can be read only once; write it to a file first"):
            TableFile(tmp_path / "in.csv")
    finally:
        os.close(held)


def test_bytes_and_files_are_read_alike(tmp_path: Path) -> None:
    for kind in (".csv", ".jsonl", ".parquet"):
        path = tmp_path / f"in{kind}"
        path.write_bytes(table_bytes(table_of(kind), path))
        assert cells(parse_table(path.read_bytes(), path)) == cells(read_table(path))
