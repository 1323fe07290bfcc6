"""What the tests of the page share: a project served in a process of its own, HTTP, and a real Chromium."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from emohub.card import write_card
from emohub.inference import Classifier
from tests.conftest import MakeModel
from tests.factories import make_description, make_eval_record, make_run_record, make_verification
from tools.chromium import find as find_chromium

CHECKOUT = Path(__file__).parent.parent
PATIENCE = 30_000
"""Milliseconds within which what is awaited happens on a machine that does other things too."""
expect.set_options(timeout=PATIENCE)
HOSTILE_NAME = "<img src=x onerror=window.ran=1>"
HOSTILE_LABELS = ("<script>window.ran=1<\\/script>", '"><img src=x onerror=window.ran=1>', "${window.ran=1}")
HOSTILE_CARD = """---
license: <script>window.ran=1</script>
---
# A card from anywhere

![picture](https://example.org/a.png) <img src="https://example.org/b.png" onerror="window.ran=1">

<script>window.ran=1</script> <style>body { background: url(https://example.org/c.png) }</style>

[a link](javascript:window.ran=1) and a table:

| left | right |
|---|---|
| `one` | **two** |
"""


@dataclass
class Site:
    """A served project."""

    url: str
    models: dict[str, Path]
    process: subprocess.Popen[str]

    def classifiers(self, *names: str) -> dict[str, Classifier]:
        return {name: Classifier.from_pretrained(self.models[name]) for name in names}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def serving(command: list[str], folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves the page, and its address, from the line that says so."""
    surroundings = {name: value for name, value in os.environ.items() if name not in ("HOST", "PORT")}
    surroundings["PYTHONPATH"] = str(CHECKOUT)
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=surroundings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = (re.search(r"emohub is at (http://\S+)", line) for line in process.stdout)
            address = next(filter(None, said), None)
            assert address is not None, "the page did not start"
            yield process, address[1]
        finally:
            process.kill()  # to end in order takes it seconds while somebody listens


@pytest.fixture(scope="session")
def site(make_tiny_model: MakeModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A project with four models, of which one has records and a card, served by the command line."""
    root = tmp_path_factory.mktemp("project")
    made = {
        "feelings": make_tiny_model(seed=1, scale=0.3),
        "moods": make_tiny_model(seed=2, scale=0.3, labels=("joy", "anger", "optimism")),
        "polarity": make_tiny_model(seed=3, scale=0.3, labels=("negative", "positive")),
        HOSTILE_NAME: make_tiny_model(seed=4, labels=HOSTILE_LABELS),
    }
    models = {name: root / "models" / name for name in made}
    (root / "models").mkdir()
    for name, folder in made.items():
        models[name].symlink_to(folder, target_is_directory=True)
    card = root / "cards" / "feelings"
    card.mkdir(parents=True)
    run = make_run_record()
    run.save(card / "run.json")
    make_eval_record(run).save(card / "eval.json")
    make_description(run).save(card / "description.json")
    make_verification(run).save(card / "verify.json")
    write_card(card)
    (root / "cards" / HOSTILE_NAME).mkdir()
    (root / "cards" / HOSTILE_NAME / "README.md").write_text(HOSTILE_CARD, encoding="utf-8")
    with serving(["-m", "emohub", "demo", "--mcp", "--port", str(free_port())], root) as (process, url):
        yield Site(url, models, process)


def post(url: str, *data: object) -> tuple[int, Any]:
    """Status and decoded body of a POST of Gradio's ``data``."""
    body = json.dumps({"data": data}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()  # it may ask Playwright too, which cannot be entered twice
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        yield launched
        launched.close()


OpenPage = Callable[..., Page]
FAILED = pytest.StashKey[bool]()
"""Whether a test failed; a test that did not come so far has no such value."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep whether the test itself failed, for the fixtures that end after it."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def open_page(browser: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Open the page; at the end nothing may have gone to the console, to another host, or run uninvited.

    Of a test that fails, what its pages show and what went to their consoles is printed.
    """
    faults: list[str] = []
    said: list[str] = []
    opened: list[Page] = []

    def on_console(message: ConsoleMessage) -> None:
        said.append(f"{message.type}: {message.text}")
        if message.type in ("error", "warning"):
            faults.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        if not request.url.startswith((site.url, "data:", "blob:")):
            faults.append(f"request: {request.url}")

    def start(*, width: int = 1280, height: int = 800, theme: str = "light") -> Page:
        page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
        opened.append(page)
        page.on("console", on_console)
        page.on("pageerror", lambda error: faults.append(f"page: {error}"))
        page.on("request", on_request)
        page.goto(f"{site.url}?__theme={theme}")
        expect(classify_text(page)).to_be_visible(timeout=30_000)
        expect(page.locator("p.loading")).to_have_count(0)  # Gradio's own, which may go after the page has come
        return page

    yield start
    if request.node.stash.get(FAILED, False):
        for page in opened:
            print(f"== {page.url} shows", shown(page), sep="\n")
        print("== The consoles", *said, sep="\n")
    ran = [page.evaluate("window.ran") for page in opened]
    for page in opened:
        page.close()
    assert faults == []
    assert ran == [None] * len(ran)


def shown(page: Page) -> str:
    """What a page shows, boxes with their values; or why it does not."""
    try:
        return page.locator("body").aria_snapshot(timeout=5_000)
    except PlaywrightError as error:
        return f"nothing: {error.message}"


def classify_text(page: Page) -> Locator:
    return page.locator("#classify-text").get_by_role("textbox")


def compare_text_box(page: Page) -> Locator:
    return page.locator("#compare-text").get_by_role("textbox")


def enter(box: Locator, text: str) -> None:
    """Fill a box and press Enter in that box, whatever the page gives the focus to meanwhile."""
    box.fill(text)
    box.press("Enter")


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def shown_bars(area: Locator) -> dict[str, str]:
    """Label and percentage of every row, from top to bottom."""
    rows = area.locator(".emo-bars tbody tr")
    labels, values = rows.locator("th[scope=row]"), rows.locator(".emo-value")
    return dict(zip(labels.all_inner_texts(), values.all_inner_texts(), strict=True))


def expect_no_overflow(page: Page) -> None:
    """Nothing sticks out of the window, except inside a box that scrolls by itself."""
    outside = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((element) => {
            if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
            for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
                if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)
                    && box.getBoundingClientRect().right <= innerWidth + 1) return false;
            return element.getBoundingClientRect().width > 0;
        }).map((element) => `${element.tagName} ${element.className}`)"""
    )
    assert outside == []
