"""What the tests of publishing share: a run that is ready to be published, and the Hub to publish to."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import close_session, constants

from emohub.card import render_folder
from emohub.card.illustrations import pictures_of
from emohub.errors import EmohubError, PublishError
from emohub.record import sha256_file
from tests.factories import make_eval_record, make_run_record
from tests.hub import Hub, serve_hub

TOKEN = "hf_AdasTokenThatNobodyMaySee"
REPO = "ada/tiny"
SECRETS = {
    ".env": "SECRET-env",
    "token": "SECRET-token",
    "training_args.bin": "SECRET-arguments",
    "optimizer.pt": "SECRET-optimizer",
    "pytorch_model.bin": "SECRET-pickle",
    "checkpoint-10/optimizer.pt": "SECRET-nested",
    "checkpoint-10/model.safetensors": "SECRET-other-weights",
    ".git/config": "SECRET-remote",
    "predictions.parquet": "SECRET-rows",
}
UPLOADED = {
    "README.md",
    "learning_curves.png",
    "confusion_matrix.png",
    "calibration.png",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "run.json",
    "eval.json",
}


def write_records(folder: Path, weights: Path) -> None:
    """The records of a run that exported these weights, with the card and the pictures from them."""
    shutil.copytree(_records(sha256_file(weights)), folder, dirs_exist_ok=True)
    (folder / "README.md").write_text(render_folder(folder), encoding="utf-8")


@cache
def _records(fingerprint: str) -> Path:
    """The records of a run that exported weights with this SHA-256, and the pictures of them, which take time."""
    folder = Path(tempfile.mkdtemp(prefix="emohub-records-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run = make_run_record(fingerprint=fingerprint)
    run.save(folder / "run.json")
    make_eval_record(run).save(folder / "eval.json")
    for picture in pictures_of(folder):
        picture.draw(folder / picture.name)
    return folder


def make_run(folder: Path, model: Path) -> Path:
    """A run as training and evaluation leave it, with things beside the model that must never leave."""
    shutil.copytree(model, folder / "checkpoint")
    write_records(folder, folder / "checkpoint" / "model.safetensors")
    for place in (folder, folder / "checkpoint"):
        for name, content in SECRETS.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(content, encoding="utf-8")
    return folder


@pytest.fixture
def run_folder(tiny_model_dir: Path, tmp_path: Path) -> Path:
    return make_run(tmp_path / "tiny-run", tiny_model_dir)


@pytest.fixture
def make_run_folder(tiny_model_dir: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes a run in a folder of that name."""
    return lambda name: make_run(tmp_path / name, tiny_model_dir)


def make_hub(hub: Hub) -> Hub:
    hub.add_user(TOKEN, "ada", organizations=("lovelace",))
    hub.add_user("hf_reader", "reader", role="read")
    return hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as hub:
        yield make_hub(hub)


@contextmanager
def reachable(hub: Hub, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Hub]:
    """A Hub that the client of this process speaks to, over LFS; waits between retries take no time."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    for module in ("huggingface_hub.utils._http", "emohub.publish.hub"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(sleep=lambda seconds: None))
    close_session()
    yield hub
    close_session()


@pytest.fixture
def online(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The loopback Hub for this process, with a token for it."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with reachable(hub, monkeypatch, tmp_path / "cache"):
        yield hub


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """What a child process sees: an empty Hugging Face home and none of this machine's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return kept | {"HF_HOME": str(home), "OMP_NUM_THREADS": "1", "COLUMNS": "80"} | variables


def publish_command(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    home = Path(environment.pop("home"))
    return subprocess.run(
        [sys.executable, "-m", "emohub.publish", *arguments],
        cwd=cwd,
        env=clean_environment(home, **environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_holds_no_token(error: BaseException) -> None:
    """The token is in nothing that a logger or crash reporter would see of this error."""
    for seen in (str(error), repr(error), "".join(traceback.format_exception(error, chain=True)), repr(vars(error))):
        assert TOKEN not in seen
    assert error.__cause__ is None
    assert error.__context__ is None or isinstance(error.__context__, EmohubError)
    frame = error.__traceback__
    while frame is not None:
        if "/emohub/" in frame.tb_frame.f_code.co_filename:
            assert TOKEN not in repr(frame.tb_frame.f_locals)
        frame = frame.tb_next


def failure_of(call: Callable[[], object]) -> PublishError | None:
    try:
        call()
    except PublishError as error:
        return error
    return None
