"""The README and its companions: a valid front matter, generated parts that are current, links that lead on."""

import json
import re
from pathlib import Path

import pytest
import yaml

from docs import generate_readme
from emohub.cli.app import COMMANDS
from emohub.inference import Classifier
from emohub.layout import shipped_models
from emohub.recipe import list_corpora, load_corpus
from tests.factories import hub_base

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FRONT_MATTER, BODY = re.fullmatch(r"---\n(.*?)\n---\n(.*)", README, re.DOTALL).groups()
SETTINGS = yaml.safe_load(FRONT_MATTER)
PARTS = generate_readme.parts(README)
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}

UNTIMED = [
    "emohub recipes",
    "emohub train minilm-sst2-teacher-1",
    "emohub evaluate minilm-emotion --corpus emotion --split test",
    "emohub describe minilm-sst2",
    "emohub card minilm-emotion --check",
    "emohub publish minilm-emotion --repo-id USER/minilm-emotion --dry-run",
    "emohub audit tests/documented_cards/sst2-distilbert-5e.md",
    "emohub runs --dir cards",
]
"""Commands that print the same every time; the others print how long they took."""


def test_the_front_matter_is_what_a_space_reads() -> None:
    assert list(SETTINGS) == [
        *("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file"),
        *("models", "datasets", "license", "short_description"),
    ]
    assert (SETTINGS["title"], SETTINGS["sdk"], SETTINGS["license"]) == ("emohub", "gradio", "apache-2.0")
    assert {SETTINGS["colorFrom"], SETTINGS["colorTo"]} <= COLOURS
    assert len(SETTINGS["short_description"]) <= 60
    assert SETTINGS["python_version"] == "3.11"
    assert (ROOT / SETTINGS["app_file"]).is_file()


def test_the_space_runs_the_pinned_gradio() -> None:
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert f"gradio[mcp]=={SETTINGS['sdk_version']}" in requirements


def test_the_front_matter_names_the_data_and_the_base_models_of_what_ships() -> None:
    assert set(SETTINGS["datasets"]) == {load_corpus(name).hub_id for name in list_corpora()}
    assert len(shipped_models()) >= 3
    assert set(SETTINGS["models"]) == {hub_base(name) for name in shipped_models()}


def test_the_two_commands_come_before_everything_else() -> None:
    assert BODY.index("make demo") < BODY.index("make test") < BODY.index("![") < BODY.index("\n## ")


def test_every_command_is_shown() -> None:
    outputs = {what: body for what, body in PARTS.items() if what.startswith("emohub ")}
    for command, body in outputs.items():
        assert re.fullmatch(rf"```console\n\$ {re.escape(command)}\n.*\S.*\n```", body, re.DOTALL)
    further = re.findall(r"^## [^\n]+\n\n```console\n(.*?)```", BODY, re.DOTALL | re.MULTILINE)
    assert len(further) >= 2
    *jobs, runs = (command.split()[1] for command in outputs)
    assert jobs == [name for name in COMMANDS if name in jobs]
    assert {*jobs, runs, *re.findall(r"^\$ emohub (\w+)", "".join(further), re.MULTILINE)} == set(COMMANDS)


def test_the_folders_of_the_repository_are_named() -> None:
    folders = ["benchmarks", "cards", "configs", "docs", "emohub", "models", "tests", "tools"]
    assert [name for name in folders if not (ROOT / name).is_dir() or f"`{name}/`" not in BODY] == []


@pytest.mark.parametrize("table", ["documented", "measured", "reported"])
def test_the_results_are_those_of_the_records(table: str) -> None:
    assert PARTS[table] == generate_readme.render("results", table), "run `make readme`"
    assert PARTS[table].count("\n| ") - 1 == {"documented": 5, "measured": len(shipped_models()), "reported": 5}[table]


@pytest.mark.parametrize("command", UNTIMED)
def test_the_output_of_a_command_is_what_it_prints_now(command: str) -> None:
    assert PARTS[command] == generate_readme.render("output", command), "run `make readme`"


def test_the_measured_figures_stand_in_the_table_as_the_records_give_them() -> None:
    for name in shipped_models():
        (row,) = [line for line in PARTS["measured"].splitlines() if f"[{name}]" in line]
        record = json.loads((ROOT / "cards" / name / "eval.json").read_text(encoding="utf-8"))
        accuracy = record["metrics"]["accuracy"]
        assert f"| {accuracy['value']:.4f} ({accuracy['low']:.4f} to {accuracy['high']:.4f}) |" in row


def test_updating_touches_generated_parts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate_readme, "render", lambda kind, what: f"{kind} of {what}")
    text = "a\n<!-- output: emohub x -->\nold\n<!-- end -->\nb\n<!-- results: y -->\n<!-- end -->\nc\n"
    updated = generate_readme.update(text)
    assert updated == (
        "a\n<!-- output: emohub x -->\noutput of emohub x\n<!-- end -->\n"
        "b\n<!-- results: y -->\nresults of y\n<!-- end -->\nc\n"
    )
    assert generate_readme.update(updated) == updated


def test_an_output_that_needs_a_corpus_is_left_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate_readme, "render", lambda kind, what: f"{kind} of {what}")
    text = "<!-- output: emohub verify minilm-emotion -->\nkept\n<!-- end -->\n"
    monkeypatch.delenv("EMOHUB_DATA_DIR", raising=False)
    assert generate_readme.update(text) == text
    monkeypatch.setenv("EMOHUB_DATA_DIR", "data")
    assert generate_readme.update(text) == text.replace("kept", "output of emohub verify minilm-emotion")


def test_the_python_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", BODY.partition("\n## From Python\n")[2], re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    classifier = names["classifier"]
    assert isinstance(classifier, Classifier)
    assert capsys.readouterr().out.startswith(f"{classifier.labels}\n[[")


def test_the_calls_from_a_program_are_those_of_the_page_of_the_api() -> None:
    """Whose examples are run against the page."""
    documented = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    section = BODY.partition("\n### Ask it from a program\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```(\w+)\n.*?^```$", section, re.DOTALL | re.MULTILINE)
    assert blocks == ["bash", "python", "javascript", "json"]
    examples = [match[0] for match in re.finditer(r"^```\w+\n.*?^```$", section, re.DOTALL | re.MULTILINE)]
    assert [example for example in examples if example not in documented] == []
