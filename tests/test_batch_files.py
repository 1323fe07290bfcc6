"""Files of any size, classified: nothing of them is held, and they are answered whole or not at all."""

import csv
import errno
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emohub.batch import FileAnswers, Progress, answer_file, answer_texts, check_file, read_texts
from emohub.cli import classify as command
from emohub.cli import main
from emohub.data import Table, TableFile, TableOutline, read_table, write_table
from emohub.errors import DataError, RecordError, UsageError
from emohub.inference import Classifier
from emohub.steps import run_steps
from tests.conftest import LABELS, MakeModel, made_rows

ROOT = Path(__file__).parent.parent
ROWS = 4200
"""More than a block."""


@pytest.fixture(scope="module")
def classifier(make_tiny_model: MakeModel) -> Classifier:
    return Classifier.from_pretrained(make_tiny_model(max_length=16), engine="torch")


def made_table(rows: int = ROWS) -> Table:
    texts = [text for text, _ in made_rows(300, seed=5)]
    return Table({"n": [str(n) for n in range(rows)], "text": ["so " * 20, *(texts[n % 300] for n in range(1, rows))]})


def answer(classifier: Classifier, path: Path, output: Path, **options: Any) -> tuple[FileAnswers, list[Progress]]:
    steps: list[Progress] = []
    with TableFile(path) as asked:
        outline = TableOutline(output)
        run_steps(check_file(asked, "text", outline))
        answers = run_steps(answer_file(classifier, asked, "text", outline, **options), steps.append)
    return answers, steps


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
def test_a_file_is_answered_as_the_table_that_it_holds(kind: str, classifier: Classifier, tmp_path: Path) -> None:
    path = tmp_path / f"in{kind}"
    write_table(path, made_table())
    answers, steps = answer(classifier, path, tmp_path / "out.parquet")
    whole = run_steps(answer_texts(classifier, read_texts(read_table(path), "text"))).as_table()
    written = read_table(tmp_path / "out.parquet")
    assert list(written.columns) == list(whole.columns)
    for name in ("n", "text"):
        assert written.values(name) == whole.values(name)
    for name in LABELS:
        column = f"probability_{name}"
        assert np.abs(np.subtract(written.values(column), whole.values(column))).max() < 1e-6
    assert answers == FileAnswers(ROWS, 1, 16)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert (steps[-1].done, steps[-1].total, steps[-1].share) == (ROWS, ROWS, 1)


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
def test_a_wrong_row_near_the_end_is_found_before_the_model_is_loaded(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Classifier, "from_pretrained", None)
    for wrong, message in ((" ", "is empty"), ("x" * 100_001, "has 100,001 characters")):
        write_table(tmp_path / f"in{kind}", Table({"text": ["happy"] * ROWS + [wrong]}))
        arguments = ("--input", tmp_path / f"in{kind}", "--output", tmp_path / "out.csv")
        with pytest.raises(SystemExit) as stopped:
            main(["classify", "any-model", *map(str, arguments)])
        assert stopped.value.code == 1
        assert f"row {ROWS + 1}: 'text' {message}" in capsys.readouterr().err.replace("\n", "")
    assert [entry.name for entry in tmp_path.iterdir()] == [f"in{kind}"]


def test_columns_that_come_late_count_for_the_names_of_answers(classifier: Classifier, tmp_path: Path) -> None:
    lines = [{"text": "happy"}] * ROWS + [{"text": "sad", "label": "mine", "emohub_probability_joy": 1}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with pytest.raises(UsageError, match="has a column 'emohub_probability_joy' already"):
        answer(classifier, tmp_path / "in.jsonl", tmp_path / "out.csv")
    del lines[-1]["emohub_probability_joy"]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    answer(classifier, tmp_path / "in.jsonl", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:3] == ["text", "label", "emohub_label"]
    assert (rows[0]["label"], rows[-1]["label"]) == ("", "mine")


def test_formulas_are_escaped_in_every_block(classifier: Classifier, tmp_path: Path) -> None:
    write_table(tmp_path / "in.csv", Table({"=n": ["@x"] * ROWS, "text": ["=1"] * ROWS}))
    answer(classifier, tmp_path / "in.csv", tmp_path / "out.csv", escape_formulas=True)
    written = read_table(tmp_path / "out.csv")
    assert set(written.values("'=n")) == {"'@x"}
    assert set(written.values("text")) == {"'=1"}


def test_a_file_that_changes_meanwhile_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    write_table(tmp_path / "in.csv", made_table(10))
    with TableFile(tmp_path / "in.csv") as asked:
        outline = TableOutline(tmp_path / "out.csv")
        run_steps(check_file(asked, "text", outline))
        with (tmp_path / "in.csv").open("a", encoding="utf-8") as file:
            file.write("11,one more\n")
        with pytest.raises(DataError, match=r"in\.csv changed while it was read"):
            run_steps(answer_file(classifier, asked, "text", outline))
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.csv"]


def test_a_full_disk_leaves_nothing(classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_table(tmp_path / "in.csv", made_table(10))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordError, match=r"out\.csv cannot be written \(No space left on device\)"):
        answer(classifier, tmp_path / "in.csv", tmp_path / "out.csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.csv"]


def test_who_stops_it_finds_no_half_file(
    make_tiny_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path / "in.csv", made_table())
    (tmp_path / "out.csv").write_text("what stood there before", encoding="utf-8")
    seen: list[int] = []

    @contextmanager
    def interrupted() -> Iterator[Any]:
        def report(task: str, done: int, total: int) -> None:
            if task == "Classifying":
                seen.append(len(list(tmp_path.iterdir())))
                raise KeyboardInterrupt

        yield report

    monkeypatch.setattr(command, "progress", interrupted)
    arguments = ("--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv")
    with pytest.raises(SystemExit) as stopped:
        main(["classify", str(make_tiny_model()), *map(str, arguments)])
    assert stopped.value.code == 130
    assert seen == [3]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.csv", "out.csv"]
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "what stood there before"


CLASSIFY_AND_MEASURE = """
import sys
from pathlib import Path
from emohub.cli import main

for pair in sys.argv[2:]:
    source, target = pair.split(":")
    try:
        main(["classify", sys.argv[1], "--input", source, "--output", target])
    except SystemExit as stopped:
        assert not stopped.code
    status = Path("/proc/self/status").read_text().split()
    print(int(status[status.index("VmHWM:") + 1]))
"""
"""Prints, after each file, the most memory that the process has had so far, in KiB."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process had")
def test_memory_does_not_grow_with_the_file(make_tiny_model: MakeModel, tmp_path: Path) -> None:
    generator = random.Random(0)
    kinds = [(".parquet", ".csv"), (".csv", ".jsonl"), (".jsonl", ".parquet")]
    pairs = []
    for size, rows in (("small", 1250), ("large", 4500)):
        ballast = [generator.randbytes(8192).hex() for _ in range(rows)]
        for source, target in kinds:
            write_table(tmp_path / f"{size}{source}", Table({"text": ["so happy"] * rows, "ballast": ballast}))
            pairs.append(f"{size}{source}:{size}-answers{target}")
    model = make_tiny_model(max_length=16)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CLASSIFY_AND_MEASURE, str(model), *pairs],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    peaks = [int(line) / 1024 for line in done.stdout.split()]  # MiB
    assert len(peaks) == len(pairs)
    grown = (tmp_path / "large.csv").stat().st_size - (tmp_path / "small.csv").stat().st_size
    assert grown > 50 * 2**20
    assert peaks[-1] - peaks[len(kinds) - 1] < 40, peaks
