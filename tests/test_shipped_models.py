"""The models that ship: small, loaded by plain transformers, the ones that the cards measured, and publishable."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from emohub.inference import Classifier
from emohub.layout import shipped_models
from emohub.recipe import load_recipe
from emohub.record import EvalRecord, RunRecord, sha256_file
from tests.hub import Hub, serve_hub
from tests.publishing import TOKEN, clean_environment, make_hub, publish_command

CARDS = Path(__file__).resolve().parent.parent / "cards"
MODELS = shipped_models()
LARGEST = 46_000_000
"""Bytes of weights."""
FEELINGS = {"i feel so happy and content today": "joy", "i feel terrified of the dark": "fear"}
TWEETS = {"I am furious about this awful service!": "anger", "so sad, I cried all night": "sadness"}
REVIEWS = {"a wonderful , moving film": "positive", "a dull and tedious mess": "negative"}
PLAIN = {
    "minilm-emotion": FEELINGS,
    "tiny-emotion": FEELINGS,
    "minilm-tweet-emotion": TWEETS,
    "tiny-tweet-emotion": TWEETS,
    "minilm-sst2": REVIEWS,
    "tiny-sst2": REVIEWS,
}
"""Texts on which a classifier that tells anything apart must be right."""
TEXTS = [text for texts in PLAIN.values() for text in texts] + ["", "word " * 300]

named = pytest.mark.parametrize("name", sorted(MODELS))


def test_six_models_ship_each_with_its_measured_card() -> None:
    assert set(PLAIN) <= set(MODELS)
    for name in MODELS:
        assert {path.name for path in (CARDS / name).iterdir()} >= {"README.md", "run.json", "eval.json"}


@named
def test_the_weights_are_small_and_are_those_that_were_measured(name: str) -> None:
    weights = MODELS[name] / "model.safetensors"
    assert weights.stat().st_size <= LARGEST
    assert {tensor.dtype for tensor in load_file(weights).values()} == {torch.float16}
    run, evaluation = RunRecord.load(CARDS / name / "run.json"), EvalRecord.load(CARDS / name / "eval.json")
    assert sha256_file(weights) == run.exported.fingerprint == evaluation.model.fingerprint
    assert evaluation.split == "test"
    assert run.recipe_digest == load_recipe(name).digest
    assert run.overrides == {}
    assert run.max_steps is None


@named
def test_plain_transformers_gives_the_same_probabilities(name: str) -> None:
    classifier = Classifier.from_pretrained(MODELS[name], engine="torch")
    assert classifier.labels == load_recipe(name).corpus.labels
    tokenizer = AutoTokenizer.from_pretrained(MODELS[name])
    model = AutoModelForSequenceClassification.from_pretrained(MODELS[name])
    with torch.inference_mode():
        logits = [model(**tokenizer(text, truncation=True, return_tensors="pt")).logits for text in TEXTS]
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), torch.cat(logits).softmax(-1), atol=1e-6)


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_plain_texts_get_their_labels(name: str) -> None:
    classifier = Classifier.from_pretrained(MODELS[name], engine="torch")
    assert {text: classifier.classify(text).label for text in PLAIN[name]} == PLAIN[name]


@named
def test_the_dry_run_prints_the_plan_where_no_hub_is(name: str, tmp_path: Path) -> None:
    done = publish_command(
        name,
        "--repo-id",
        f"ada/{name}",
        "--dry-run",
        "--format",
        "json",
        home=str(tmp_path),
        HF_ENDPOINT="http://127.0.0.1:9",
    )
    assert done.returncode == 0, done.stderr
    sizes = {file["path"]: file["size"] for file in json.loads(done.stdout)["plan"]["files"]}
    assert sizes["model.safetensors"] == (MODELS[name] / "model.safetensors").stat().st_size
    assert {"README.md", "config.json", "tokenizer.json", "run.json", "eval.json"} <= set(sizes)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as hub:
        yield make_hub(hub)


LOAD_BACK = """
import json, sys
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from emohub.inference import Classifier

repo_id, texts = sys.argv[1], json.loads(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(repo_id)
model = AutoModelForSequenceClassification.from_pretrained(repo_id)
with torch.inference_mode():
    plain = [model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0].tolist() for text in texts]
print(json.dumps([plain, Classifier.from_pretrained(repo_id, engine="torch").predict_proba(texts).tolist()]))
"""


@named
def test_published_to_a_hub_it_comes_back_the_same(name: str, hub: Hub, tmp_path: Path) -> None:
    project = tmp_path / "project"  # publishing leaves publish.json beside the records
    shutil.copytree(CARDS / name, project / "cards" / name)
    shutil.copytree(MODELS[name], project / "models" / name)
    done = publish_command(
        name,
        *("--repo-id", f"ada/{name}"),
        cwd=project,
        home=str(tmp_path),
        HF_ENDPOINT=hub.url,
        HF_TOKEN=TOKEN,
        PYTHONPATH=str(CARDS.parent),
    )
    assert done.returncode == 0, done.stderr
    assert (project / "cards" / name / "publish.json").is_file()
    assert hub.count("POST", "/commit/") == 1
    texts = list(PLAIN.get(name, {"a text": ""}))
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD_BACK, f"ada/{name}", json.dumps(texts)],
        env=clean_environment(tmp_path / "empty", HF_ENDPOINT=hub.url),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    here = Classifier.from_pretrained(MODELS[name], engine="torch").predict_proba(texts)
    for probabilities in json.loads(loaded.stdout):
        np.testing.assert_allclose(probabilities, here, atol=1e-6)
