"""The Compare tab as its users meet it: one text, several, files and pictures, and models added from a Hub."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from emohub.compare import compare_text, compare_texts
from emohub.ui import markup, strings
from emohub.ui.service.hub_models import Transfer
from emohub.ui.tabs import comparison
from emohub.ui.tabs import hub_models as adding
from tests.browsing import (
    HOSTILE_LABELS,
    HOSTILE_NAME,
    OpenPage,
    Site,
    compare_text_box,
    enter,
    expect_no_overflow,
    free_port,
    open_tab,
    post,
    serving,
    shown_bars,
)
from tests.hub import Hub, serve_hub
from tests.test_hub_models import offer

NAMES = ("feelings", "moods", "polarity")
WORDS = ("happy", "gloomy", "furious", "proud", "lost", "shouting", "sunny", "crying", "annoyed", "today")
TEXTS = [f"i am {word}" for word in WORDS]


def ask(page: Page, text: str) -> Locator:
    """Compare, by Enter, and return the area of the result."""
    enter(compare_text_box(page), text)
    return page.locator("#compare-result")


def saved(area: Locator, words: str) -> bytes:
    """What a click on a link of that name saves."""
    with area.page.expect_download() as download:
        area.get_by_role("link", name=words, exact=True).click()
    return Path(download.value.path()).read_bytes()


def choose(page: Page, *names: str) -> None:
    for checkbox in page.locator("#compare-models").get_by_role("checkbox").all():
        checkbox.uncheck()
    for name in names:
        page.get_by_role("checkbox", name=name, exact=True).check()


# Over HTTP


def test_the_api_answers_several_texts_as_the_library_does(site: Site) -> None:
    status, answer = post(f"{site.url}gradio_api/run/compare_texts", TEXTS, list(NAMES))
    assert status == 200
    (given,) = answer["data"]
    expected = compare_texts(site.classifiers(*NAMES), TEXTS)
    assert (given["models"], given["disagreements"]) == (list(NAMES), expected.disagreements)
    for shown, text in zip(given["texts"], expected.texts, strict=True):
        assert (shown["row"], shown["text"], shown["disagree"]) == (text.row, TEXTS[text.row], text.disagree)
        assert shown["distance"] == pytest.approx(text.distance, abs=1e-6)
        for one in shown["comparison"]["answers"]:
            prediction = text.comparison.predictions[one["model"]]
            assert list(one["probabilities"].values()) == pytest.approx(list(prediction.probabilities), abs=1e-6)


@pytest.mark.parametrize(
    ("route", "data", "message"),
    [
        ("compare_texts", (["a"] * 101, ["feelings"]), "101 texts, the limit is 100"),
        ("compare_texts", ([], ["feelings"]), "no text"),
        ("compare_texts", ("a", ["feelings"]), "no text"),
        ("compare_texts", (["a", " "], ["feelings"]), "text 2 is empty"),
        ("compare_texts", (["a", 5], ["feelings"]), "not a string"),
        ("compare_texts", (["a", "x" * 100_001], ["feelings"]), "100,001 characters"),
        ("compare_texts", (["a"], ["feelings", "other"]), "no model"),
        ("compare_texts", (["a"], ["ada/tiny"]), "no model"),
        ("compare", ("a", [str(number) for number in range(9)]), "9 models are chosen, the limit is 8"),
        ("compare", (" ", ["feelings"]), "empty"),
        # The handlers behind the page are not listed, but they can be reached.
        ("show_comparison", ("\n".join(["a"] * 101), ["feelings"], None), "101 texts"),
        ("show_comparison", ("x" * 100_001, ["feelings"], None), "100,001 characters"),
        ("show_comparison_picture", ("\n".join(["a"] * 101), ["feelings"], None), "101 texts"),
    ],
)
def test_limits_hold_on_the_raw_routes(site: Site, route: str, data: tuple[object, ...], message: str) -> None:
    status, answer = post(f"{site.url}gradio_api/run/{route}", *data)
    said = answer["data"][0] if status == 200 else answer["error"]
    said = said["value"] if isinstance(said, dict) else said
    assert message in said
    assert ("emo-notice" in said) == (status == 200)
    assert "Traceback" not in said


# In a browser


def test_one_text_shows_what_follows_and_each_models_own_labels(site: Site, open_page: OpenPage) -> None:
    classifiers = site.classifiers(*NAMES)
    compared = {text: compare_text(classifiers, text) for text in TEXTS}
    relations = {text: comparison.relations_of(one) for text, one in compared.items()}
    disagreeing = next(text for text, kinds in relations.items() if "disagree" in kinds.values())
    calm = next(text for text, kinds in relations.items() if "disagree" not in kinds.values())

    page = open_page()
    open_tab(page, strings.compare.TAB)
    page.locator("#compare-button").click()
    expect(page.locator("#compare-result").get_by_role("status")).to_contain_text("The text is empty")
    choose(page)
    result = ask(page, calm)
    expect(result.get_by_role("status")).to_contain_text("No model is chosen")
    choose(page, *NAMES)
    verdict = result.locator(".emo-verdict")
    for text in (disagreeing, calm):
        ask(page, text)
        expect(verdict).to_have_text(comparison.verdict(compared[text]))
    expect(verdict).not_to_have_class(re.compile("disagree"))
    compare_text_box(page).fill(disagreeing)
    page.locator("#compare-button").click()
    expect(verdict).to_have_class(re.compile("disagree"))

    one = compared[disagreeing]
    columns = result.locator(".emo-column")
    expect(columns).to_have_count(3)
    expected = {
        "feelings": (["joy", "anger", "sadness"], "3 labels that it does not know", "optimism, negative, positive"),
        "moods": (["joy", "anger", "optimism"], "3 labels that it does not know", "sadness, negative, positive"),
        "polarity": (["negative", "positive"], "4 labels that it does not know", "sadness, joy, anger, optimism"),
    }
    for index, (name, (labels, summary, unknown)) in enumerate(expected.items()):
        column = columns.nth(index)
        assert column.get_attribute("aria-label") == name
        expect(column.locator(".emo-label")).to_have_text(one.predictions[name].label)
        table = dict(zip(one.labels, one.table[name], strict=True))
        assert list(shown_bars(column).items()) == [(label, markup.percent(table[label] or 0)) for label in labels]
        expect(column.locator(".emo-group")).to_have_count(int(name != "polarity"))
        expect(column.get_by_text(unknown)).to_be_hidden()
        column.get_by_text(summary).click()
        expect(column.get_by_text(unknown)).to_be_visible()
    expect(columns.nth(2).locator(".emo-tag")).to_have_text(strings.compare.RELATIONS["apart"])

    rows = list(csv.DictReader(io.StringIO(saved(result, strings.SAVE_CSV).decode())))
    assert [(row["model"], row["label"], float(row["probability"]), row["answer"] == "yes") for row in rows] == [
        (name, label, pytest.approx(probability, abs=1e-6), label == prediction.label)
        for name, prediction in one.predictions.items()
        for label, probability in zip(prediction.labels, prediction.probabilities, strict=True)
    ]
    kept = json.loads(saved(result, strings.SAVE_JSON))
    assert kept["table"]["moods"] == pytest.approx(one.table["moods"], abs=1e-6, nan_ok=True)
    assert [pair["relation"] for pair in kept["pairs"]] == [pair.relation for pair in one.pairs]

    page.locator("#compare-draw").click()
    picture = page.locator("#compare-picture")
    images = picture.get_by_role("img")
    expect(images).to_have_count(1)  # the one of the other theme is hidden
    assert "sadness" in (images.get_attribute("alt") or "")
    assert saved(picture, strings.SAVE_PICTURE).startswith(b"\x89PNG")
    ask(page, calm)
    expect(picture.locator("figure")).to_have_count(0)  # it would be of the text before


def test_several_texts_come_furthest_apart_first_and_open_to_their_columns(site: Site, open_page: OpenPage) -> None:
    expected = compare_texts(site.classifiers(*NAMES), TEXTS)
    page = open_page()
    open_tab(page, strings.compare.TAB)
    choose(page, *NAMES)
    result = ask(page, "\n\n".join(f" {text} " for text in TEXTS))
    expect(result.get_by_role("status")).to_have_text(comparison.texts_verdict(expected))
    texts = result.locator(".emo-compared")
    assert texts.locator(".emo-quoted").all_inner_texts() == [TEXTS[text.row] for text in expected.texts]
    first = expected.texts[0]
    shown = first.comparison.predictions["moods"]
    given = texts.first.locator(".emo-given").nth(1)
    expect(given).to_have_text(f"moods {shown.label} {markup.percent(max(shown.probabilities))}")
    assert first.distance is not None
    expect(texts.first.locator(".emo-column")).to_have_count(3)
    expect(texts.first.locator(".emo-column").first).to_be_hidden()
    texts.first.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(texts.first.locator(".emo-column").first).to_be_visible()
    expect(texts.first).to_contain_text(f"{100 * first.distance:.1f} points apart")
    assert set(shown_bars(texts.first.locator(".emo-column").nth(1))) == set(shown.labels)

    rows = list(csv.DictReader(io.StringIO(saved(result, strings.SAVE_CSV).decode())))
    assert [(int(row["row"]) - 1, row["text"]) for row in rows] == [
        (text.row, TEXTS[text.row]) for text in expected.texts
    ]
    for row, text in zip(rows, expected.texts, strict=True):
        assert float(row["distance"]) == pytest.approx(text.distance, abs=1e-6)
        for name, prediction in text.comparison.predictions.items():
            assert row[name] == prediction.label
            assert float(row[f"{name}: probability"]) == pytest.approx(max(prediction.probabilities), abs=1e-6)
    kept = json.loads(saved(result, strings.SAVE_JSON))
    assert [text["row"] for text in kept["texts"]] == [text.row for text in expected.texts]

    page.locator("#compare-draw").click()
    expect(page.locator("#compare-picture").get_by_role("img")).to_have_count(1)


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_hostile_texts_and_names_are_shown_and_do_not_run(open_page: OpenPage, width: int, theme: str) -> None:
    page = open_page(width=width, theme=theme)
    open_tab(page, strings.compare.TAB)
    texts = ['<script>window.ran=1</script><img src=x onerror="window.ran=1">', '=HYPERLINK("http://x")', "x" * 500]
    result = ask(page, "\n".join(texts))
    expect(result.locator(".emo-compared")).to_have_count(3)
    assert set(result.locator(".emo-quoted").all_inner_texts()) == set(texts)
    for summary in result.locator(".emo-compared > summary").all():
        summary.click()
    expect(result.locator(".emo-column").first).to_be_visible()
    expect(result).to_contain_text(HOSTILE_NAME)
    expect(result).to_contain_text(HOSTILE_LABELS[0])
    assert "'=HYPERLINK" in saved(result, strings.SAVE_CSV).decode()
    page.locator("#compare-draw").click()
    expect(page.locator("#compare-picture figure")).to_be_visible()
    page.locator("#compare-hub button").first.click()
    expect(page.locator("#compare-hub")).to_contain_text("This page adds no models")
    expect_no_overflow(page)
    ask(page, texts[0])
    expect(result.locator(".emo-column")).to_have_count(4)
    for summary in result.locator(".emo-others summary").all():
        summary.click()
    expect_no_overflow(page)


# Models of the Hub


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with serve_hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def page_with_a_hub(hub: Hub, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page that may add what Ada publishes."""
    for name in ("tiny", "slow"):
        offer(hub, f"ada/{name}", tiny_model_dir)
    command = ["-m", "emohub", "demo", "--models", str(tiny_model_dir), "--allow-model", "ada/*"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        patch.setenv("HF_HUB_DISABLE_XET", "1")
        folder = tmp_path_factory.mktemp("visited")
        with serving([*command, "--port", str(free_port())], folder) as (_, url):
            yield url


def visit(browser: Browser, url: str) -> tuple[Page, Locator]:
    """A visitor of their own with the part open that adds models, and what it says."""
    page: Page = browser.new_context(reduced_motion="reduce").new_page()
    page.goto(url)
    open_tab(page, strings.compare.TAB)
    page.locator("#compare-hub button").first.click()
    return page, page.locator("#compare-hub-status").get_by_role("status")


def add(page: Page, repo_id: str) -> None:
    page.locator("#compare-hub-id input, #compare-hub-id textarea").first.fill(repo_id)
    page.locator("#compare-hub-add").click()


def test_an_added_model_is_compared_and_only_its_visitor_sees_it(
    browser: Browser, page_with_a_hub: str, hub: Hub, tiny_model_dir: Path
) -> None:
    page, status = visit(browser, page_with_a_hub)
    for id, said in (("bob/other", "not among the models"), ("tiny", "not the id"), ("ada/none", "no public model")):
        add(page, id)
        expect(status).to_contain_text(said)
    add(page, "ada/tiny")
    expect(status).to_have_text(strings.hub_models.ADDED.format(id="ada/tiny"))
    expect(page.get_by_role("checkbox", name="ada/tiny", exact=True)).to_be_checked()
    expect(page.locator("#compare-hub-stop")).to_be_hidden()
    columns = ask(page, TEXTS[0]).locator(".emo-column")
    expect(columns).to_have_count(2)
    expect(columns.nth(1)).to_have_attribute("aria-label", "ada/tiny")
    assert shown_bars(columns.nth(0)) == shown_bars(columns.nth(1))
    add(page, "ada/tiny")
    expect(page.get_by_role("checkbox", name="ada/tiny", exact=True)).to_have_count(1)

    other, _ = visit(browser, page_with_a_hub)
    expect(other.locator("#compare-models").get_by_role("checkbox")).to_have_count(1)
    _, answer = post(f"{page_with_a_hub}gradio_api/run/show_comparison", TEXTS[0], ["ada/tiny"], ["ada/tiny"])
    assert "ada/tiny" in json.dumps(answer)
    assert "emo-column" not in json.dumps(answer)
    page.context.close()
    other.context.close()


def test_a_download_is_stopped_and_a_hub_that_fails_is_said_to(
    browser: Browser, page_with_a_hub: str, hub: Hub
) -> None:
    page, status = visit(browser, page_with_a_hub)
    hub.fail("GET", "/api/models/ada/slow", 503)
    add(page, "ada/slow")
    expect(status).to_contain_text("The Hub cannot be reached for 'ada/slow'")
    hub.fail("GET", r"ada/slow/resolve/.*/model\.safetensors", slow=True)
    add(page, "ada/slow")
    page.locator("#compare-hub-stop").click()
    expect(status).to_have_text(strings.hub_models.STOPPED)
    expect(page.locator("#compare-hub-stop")).to_be_hidden()
    expect(page.get_by_role("checkbox", name="ada/slow", exact=True)).to_have_count(0)
    page.context.close()


def test_the_progress_of_a_download_is_a_bar_with_its_bytes() -> None:
    shown = adding.show_progress(Transfer("ada/<tiny>", 12_345_678, 98_000_000))
    assert "ada/&lt;tiny&gt;: 12.3 of 98.0 MB" in shown
    assert 'aria-valuenow="12345678"' in shown
    assert 'style="width:12.60%"' in shown
