"""The page against those who would misuse it: nothing that comes from outside runs, leaves, or is written to a log."""

import base64
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from emohub.ui import strings
from tests.browsing import CHECKOUT, classify_text, compare_text_box, free_port, open_tab, shown_bars
from tests.conftest import MakeModel
from tests.injections import FORMULAS, INJECTIONS, SCRIPTS
from tests.walled import LEFT
from tools.chromium import find as find_chromium

LABELS, PLAIN = "labels", "plain"
"""The model whose labels are the injections, and one of no harm; every other model is named as an injection."""
SECRET = "xyzzy-my-secret"
ACTIVE = "script, iframe, object, embed, link, base, meta, [onerror], [onload], [onfocus], [onmouseover], [srcdoc]"
"""What must not be made of a text; inside the area that shows it."""


@dataclass
class Walled:
    """A page served where it can be seen to leave, and a browser beside it."""

    page: Page
    url: str
    said: list[str]
    """Every line that the server wrote."""
    alone: bool
    """Whether both are in a network namespace without a way out."""
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def walled(make_tiny_model: MakeModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walled]:
    """The hostile page and its browser, both shut in where this machine permits it."""
    folder = tmp_path_factory.mktemp("walled")
    plain = make_tiny_model(seed=3, scale=0.3, labels=("negative", "positive"))
    models = {PLAIN: plain, LABELS: make_tiny_model(seed=5, labels=INJECTIONS), **dict.fromkeys(INJECTIONS, plain)}
    (folder / "models.json").write_text(json.dumps({name: str(path) for name, path in models.items()}))
    card = folder / "cards" / "hostile"
    card.mkdir(parents=True)
    (card / "README.md").write_text(
        "---\nlicense: mit\n---\n" + "\n\n".join(f"case {n}: {text}" for n, text in enumerate(INJECTIONS)),
        encoding="utf-8",
    )
    alone = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0
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
            yield from _browse(url, said, _browser_command(process.pid, folder) if alone else find_chromium(), alone)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str], said: list[str]) -> str:
    """Collect what the server says, and wait until it says where it is."""
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if line.startswith("emohub is at "):
            threading.Thread(target=said.extend, args=(process.stdout,), daemon=True).start()
            return line.split()[3]
    pytest.fail("the page did not start: " + "".join(said))


def _browser_command(pid: int, folder: Path) -> str:
    """A program that starts Chromium where the process is."""
    wrapper = folder / "chromium"
    wrapper.write_text(f'#!/bin/sh\nexec nsenter --preserve-credentials -U -n -t {pid} {find_chromium()} "$@"\n')
    wrapper.chmod(0o755)
    return str(wrapper)


def _browse(url: str, said: list[str], chromium: str | None, alone: bool) -> Iterator[Walled]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(reduced_motion="reduce")
        opened = Walled(page, url, said, alone)
        page.on("request", lambda request: opened.requests.append(request.url))
        page.goto(url)
        expect(classify_text(page)).to_be_visible(timeout=60_000)
        yield opened
        browser.close()


def plainly(text: str) -> str:
    """As the eye sees it: HTML shows any white space as one space."""
    return " ".join(text.split())


def shown(area: Locator) -> str:
    return plainly(" ".join(area.all_inner_texts()))


def expect_harmless(walled: Walled, area: Locator) -> None:
    assert walled.page.evaluate("window.ran") is None
    assert area.locator(ACTIVE).count() == 0
    assert area.locator("[href^='javascript:' i], [src^='http' i]").count() == 0


def ask(walled: Walled, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[tuple[int, str]]:
    """Status and body of each request to a handler, from inside the wall, all sent at once."""
    answers = walled.page.evaluate(
        "([url, requests]) => Promise.all(requests.map(async ([route, data]) => {"
        " const headers = {'Content-Type': 'application/json'};"
        " const answer = await fetch(url + route, {method: 'POST', headers, body: JSON.stringify({data})});"
        " return [answer.status, await answer.text()]; }))",
        [f"{walled.url}gradio_api/run/", requests],
    )
    return [(status, body) for status, body in answers]


def downloaded(link: Locator) -> bytes:
    return base64.b64decode((link.get_attribute("href") or "").partition("base64,")[2])


# What is typed


def test_the_corpus_is_as_large_as_was_asked() -> None:
    assert len(set(INJECTIONS)) == len(INJECTIONS) >= 40
    assert min(len(SCRIPTS), len(FORMULAS)) >= 12


def test_texts_are_shown_and_never_run_in_classify(walled: Walled) -> None:
    page = walled.page
    page.get_by_role("radio", name=PLAIN, exact=True).check()
    texts = list(dict.fromkeys(plainly(text) for text in INJECTIONS))
    for text in texts:
        classify_text(page).fill(text)
        page.keyboard.press("Enter")
        expect(page.locator("#classify-history .emo-again").first).to_have_text(text)
    history = page.locator("#classify-history")
    rows = [plainly(row) for row in history.locator(".emo-again").all_inner_texts()]
    assert rows == list(reversed(texts))[: len(rows)]
    assert len(rows) >= 40
    expect_harmless(walled, page.locator("#classify-result, #classify-history"))
    table = downloaded(history.get_by_role("link", name=strings.SAVE_CSV)).decode("utf-8-sig")
    cells = [row[0] for row in csv.reader(io.StringIO(table))][1:]
    for text, cell in zip(rows, cells, strict=True):
        assert text in cell
        assert (cell != text) == (plainly(text) in {plainly(formula) for formula in FORMULAS}) or text[:1] in "'\""


def test_texts_are_shown_and_never_run_in_compare(walled: Walled) -> None:
    page = walled.page
    open_tab(page, strings.COMPARE_TAB)
    for box in page.locator("#compare-models").get_by_role("checkbox").all():
        box.set_checked(box.get_attribute("name") in (PLAIN, LABELS))
    compare_text_box(page).fill("\n".join(map(plainly, INJECTIONS)))
    page.locator("#compare-button").click()
    result = page.locator("#compare-result")
    expect(result).to_contain_text(plainly(INJECTIONS[-1]), timeout=30_000)
    seen = shown(result)
    assert [text for text in INJECTIONS if plainly(text) not in seen] == []
    expect_harmless(walled, result)


def test_an_address_is_shown_and_never_run(walled: Walled) -> None:
    page = walled.page
    for injection in (SCRIPTS[0], SCRIPTS[11], SCRIPTS[37]):
        page.goto(f"{walled.url}?{urlencode({'tab': injection, 'models': injection + '!', 'text': injection})}")
        expect(classify_text(page)).to_have_value(injection)
        assert injection in shown(page.locator(".emo-notice"))
        expect_harmless(walled, page.locator(".emo-notice, #classify-result"))
    queries = [f"?tab={quote(injection)}&models={quote(injection)}!" for injection in INJECTIONS]
    for status, body in ask(walled, [("open_address", [query]) for query in queries]):
        assert status == 200
        assert not any(part in body for part in ("<script", "<img", "<svg", "<iframe", "onerror=\\"))
    page.goto(walled.url)
    expect(classify_text(page)).to_be_visible()


# What a model brings with it


def test_the_names_of_labels_and_models_are_shown_and_never_run(walled: Walled) -> None:
    page = walled.page
    choices = page.locator("#classify-model label").all_inner_texts()
    assert [plainly(choice) for choice in choices] == [PLAIN, LABELS, *map(plainly, INJECTIONS)]
    result = page.locator("#classify-result")
    classify_text(page).fill("a text")
    page.get_by_role("radio", name=LABELS, exact=True).check()
    expect(result.locator(".emo-by")).to_have_text(LABELS)
    assert {plainly(label) for label in shown_bars(result)} == {plainly(label) for label in INJECTIONS}
    expect_harmless(walled, page.locator("#classify-model, #classify-result"))
    for index in (0, 11, 16):
        page.locator("#classify-model input").nth(index + 2).check()
        expect(result.locator(".emo-by")).to_have_text(plainly(INJECTIONS[index]))
    expect_harmless(walled, page.locator("#classify-result, #classify-history"))


def test_a_card_is_shown_and_never_run(walled: Walled) -> None:
    page = walled.page
    open_tab(page, strings.MODELS_TAB)
    page.get_by_role("tabpanel").get_by_role("radio", name="hostile", exact=True).check()
    card = page.locator("#card")
    expect(card).to_contain_text(f"case {len(INJECTIONS) - 1}:")
    seen = shown(card)
    assert [n for n in range(len(INJECTIONS)) if f"case {n}:" not in seen] == []
    expect_harmless(walled, page.locator("#card"))


# What nobody else learns


def test_a_refusal_is_a_sentence_and_no_log_holds_a_text(walled: Walled) -> None:
    dependencies = walled.page.evaluate("window.gradio_config.dependencies")
    widths = {each["api_name"]: len(each["inputs"]) for each in dependencies if each["backend_fn"] and each["api_name"]}
    assert {"classify", "compare", "models", "show_classification"} <= set(widths)
    values = (SECRET, {"a": SECRET}, [SECRET], None, SECRET * 10_000)
    for route, inputs in widths.items():
        requests = [(route, [value] * width) for value in values for width in {1, inputs, inputs + 1}]
        for status, body in ask(walled, requests):
            assert status in (200, 404, 422, 500), (route, status)
            assert "Traceback" not in body, (route, body[:500])
    written = "".join(walled.said)
    assert SECRET not in written
    assert "window.ran" not in written
    assert "Traceback" not in written


def test_nothing_left_the_machine(walled: Walled) -> None:
    """After all that the tests above did, in every tab."""
    own = (walled.url, "data:", "blob:")
    assert [url for url in walled.requests if not url.startswith(own)] == []
    assert [line for line in walled.said if LEFT in line] == []
    assert walled.page.evaluate("window.ran") is None


def test_the_page_needed_no_network(walled: Walled) -> None:
    if not walled.alone:
        reason = "no unshare here" if shutil.which("unshare") is None else "unshare -rn is not permitted here"
        pytest.skip(f"{reason}: what left the machine was watched for, yet a way out was there")
    assert "".join(walled.said).count(LEFT) == 0
