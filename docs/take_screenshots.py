"""Take the pictures of the page in docs/: ``make pictures``, or ``python -m docs.take_screenshots [SENTENCE]``.

It serves the models in models/ in a process of its own and needs a Chromium. ``compare.png`` is the README's picture.
"""

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tools.chromium import find

SENTENCE = "It is a beautiful film about a terrible loss."
PICTURES = {
    "compare": (1280, "light"),
    "compare-dark": (1280, "dark"),
    "compare-phone": (390, "light"),
    "compare-phone-dark": (390, "dark"),
}
"""Width in pixels and theme, by file name."""
PORT = 7899
FOLDER = Path(__file__).parent


def main() -> None:
    """Serve, take the pictures, stop serving."""
    sentence = sys.argv[1] if len(sys.argv) > 1 else SENTENCE
    chromium = find()
    command = [sys.executable, "-m", "emohub", "demo", "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+", server.stdout.readline())
            if address is None:
                sys.exit("The page did not start; its own message stands above.")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            for name, (width, theme) in PICTURES.items():
                take(browser, address[0], sentence, width, theme, name)
            browser.close()
        finally:
            server.terminate()


def take(browser: Browser, url: str, sentence: str, width: int, theme: str, name: str) -> None:
    """The whole Compare tab with its answer."""
    # Twice the pixels, so that text stays sharp where the picture is scaled; no motion, so that bars have their length.
    page = browser.new_page(viewport={"width": width, "height": 800}, device_scale_factor=2, reduced_motion="reduce")
    page.goto(f"{url}?__theme={theme}")
    page.get_by_role("tab", name="Compare", exact=True).click()
    page.locator("#compare-text").get_by_role("textbox").fill(sentence)
    for _ in range(2):  # the first answer includes what a model does once, so its time is not the usual one
        with page.expect_response(re.compile("/gradio_api/")):
            page.locator("#compare-button").click()
        expect(page.locator("#compare-result .emo-bars").first).to_be_visible(timeout=60_000)
        expect(page.locator(".pending")).to_have_count(0, timeout=60_000)
    page.locator("h1").click()  # the text box loses its focus ring, the button its pointer
    page.screenshot(path=FOLDER / f"{name}.png", full_page=True)
    page.close()


if __name__ == "__main__":
    main()
