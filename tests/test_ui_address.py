"""The page's address: what it may ask for, and that a link opens what was shown when it was copied."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from emohub.ui import address, strings
from emohub.ui.service.limits import MAX_LINK_TEXT, MAX_MODELS, MAX_QUERY
from tests.browsing import (
    HOSTILE_NAME,
    OpenPage,
    Site,
    classify_text,
    compare_text_box,
    expect_no_overflow,
    free_port,
    open_tab,
    post,
    serving,
)

TABS = ("classify", "compare", "models")
NAMES = ("feelings", "moods, again", "a&b=c")
TEXT = "i am so happy & proud + 100% = today? #1 😀"


def read(**fields: object) -> address.Address:
    return address.read(f"?{urlencode(fields, doseq=True)}", tabs=TABS, models=NAMES)


# Without a browser


def test_an_address_is_read_whatever_characters_it_holds() -> None:
    asked = read(tab="compare", text=TEXT, models=["a&b=c", "moods, again", "a&b=c"], __theme="dark")
    assert asked == address.Address("compare", TEXT, ("a&b=c", "moods, again"))
    assert read(text=" \n two\nlines ") == address.Address(text=" \n two\nlines ")


@pytest.mark.parametrize("query", [None, "", "?", "?__theme=dark", {"tab": "compare"}, ["?tab=compare"], 3, "&&==;"])
def test_what_asks_for_nothing_asks_for_nothing(query: object) -> None:
    assert address.read(query, tabs=TABS, models=NAMES) == address.Address()


def test_what_is_unknown_is_left_out_and_said() -> None:
    asked = read(tab="nope" * 100, text="x", models=["other", "feelings", "<img src=x>"])
    assert (asked.tab, asked.text, asked.models) == (None, "x", ("feelings",))
    assert [problem.split(":")[0] for problem in asked.problems] == [
        strings.ADDRESS_NO_TAB.split(":")[0],
        *[strings.ADDRESS_NO_MODEL.split(":")[0]] * 2,
    ]
    assert all(len(problem) < 150 for problem in asked.problems)


def test_what_is_too_long_is_left_out_and_said() -> None:
    asked = read(tab="compare", text="x" * (MAX_LINK_TEXT + 1))
    assert asked == address.Address("compare", problems=(strings.ADDRESS_TEXT_TOO_LONG,))
    refused = address.Address(problems=(strings.ADDRESS_TOO_LONG,))
    assert read(tab="compare", text="x" * MAX_QUERY) == refused
    assert address.read("&".join(["a=1"] * 1000), tabs=TABS, models=NAMES) == refused
    many = read(models=[f"model {index}" for index in range(90)])
    assert len(many.problems) == MAX_MODELS


def test_damaged_encoding_is_harmless() -> None:
    asked = address.read("?tab=compare&text=%ff%00%zz%ud800+x&models=%80", tabs=TABS, models=NAMES)
    assert (asked.tab, asked.text) == ("compare", "\ufffd\x00%zz%ud800 x")


@pytest.mark.parametrize(
    "query", [None, {"a": 1}, ["x"], 7, "?tab=compare&text=" + "x" * 50_000, "?models=" + "%F0" * 300]
)
def test_the_handler_takes_anything_on_its_raw_route(site: Site, query: object) -> None:
    status, answer = post(f"{site.url}gradio_api/run/open_address", query)
    assert "Traceback" not in str(answer)
    assert status == 200 or "error" in answer


# In a browser


def chosen(page: Page, area: str) -> list[str]:
    names = page.locator(f"{area} label:has(input:checked)").all_inner_texts()
    return [name.strip().removesuffix("\N{ZERO WIDTH SPACE}") for name in names]  # which keeps it from Gradio's words


def fields(page: Page) -> dict[str, list[str]]:
    return {name: values for name, values in parse_qs(urlsplit(page.url).query).items() if name != "__theme"}


def test_a_link_opens_tab_text_models_and_answer_elsewhere(site: Site, open_page: OpenPage, browser: Browser) -> None:
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    classify_text(page).fill(TEXT)
    page.get_by_role("radio", name="moods", exact=True).check()
    page.keyboard.press("Enter")
    expect(page.locator("#classify-result .emo-by")).to_have_text("moods")
    page.wait_for_function("location.search.includes('models=moods')")
    assert fields(page) == {"tab": ["classify"], "text": [TEXT], "models": ["moods"]}
    open_tab(page, strings.compare.TAB)
    expect(compare_text_box(page)).to_have_value(TEXT)  # a tab without a text takes that of the tab before
    page.get_by_role("checkbox", name="polarity", exact=True).uncheck()
    page.get_by_role("button", name=strings.COPY_LINK, exact=True).click()
    expect(page.locator("#page-said")).to_have_text(strings.LINK_COPIED)
    link = page.evaluate("navigator.clipboard.readText()")
    expected = {"tab": ["compare"], "text": [TEXT], "models": [HOSTILE_NAME, "feelings", "moods"]}
    assert fields(page) == expected
    assert parse_qs(urlsplit(link).query)["models"] == expected["models"]

    other = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
    other.goto(link)
    expect(other.locator("#compare-result .emo-column")).to_have_count(3, timeout=30_000)
    expect(other.get_by_role("tab", name=strings.compare.TAB, exact=True)).to_have_attribute("aria-selected", "true")
    expect(compare_text_box(other)).to_have_value(TEXT)
    assert chosen(other, "#compare-models") == expected["models"]
    assert fields(other) == expected
    expect_no_overflow(other)
    other.goto(f"{site.url}?tab=models")
    expect(other.get_by_role("tab", name=strings.models.TAB, exact=True)).to_have_attribute("aria-selected", "true")
    other.context.close()


_OPEN_AND_TYPE = """async ([name, turns, text]) => {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    tabs.find((tab) => tab.textContent.trim() === name).click();
    let box;
    for (let turn = 0; turn < turns || !box; turn += 1) {
        await new Promise((resolve) => { setTimeout(resolve); });
        box = document.querySelector("#compare-text textarea");
    }
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
}"""
"""Opens Compare and types into it at once, some turns of the browser's event loop later."""


@pytest.mark.parametrize("before", ["", "a text of the tab before"])
def test_what_is_typed_while_a_tab_opens_stays(open_page: OpenPage, before: str) -> None:
    for turns in range(4):
        page, text = open_page(), f"typed after {turns} turns"
        classify_text(page).fill(before)
        page.evaluate(_OPEN_AND_TYPE, [strings.compare.TAB, turns, text])
        page.wait_for_function("text => new URLSearchParams(location.search).get('text') === text", arg=text)
        expect(compare_text_box(page)).to_have_value(text)


def test_a_link_shows_the_same_after_a_restart(site: Site, open_page: OpenPage, browser: Browser) -> None:
    page = open_page()
    open_tab(page, strings.explain.TAB)
    page.locator("#explain-text").get_by_role("textbox").fill(TEXT)
    page.locator("#explain-model").get_by_role("radio", name="moods", exact=True).check()
    page.locator("#explain-button").click()
    words = page.locator("#explain-words button")
    expect(words.first).to_be_visible()
    page.wait_for_function("location.search.includes('models=moods')")
    shown, query = words.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))"), urlsplit(page.url).query
    project = site.models["moods"].parent.parent
    with serving(["-m", "emohub", "demo", "--lazy", "--port", str(free_port())], project) as (_, url):
        other = browser.new_page()
        other.goto(f"{url}?{query}")
        expect(other.get_by_role("tab", selected=True)).to_have_text(strings.explain.TAB)
        again = other.locator("#explain-words button")
        expect(again).to_have_count(len(shown))
        assert again.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))") == shown
        assert chosen(other, "#explain-model") == ["moods"]
        other.close()


def test_hostile_and_long_addresses_are_harmless(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    script = "<script>window.ran=1</script><img src=x onerror=window.ran=1>"
    query = urlencode({"tab": script, "text": script, "models": [script, HOSTILE_NAME]}, doseq=True)
    page.goto(f"{site.url}?{query}")
    notice = page.locator(".emo-notice")
    expect(notice).to_contain_text("<script>window.ran=1</script>")
    expect(page.locator("#classify-result .emo-by")).to_have_text(HOSTILE_NAME)
    expect(classify_text(page)).to_have_value(script)
    assert chosen(page, "#classify-model") == [HOSTILE_NAME]

    page.goto(f"{site.url}?tab=classify&text={'x' * 20_000}")
    expect(notice).to_contain_text(strings.ADDRESS_TOO_LONG)
    expect(classify_text(page)).to_have_value("")
    classify_text(page).fill("word " * 1000)
    expect(page.locator("#page-said")).to_have_text(strings.LINK_WITHOUT_TEXT)
    assert set(fields(page)) == {"tab", "models"}
    classify_text(page).fill("word")
    page.wait_for_function("location.search.includes('text=word')")
    expect(page.locator("#page-said")).to_have_text("")
