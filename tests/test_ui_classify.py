"""Classify: answers as one types, the newest alone; what was not read; and a history that only the browser keeps."""

import base64
import csv
import io
import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from emohub.errors import UsageError
from emohub.inference import Prediction
from emohub.ui import markup, strings
from emohub.ui.service import history
from emohub.ui.service.limits import MAX_HISTORY, MAX_HISTORY_CHARS
from emohub.ui.tabs import classify
from tests.browsing import HOSTILE_NAME, OpenPage, Site, classify_text, enter, expect_no_overflow, post, shown_bars

TEXT = "i am so happy today with my friend"


def prediction(text: str, **changes: Any) -> Prediction:
    values: dict[str, Any] = {"labels": ("=joy", "anger"), "probabilities": (0.75, 0.25), "label": "=joy"}
    values |= {"tokens": 5, "max_length": 32, "truncated": False, "seconds": 0.01}
    return Prediction(text=text, **{**values, **changes})


# Without a browser


def test_the_history_is_newest_first_without_repetition_and_bounded() -> None:
    kept: list[history.Entry] = []
    for text in ("a", "b", "a", "c"):
        kept = history.with_answer(kept, "m", prediction(text))
    assert [entry["text"] for entry in kept] == ["c", "a", "b"]
    assert [entry["model"] for entry in history.with_answer(kept, "other", prediction("c"))] == ["other", *"mmm"]
    for index in range(MAX_HISTORY + 5):
        kept = history.with_answer(kept, "m", prediction(str(index)))
    assert len(kept) == MAX_HISTORY
    assert history.with_answer(kept, "m", prediction("x" * MAX_HISTORY_CHARS)) == [
        {"text": "x" * MAX_HISTORY_CHARS, "model": "m", "label": "=joy", "probability": 0.75}
    ]


@pytest.mark.parametrize(
    "value",
    [
        "text",
        [1],
        [{"text": "a"}],
        [{"text": "a", "model": "m", "label": "l", "probability": 1.5}],
        [{"text": "a", "model": ["m"], "label": "l", "probability": 0.5}],
        [{"text": "a", "model": "m", "label": "l", "probability": 0.5, "more": 1}],
        [{"text": "a", "model": "m", "label": "l", "probability": 0.5}] * (MAX_HISTORY + 1),
        [{"text": "a" * (MAX_HISTORY_CHARS + 1), "model": "m", "label": "l", "probability": 0.5}],
    ],
)
def test_a_history_that_the_page_did_not_give_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="damaged"):
        history.checked_history(value)


def test_the_history_is_saved_with_formulas_as_text() -> None:
    kept: list[history.Entry] = []
    for text in ("=1+1", 'plain, "quoted"\nlines', "é😀"):
        kept = history.with_answer(kept, HOSTILE_NAME, prediction(text))
    assert json.loads(history.history_json(kept)) == kept
    header, *rows = csv.reader(io.StringIO(history.history_csv(kept).decode(), newline=""))
    assert header == ["text", "model", "label", "probability"]
    assert [row[0] for row in rows] == ["é😀", 'plain, "quoted"\nlines', "'=1+1"]
    assert {tuple(row[1:]) for row in rows} == {(HOSTILE_NAME, "'=joy", "0.75")}


def test_what_was_not_read_is_shown_and_escaped() -> None:
    text = "<b>read</b> " + "x" * 100 + "<i>unread</i>" + "y" * 1000
    cut = text.index("<i>")
    shown = classify.render("m", prediction(text, truncated=True, tokens=99, read_chars=cut))
    assert strings.classify.UNREAD.format(characters="1,013") in shown
    assert f"{'x' * 60}<s>&lt;i&gt;unread&lt;/i&gt;yyy" in shown
    assert "<b>" not in shown
    assert "<s>" not in classify.render("m", prediction("short"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (("", "feelings", "asked", []), "The text is empty"),
        (("", "feelings", "typed", []), strings.classify.EMPTY),
        ((None, "feelings", "chosen", None), strings.classify.EMPTY),
        ((TEXT, "other", "typed", []), "There is no model"),
        ((TEXT, "feelings", "asked", [{"text": "<script>"}]), "damaged"),
        ((TEXT, "feelings", ["?"], "x" * 1000), "damaged"),
        (("x" * 100_001, "feelings", "typed", []), "100,001 characters"),
    ],
)
def test_the_handler_checks_what_it_is_given(site: Site, data: tuple[object, ...], said: str) -> None:
    status, answer = post(f"{site.url}gradio_api/run/show_classification", *data)
    assert status == 200
    assert said in answer["data"][0]
    assert "<script>" not in answer["data"][0]


# In a browser


def saved(page: Page, words: str) -> str:
    href = page.locator("#classify-history").get_by_role("link", name=words, exact=True).get_attribute("href")
    assert href is not None
    return base64.b64decode(href.partition("base64,")[2]).decode()


def test_it_answers_as_one_types_and_keeps_what_was_asked(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    result, kept = page.locator("#classify-result"), page.locator("#classify-history .emo-again")
    feelings, moods = site.classifiers("feelings", "moods").values()
    expect(page.locator("#classify-history")).to_be_hidden()
    page.get_by_role("radio", name="feelings", exact=True).check()
    expect(result).to_contain_text(strings.classify.EMPTY)
    classify_text(page).press_sequentially("i am happy")
    expect(result.locator(".emo-label")).to_have_text(feelings.classify("i am happy").label)
    expect(result).to_contain_text(f"{feelings.classify('i am happy').tokens} tokens")
    expect(kept).to_have_count(0)
    classify_text(page).fill("")  # deleting is typing too
    expect(result).to_contain_text(strings.classify.EMPTY)
    enter(classify_text(page), TEXT)
    expect(kept).to_have_text([TEXT])
    page.get_by_role("radio", name="moods", exact=True).check()
    expect(kept).to_have_text([TEXT, TEXT])
    expect(result.locator(".emo-by")).to_have_text("moods")
    classify_text(page).fill("=1+1 <b>furious</b>")
    page.locator("#classify-button").click()
    expect(kept).to_have_text(["=1+1 <b>furious</b>", TEXT, TEXT])

    rows = list(csv.DictReader(io.StringIO(saved(page, strings.SAVE_CSV), newline="")))
    assert [row["text"] for row in rows] == ["'=1+1 <b>furious</b>", TEXT, TEXT]
    entries = json.loads(saved(page, strings.SAVE_JSON))
    assert [entry["model"] for entry in entries] == ["moods", "moods", "feelings"]
    for entry, classifier in zip(entries[1:], (moods, feelings), strict=True):
        expected = classifier.classify(TEXT)
        assert entry["label"] == expected.label
        assert entry["probability"] == pytest.approx(max(expected.probabilities), abs=1e-6)

    kept.nth(2).focus()
    page.keyboard.press("Enter")
    expect(result.locator(".emo-by")).to_have_text("feelings")
    expect(classify_text(page)).to_have_value(TEXT)
    expect(kept).to_have_text([TEXT, "=1+1 <b>furious</b>", TEXT])
    page.set_viewport_size({"width": 390, "height": 800})
    expect_no_overflow(page)
    page.locator("#classify-clear").click()
    expect(page.locator("#classify-history")).to_be_hidden()
    other = open_page()
    expect(other.locator("#classify-history")).to_be_hidden()
    expect(other.locator("#classify-result")).to_contain_text(strings.classify.EMPTY)


def test_a_late_answer_never_overwrites_a_newer_one(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    held: list[Route] = []
    asked: list[str] = []

    def hold_the_first(route: Route) -> None:
        text, *how = json.loads(route.request.post_data or "{}")["data"] or [""]
        if how:
            asked.append(text)
        if how and len(asked) == 1:
            held.append(route)
        else:
            route.continue_()

    with page.expect_response(lambda response: "chosen" in (response.request.post_data or "")):
        page.get_by_role("radio", name="feelings", exact=True).check()
    page.route("**/gradio_api/run/**", hold_the_first)
    box = classify_text(page)
    with page.expect_request(lambda request: "typed" in (request.post_data or "")):
        box.press_sequentially("i am happy", delay=20)
    for text in ("i am gloomy", "i am furious", "i am happy today with my friend at home"):
        enter(box, text)
    held[0].continue_()
    expected = site.classifiers("feelings")["feelings"].classify(text)
    result = page.locator("#classify-result")
    expect(result).to_contain_text(f"{expected.tokens} tokens")
    assert shown_bars(result)[expected.label] == markup.percent(max(expected.probabilities))
    assert asked == ["i am happy", text]


def test_whoever_types_before_the_pages_script_is_there_is_answered(site: Site, browser: Browser) -> None:
    page = browser.new_page()
    page.add_init_script("Object.defineProperty(window, 'emohub', {get() {}, set() {}})")
    page.goto(site.url)
    enter(classify_text(page), TEXT)
    expect(page.locator("#classify-result .emo-label")).to_be_visible()
    page.close()
