"""Explain, as its users meet it: in the page, over HTTP, and on the raw routes."""

import base64
import csv
import io
import json
import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, expect

from emohub.explain import METHODS, edit, gradient_x_input, what_if, words_of
from emohub.pictures.words import draw_words
from emohub.ui import markup, strings
from emohub.ui.service.limits import MAX_EXPLAINED_WORDS
from emohub.ui.tabs import explanation
from tests.browsing import (
    HOSTILE_LABELS,
    HOSTILE_NAME,
    OpenPage,
    Site,
    enter,
    expect_no_overflow,
    open_tab,
    post,
)

TEXT = "  I am so  happy today, =really! <b>🙂</b>"
NAMES = ("feelings", "moods", "polarity")


def ask(page: Page, text: str, *, width: int = 1280) -> None:
    open_tab(page, strings.explain.TAB)
    enter(page.locator("#explain-text").get_by_role("textbox"), text)


def saved(page: Page, file_name: str) -> bytes:
    address = page.locator(f'#explain-details a[download="{file_name}"]').get_attribute("href")
    assert address is not None
    return base64.b64decode(unquote(address).partition("base64,")[2])


def test_the_api_explains_as_the_library_does(site: Site) -> None:
    classifiers = site.classifiers(*NAMES)
    for method, explain in METHODS.items():
        status, answer = post(f"{site.url}gradio_api/run/explain", TEXT, "feelings", "ANGER", method)
        assert status == 200
        (given,) = answer["data"]
        expected = explain(classifiers["feelings"], TEXT, "anger")
        assert (given["model"], given["label"], given["method"]) == ("feelings", "anger", method)
        assert given["probability"] == pytest.approx(expected.probability, abs=1e-6)
        assert [word["text"] for word in given["words"]] == [word.text for word in expected.words]
        scores = [word["score"] for word in given["words"]]
        assert scores == pytest.approx([word.score for word in expected.words], abs=1e-6)
        assert given["faithfulness"]["top_k"] == expected.faithfulness.top_k
        assert given["faithfulness"]["sufficiency"] == pytest.approx(expected.faithfulness.sufficiency, abs=1e-6)

    changes = [{"position": 3, "replacement": ""}, {"position": 0, "replacement": "We"}]
    status, answer = post(f"{site.url}gradio_api/run/what_if", TEXT, ["moods", "feelings"], changes)
    assert status == 200
    (given,) = answer["data"]
    expected_change = what_if({name: classifiers[name] for name in ("moods", "feelings")}, TEXT, {3: "", 0: "We"})
    assert given["changed_text"] == expected_change.changed_text == "  We am so  today, =really! <b>🙂</b>"
    for part in ("before", "after"):
        for one, (name, prediction) in zip(given[part], getattr(expected_change, part).items(), strict=True):
            assert one["model"] == name
            assert list(one["probabilities"].values()) == pytest.approx(list(prediction.probabilities), abs=1e-6)


@pytest.mark.parametrize(
    ("route", "data", "message"),
    [
        ("explain", ("a " * (MAX_EXPLAINED_WORDS + 1), "feelings", "", "leave_one_out"), "at most 200 words"),
        ("explain", ("x" * 100_001, "feelings", "", "leave_one_out"), "100,001 characters"),
        ("explain", (TEXT, "feelings", "bliss", "leave_one_out"), "no label"),
        ("explain", (TEXT, "feelings", "", "magic"), "no such method"),
        ("explain", (TEXT, "other", "", "leave_one_out"), "no model"),
        ("what_if", (TEXT, list(NAMES), [{"position": 99, "replacement": ""}]), "no word 99"),
        ("what_if", (TEXT, list(NAMES), [{"position": 0, "replacement": "x" * 100_001}]), "characters"),
        ("what_if", (TEXT, list(NAMES), {"0": ""}), "no list"),
        ("what_if", ("one", list(NAMES), [{"position": 0, "replacement": ""}]), "no word is left"),
        ("show_explanation", (TEXT, "feelings", "", "magic"), "no such method"),
        ("show_explanation", (" ", "feelings", "", "leave_one_out"), "text is empty"),
    ],
)
def test_limits_hold_on_the_raw_routes(site: Site, route: str, data: tuple[object, ...], message: str) -> None:
    extra = (None,) if route == "show_explanation" else ()
    status, answer = post(f"{site.url}gradio_api/run/{route}", *data, *extra)
    said = json.dumps(answer)
    if status != 200 or "Value:" not in said:  # Gradio itself refuses a method that the page does not offer
        assert message in said or "not in the list of choices" in said
    assert "Traceback" not in said


def test_words_are_removed_replaced_and_put_back(site: Site, open_page: OpenPage) -> None:
    classifiers = site.classifiers(*NAMES, HOSTILE_NAME)
    expected = gradient_x_input(classifiers["feelings"], TEXT)
    page = open_page()
    open_tab(page, strings.explain.TAB)
    page.locator("#explain-model").get_by_role("radio", name="feelings", exact=True).check()
    ask(page, TEXT)
    result, moves = page.locator("#explain-words"), page.locator("#explain-what-if")
    buttons = result.locator(".emo-word")
    expect(buttons).to_have_count(len(expected.words))
    assert result.locator(".emo-explained").text_content() == TEXT
    expect(result.get_by_role("status")).to_contain_text(expected.label)
    for position, word in enumerate(expected.words):
        side = "for" if word.score > 0 else "against"
        expect(buttons.nth(position)).to_have_class(f"emo-word emo-{side}")
        assert f"{word.text}, " in (buttons.nth(position).get_attribute("aria-label") or "")
    table = page.locator("#explain-details tbody tr th")
    assert [text.strip() for text in table.all_text_contents()] == [word.text for word in expected.ranked]
    verdict = strings.explain.TRUSTED if explanation.trustworthy(expected.faithfulness) else strings.explain.DOUBTFUL
    expect(page.locator(".emo-judged")).to_contain_text(verdict)

    rows = list(csv.DictReader(io.StringIO(saved(page, "emohub-explanation.csv").decode())))
    assert [float(row["score"]) for row in rows] == pytest.approx([word.score for word in expected.words], abs=1e-6)
    assert "'=" in [row["word"] for row in rows]
    assert json.loads(saved(page, "emohub-explanation.json"))["text"] == TEXT

    # By keyboard alone: to the words, along them, away and replaced.
    buttons.first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(buttons.nth(3)).to_be_focused()
    page.keyboard.press("Enter")
    expect(buttons.nth(3)).to_have_attribute("aria-pressed", "true")
    expect(moves.locator(".emo-changed")).to_have_text(edit(TEXT, words_of(TEXT), {3: ""}), use_inner_text=False)
    expect(buttons.nth(3)).to_be_focused()
    field = page.locator("#explain-replacement").get_by_role("textbox")
    enter(field, "gloomy")
    expect(buttons.nth(3).locator("ins")).to_have_text("gloomy")
    changed = what_if(classifiers, TEXT, {3: "gloomy"})
    expect(moves.locator("tbody tr")).to_have_count(4)
    for row in moves.locator("tbody tr").all():
        name, *cells = (cell.strip() for cell in row.locator("th, td").all_text_contents())
        for cell, prediction in zip(cells[:2], (changed.before[name], changed.after[name]), strict=True):
            assert cell == f"{prediction.label} {markup.percent(max(prediction.probabilities))}"
    page.locator("#explain-restore").click()
    expect(buttons.nth(3)).to_have_attribute("aria-pressed", "false")
    expect(moves.locator("table")).to_have_count(0)
    buttons.nth(1).click()
    expect(moves.locator("table")).to_be_visible()
    buttons.nth(1).click()
    expect(moves.locator("table")).to_have_count(0)

    page.get_by_role("radio", name=strings.explain.METHODS["leave_one_out"], exact=True).check()
    expect(page.locator(".emo-judged")).to_have_count(2)
    page.locator("#explain-draw").click()
    expect(page.locator("#explain-picture img").first).to_be_visible()


def test_a_hostile_model_is_explained_and_nothing_runs(open_page: OpenPage) -> None:
    page = open_page(width=390, theme="dark")
    open_tab(page, strings.explain.TAB)
    page.locator("#explain-model").get_by_role("radio", name=HOSTILE_NAME, exact=True).check()
    ask(page, '<img src=x onerror="window.ran=1"> ${window.ran=1} {{constructor}} "quoted" ' + "happy " * 40)
    result = page.locator("#explain-words")
    expect(result.locator(".emo-label")).to_have_text(re.compile("window.ran=1"))
    assert result.locator(".emo-label").text_content() in HOSTILE_LABELS
    expect(result.locator(".emo-note")).to_contain_text("beyond what the model reads")
    assert result.locator(".emo-unread").count() > 0
    result.locator(".emo-word").nth(2).click()
    expect(page.locator("#explain-what-if table")).to_be_visible()
    page.locator("#explain-draw").click()
    expect(page.locator("#explain-picture .emo-in-dark")).to_be_visible()
    expect_no_overflow(page)
    ask(page, " ")
    expect(result.get_by_role("status")).to_contain_text("The text is empty")
    expect(page.locator("#explain-draw")).to_be_hidden()


def test_a_picture_of_any_words_is_drawn_the_same_each_time() -> None:
    pieces = [("$x^2$ 🙂", 0.5), (" ", 0.0), ("日本", -0.2), ("w" * 200, 0.0)]
    assert draw_words(pieces, ("for", "against"), "light") == draw_words(pieces, ("for", "against"), "light")
    assert draw_words([("a", 0.0)], ("for", "against"), "dark").startswith(b"\x89PNG")
