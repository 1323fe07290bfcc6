"""Models that were really trained, measured and published to the loopback Hub, verified from there by their ids."""

import json
import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from emohub.card import write_card
from emohub.cli import main
from emohub.errors import ModelError, UsageError
from emohub.evaluate import evaluate
from emohub.publish import plan, publish
from emohub.recipe import Corpus, Recipe
from emohub.record import RunRecord
from emohub.train import train
from emohub.verify import Verification, verify
from emohub.verify.measuring import perplexity_interval
from tests.hub import Blob, Hub, Repo, serve_hub
from tests.publishing import reachable

# The client's own upload over LFS uses an argument that httpx2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")

TOKEN = "hf_AdasTokenThatNobodyMaySee"
TEXTS = [
    f"i feel {word} today and my friend was {other}" for word in ("happy", "lost") for other in ("so", "home", "i")
]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "reviews.txt"
    path.write_text("\n".join(f"{text} {at}" for at in range(30) for text in TEXTS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(made_corpus: Corpus, tiny_base_dir: Path, texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two stages, both with their cards."""
    training = {"learning_rate": 5e-3, "per_device_train_batch_size": 16, "num_train_epochs": 1, "seed": 7}
    recipe = Recipe.from_values(
        {
            "name": "two",
            "summary": "A tiny model, adapted first.",
            "base_model": str(tiny_base_dir),
            "max_length": 32,
            "corpus": made_corpus.model_dump(mode="json"),
            "adaptation": {
                "corpus": {"name": "texts", "title": "Texts", "files": [str(texts)], "validation_share": 0.05},
                "max_length": 24,
                "training": training,
            },
            "training": {**training, "num_train_epochs": 4},
        },
        "test recipe",
    )
    folder = tmp_path_factory.mktemp("runs") / "two"
    train(recipe, output_dir=folder)
    evaluate(folder, made_corpus, "test", output_dir=folder, resamples=200)
    write_card(folder)
    write_card(folder / "masked_lm")
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A loopback Hub and an empty cache for this process; the client's waits between its retries take no time."""
    with serve_hub() as hub, reachable(hub, monkeypatch, tmp_path / "cache"):
        hub.add_user(TOKEN, "ada")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def published(hub: Hub, run: Path, tmp_path: Path) -> Repo:
    folder = shutil.copytree(run, tmp_path / "run")
    publish(plan(str(folder), "ada/two"))
    return hub.repos["ada/two"]


def change(repo: Repo, **files: bytes | None) -> None:
    """Commit other contents of files, whose names have two underscores for a dot; None takes a file away."""
    kept = dict(repo.head.files)
    for name, content in files.items():
        path = name.replace("__", ".")
        kept.pop(path, None)
        if content is not None:
            kept[path] = Blob(content, lfs=path.endswith((".safetensors", ".bin")))
    repo.commit("main", "another state", kept, repo.head.oid)


def outcomes(found: Verification) -> set[str]:
    return {checked.outcome for checked in found.claims}


def test_a_published_classifier_reproduces_every_claim_of_its_card(
    published: Repo, made_corpus: Corpus, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    told: list[tuple[str, int, int]] = []
    found = verify("ada/two", corpus=made_corpus, resamples=200, on_progress=lambda *what: told.append(what))
    assert "".join(capfd.readouterr()) == ""  # whoever is told of the progress shows it
    assert outcomes(found) == {"reproduced"}
    assert len(found.claims) == 8
    assert (found.holds, found.weights_named, found.notes) == (True, True, ())
    assert found.model.revision == published.head.oid
    assert found.model.fingerprint == RunRecord.load(run / "run.json").exported.fingerprint
    assert {task for task, _, _ in told} == {"Downloading", "Classifying test"}
    for task in ("Downloading", "Classifying test"):
        steps = [(done, total) for name, done, total in told if name == task]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] > 0


def test_other_weights_and_other_figures_differ_and_a_pinned_revision_still_holds(
    published: Repo, made_corpus: Corpus, tmp_path: Path
) -> None:
    first = published.head
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(first.files["model.safetensors"].content)
    tensors = load_file(weights)
    save_file({name: -value for name, value in tensors.items()}, weights, metadata={"format": "pt"})
    change(published, model__safetensors=weights.read_bytes())
    found = verify("ada/two", corpus=made_corpus, resamples=200)
    assert "differs" in outcomes(found)
    assert (found.weights_named, found.holds) == (False, False)
    assert any("outside the 95% interval" in checked.reason for checked in found.claims)
    assert verify("ada/two", revision=first.oid, corpus=made_corpus, resamples=200).holds

    card = first.files["README.md"].content.replace(b"\n      value: 0.", b"\n      value: 0.0")
    assert card != first.files["README.md"].content
    change(published, model__safetensors=first.files["model.safetensors"].content, README__md=card)
    found = verify("ada/two", corpus=made_corpus, resamples=200)
    assert "differs" in outcomes(found)
    assert (found.weights_named, found.holds) == (True, False)


def test_a_repository_of_pickles_is_refused_and_nothing_of_it_is_fetched_or_run(
    hub: Hub, published: Repo, made_corpus: Corpus
) -> None:
    bomb = b"cos\nsystem\n(S'touch /tmp/ran'\ntR."
    change(published, model__safetensors=None, pytorch_model__bin=bomb)
    with pytest.raises(ModelError, match="weights in pickle files are never loaded"):
        verify("ada/two", corpus=made_corpus)
    assert not any(request.path.endswith(".bin") for request in hub.requests if "/resolve/" in request.path)


def test_code_in_the_repository_never_runs(published: Repo, made_corpus: Corpus, hub: Hub) -> None:
    config = json.loads(published.head.files["config.json"].content)
    code = b"raise SystemExit('the code of the repository ran')"
    names = {"AutoConfig": "modeling.Config", "AutoModelForSequenceClassification": "modeling.Model"}
    change(published, modeling__py=code, config__json=json.dumps({**config, "auto_map": names}).encode())
    found = verify("ada/two", corpus=made_corpus, resamples=200)
    assert outcomes(found) == {"reproduced"}
    assert any("auto_map" in note and "not run" in note for note in found.notes)
    change(published, config__json=json.dumps({**config, "auto_map": names, "model_type": "mine"}).encode())
    with pytest.raises(ModelError, match="code inside a model is never run"):
        verify("ada/two", corpus=made_corpus)
    assert not any("modeling" in name for name in sys.modules if name.startswith("transformers_modules"))
    assert not any(request.path.endswith("modeling.py") for request in hub.requests)


def test_a_card_of_the_same_name_here_is_not_that_of_a_model_on_the_hub(
    published: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tmp_path / "run", tmp_path / "cards" / "two")
    monkeypatch.chdir(tmp_path)
    change(published, README__md=None)
    with pytest.raises(Exception, match="has no card"):
        verify("ada/two")


def test_a_local_folder_has_no_revision_and_its_pickles_are_named(
    run: Path, made_corpus: Corpus, tmp_path: Path
) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "checkpoint" / "pytorch_model.bin").write_bytes(b"a pickle")
    assert verify(folder, corpus=made_corpus, resamples=200).notes == (
        "pytorch_model.bin can hold code and was not opened",
    )
    with pytest.raises(UsageError, match="has no revision"):
        verify(folder, revision="main")


# Perplexity --------------------------------------------------------------------------------------------------------


@pytest.fixture
def language_model(hub: Hub, run: Path, tmp_path: Path) -> Repo:
    folder = shutil.copytree(run, tmp_path / "run")
    publish(plan(str(folder / "masked_lm"), "ada/two-masked-lm"))
    return hub.repos["ada/two-masked-lm"]


def test_a_published_language_model_reproduces_its_perplexity(language_model: Repo, run: Path, texts: Path) -> None:
    told = []
    found = verify("ada/two-masked-lm", texts=[texts], resamples=500, on_progress=lambda *what: told.append(what))
    [claim] = found.claims
    exported = RunRecord.load(run / "masked_lm" / "run.json").exported
    assert (claim.outcome, found.holds, found.weights_named) == ("reproduced", True, True)
    assert claim.measured is not None
    assert claim.measured.value == pytest.approx(exported.validation["perplexity"], rel=1e-6)
    assert claim.measured.low < claim.measured.value < claim.measured.high
    assert {task for task, _, _ in told} == {"Downloading", "Restoring words"}


def test_another_perplexity_differs(language_model: Repo, texts: Path) -> None:
    card = language_model.head.files["README.md"].content.decode()
    stated = next(line for line in card.splitlines() if line.strip().startswith("value: "))
    value = float(stated.split()[-1])
    for figure, outcome in (
        (f"{value:.1f}", "reproduced"),
        (str(value + 0.2), "differs"),
        ("0.9", "cannot be checked"),
    ):
        change(language_model, README__md=card.replace(stated, f"      value: {figure}").encode())
        assert outcomes(verify("ada/two-masked-lm", texts=[texts], resamples=200)) == {outcome}


def test_a_perplexity_that_cannot_be_checked_says_why(
    language_model: Repo, texts: Path, tmp_path: Path, run: Path
) -> None:
    def reason(**arguments: Any) -> str:
        [claim] = verify("ada/two-masked-lm", resamples=50, **arguments).claims
        assert claim.outcome == "cannot be checked"
        return claim.reason

    assert "give them with --texts" in reason()
    others = tmp_path / "others.txt"
    others.write_text("i am happy\nso am i\nvery lost", encoding="utf-8")
    assert "are not those that the run held out" in reason(texts=[others])
    assert "no file" in reason(texts=[tmp_path / "gone.txt"])
    record = language_model.head.files["run.json"].content
    change(language_model, run__json=(run / "run.json").read_bytes())
    assert "not of a masked-language-model stage" in reason(texts=[texts])
    change(language_model, run__json=record[:100])
    assert "run.json" in reason(texts=[texts])
    change(language_model, run__json=None)
    assert "comes without run.json" in reason(texts=[texts])


def test_the_interval_of_a_perplexity_is_that_of_a_plain_bootstrap() -> None:
    generator = np.random.default_rng(3)
    counts = generator.integers(1, 6, size=60).astype(float)
    losses = np.stack([counts * generator.normal(2.0, 0.5, size=60), counts], axis=1)
    found = perplexity_interval(losses, 4000)
    drawn = []
    for _ in range(4000):
        rows = generator.integers(0, 60, size=60)
        drawn.append(math.exp(losses[rows, 0].sum() / losses[rows, 1].sum()))
    assert found.value == pytest.approx(math.exp(losses[:, 0].sum() / losses[:, 1].sum()), rel=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), rel=0.02)


def test_the_command_takes_texts_and_a_revision(
    language_model: Repo, texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["verify", "ada/two-masked-lm", "--texts", str(texts), "--revision", "main", "--resamples", "50"]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert stop.value.code == 0
    assert (found["holds"], found["weights_named"], found["notes"]) == (True, True, [])
    assert found["model"]["revision"] == language_model.head.oid
    with pytest.raises(SystemExit):
        main(command)
    shown = capsys.readouterr()
    assert "reproduced" in shown.out
    assert "The weights are those that the card names." in shown.out
    assert TOKEN not in shown.out + shown.err
