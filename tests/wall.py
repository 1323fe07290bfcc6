"""A wall around a hostile page and its browser: a network namespace without a way out, where one may be made."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from emohub.labels import label_key
from tests.browsing import CHECKOUT, classify_text, free_port
from tests.conftest import MakeModel
from tests.injections import INJECTIONS
from tools.chromium import find as find_chromium

LABELS, PLAIN = "labels", "plain"
"""The model whose labels are the injections, and one of no harm; every other model is named as an injection."""
NAMES = tuple({label_key(text): text for text in INJECTIONS}.values())
"""The labels of that model: the injections that are different names."""


@dataclass
class Walled:
    """A page served where it can be seen to leave, and a browser beside it."""

    page: Page
    url: str
    said: list[str]
    """Every line that the server wrote."""
    alone: bool
    """Whether both are in a network namespace without a way out."""
    process: int
    """The server's."""
    feedback: Path
    """Where the server keeps feedback."""
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def walled(make_tiny_model: MakeModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walled]:
    """The hostile page and its browser, both shut in where this machine permits it."""
    folder = tmp_path_factory.mktemp("walled")
    plain = make_tiny_model(seed=3, scale=0.3, labels=("negative", "positive"))
    models = {PLAIN: plain, LABELS: make_tiny_model(seed=5, labels=NAMES), **dict.fromkeys(INJECTIONS, plain)}
    (folder / "models.json").write_text(json.dumps({name: str(path) for name, path in models.items()}))
    card = folder / "cards" / "hostile"
    card.mkdir(parents=True)
    (card / "README.md").write_text(
        "---\nlicense: mit\n---\n" + "\n\n".join(f"case {n}: {text}" for n, text in enumerate(INJECTIONS)),
        encoding="utf-8",
    )
    alone = may_be_alone()
    command = [sys.executable, "-m", "tests.walled", str(folder / "models.json"), str(free_port())]
    if alone:
        command = ["unshare", "-rn", *command, "--alone"]
    surroundings = {name: value for name, value in os.environ.items() if name not in ("HOST", "PORT")}
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**surroundings, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            said: list[str] = []
            url = _address(process, said)
            listening = threading.Thread(target=said.extend, args=(process.stdout,))
            listening.start()
            chromium = _browser_command(process.pid, folder) if alone else find_chromium()
            with _browsing(chromium) as page:
                opened = Walled(page, url, said, alone, process.pid, folder / "feedback.jsonl")
                page.on("request", lambda request: opened.requests.append(request.url))
                page.goto(url)
                expect(classify_text(page)).to_be_visible(timeout=60_000)
                yield opened
            process.terminate()
            listening.join()
        finally:
            process.kill()


def may_be_alone() -> bool:
    """Whether a network namespace may be made here."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return False
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0


def _address(process: subprocess.Popen[str], said: list[str]) -> str:
    """Collect what the server says until it says where it is."""
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if line.startswith("emohub is at "):
            return line.split()[3]
    pytest.fail("the page did not start: " + "".join(said))


def _browser_command(pid: int, folder: Path) -> str:
    """A program that starts Chromium where the process is."""
    wrapper = folder / "chromium"
    wrapper.write_text(f'#!/bin/sh\nexec nsenter --preserve-credentials -U -n -t {pid} {find_chromium()} "$@"\n')
    wrapper.chmod(0o755)
    return str(wrapper)


@contextmanager
def _browsing(chromium: str | None) -> Iterator[Page]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser.new_page(reduced_motion="reduce")
        browser.close()
