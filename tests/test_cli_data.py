"""``emohub data audit``: the tables, the JSON, where rows are read from, and the exit codes."""

import json
import os
from pathlib import Path

import pytest
from conftest import LABELS, write_rows

from emohub.cli import main
from emohub.data import CHECKS
from emohub.recipe import Corpus


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the command in this process: exit code, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["data", "audit", *map(str, arguments)])
        assert isinstance(stop.value.code, int)
        return stop.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def declaration(made_corpus: Corpus, tmp_path: Path) -> Path:
    """The made corpus as a TOML file, with its train split alone."""
    folder = Path(made_corpus.base_folder)
    path = tmp_path / "made.toml"
    path.write_text(
        f'name = "made"\ntitle = "Made sentences"\nlanguage = ["en"]\nlabels = {json.dumps(LABELS)}\n'
        f"[splits.train]\nfile = {json.dumps(os.fspath(folder / 'train.csv'))}\nrows = 240\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A table of ten rows, three of them with errors and two with a warning."""
    rows = [("i feel fine", "joy"), ("i feel so low", "sadness"), ("you [bold] liar", "anger")]
    more = [("", "joy"), ("so far so good", ""), ("  ", "sadness"), ("i feel fine", "sadness"), ("i &amp; you", "joy")]
    return write_rows(tmp_path / "faulty.csv", [*rows, *more, ("it was mine", "anger"), ("is it far", "anger")])


def test_a_clean_corpus_exits_with_0_and_shows_what_was_looked_for(run, declaration):
    code, output, errors = run(declaration)
    assert (code, errors) == (0, "")
    assert output.startswith("Made sentences\n")
    assert output.endswith("\nNothing was found.\n")
    for check in CHECKS:
        assert check.title.split()[0] in output
    assert "Tokens of a text" not in output
    assert max(map(len, output.splitlines())) <= 80


def test_faults_are_shown_with_their_rows_and_errors_exit_with_1(run, faulty):
    code, output, errors = run(faulty)
    assert (code, errors) == (1, "")
    assert output.splitlines()[-5:] == [
        "Error: rows without a text: 2 of 10 in faulty.csv; give every row a text, or leave the row out.",
        "Error: rows without a label: 1 of 10 in faulty.csv; give every row a label, or leave the row out.",
        "Warning: rows that repeat the text of an earlier row: 1 of 10 in faulty.csv; leave the repeated rows out.",
        "Warning: texts that stand in several rows with different labels: 1 of 10 in faulty.csv; decide which label is "
        "right, or leave these texts out.",
        "Warning: texts with unresolved HTML entities such as &amp;: 1 of 10 in faulty.csv; resolve them, in the texts "
        "that the model will be given too.",
    ]
    assert "faulty.csv 4, 6" in output


def test_warnings_alone_exit_with_0(run, tmp_path):
    rows = write_rows(tmp_path / "rows.csv", [("so so", "joy"), ("so so", "joy"), ("no no", "anger")])
    code, output, _ = run(rows)
    assert code == 0
    assert "Warning: rows that repeat" in output


def test_the_json_holds_every_count_and_the_same_exit_code(run, faulty):
    code, output, errors = run(faulty, "--format", "json")
    assert (code, errors) == (1, "")
    values = json.loads(output)
    assert values["source"] == "faulty.csv"
    split = values["splits"]["faulty.csv"]
    assert (split["rows"], split["labels"]) == (10, {"anger": 3, "joy": 3, "sadness": 3})
    assert list(split["counts"]) == [check.key for check in CHECKS]
    assert split["counts"]["no_text"] == {"count": 2, "rows": [4, 6]}
    assert split["counts"]["foreign_language"] is None
    assert (len(values["errors"]), len(values["warnings"])) == (2, 3)


def test_several_files_are_compared_as_splits(run, tmp_path):
    train = write_rows(tmp_path / "train.csv", [("so so", "joy"), ("no no", "anger")])
    test = write_rows(tmp_path / "test.csv", [("oh", "joy"), ("So so", "anger")])
    code, output, _ = run(train, test)
    assert code == 0
    assert "1 in train.csv and test.csv (1 with different labels)" in output
    assert "1/2" in output


def test_columns_and_languages_of_a_file_are_named(run, tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("review,stars\nso good it was,5\nje suis très triste,1\n", encoding="utf-8")
    code, _, errors = run(path)
    assert code == 1
    assert "has no column 'text'; name one that it has: 'review', 'stars'." in errors
    code, output, _ = run(path, "--text-column", "review", "--label-column", "stars", "--language", "en")
    assert code == 0
    assert "likely in another language than the corpus declares: 1 of 2 in reviews.csv" in output


def test_tokens_are_counted_as_a_model_does(run, declaration, tiny_model_dir):
    code, output, _ = run(declaration, "--tokenizer", tiny_model_dir)
    assert code == 0
    assert "cut at 32" in output
    code, output, _ = run(declaration, "--tokenizer", tiny_model_dir, "--max-length", 8, "--format", "json")
    assert code == 0
    values = json.loads(output)
    split = values["splits"]["train"]
    words = [line.partition(",")[0].split() for line in _rows_of(declaration)]
    assert split["lengths"]["longest"] == max(map(len, words)) + 2
    assert split["cut"] == sum(len(text) > 6 for text in words)
    assert values["max_length"] == 8
    assert "have more than 8 tokens" in values["warnings"][0]["message"]


def _rows_of(declaration: Path) -> list[str]:
    """The rows of the made train split, whose words are one token each."""
    file = next(line for line in declaration.read_text(encoding="utf-8").splitlines() if line.startswith("file"))
    return Path(json.loads(file.partition("= ")[2])).read_text(encoding="utf-8").splitlines()[1:]


def test_texts_that_cannot_be_tokenized_do_not_stop_the_audit(run, tmp_path, tiny_model_dir):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"text": "half \\ud83d", "label": "joy"}\n{"text": 3, "label": "anger"}\n{"text": "so", "label": "joy"}\n',
        encoding="utf-8",
    )
    code, output, errors = run(path, "--tokenizer", tiny_model_dir)
    assert (code, errors) == (1, "")
    assert "half of a surrogate pair: 1 of 3 in rows.jsonl" in output


def test_the_data_dir_is_used(run, made_data_dir, made_corpus, tmp_path):
    path = tmp_path / "made.toml"
    path.write_text(
        f'name = "made"\ntitle = "Made"\nhub_id = "someone/made"\nlabels = {json.dumps(LABELS)}\n'
        "[splits.validation]\n[splits.test]\n",
        encoding="utf-8",
    )
    code, output, _ = run(path, "--data-dir", made_data_dir)
    assert code == 0
    assert "validation" in output
    code, _, errors = run(path, "--data-dir", tmp_path)
    assert code == 1
    assert "there is no file" in errors


def test_a_missing_file_and_other_labels_are_one_sentence(run, tmp_path):
    code, output, errors = run(tmp_path / "nowhere.csv")
    assert (code, output) == (1, "")
    assert "nowhere.csv cannot be read (No such file or directory)" in " ".join(errors.split())
    assert errors.startswith("Error: ")
