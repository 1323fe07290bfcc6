"""Take the pictures of the page in docs/page/: ``make pictures``, or ``python -m docs.take_screenshots [TAB …]``.

It serves the models in models/ in a process of its own and needs a Chromium. Each tab is taken with an answer in it,
wide and at the width of a phone, in the light and in the dark.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from emohub.ui import strings
from tools.chromium import find

SENTENCE = "It is a beautiful film about a terrible loss."
WIDTHS = {"wide": 1280, "phone": 390}
THEMES = ("light", "dark")
PORT = 7899
FOLDER = Path(__file__).parent / "page"
MOST_PIXELS = 2600
"""Height at which a picture ends: a model's card goes on for many screens."""


def classify(page: Page) -> None:
    """One text and its answer."""
    page.locator("#classify-text").get_by_role("textbox").fill(SENTENCE)
    page.locator("#classify-button").click()
    expect(page.locator("#classify-result .emo-bars")).to_be_visible(timeout=60_000)


def compare(page: Page) -> None:
    """Three models on one text; asked twice, for the first time includes what a model does once."""
    page.locator("#compare-text").get_by_role("textbox").fill(SENTENCE)
    for _ in range(2):
        with page.expect_response(re.compile("/gradio_api/")):
            page.locator("#compare-button").click()
        expect(page.locator("#compare-result .emo-bars").first).to_be_visible(timeout=60_000)


def explain(page: Page) -> None:
    """A text's words by leave-one-out, one of them clicked away."""
    page.locator("#explain-method").get_by_role("radio").nth(2).check()  # it asks again, if there is a text
    page.locator("#explain-text").get_by_role("textbox").fill(SENTENCE)
    page.locator("#explain-button").click()
    word = page.locator("#explain-words button").filter(has_text="beautiful")
    expect(word).to_be_visible(timeout=60_000)
    word.click()
    expect(page.locator("#explain-what-if table, #explain-what-if .emo-table").first).to_be_visible(timeout=60_000)


def batch(page: Page) -> None:
    """The sample file, classified."""
    page.locator("#batch-sample").click()
    expect(page.locator("#batch-preview table")).to_be_visible(timeout=60_000)
    page.locator("#batch-run").click()
    expect(page.locator("#batch-least-certain table")).to_be_visible(timeout=120_000)


def evaluate(page: Page) -> None:
    """The labelled sample file, measured."""
    page.locator("#evaluate-sample").click()
    expect(page.locator("#evaluate-preview table")).to_be_visible(timeout=60_000)
    page.locator("#evaluate-run").click()
    expect(page.locator("#evaluate-result table").first).to_be_visible(timeout=120_000)


def models(page: Page) -> None:
    """The leaderboard and a card."""
    expect(page.locator("#card")).to_be_visible(timeout=60_000)


def feedback(page: Page) -> None:
    """An answer that waits for a judgement."""
    page.locator("#feedback-text").get_by_role("textbox").fill(SENTENCE)
    page.locator("#feedback-ask").click()
    expect(page.locator("#feedback-form")).to_be_visible(timeout=60_000)


TABS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "classify": (strings.classify.TAB, classify),
    "compare": (strings.compare.TAB, compare),
    "explain": (strings.explain.TAB, explain),
    "batch": (strings.batch.TAB, batch),
    "evaluate": (strings.evaluate.TAB, evaluate),
    "models": (strings.models.TAB, models),
    "feedback": (strings.feedback.TAB, feedback),
}
"""What the page calls each tab, and what is done in it, by the name of its pictures."""


def main() -> None:
    """Serve, take the pictures, stop serving."""
    chosen = sys.argv[1:] or list(TABS)
    chromium = find()
    FOLDER.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "emohub", "demo", "--port", str(PORT), "--feedback"]
    with (
        tempfile.TemporaryDirectory() as kept,
        subprocess.Popen([*command, f"{kept}/feedback.jsonl"], stdout=subprocess.PIPE, text=True) as server,
        sync_playwright() as playwright,
    ):
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+", server.stdout.readline())
            if address is None:
                sys.exit("The page did not start; its own message stands above.")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            for name in chosen:
                for kind, width in WIDTHS.items():
                    for theme in THEMES:
                        take(browser, address[0], name, width, theme, FOLDER / f"{name}-{kind}-{theme}.png")
            browser.close()
        finally:
            server.terminate()


def take(browser: Browser, url: str, tab: str, width: int, theme: str, path: Path) -> None:
    """One tab with its answer, from the top of the page."""
    title, act = TABS[tab]
    # No motion, so that bars have their length.
    page = browser.new_page(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    page.goto(f"{url}?__theme={theme}")
    page.get_by_role("tab", name=title, exact=True).click()
    act(page)
    expect(page.locator(".pending")).to_have_count(0, timeout=60_000)
    page.locator(".emo-header h1").click()  # the text box loses its focus ring, the button its pointer
    height = page.evaluate("document.documentElement.scrollHeight")
    page.screenshot(
        path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": min(height, MOST_PIXELS)}
    )
    page.close()


if __name__ == "__main__":
    main()
