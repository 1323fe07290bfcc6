"""``emohub recipes``: the list, one recipe, JSON that a program reads, and the exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emohub.cli import main
from emohub.recipe import Recipe, list_recipes, load_recipe


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the command in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["recipes", *arguments])
        assert isinstance(stop.value.code, int)
        return stop.value.code, *capsys.readouterr()

    return call


def words(text: str) -> str:
    """Text with its line breaks and runs of spaces as single spaces."""
    return " ".join(text.split())


def test_the_list_names_every_recipe_whole_in_80_columns(run):
    code, output, errors = run()
    assert (code, errors) == (0, "")
    assert len(list_recipes()) >= 8
    lines = output.splitlines()
    for name in list_recipes():
        recipe = load_recipe(name)
        [first] = [number for number, line in enumerate(lines) if line.startswith(f"│ {name} ")]
        assert recipe.base_model in lines[first]
        assert f"│ {recipe.corpus.name} " in lines[first + 1]
        assert lines[first + 1].startswith("│ documented " if recipe.documented else "│ ours ")
    assert max(map(len, lines)) <= 80
    assert "…" not in output  # nothing is cut


def test_the_list_as_json(run):
    code, output, errors = run("--format", "json")
    assert (code, errors) == (0, "")
    rows = json.loads(output)
    assert [row["name"] for row in rows] == list(list_recipes())
    for row in rows:
        recipe = load_recipe(row["name"])
        assert row == {
            "name": recipe.name,
            "base_model": recipe.base_model,
            "corpus": recipe.corpus.name,
            "origin": "ours" if recipe.documented is None else "documented",
            "summary": recipe.summary,
            "digest": recipe.digest,
        }


@pytest.mark.parametrize("name", list_recipes())
def test_one_recipe_shows_everything_it_declares(run, name):
    code, output, errors = run(name)
    assert (code, errors) == (0, "")
    recipe, text = load_recipe(name), words(output)
    for section in (recipe.training, recipe.evaluation, recipe.export):
        for key in type(section).model_fields:
            assert f" {key} " in text
    for part in (recipe.summary, recipe.base_model, recipe.digest, recipe.corpus.title, *recipe.corpus.flaws):
        assert words(part) in text
    assert ", ".join(f"{i} {label}" for i, label in enumerate(recipe.corpus.labels)) in text
    assert recipe.corpus.terms is not None
    assert recipe.corpus.terms in text
    assert recipe.corpus.citation is not None
    assert recipe.corpus.citation.strip() in output  # as it stands, to be copied
    assert ("Reported by the document of" in text) == (recipe.documented is not None)


@pytest.mark.parametrize("name", [name for name in list_recipes() if load_recipe(name).documented])
def test_one_documented_recipe_shows_what_was_reported(run, name):
    _, output, _ = run(name)
    documented, text = load_recipe(name).documented, words(output)
    assert documented is not None
    assert "they were not measured here" in text
    for metric in documented.headline.model_dump(exclude_none=True).values():
        assert f" {metric} " in text
    for row in documented.results:
        cells = [row.training_loss, row.epoch, row.step, row.loss, row.accuracy, row.f1_unstated_average]
        shown = [str(cell) for cell in cells if cell is not None]
        assert any(line.split()[-len(shown) :] == shown for line in output.splitlines())
    for note in documented.notes:
        assert words(note.text) + (" (inferred)" if note.inferred else " -") in text + " -"
    for library, version in documented.frameworks.items():
        assert f"{library} {version or 'not stated'}" in text
    for item in (*documented.uses, *documented.limits, *documented.preprocessing, *documented.troubleshooting):
        assert f"- {item}" in text
    for stated in documented.hyperparameters.model_dump().values():
        assert ("not stated" if stated is None else str(stated)) in text


def test_the_results_table_has_the_documents_shape(run):
    _, output, _ = run("sst2-distilbert-5e")
    lines = [line.split() for line in output.splitlines()]
    first = lines.index(["0.6744", "0.12", "50", "0.6094", "0.66"])
    assert lines[first + 1 : first + 4] == [
        ["0.4942", "0.23", "100", "0.3772", "0.8667"],
        ["0.3483", "0.46", "200", "0.3634", "0.84"],
        ["–", "–", "2150", "0.4125", "0.8933"],
    ]
    assert "The document leaves out the rows between steps 200 and 2150" in output


def test_the_first_loss_is_shown_with_what_the_text_calls_it(run):
    _, output, _ = run("bert-emotion")
    assert 'gives 0.8416 as the first loss and "decrease" as its direction' in words(output)


@pytest.mark.parametrize("name", list_recipes())
def test_one_recipe_as_json_is_the_recipe(run, name):
    code, output, errors = run(name, "--format", "json")
    assert (code, errors) == (0, "")
    values = json.loads(output)
    recipe = load_recipe(name)
    assert values.pop("digest") == recipe.digest
    assert "base_folder" not in values["corpus"]  # an absolute path of this machine
    read = Recipe.from_values(values, "the output")
    assert read.digest == recipe.digest
    assert read.documented == recipe.documented


def test_a_recipe_file_is_shown_like_a_built_in_one(run, tmp_path):
    path = tmp_path / "mine.toml"
    text = (
        'name = "mine"\nsummary = "Square [brackets] stay."\nbase_model = "owner/model"\n'
        '[corpus]\nname = "texts"\ntitle = "Texts"\nlabels = ["a", "b"]\n[corpus.splits.train]\nfile = "train.csv"\n'
        "[training]\nlearning_rate = 1e-4\nper_device_train_batch_size = 8\nnum_train_epochs = 2\nseed = 1\n"
    )
    path.write_text(text, encoding="utf-8")
    code, output, _ = run(str(path))
    assert code == 0
    assert "Square [brackets] stay." in output
    for unknown in ("Hub dataset: none", "train not stated", "Terms: none are stated", "Licence: none chosen"):
        assert unknown in output
    assert "Known flaws" not in output
    assert "Reported" not in output
    assert "Base model: owner/model\nRevision: the newest\n" in output
    path.write_text(text.replace("owner/model", "minilm-emotion"), encoding="utf-8")
    assert "Base model: minilm-emotion\nRevision: none, a recipe makes it here\n" in run(str(path))[1]


def test_an_unknown_name_is_wrong_usage(run):
    code, output, errors = run("bert-emotoin")
    assert (code, output) == (2, "")
    assert "Error: there is no recipe 'bert-emotoin'; did you mean 'bert-emotion', " in errors
    assert "Traceback" not in errors


def test_a_broken_recipe_is_a_failure(run, tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text('nam = "x"\n', encoding="utf-8")
    code, output, errors = run(str(path), "--format", "json")
    assert (code, output) == (1, "")
    assert "broken.toml: unknown key 'nam'" in errors
    assert "did you mean 'name'" in errors


def test_the_command_itself():
    """As a person starts it: the list is on standard output, and torch is not loaded for it."""
    code = (
        "import sys\nfrom emohub.cli import main\ntry:\n main(['recipes', 'bert-tiny-emotion', '--format', 'json'])\n"
        "finally:\n assert not {'torch', 'transformers', 'gradio'} & set(sys.modules)"
    )
    root = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=root, env=environment, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["documented"]["results"][-1]["accuracy"] == 0.9065
    wrong = subprocess.run(
        [sys.executable, "-m", "emohub", "recipes", "nope"],
        capture_output=True,
        cwd=root,
        env=environment,
        timeout=60,
        check=False,
    )
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    assert b"there is no recipe 'nope'" in wrong.stderr
