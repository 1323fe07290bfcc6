"""What every command has in common: help with an example, exit codes, and the ways to reach it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emohub import __version__
from emohub.cli import main
from emohub.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parent.parent

WRONG_USAGE: dict[str, list[list[str]]] = {
    "recipes": [["no-such-recipe"], ["--format", "xml"], ["minilm-emotion", "one-too-many"]],
    "data": [
        ["audit"],
        ["no-such-command"],
        ["audit", "no-such-corpus"],
        ["suspects"],
        ["suspects", "no-such-run"],
        ["suspects", "minilm-emotion", "--folds", "1"],
        ["audit", "emotion", "sst2"],
        ["audit", "emotion", "--max-length", "64"],
        ["audit", "emotion", "--text-column", "review"],
        ["audit", "one/rows.csv", "two/rows.csv"],
        ["audit", "rows.csv", "--language", "English"],
    ],
    "train": [
        [],
        ["no-such-recipe"],
        ["minilm-emotion", "--max-steps", "0"],
        ["minilm-emotion", "--max-steps", "many"],
        ["minilm-emotion", "--set", "learning_rate"],
        ["minilm-emotion", "--set", "no_such_key=1"],
    ],
    "export": [
        [],
        ["no-such-model"],
        ["minilm-emotion", "--format", "pickle"],
        ["minilm-emotion", "--input", "texts.odt"],
    ],
    "reproduce": [
        [],
        ["no-such-recipe"],
        ["minilm-emotion"],
        ["bert-emotion", "--max-steps", "0"],
        ["bert-emotion", "--split", "train"],
        ["bert-emotion", "--set", "learning_rate"],
    ],
    "runs": [
        ["no-such-command"],
        ["--dir", "no-such-folder"],
        ["--sort-by", "speed"],
        ["--format", "xml"],
        ["diff"],
        ["diff", "only-one"],
        ["diff", "no-such-run", "nor-this"],
    ],
    "tune": [
        [],
        ["no-such-recipe"],
        ["minilm-emotion", "--search", "learning_rate"],
        ["minilm-emotion", "--search", "no_such_key=1,2"],
        ["minilm-emotion", "--trials", "0"],
    ],
    "evaluate": [
        [],
        ["no-such-model"],
        ["minilm-emotion", "--suite", "speed"],
        ["minilm-emotion", "--templates", "sentences.toml"],
        ["minilm-emotion", "--corpus", "no-such-corpus"],
        ["minilm-emotion", "--corpus", "emotion", "--split", "dev"],
        ["minilm-emotion", "--corpus", "emotion", "--resamples", "0"],
    ],
    "classify": [[], ["minilm-emotion"], ["minilm-emotion", "a text", "--input", "too.csv"]],
    "compare": [
        [],
        ["minilm-emotion", "only one model"],
        ["minilm-emotion", "minilm-sst2", "--corpus", "no-such-corpus"],
        ["minilm-emotion", "minilm-sst2", "--corpus", "emotion", "--split", "eval"],
    ],
    "cascade": [
        [],
        ["minilm-emotion"],
        ["minilm-emotion", "minilm-sst2"],
        ["minilm-emotion", "minilm-sst2", "--corpus", "no-such-corpus"],
        ["minilm-emotion", "minilm-sst2", "--corpus", "emotion", "--margin", "2"],
    ],
    "explain": [[], ["minilm-emotion"]],
    "describe": [[], ["no-such-run"], ["minilm-emotion", "--seed", "-1"]],
    "card": [[], ["no-such-run"], ["bert-emotion", "--checks"]],
    "publish": [
        [],
        ["minilm-emotion"],
        ["minilm-emotion", "--repo-id", "USER/NAME", "--format", "xml"],
        ["minilm-emotion", "--repo-id", "no-owner", "--dry-run"],
    ],
    "verify": [[], ["minilm-emotion", "--corpus", "no-such-corpus"], ["minilm-emotion", "--resamples", "0"]],
    "audit": [[], ["no-such-card"], ["no-such-folder/README.md/x"], ["README.md", "--format", "xml"]],
    "doctor": [["no-such-recipe"], ["minilm-emotion"], ["--format", "xml"]],
    "demo": [["--port", "high"], ["--port", "70000"]],
}
"""Arguments that each command must refuse as wrong usage."""


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command, run in this process."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert isinstance(stop.value.code, int)
    return stop.value.code, *capsys.readouterr()


def module_help(module: str) -> subprocess.CompletedProcess[str]:
    """``python -m MODULE --help``, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", module, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"},
    )


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = run(["--help"], capsys)
    assert (code, errors) == (0, "")
    assert all(re.search(rf"\b{name}\b", output) for name in COMMANDS)


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = run([], capsys)
    assert code == 2
    assert "Usage: emohub" in output + errors


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = run(["no-such-command"], capsys)
    assert (code, output) == (2, "")
    assert "no-such-command" in errors


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = run([command, "--help"], capsys)
    assert (code, errors) == (0, "")
    assert f"Usage: emohub {command}" in output
    assert re.search(rf"Examples?:\s+emohub {command}\b", output)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_every_command_is_described(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.main import get_command

    from emohub.cli.app import app

    run([command, "--help"], capsys)
    group = get_command(app).commands[command]
    parameters = [p for each in (group, *getattr(group, "commands", {}).values()) for p in each.params]
    assert len(parameters) >= 2
    assert [parameter.name for parameter in parameters if not getattr(parameter, "help", None)] == []


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        pytest.param(command, arguments, id=" ".join([command, *arguments]))
        for command in COMMANDS
        for arguments in [["--no-such-option"], *WRONG_USAGE[command]]
    ],
)
def test_wrong_usage_exits_with_2_and_one_message(
    command: str,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output, errors = run([command, *arguments], capsys)
    assert (code, output) == (2, "")
    assert errors.strip()
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_is_tried_for_every_command() -> None:
    assert set(WRONG_USAGE) == set(COMMANDS)


def test_a_failure_exits_with_1_and_names_its_remedy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.toml"
    damaged.write_text('name = "x"\nlearning_rte = 1e-4\n', encoding="utf-8")
    code, output, errors = run(["recipes", str(damaged)], capsys)
    assert (code, output) == (1, "")
    assert errors.startswith("Error: ")
    assert "damaged.toml" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("command", ["train", "evaluate", "publish"])
def test_a_verb_run_as_a_module_is_the_same_command(command: str) -> None:
    as_module = module_help(f"emohub.{command}")
    assert as_module.returncode == 0, as_module.stderr
    assert f"Usage: emohub {command}" in as_module.stdout


def test_the_package_run_as_a_module_is_the_command_line() -> None:
    as_module = module_help("emohub")
    assert as_module.returncode == 0, as_module.stderr
    assert "Usage: emohub [OPTIONS] COMMAND" in as_module.stdout


def test_the_version_is_stated_once() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE)[0] == __version__
