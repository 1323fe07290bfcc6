"""The page for everyone: axe-core finds nothing in any tab with its results shown, and the keyboard is enough."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from emohub.ui import strings
from tests.browsing import OpenPage, classify_text, compare_text_box, enter, open_tab

TEXT = "i am so happy today with my friend"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def show_classification(page: Page) -> None:
    """An answer to a text that was cut, and the session's list."""
    enter(classify_text(page), "happy " * 100)
    expect(page.locator("#classify-result .emo-unread")).to_be_visible()
    expect(page.locator("#classify-history .emo-again")).to_be_visible()


def show_comparison(page: Page) -> None:
    """One text by every model."""
    enter(compare_text_box(page), TEXT)
    expect(page.locator("#compare-result .emo-column")).to_have_count(4)


def show_comparison_of_texts(page: Page) -> None:
    """Several texts, and one of them opened."""
    compare_text_box(page).fill(f"{TEXT}\ni am furious\nso gloomy")
    page.locator("#compare-button").click()
    result = page.locator("#compare-result")
    expect(result).to_contain_text("so gloomy")
    result.locator("summary").first.click()


def show_card(page: Page) -> None:
    """The results, and a card."""
    page.get_by_role("tabpanel").get_by_role("radio", name="feelings", exact=True).check()
    expect(page.locator("#card").get_by_role("heading", name="tiny-feelings")).to_be_visible()


def show_explanation(page: Page) -> None:
    """The words of a text, one of them removed, and what that moves."""
    enter(page.locator("#explain-text").get_by_role("textbox"), TEXT)
    words = page.locator("#explain-words").get_by_role("button")
    expect(words).to_have_count(len(TEXT.split()))
    words.nth(3).click()
    expect(page.locator("#explain-what-if table").first).to_be_visible()


def show_batch(page: Page) -> None:
    """A file that was classified."""
    page.locator("#batch-sample").click()
    expect(page.locator("#batch-preview table")).to_be_visible()
    page.locator("#batch-run").click()
    expect(page.locator("#batch-result figure").first).to_be_visible(timeout=60_000)
    expect(page.locator("#batch-least-certain table")).to_be_visible()


def show_evaluation(page: Page) -> None:
    """Models measured on labelled rows."""
    page.locator("#evaluate-sample").click()
    expect(page.locator("#evaluate-preview table")).to_be_visible()
    page.locator("#evaluate-run").click()
    expect(page.locator("#evaluate-result .emo-verdict")).to_be_visible(timeout=90_000)


def show_feedback(page: Page) -> None:
    """That it is off, and how to turn it on."""
    expect(page.locator("#feedback-off")).to_be_visible()


def show_notice(page: Page) -> None:
    """A refusal."""
    classify_text(page).fill("x" * 100_001)
    page.locator("#classify-button").click()
    expect(page.locator("#classify-result .emo-notice")).to_be_visible()


STATES: tuple[tuple[str, Callable[[Page], None]], ...] = (
    (strings.classify.TAB, show_classification),
    (strings.compare.TAB, show_comparison),
    (strings.compare.TAB, show_comparison_of_texts),
    (strings.explain.TAB, show_explanation),
    (strings.batch.TAB, show_batch),
    (strings.evaluate.TAB, show_evaluation),
    (strings.models.TAB, show_card),
    (strings.feedback.TAB, show_feedback),
    (strings.classify.TAB, show_notice),
)
"""Every tab with what it shows when it was used."""


def violations(page: Page) -> list[str]:
    """What axe-core finds: the rule and the elements that break it."""
    options: dict[str, Any] = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def when_still(page: Page) -> None:
    """Wait until every picture is there and nothing fades in any more, which has no contrast yet."""
    page.wait_for_function(
        """() => [...document.images].every((image) => image.complete)
            && document.getAnimations().every((one) => one.playState !== "running"
                || one.effect.getComputedTiming().iterations === Infinity)"""
    )


def tab_list(page: Page) -> list[str]:
    return page.evaluate(
        "window.gradio_config.components.filter((one) => one.type === 'tabitem').map((one) => one.props.label)"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_in_any_tab(open_page: OpenPage, width: int, theme: str) -> None:
    page = open_page(width=width, theme=theme)
    found = [f"as opened: {one}" for one in violations(page)]
    assert {tab for tab, _ in STATES} == set(tab_list(page))
    for tab, show in STATES:
        open_tab(page, tab)
        show(page)
        when_still(page)
        found += [f"{tab}, {show.__name__}: {one}" for one in violations(page)]
    assert not found, "\n".join(found)


def press_until_focused(page: Page, target: Locator, key: str = "Tab") -> None:
    for _ in range(40):
        page.keyboard.press(key)
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{key} does not reach {target}")


def test_classify_then_compare_then_download_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    expect(classify_text(page)).to_be_focused()
    page.keyboard.type(TEXT)
    page.keyboard.press("Enter")
    expect(page.locator("#classify-result .emo-label")).to_be_visible()
    press_until_focused(page, page.get_by_role("tab", name=strings.compare.TAB, exact=True), "Shift+Tab")
    page.keyboard.press("Enter")
    press_until_focused(page, compare_text_box(page))
    page.keyboard.press("Control+A")
    page.keyboard.type(TEXT)
    press_until_focused(page, page.locator("#compare-button"))
    page.keyboard.press("Enter")
    expect(page.locator("#compare-result .emo-column")).to_have_count(4)
    save = page.locator("#compare-result").get_by_role("link", name=re.compile("CSV"))
    press_until_focused(page, save)
    with page.expect_download() as started:
        page.keyboard.press("Enter")
    assert started.value.suggested_filename.endswith(".csv")


def test_past_the_heading_to_explain_and_a_word_away_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    expect(classify_text(page)).to_be_focused()
    press_until_focused(page, page.locator(".emo-skip"), "Shift+Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#page-tabs :focus")).to_have_count(1)
    press_until_focused(page, page.get_by_role("tab", name=strings.explain.TAB, exact=True))
    page.keyboard.press("Enter")
    press_until_focused(page, page.locator("#explain-text").get_by_role("textbox"))
    page.keyboard.type(TEXT)
    page.keyboard.press("Enter")
    words = page.locator("#explain-words").get_by_role("button")
    expect(words).to_have_count(len(TEXT.split()))
    press_until_focused(page, words.first)
    page.keyboard.press("ArrowRight")
    expect(words.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#explain-what-if .emo-changed")).to_be_visible()
    expect(words.nth(1)).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize(
    ("tab", "button", "area"),
    [
        (strings.classify.TAB, "#classify-button", "#classify-result"),
        (strings.compare.TAB, "#compare-button", "#compare-result"),
    ],
)
def test_what_happens_is_said_by_a_region_that_stays(open_page: OpenPage, tab: str, button: str, area: str) -> None:
    page = open_page()
    open_tab(page, tab)
    region = page.locator(area).get_by_role("status").first
    region.evaluate("element => { window.kept = element; }")
    for text, said in (("", "is empty"), (TEXT, "%|labels|agree")):
        page.get_by_role("tabpanel").get_by_role("textbox").first.fill(text)
        page.locator(button).click()
        expect(region).to_contain_text(re.compile(said))
        assert region.evaluate("element => element === window.kept")
    expect(page.locator(area).locator(".emo-label").first).to_be_visible()


def test_nothing_moves_for_those_who_asked_for_that(open_page: OpenPage) -> None:
    page = open_page()
    show_classification(page)
    moving = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((element) => {
            const style = getComputedStyle(element);
            const longest = (times) => Math.max(...times.split(",").map(parseFloat));
            return element.getBoundingClientRect().width > 0
                && (longest(style.transitionDuration) > 0.01
                    || (style.animationName !== "none" && longest(style.animationDuration) > 0.01));
        }).map((element) => `${element.tagName}.${element.className}`)"""
    )
    assert moving == []
