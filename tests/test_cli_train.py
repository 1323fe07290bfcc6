"""``emohub train``: what it prints for people, programs and pipelines, the range test, and jobs that are only shown."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from test_train import write_recipe

from emohub.cli import main
from emohub.recipe import Corpus
from emohub.record import RunRecord
from emohub.train import RangeTest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(made_corpus: Corpus, tiny_base_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(*options)`` trains a recipe of one's own and gives the exit status, standard output and standard error."""
    recipe = write_recipe(tmp_path, made_corpus, tiny_base_dir)

    def emohub_train(*options: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["train", str(recipe), *options])
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return emohub_train


def test_the_json_mode_prints_one_object_a_line_and_nothing_else(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    status, out, _ = run("--output-dir", str(folder), "--max-steps", "6", "--progress", "json")
    assert status == 0
    *steps, end = [json.loads(line) for line in out.splitlines()]
    assert [step["step"] for step in steps] == list(range(1, 7))
    assert {step["event"] for step in steps} == {"step"}
    assert set(steps[0]) >= {"loss", "learning_rate", "samples_per_second", "padding_share", "total_steps", "stage"}
    record = RunRecord.load(folder / "run.json")
    assert steps[-1]["row"] == record.history[0].model_dump(mode="json")
    assert end == {
        "event": "finished",
        "folder": str(folder),
        "exported": record.exported.model_dump(mode="json"),
    }


def test_what_the_audit_noticed_comes_with_the_first_step(run: Run, tmp_path: Path) -> None:
    lines = (tmp_path / "train.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "train.csv").write_text("".join([*lines, lines[1]]), encoding="utf-8")
    folder = tmp_path / "run"
    _, out, _ = run("--output-dir", str(folder), "--max-steps", "3", "--progress", "json")
    first, second, *_ = [json.loads(line) for line in out.splitlines()]
    recorded = [finding.model_dump(mode="json") for finding in RunRecord.load(folder / "run.json").findings]
    assert first["findings"] == recorded
    assert second["findings"] == []
    assert any("repeat the text of an earlier row: 1 of 241 in train" in finding["message"] for finding in recorded)
    _, _, err = run("--output-dir", str(tmp_path / "shown"), "--max-steps", "1")
    assert "Noticed in the data: rows that repeat the text of an earlier row: 1 of 241 in train" in err


def test_the_next_command_that_is_named_works(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    _, out, _ = run("--output-dir", str(folder), "--max-steps", "1")
    assert f"Next: emohub evaluate {folder} --corpus RECIPE.toml --split test" in out
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(folder), "--corpus", str(tmp_path / "mine.toml"), "--split", "validation"])
    assert not stopped.value.code
    assert "60 rows" in capsys.readouterr().out


def test_the_quiet_mode_prints_the_folder_alone(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert run("--output-dir", str(folder), "--max-steps", "2", "--progress", "quiet") == (0, f"{folder}\n", "")


def test_the_bar_shows_speed_padding_and_time_left(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    _, out, err = run("--output-dir", str(tmp_path / "run"), "--max-steps", "3")
    assert "validation loss" in err
    for word in ("classification", "3/3", "/s", "padding", "left"):
        assert word in err
    assert "Exported step 3" in out


def test_find_lr_suggests_a_rate_and_trains_nothing(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "rates"
    status, out, _ = run("--output-dir", str(folder), "--find-lr", "--max-steps", "60")
    assert status == 0
    test = RangeTest.load(folder / "range_test.json")
    assert test.steps == 60
    assert test.rule in out
    assert "No learning rate" in out if test.suggestion is None else f"{test.suggestion:.1e}" in out
    assert {path.name for path in folder.iterdir()} == {"range_test.json", "range_test.png"}
    status, out, _ = run("--output-dir", str(folder), "--find-lr", "--max-steps", "60", "--progress", "json")
    assert json.loads(out.splitlines()[-1])["suggestion"] == test.suggestion


def test_a_job_is_shown_without_a_hub_or_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "distilbert-emotion", "--on", "hf-jobs", "--flavor", "t4-small", "--set", "seed=3", "--dry-run"])
    assert not stopped.value.code
    plan = json.loads(capsys.readouterr().out)
    assert plan["flavor"] == "t4-small"
    assert "--set seed=3" in plan["command"][-1]
    assert plan["equivalent"].startswith("hf jobs run")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--on", "hf-jobs", "--no-resume", "--dry-run"], "leave --no-resume, --no-auto-batch"),
        (["--on", "hf-jobs", "--progress", "json", "--dry-run"], "leave --no-resume, --no-auto-batch"),
        (["--on", "hf-jobs", "--find-lr", "--dry-run"], "--find-lr"),
        (["--dry-run"], "add --on hf-jobs, or leave --dry-run out"),
        (["--on", "hf-jobs", "--flavor", "t4-smal", "--dry-run"], "did you mean 't4-small'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run: Run, options: list[str], said: str) -> None:
    status, out, err = run(*options)
    assert (status, out) == (2, "")
    assert said in err
