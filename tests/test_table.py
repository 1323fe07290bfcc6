"""Tables: every value survives the way through a file, and every flaw of a file is named with its line or row."""

import csv
import io
import json
import random
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emohub.data import Table, read_predictions, read_table, table_suffix, write_predictions, write_table
from emohub.data.table import ABSENT
from emohub.errors import DataError, RecordError, UsageError
from emohub.record import sha256_file

CHARACTERS = "ab ,;\t\"'\\\n\r\0\u00a0\u2028\ufeffé😀"
"""What CSV and JSON trip over, and letters."""


def random_text(generator: random.Random) -> str:
    return "".join(generator.choices(CHARACTERS, k=generator.randrange(8)))


def random_value(generator: random.Random, depth: int = 2) -> Any:
    scalars = [
        None,
        True,
        False,
        generator.randrange(-(10**20), 10**20),
        generator.gauss(0, 1e6),
        random_text(generator),
    ]
    if depth == 0:
        return generator.choice(scalars)
    items = [random_value(generator, depth - 1) for _ in range(generator.randrange(3))]
    return generator.choice([*scalars, items, {random_text(generator): item for item in items}])


def random_names(generator: random.Random) -> list[str]:
    return list(dict.fromkeys(random_text(generator) for _ in range(generator.randrange(1, 5))))


def test_csv_comes_back_as_the_csv_module_reads_it(tmp_path: Path) -> None:
    generator = random.Random(0)
    path = tmp_path / "table.csv"
    for _ in range(300):
        names = random_names(generator)
        rows = [[random_text(generator) for _ in names] for _ in range(generator.randrange(6))]
        table = Table({name: [row[i] for row in rows] for i, name in enumerate(names)})
        write_table(path, table)
        with path.open(encoding="utf-8", newline="") as file:
            assert list(csv.reader(file)) == [names, *rows]
        # A first name that starts with a byte order mark cannot be told from a file that does.
        if not names[0].startswith("\ufeff"):
            back = read_table(path)
            assert list(back.columns.items()) == list(table.columns.items())


def test_csv_is_read_as_any_program_writes_it(tmp_path: Path) -> None:
    rows = [["text", "n"], ['two\nlines, and "quotes"', "007"], ["", " 1.50 "], ["null", "NaN"]]
    path = tmp_path / "table.CSV"
    for ending in ("\n", "\r\n", "\r"):
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
            for mark in (b"", b"\xef\xbb\xbf"):
                file = io.StringIO(newline="")
                # Ended with a carriage return, cells with a line feed are quoted only when all are.
                csv.writer(file, lineterminator=ending, quoting=csv.QUOTE_ALL if ending == "\r" else quoting).writerows(
                    rows
                )
                path.write_bytes(mark + file.getvalue().encode())
                assert read_table(path).columns == {
                    "text": [row[0] for row in rows[1:]],
                    "n": ["007", " 1.50 ", "NaN"],
                }


def test_csv_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("text,label\n\n\n")
    assert read_table(path).columns == {"text": [], "label": []}
    assert len(read_table(path)) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no header"),
        (b"\ntext\n", "has no header"),
        (b"text,label\na,0\nb\xff,1\n", "line 3 is not UTF-8"),
        (b"\xff\xfet\0", "line 1 is not UTF-8"),
        (b"text,label\na,0\nb,c,1\n", "line 3: the row has 3 cells, the header 2"),
        (b'text,label\n"two\nlines",0\nb\n', "line 4: the row has 1 cells, the header 2"),
        (b'text,label\na,0\n"never closed,1\nc,0\n', "line 4: unexpected end of data"),
        (b'text,label\n"a"b,0\n', "line 2: "),
        (b"text,text\na,b\n", "two columns 'text'"),
        (b"text\n" + b"x" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_a_flawed_csv_names_its_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_jsonl_comes_back_with_types_absent_keys_and_order(tmp_path: Path) -> None:
    generator = random.Random(1)
    path = tmp_path / "table.jsonl"
    for _ in range(200):
        names = random_names(generator)
        rows = [
            {name: random_value(generator) for name in names if generator.random() < 0.8}
            for _ in range(generator.randrange(1, 6))
        ]
        path.write_text("".join(json.dumps(row) + "\r\n\n" for row in rows), encoding="utf-8", newline="")
        table = read_table(path)
        first_seen = list(dict.fromkeys(name for row in rows for name in row))
        assert list(table.columns) == first_seen
        for name in first_seen:
            assert table.values(name) == [row.get(name) for row in rows]
        write_table(path, table)
        lines = path.read_text(encoding="utf-8").split("\n")
        # repr tells True from 1 and 1 from 1.0, which are equal.
        wanted = [{name: row[name] for name in first_seen if name in row} for row in rows] if first_seen else []
        assert repr([json.loads(line) for line in lines if line]) == repr(wanted)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"text": "a"}\n{"text": "b"\n', "line 2 is not JSON"),
        (b'{"text": "a"}\n\n["b"]\n', "line 3 is not a JSON object"),
        (b'{"text": "a"}\n{"text": "\xe9"}\n', "line 2 is not UTF-8"),
        (b'{"text": "\\ud83d\\ude00"}\n{"text": "\\ud83d"}\n', "line 2: half of a surrogate pair"),
        (b"[" * 100_000, "line 1 is not JSON"),
    ],
)
def test_a_flawed_jsonl_names_its_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(path)


def test_parquet_keeps_the_types_of_its_columns(tmp_path: Path) -> None:
    arrow = pa.table(
        {
            "text": pa.array(["a", None, "c"], pa.large_string()),
            "small": pa.array([1, 2, 3], pa.int8()),
            "when": pa.array([datetime(2026, 1, 2)] * 3, pa.timestamp("ns", "UTC")),
            "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
            "nested": pa.array([{"a": [1]}, {"a": []}, None]),
        }
    )
    folder = tmp_path / "fold=1"  # which pyarrow would make a column of
    folder.mkdir()
    pq.write_table(arrow, folder / "in.parquet")
    table = read_table(folder / "in.parquet")
    assert table.values("text") == ["a", None, "c"]
    write_table(tmp_path / "out.parquet", table.with_columns({"label": ["joy", "anger", "joy"]}))
    back = pq.read_table(tmp_path / "out.parquet")
    assert back.column_names == [*arrow.column_names, "label"]
    assert back.drop_columns(["label"]).schema.equals(arrow.schema)
    assert back.drop_columns(["label"]).equals(arrow)


def test_invalid_text_in_parquet_names_its_row(tmp_path: Path) -> None:
    texts = pa.array([b"good", b"caf\xe9"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": texts}), tmp_path / "table.parquet")
    with pytest.raises(DataError, match=r"table\.parquet, row 2: 'text' cannot be read"):
        read_table(tmp_path / "table.parquet").values("text")


@pytest.mark.parametrize(
    "values",
    [
        pa.array([0, 10**12], pa.timestamp("s")),
        pa.array([0, 10**8], pa.date32()),
        pa.array([None, 0], pa.timestamp("s", "Mars/Olympus")),
    ],
)
def test_moments_in_parquet_that_no_calendar_knows_name_their_row(values: pa.Array, tmp_path: Path) -> None:
    pq.write_table(pa.table({"when": values}), tmp_path / "table.parquet")
    table = read_table(tmp_path / "table.parquet")
    with pytest.raises(DataError, match=r"table\.parquet, row 2: 'when' cannot be read .*; correct it, or drop"):
        table.values("when")
    with pytest.raises(DataError, match=r"'when' cannot be read"):
        write_table(tmp_path / "table.csv", table)
    write_table(tmp_path / "again.parquet", table)
    assert pq.read_table(tmp_path / "again.parquet")["when"] == table.columns["when"]


def test_exact_numbers_in_parquet_keep_their_digits(tmp_path: Path) -> None:
    prices = pa.array([Decimal("-1.50"), None, Decimal("12345678901234567890.12")])
    table = Table({"price": pa.chunked_array([prices])})
    write_table(tmp_path / "out.csv", table)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == 'price\n-1.50\n""\n12345678901234567890.12\n'
    write_table(tmp_path / "out.jsonl", table)
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()[:2] == [
        '{"price": "-1.50"}',
        '{"price": null}',
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"text,label\n" * 100])
def test_a_file_that_is_no_parquet_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "table.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"table\.parquet is not a readable parquet file"):
        read_table(tmp_path / "table.parquet")


def with_features(label: object, path: Path) -> Path:
    """A parquet file that states ``label`` as what its column of labels is."""
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": label}}})}
    pq.write_table(pa.table({"text": ["a"], "label": [0]}).replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize("label", [{"names": 5, "_type": "ClassLabel"}, {"_type": "Nope"}, {"_type": 5}])
def test_damaged_features_are_named(label: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table\.parquet is not a readable parquet file"):
        read_table(with_features(label, tmp_path / "table.parquet"))


def test_stated_names_are_texts(tmp_path: Path) -> None:
    path = with_features({"names": [1, 2], "_type": "ClassLabel"}, tmp_path / "table.parquet")
    assert read_table(path).label_names == {"label": ("1", "2")}


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv cannot be read \(No such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv cannot be read \(Is a directory"):
        read_table(tmp_path / "folder.csv")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    assert table_suffix(Path("TABLE.Parquet")) == ".parquet"
    for use in (table_suffix, read_table, lambda path: write_table(path, Table({}))):
        with pytest.raises(UsageError, match=r"table\.xlsx .*\.csv, \.jsonl, \.parquet"):
            use(tmp_path / "table.xlsx")


def test_a_missing_column_names_the_ones_there_are() -> None:
    table = Table({"review": ["a"], "stars": ["5"]}, "reviews.csv")
    with pytest.raises(
        DataError, match=r"reviews\.csv has no column 'text'; name one that it has: 'review', 'stars'\."
    ):
        table.values("text")
    with pytest.raises(DataError, match="name one that it has: none"):
        Table({}).texts("text")


@pytest.mark.parametrize(
    ("value", "message"),
    [("", "is empty"), (" \n\u2003", "is empty"), (None, "is empty"), (ABSENT, "is empty"), (7, "is no text but 7")],
)
def test_a_row_without_a_text_is_named(value: object, message: str) -> None:
    with pytest.raises(DataError, match=f"the table, row 2: 'text' {message}"):
        Table({"text": ["a", value]}).texts("text")


def test_new_columns_come_last_and_take_nobodys_name() -> None:
    table = Table({"text": ["a", "b"], "id": ["1", "2"]}, "in.csv")
    more = table.with_columns({"label": ["joy", "anger"]})
    assert list(more.columns) == ["text", "id", "label"]
    assert list(table.columns) == ["text", "id"]
    with pytest.raises(UsageError, match="has a column 'id' already"):
        table.with_columns({"id": [1, 2]})
    with pytest.raises(UsageError, match="'label' has 1 values for 2 rows"):
        table.with_columns({"label": ["joy"]})


def test_one_kind_of_file_becomes_another(tmp_path: Path) -> None:
    table = Table({"text": ["a", "b"], "n": [1, None], "more": [ABSENT, {"é": [True]}], "p": [0.1, 1e-9]})
    write_table(tmp_path / "out.csv", table)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == (
        'text,n,more,p\na,1,,0.1\nb,,"{""é"": [true]}",1e-09\n'
    )
    write_table(tmp_path / "out.parquet", table)
    assert pq.read_table(tmp_path / "out.parquet").to_pydict() == {
        "text": ["a", "b"],
        "n": [1, None],
        "more": [None, {"é": [True]}],
        "p": [0.1, 1e-9],
    }
    write_table(tmp_path / "out.jsonl", read_table(tmp_path / "out.parquet"))
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()[0]) == {
        "text": "a",
        "n": 1,
        "more": None,
        "p": 0.1,
    }


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("out.parquet", {"mixed": [1, "a"]}),
        ("out.parquet", {"huge": [2**70]}),
        ("out.parquet", {"empty": [{}]}),
        ("out.csv", {"bytes": [b"a"]}),
        ("out.jsonl", {"bytes": [b"a"]}),
    ],
)
def test_values_that_a_file_cannot_hold_are_refused(
    name: str, columns: dict[str, list[object]], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"out\.\w+ cannot hold the values"):
        write_table(tmp_path / name, Table(columns))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_an_output_that_cannot_be_written_leaves_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RecordError, match=rf"{name} cannot be written .*; choose a folder that is writable"):
        write_table(tmp_path / "file" / name, Table({"text": ["a"]}))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_predictions_come_back_and_hold_no_text(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet((1, 1, 1), size=50).astype(np.float32)
    row, label, predicted = np.arange(50), generator.integers(3, size=50), probabilities.argmax(axis=1)
    labels = ("sadness", "joy, or relief", "probability_")
    path = tmp_path / "predictions.parquet"
    digest = write_predictions(path, row, label, predicted, probabilities, labels)
    assert digest == sha256_file(path)
    assert write_predictions(tmp_path / "again.parquet", row, label, predicted, probabilities, labels) == digest

    back = read_predictions(path)
    assert back.labels == labels
    for made, read in ((row, back.row), (label, back.label), (predicted, back.predicted)):
        assert read.dtype == np.int64
        np.testing.assert_array_equal(made, read)
    assert back.probabilities.dtype == np.float32
    np.testing.assert_array_equal(back.probabilities, probabilities)

    arrow = pq.read_table(path)
    assert arrow.column_names == ["row", "label", "predicted", *(f"probability_{name}" for name in labels)]
    assert [str(field.type) for field in arrow.schema] == ["int64"] * 3 + ["float"] * 3


@pytest.mark.parametrize("rows", [1, 3])
def test_predictions_must_fit_together(rows: int, tmp_path: Path) -> None:
    two = np.zeros(2, dtype=np.int64)
    with pytest.raises(DataError, match="2 rows and 2 labels"):
        write_predictions(tmp_path / "p.parquet", two, two, two, np.full((rows, 2), 0.5), ("a", "b"))
    with pytest.raises(DataError, match="2 rows and 2 labels"):
        write_predictions(tmp_path / "p.parquet", two, two[:1], two, np.full((2, 2), 0.5), ("a", "b"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_no_predictions_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"row": [0], "label": [0]}), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="has no column 'predicted'"):
        read_predictions(tmp_path / "p.parquet")
    pq.write_table(pa.table({"row": [0], "label": [0], "predicted": [0]}), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="has no column probability_LABEL"):
        read_predictions(tmp_path / "p.parquet")
    pq.write_table(pa.table({"row": [None], "label": [0], "predicted": [0]}), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="holds no predictions"):
        read_predictions(tmp_path / "p.parquet")
