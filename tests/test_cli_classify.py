"""``emohub classify`` and ``emohub compare`` as a person calls them."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emohub.cli import main
from emohub.inference import Classifier
from emohub.recipe import Corpus

MakeModel = Callable[..., Path]
ROOT = Path(__file__).parent.parent


def run_cli(*arguments: str | Path) -> int:
    """Run a command in this process and return its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def run_process(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as its own process, with ``folder`` as the working directory."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def model(make_tiny_model: MakeModel) -> Path:
    return make_tiny_model(max_length=16)


def test_one_text_shows_every_probability(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "so happy [red]today[/red]"
    prediction = Classifier.from_pretrained(model).classify(text)

    assert run_cli("classify", model, text) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    expected = sorted(zip(prediction.labels, prediction.probabilities, strict=True), key=lambda pair: -pair[1])
    assert [line[:2] for line in lines] == [[label, f"{probability:.4f}"] for label, probability in expected]
    bars = [len(line[2]) if len(line) > 2 else 0 for line in lines]
    assert bars == pytest.approx([30 * probability for _, probability in expected], abs=1)

    assert run_cli("classify", model, text, "--format", "json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["text"] == text
    assert printed["label"] == prediction.label
    assert printed["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-6)
    assert printed["truncated"] is False


def test_a_truncated_text_is_noted(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("classify", model, "so " * 1000 + "happy") == 0
    assert "Note: the text has 1,003 tokens; the model read the first 16." in capsys.readouterr().err
    assert run_cli("classify", model, "so " * 1000, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["truncated"] is True


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", 2, "the text is empty"),
        (" \n\t", 2, "the text is empty"),
        ("x" * 100_001, 2, "100,001 characters"),
        ("so " * 33_333 + "!", 0, "the model read the first 16"),
        ("\udc80", 1, "Unicode"),
    ],
)
def test_every_text_gets_an_answer_or_a_sentence(
    text: str, code: int, message: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("classify", model, text) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert (captured.out == "") == (code != 0)


def test_a_csv_keeps_its_rows_order_and_cells(model: Path, tmp_path: Path) -> None:
    rows = [
        ["007", "i am happy", "1.50", 'a "quoted", cell'],
        ["8", "so\nfurious", "", "=SUM(A1)"],
        ["1e5", "gloomy, lonely", "NaN", " spaced "],
    ]
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "message", "price", "note"], *rows])

    assert (
        run_cli(
            "classify", model, "--input", tmp_path / "in.csv", "--column", "message", "--output", tmp_path / "o.csv"
        )
        == 0
    )
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as file:
        header, *written = csv.reader(file)
    classifier = Classifier.from_pretrained(model)
    new = ["label", "probability_sadness", "probability_joy", "probability_anger"]
    assert header == ["id", "message", "price", "note", *new]
    assert [row[:4] for row in written] == rows
    for row in written:
        prediction = classifier.classify(row[1])
        assert row[4] == prediction.label
        assert [float(cell) for cell in row[5:]] == pytest.approx(prediction.probabilities, abs=1e-6)


def test_the_answers_do_not_depend_on_the_kind_of_file(model: Path, tmp_path: Path) -> None:
    texts = ["i am happy", "hate", "the day was so very gloomy", "hate"]
    pq.write_table(
        pa.table({"n": [4, 3, 2, 1], "text": texts, "list": [[1], [], None, [2, 3]]}), tmp_path / "in.parquet"
    )
    lines = [{"text": text, **({"odd": None} if n == 1 else {})} for n, text in enumerate(texts)]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")

    assert run_cli("classify", model, "--input", tmp_path / "in.parquet", "--output", tmp_path / "out.parquet") == 0
    assert run_cli("classify", model, "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl") == 0
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["n"] for row in table] == [4, 3, 2, 1]
    assert [row["list"] for row in table] == [[1], [], None, [2, 3]]
    assert [row["text"] for row in table] == [row["text"] for row in answers] == texts
    assert ["odd" in row for row in answers] == [False, True, False, False]
    for name in ("label", "probability_sadness", "probability_joy", "probability_anger"):
        assert [row[name] for row in table] == [row[name] for row in answers]


def test_columns_of_the_same_name_are_kept(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.csv").write_text("text,label\ni am happy,mine\n", encoding="utf-8")
    command = ("classify", model, "--output", tmp_path / "out.csv", "--input")

    assert run_cli(*command, tmp_path / "in.csv") == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["label"] == "mine"
    assert row["emohub_label"] in {"sadness", "joy", "anger"}
    assert "emohub_probability_joy" in row
    assert "probability_joy" not in row

    (tmp_path / "both.csv").write_text("text,label,emohub_label\nhappy,1,2\n", encoding="utf-8")
    before = (tmp_path / "out.csv").read_bytes()
    assert run_cli(*command, tmp_path / "both.csv") == 2
    assert "has a column 'emohub_label' already" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_bytes() == before


def test_formulas_are_escaped_where_it_is_asked_for(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text('=id,text\n-3.5,"=HYPERLINK(""x"")"\n@a,so\n', encoding="utf-8")
    command = ("classify", model, "--input", tmp_path / "in.csv", "--escape-formulas", "--output")

    assert run_cli(*command, tmp_path / "out.csv") == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        written = [row[:2] for row in csv.reader(file)]
    assert written == [["'=id", "text"], ["-3.5", '\'=HYPERLINK("x")'], ["'@a", "so"]]
    for wrong in (tmp_path / "out.jsonl", tmp_path / "out.parquet"):
        assert run_cli(*command, wrong) == 2
        assert "--escape-formulas is for CSV files" in capsys.readouterr().err


def test_a_file_of_no_rows_gives_one_of_no_rows(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n", encoding="utf-8")

    assert run_cli("classify", model, "--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv") == 0
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").split(",")[:3] == ["id", "text", "label"]


@pytest.mark.parametrize(
    ("content", "options", "code", "message"),
    [
        (b"text\nhappy\n\xff\xfe\n", (), 1, "line 3 is not UTF-8"),
        (b"texts\nhappy\n", (), 1, "in.csv has no column 'text'"),
        (b"id,text\n1,happy\n2, \n", (), 1, "in.csv, row 2: 'text' is empty"),
        (b"text\nhappy\n" + b"x" * 100_001 + b"\n", (), 1, "in.csv, row 2: 'text' has 100,001 characters"),
        (b"text\nhappy\n", ("--column", "review"), 1, "no column 'review'"),
        (b"text\nhappy\n", ("--output", "out.xlsx"), 2, "out.xlsx is not a kind of table"),
        (b"text\nhappy\n", ("--output", "in.csv"), 2, "would overwrite the input"),
        (b"text\nhappy\n", ("--output", "in.csv/out.csv"), 1, "nothing can be written into"),
        (b"text\nhappy\n", ("--input", "missing.csv"), 1, "missing.csv cannot be read"),
        (b"text\nhappy\n", ("--input", "missing.csv", "--output", "in.csv"), 1, "missing.csv cannot be read"),
    ],
)
def test_a_bad_file_is_refused_and_nothing_is_written(
    content: bytes,
    options: tuple[str, ...],
    code: int,
    message: str,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_bytes(content)

    assert run_cli("classify", model, "--input", "in.csv", "--output", "out.csv", *options) == code
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
    assert (tmp_path / "in.csv").read_bytes() == content


def test_what_cannot_be_written_is_refused_before_anything_is_classified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Classifier, "from_pretrained", None)
    pq.write_table(pa.table({"text": ["happy"], "picture": [b"\x89PNG"]}), tmp_path / "in.parquet")
    (tmp_path / "folder.csv").mkdir()
    command = ("classify", "any-model", "--input", tmp_path / "in.parquet", "--output")
    assert run_cli(*command, tmp_path / "out.csv") == 1
    assert "out.csv cannot hold the values" in capsys.readouterr().err
    assert run_cli(*command, tmp_path / "folder.csv") == 2
    assert "folder.csv is a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "either a text or --input FILE"),
        (("happy", "--input", "in.csv", "--output", "out.csv"), "either a text or --input FILE"),
        (("--input", "in.csv"), "--input and --output belong together"),
        (("happy", "--output", "out.csv"), "--input and --output belong together"),
    ],
)
def test_contradicting_options_are_wrong_usage(
    arguments: tuple[str, ...], message: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("classify", model, *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")

    assert run_cli("classify", tmp_path, "happy") == 1
    assert "has no safetensors weights (model.safetensors)" in capsys.readouterr().err


def test_compare_shows_models_side_by_side(
    make_tiny_model: MakeModel, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    first, other = make_tiny_model(seed=1), make_tiny_model(seed=2, labels=("positive", "Joy"))

    assert run_cli("compare", first, other, first, "i feel lost") == 0
    shown = capsys.readouterr().out
    for model in (first, other):
        prediction = Classifier.from_pretrained(model).classify("i feel lost")
        assert f"> {max(prediction.probabilities):.4f}" in shown
    assert f"{first} (2)" in shown

    assert run_cli("compare", first, first, "i feel lost", "--format", "json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["agree"] is True
    assert list(printed["table"]) == [str(first), f"{first} (2)"]


def test_compare_on_a_corpus(
    make_tiny_model: MakeModel,
    made_corpus: Corpus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    declaration = tmp_path / "made.toml"
    declaration.write_text(
        'name = "made"\ntitle = "Made"\nlabels = ["sadness", "joy", "anger"]\n'
        f'[splits.test]\nfile = "{Path(made_corpus.base_folder) / "test.csv"}"\n',
        encoding="utf-8",
    )
    first, second = make_tiny_model(seed=1, scale=0.5), make_tiny_model(seed=2, scale=0.5)
    arguments = ("compare", first, second, "--corpus", declaration, "--resamples", "50")

    assert run_cli(*arguments, "--format", "json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert run_cli(*arguments) == 0
    shown = capsys.readouterr().out
    (pair,) = printed["pairs"]
    assert f"{pair['difference']['value']:+.4f}" in shown
    assert f"{pair['p_holm']:.2g}" in shown
    for measured in printed["models"].values():
        assert f"{measured['accuracy']['value']:.4f}" in shown
    assert f"{len(printed['disagreements']) - 10} more rows differ" in shown

    assert run_cli("compare", first, first, "--corpus", declaration, "--resamples", "50", "--format", "json") == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert (pair["p_value"], pair["p_holm"]) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("one-model", "a text"), "needs two models or more"),
        (("one-model", "--corpus", "emotion"), "needs two models or more"),
        (("one-model", "other-model", "shipped"), "'shipped', is a model and no text"),
    ],
)
def test_compare_without_enough_arguments_is_wrong_usage(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "models" / "shipped").mkdir(parents=True)
    (tmp_path / "models" / "shipped" / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert run_cli("compare", *arguments) == 2
    assert message in capsys.readouterr().err


def test_as_its_own_process_it_exits_with_0_1_and_2(model: Path, tmp_path: Path) -> None:
    done = run_process("emohub", "classify", model, "i am happy", "--format", "json", folder=tmp_path)
    failed = run_process("emohub.evaluate", tmp_path, "--corpus", "emotion", folder=tmp_path)
    wrong = run_process("emohub", "compare", model, "a text", folder=tmp_path)

    assert (done.returncode, failed.returncode, wrong.returncode) == (0, 1, 2)
    assert json.loads(done.stdout)["text"] == "i am happy"
    assert done.stderr == ""
    for refused in (failed, wrong):
        assert refused.stdout == ""
        assert refused.stderr.startswith("Error: ")
        assert len(refused.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["evaluate", "classify", "compare", "explain"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(command, "--help") == 0
    assert f"Example: emohub {command} " in capsys.readouterr().out
