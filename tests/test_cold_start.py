"""What commands load of the large libraries: exactly what they use, so that nothing slow sneaks into a start."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import LABELS

from emohub.errors import ModelError
from emohub.inference import find_checkpoint
from emohub.inference.config import PlainConfig, read_config
from emohub.inference.loading import load_config

ROOT = Path(__file__).resolve().parent.parent
LARGE = (
    *("accelerate", "datasets", "evaluate", "gradio", "httpx2", "huggingface_hub", "jinja2", "matplotlib", "numpy"),
    *("onnxruntime", "optuna", "pandas", "pyarrow", "pydantic", "ray", "safetensors", "scipy", "sklearn"),
    *("tensorboard", "tokenizers", "torch", "transformers", "yaml"),
)
"""Libraries that take a while to import."""
TEXTS = {"numpy", "tokenizers"}
"""What a classifier needs beside what computes."""
ANSWERS = TEXTS | {"pydantic", "safetensors", "torch"}
"""What answers texts with a model of a known family: no transformers, which brings along whatever is installed. Typer
asks pydantic for the kinds of some options."""
GRADIO = {"gradio", "httpx2", "huggingface_hub", "jinja2", "numpy", "pandas", "pyarrow", "pydantic", "yaml"}
COMMAND = """
from emohub.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code
"""


def loaded(program: str, *arguments: str | Path) -> set[str]:
    """Which of the large libraries a new process has loaded once it has run ``program`` with these arguments."""
    ending = f"\nprint('\\nLOADED', json.dumps([name for name in {LARGE!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{program}{ending}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.rpartition("LOADED")[2]))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], set()),
        (["recipes"], {"pydantic"}),
        (["runs", "--help"], {"pydantic"}),
        (["audit", "CARD"], {"httpx2", "huggingface_hub", "jinja2", "numpy", "pydantic", "yaml"}),
    ],
)
def test_commands_that_compute_nothing_load_nothing_that_does(arguments, expected, tmp_path):
    card = tmp_path / "README.md"
    card.write_text("---\nlicense: mit\n---\n# A card\n", encoding="utf-8")
    assert loaded(COMMAND, *(card if each == "CARD" else each for each in arguments)) == expected


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta"])
def test_classifying_a_text_loads_torch_and_what_reads_the_model(architecture, make_tiny_model):
    folder = make_tiny_model(architecture=architecture)
    assert loaded(COMMAND, "classify", folder, "so happy") == ANSWERS


def test_classifying_a_file_loads_what_reads_tables_besides(tiny_model_dir, tmp_path):
    (tmp_path / "texts.csv").write_text("text\nso happy\n", encoding="utf-8")
    arguments = ("--input", tmp_path / "texts.csv", "--output", tmp_path / "answers.csv")
    assert loaded(COMMAND, "classify", tiny_model_dir, *arguments) == ANSWERS | {
        "pandas",
        "pyarrow",
    }  # pyarrow asks pandas


def test_what_an_engine_without_torch_needs_of_the_rest_loads_no_torch(tiny_model_dir):
    program = """
from emohub.inference import Classifier, find_checkpoint
from emohub.inference.config import read_config
from emohub.tokenizing import read_tokenizer
checkpoint = find_checkpoint(sys.argv[1])
assert list(read_config(checkpoint).id2label.values()) == sys.argv[2:]
assert read_tokenizer(checkpoint.folder).pad_token_id == 0
"""
    assert loaded(program, tiny_model_dir, *LABELS) == TEXTS


def test_the_page_is_built_before_anything_that_computes_is_loaded(tiny_model_dir):
    program = "from emohub.ui import build_demo\nbuild_demo({'tiny': sys.argv[1]})"
    assert loaded(program, tiny_model_dir) == GRADIO | TEXTS


def without(key: str, path: Path) -> None:
    stated = json.loads(path.read_text(encoding="utf-8"))
    del stated[key]
    path.write_text(json.dumps(stated), encoding="utf-8")


@pytest.mark.parametrize(("file", "key"), [("tokenizer_config.json", "backend"), ("config.json", "pad_token_id")])
def test_models_that_need_transformers_may_all_be_the_first_to_ask_for_it(file, key, tiny_model_dir, tmp_path):
    """How to read a tokenizer, or a model, without that key is left to transformers."""
    folders = [shutil.copytree(tiny_model_dir, tmp_path / name) for name in ("first", "second", "third")]
    without(key, folders[0] / file)
    for folder in folders[1:]:
        without("backend", folder / "tokenizer_config.json")
    program = """
from emohub.ui.service.store import ModelStore
store = ModelStore({each: each for each in sys.argv[1:]})
store.warm_up()
for name in store.names:
    store.get(name)
"""
    assert "transformers" in loaded(program, *folders)


def test_a_plain_configuration_says_what_transformers_says(make_tiny_model):
    for architecture in ("bert", "distilbert", "roberta"):
        checkpoint = find_checkpoint(make_tiny_model(architecture=architecture))
        plain, theirs = read_config(checkpoint), load_config(checkpoint)
        assert isinstance(plain, PlainConfig)
        for name in ("model_type", "id2label", "num_labels", "problem_type", "max_position_embeddings", "pad_token_id"):
            assert getattr(plain, name) == getattr(theirs, name)


@pytest.mark.parametrize("text", ['{"model_type": "bert", "id2label": {"0": "a", "1": "b"}}', "{", "[]"])
def test_an_incomplete_or_damaged_configuration_is_left_to_transformers(text, tiny_model_dir, tmp_path):
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (folder / "config.json").write_text(text, encoding="utf-8")
    checkpoint = find_checkpoint(folder)
    try:
        expected = load_config(checkpoint)
    except ModelError as error:
        with pytest.raises(ModelError, match=re.escape(str(error))):
            read_config(checkpoint)
    else:
        assert read_config(checkpoint).to_dict() == expected.to_dict()
