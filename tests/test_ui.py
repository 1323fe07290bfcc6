"""The page as its users meet it: served by ``emohub demo`` in its own process, over HTTP and in a real Chromium."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from emohub.ui import markup, strings
from tests.browsing import (
    CHECKOUT,
    HOSTILE_LABELS,
    HOSTILE_NAME,
    OpenPage,
    Site,
    classify_text,
    compare_text_box,
    enter,
    expect_no_overflow,
    open_tab,
    post,
    shown_bars,
)

TEXT = "i am so happy today with my friend"


# Over HTTP


@pytest.mark.parametrize(
    ("route", "data", "message"),
    [
        ("classify", ("x" * 100_001, "feelings"), "100,001 characters"),
        ("classify", ("  ", "feelings"), "empty"),
        ("classify", (TEXT, "other"), "no model"),
        ("classify", ({"a": 1}, "feelings"), "not a string"),
        ("compare", (TEXT, []), "no model is chosen"),
        ("compare", (TEXT, ["feelings", "other"]), "no model"),
        # The handlers behind the page are not listed, but they can be reached.
        ("show_classification", ("x" * 100_001, "feelings", "asked", []), "100,001 characters"),
    ],
)
def test_limits_hold_on_the_raw_routes(site: Site, route: str, data: tuple[object, ...], message: str) -> None:
    status, answer = post(f"{site.url}gradio_api/run/{route}", *data)
    said = answer["data"][0] if status == 200 else answer["error"]
    assert message in said
    assert ("emo-notice" in said) == (status == 200)
    assert "Traceback" not in said


# In a browser


def test_classify_shows_every_probability_on_enter_and_on_the_button(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    result = page.locator("#classify-result")
    expect(result).to_contain_text(strings.classify.EMPTY)
    enter(classify_text(page), TEXT)
    page.get_by_role("radio", name="feelings", exact=True).check()
    page.locator("#classify-button").click()
    for name in ("feelings", "polarity"):
        page.get_by_role("radio", name=name, exact=True).check()
        page.locator("#classify-button").click()
        expect(result.locator(".emo-by")).to_have_text(name)
        expected = site.classifiers(name)[name].classify(TEXT)
        assert shown_bars(result) == {
            label: markup.percent(share)
            for share, label in sorted(zip(expected.probabilities, expected.labels, strict=True), reverse=True)
        }
        expect(result.get_by_role("status")).to_contain_text(expected.label)
        expect(result).to_contain_text(f"{expected.tokens} tokens")
        expect(result).to_contain_text(" ms")


def test_an_example_fills_the_text_in_and_is_classified(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("button", name=strings.EXAMPLES[1], exact=True).click()
    expect(classify_text(page)).to_have_value(strings.EXAMPLES[1])
    expect(page.locator("#classify-result .emo-label")).to_be_visible()


def test_what_cannot_be_classified_is_said_in_a_sentence(open_page: OpenPage) -> None:
    page = open_page()
    result = page.locator("#classify-result")
    page.locator("#classify-button").click()
    expect(result.get_by_role("status")).to_contain_text("The text is empty")
    classify_text(page).fill("x" * 100_001)
    page.locator("#classify-button").click()
    expect(result.get_by_role("status")).to_contain_text("100,001 characters")
    expect(result.locator(".emo-bars")).to_have_count(0)
    classify_text(page).fill("happy " * 100)
    page.locator("#classify-button").click()
    expect(result.locator(".emo-note")).to_have_text(strings.TRUNCATED.format(tokens=102, max_length=32))


def test_nothing_that_comes_from_outside_runs(open_page: OpenPage) -> None:
    page = open_page()
    text = '<script>window.ran=1</script><img src=x onerror="window.ran=1"> ${window.ran=1} {{constructor}}'
    page.get_by_role("radio", name=HOSTILE_NAME, exact=True).check()
    enter(classify_text(page), text)
    result = page.locator("#classify-result")
    expect(result.locator(".emo-by")).to_have_text(HOSTILE_NAME)
    assert set(shown_bars(result)) == set(HOSTILE_LABELS)
    open_tab(page, strings.compare.TAB)
    enter(compare_text_box(page), text)
    expect(page.locator("#compare-result .emo-column")).to_have_count(4)
    expect(page.locator("#compare-result")).to_contain_text(HOSTILE_NAME)
    open_tab(page, strings.models.TAB)
    page.get_by_role("tabpanel").get_by_role("radio", name=HOSTILE_NAME, exact=True).check()
    card = page.locator("#card")
    expect(card.get_by_role("heading", name="A card from anywhere")).to_be_visible()
    expect(card.locator("table")).to_be_visible()
    expect(card).to_contain_text("window.ran=1")
    assert card.locator("img, script, style, iframe, [onerror], [href^=javascript]").count() == 0


def test_the_whole_way_by_keyboard(open_page: OpenPage) -> None:
    page = open_page()
    expect(classify_text(page)).to_be_focused()
    page.keyboard.type(TEXT)
    page.keyboard.press("Enter")
    expect(page.locator("#classify-result .emo-label")).to_be_visible()

    def press_until_focused(key: str, target: Locator) -> None:
        for _ in range(20):
            page.keyboard.press(key)
            if target.evaluate("element => element === document.activeElement"):
                return
        pytest.fail(f"{key} does not reach {target}")

    press_until_focused("Shift+Tab", page.get_by_role("tab", name=strings.classify.TAB, exact=True))
    press_until_focused("Tab", page.get_by_role("tab", name=strings.compare.TAB, exact=True))
    page.keyboard.press("Enter")
    press_until_focused("Tab", compare_text_box(page))
    page.keyboard.type(TEXT)
    press_until_focused("Tab", page.get_by_role("checkbox", name="polarity", exact=True))
    page.keyboard.press("Space")
    press_until_focused("Tab", page.locator("#compare-button"))
    page.keyboard.press("Enter")
    columns = page.locator("#compare-result .emo-column")
    expect(columns).to_have_count(3)
    assert "polarity" not in page.locator("#compare-result").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(open_page: OpenPage, width: int, theme: str) -> None:
    page = open_page(width=width, theme=theme)
    enter(classify_text(page), TEXT)
    answer = page.locator("#classify-result .emo-label")
    expect(answer).to_be_visible()
    expect_no_overflow(page)
    ink = page.locator("h1").evaluate("element => getComputedStyle(element).color")
    assert (sum(map(int, re.findall(r"\d+", ink)[:3])) < 3 * 128) == (theme == "light")
    open_tab(page, strings.compare.TAB)
    enter(compare_text_box(page), TEXT)
    columns = page.locator("#compare-result .emo-column")
    expect(columns).to_have_count(4)
    expect_no_overflow(page)
    tops = columns.evaluate_all("all => all.slice(0, 2).map(one => one.getBoundingClientRect().top)")
    assert (tops[0] == tops[1]) == (width == 1280)
    open_tab(page, strings.models.TAB)
    expect(page.locator("#card")).to_be_visible()
    expect_no_overflow(page)


FAILS = """
import pytest
from tests.browsing import Site, classify_text, enter

@pytest.fixture(scope="session")
def site():
    return Site("data:text/html,<h1>Hello</h1><div id='classify-text'><input aria-label='Text'></div>", {}, None)

def test_a_page_that_ends_otherwise(open_page):
    page = open_page()
    enter(classify_text(page), "i am so happy")
    page.evaluate("console.log('it said so')")
    assert page.title() == EXPECTED
"""


@pytest.mark.parametrize(("title", "failed"), [("another", True), ("", False)])
def test_a_test_of_the_page_that_fails_tells_what_the_page_showed(title: str, failed: bool, tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text(FAILS.replace("EXPECTED", repr(title)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "tests.browsing", "test_page.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == failed, done.stdout
    for told in ('- heading "Hello"', '- textbox "Text": i am so happy', "log: it said so"):
        assert (told in done.stdout) == failed, done.stdout


def test_two_people_at_once_do_not_see_each_others_state(site: Site, open_page: OpenPage) -> None:
    pages = {"ada": open_page(), "bob": open_page()}
    texts = {"ada": "i am so happy today says ada", "bob": "i am furious at home says bob"}
    for name, page in pages.items():
        classify_text(page).fill(texts[name])
    for page in pages.values():
        page.locator("#classify-button").click()
    for name, page in pages.items():
        answer = site.classifiers("feelings")["feelings"].classify(texts[name])
        page.get_by_role("radio", name="feelings", exact=True).check()
        page.locator("#classify-button").click()
        expect(page.locator("#classify-result .emo-by")).to_have_text("feelings")
        expect(page.locator("#classify-result .emo-label")).to_have_text(answer.label)
        expect(page.locator("#classify-history")).to_contain_text(texts[name])
    open_tab(pages["ada"], strings.batch.TAB)
    pages["ada"].locator("#batch-sample").click()
    expect(pages["ada"].locator("#batch-preview table")).to_be_visible()
    open_tab(pages["bob"], strings.batch.TAB)
    expect(pages["bob"].locator("#batch-preview")).to_contain_text(strings.batch.NO_FILE)
    for name, other in (("ada", "bob"), ("bob", "ada")):
        assert texts[other] not in pages[name].content()
        assert texts[name] in pages[name].content()
