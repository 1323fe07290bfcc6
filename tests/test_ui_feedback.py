"""The Feedback tab: nothing is kept without consent, and what is kept is what the page says."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from emohub.errors import UsageError
from emohub.feedback import FeedbackFile, open_feedback
from emohub.inference import Classifier
from emohub.ui import strings
from emohub.ui.service import ModelStore, Service
from emohub.ui.service.feedback import ask, submit, withdraw
from emohub.ui.tabs import feedback as feedback_tab
from tests.browsing import (
    HOSTILE_LABELS,
    HOSTILE_NAME,
    OpenPage,
    Site,
    enter,
    expect_no_overflow,
    free_port,
    open_tab,
    post,
    serving,
)
from tests.test_ui_accessibility import violations, when_still

TEXT = "i am so happy today with my friend"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> FeedbackFile:
    return FeedbackFile(tmp_path_factory.mktemp("feedback") / "feedback.jsonl")


@pytest.fixture(scope="module")
def site(site: Site, kept: FeedbackFile) -> Iterator[Site]:
    """The same project, served with feedback turned on."""
    command = ["-m", "emohub", "demo", "--port", str(free_port()), "--feedback", str(kept.path)]
    with serving(command, site.models["feelings"].parent.parent) as (process, url):
        yield replace(site, url=url, process=process)


@pytest.fixture
def service(tiny_model_dir: Path) -> Service:
    return Service(ModelStore({"tiny": tiny_model_dir}), max_requests=4)


def box(page: Page) -> Locator:
    return page.locator("#feedback-text").get_by_role("textbox")


def others(classifier: Classifier) -> tuple[str, str]:
    """The label that is answered to the text, and one that is not."""
    predicted = classifier.classify(TEXT).label
    return predicted, next(label for label in classifier.labels if label != predicted)


# What may be kept


def test_a_row_is_of_what_the_model_really_answers(service: Service, tmp_path: Path) -> None:
    feedback = open_feedback(str(tmp_path / "feedback.jsonl"))
    classifier = service.store.get("tiny")
    predicted, other = others(classifier)
    row = submit(service, feedback, TEXT, "tiny", other, True)
    assert (row.predicted, row.label, row.model) == (predicted, other, "tiny")
    assert row.fingerprint == classifier.fingerprint
    assert feedback.file.rows() == [row]
    withdraw(feedback, f" {row.id}\n")
    assert feedback.file.rows() == []


@pytest.mark.parametrize(
    ("text", "model", "label", "consent", "message"),
    [
        (TEXT, "tiny", "joy", False, "consent"),
        (TEXT, "tiny", "joy", "true", "consent"),
        (TEXT, "tiny", "joy", 1, "consent"),
        (TEXT, "tiny", "", True, "no label is chosen"),
        (TEXT, "tiny", None, True, "no label is chosen"),
        (TEXT, "tiny", ["joy"], True, "no label is chosen"),
        (TEXT, "tiny", "bliss", True, "knows no such label"),
        (TEXT, "other", "joy", True, "no model"),
        (TEXT, None, "joy", True, "no model is chosen"),
        ("  ", "tiny", "joy", True, "empty"),
        ("x" * 5001, "tiny", "joy", True, "5,001 characters"),
        ({"a": 1}, "tiny", "joy", True, "not a string"),
    ],
)
def test_what_may_not_be_kept_leaves_no_file(
    service: Service, tmp_path: Path, text: object, model: object, label: object, consent: object, message: str
) -> None:
    feedback = open_feedback(str(tmp_path / "folder" / "feedback.jsonl"))
    with pytest.raises(UsageError, match=message):
        submit(service, feedback, text, model, label, consent)
    assert list(tmp_path.iterdir()) == []


def test_half_a_surrogate_pair_is_refused(service: Service, tmp_path: Path) -> None:
    feedback = open_feedback(str(tmp_path / "feedback.jsonl"))
    with pytest.raises(Exception, match="not valid Unicode"):
        submit(service, feedback, "a \ud800 b", "tiny", "joy", True)
    with pytest.raises(UsageError, match="5,001 characters"):
        ask(service, "x" * 5001, "tiny")
    for wrong in (None, 7, "", "a" * 31, "A" * 32, "../" + "a" * 29):
        with pytest.raises(UsageError, match="no id of a row"):
            withdraw(feedback, wrong)


def test_the_terms_name_the_place(tmp_path: Path) -> None:
    local = feedback_tab.render_terms(open_feedback("local", {"XDG_DATA_HOME": str(Path.home() / "data")}))
    assert "~/data/emohub/feedback/feedback.jsonl" in local
    assert "sent nowhere" in local
    dataset = feedback_tab.render_terms(open_feedback("ada/feedback", {"XDG_DATA_HOME": str(tmp_path)}))
    assert "the dataset ada/feedback on the Hugging Face Hub" in dataset
    assert "history keeps" in dataset
    assert str(tmp_path) not in dataset


# Over HTTP


def test_limits_hold_on_the_raw_route(site: Site, kept: FeedbackFile) -> None:
    before = kept.rows()

    def send(*data: object) -> tuple[int, Any]:
        return post(f"{site.url}gradio_api/run/send_feedback", *data)

    for data, message in (
        ((TEXT, "feelings", [TEXT, "feelings"], None, True), "No label is chosen"),
        ((TEXT, "feelings", [TEXT, "feelings"], None, False), "without your consent"),
        ((TEXT, "feelings", ["another text", "feelings"], None, True), "no longer what was answered"),
        ((TEXT, "feelings", None, None, True), "no longer what was answered"),
    ):
        status, answer = send(*data)
        assert status == 200
        assert message in answer["data"][0]
    for data in ((TEXT, "feelings", [TEXT, "feelings"], "bliss", True), ({}, [], 3, {}, "yes")):
        status, answer = send(*data)
        assert status != 200 or "emo-notice" in answer["data"][0]
        assert "Traceback" not in json.dumps(answer)
    status, answer = post(f"{site.url}gradio_api/run/ask_for_feedback", "x" * 5001, "feelings")
    assert "5,001 characters" in answer["data"][0]
    status, answer = post(f"{site.url}gradio_api/run/withdraw_feedback", "a" * 32)
    assert "no row with this id" in answer["data"][0]
    assert kept.rows() == before
    with urllib.request.urlopen(f"{site.url}gradio_api/info", timeout=60) as response:
        assert "feedback" not in str(list(json.load(response)["named_endpoints"]))


# In a browser


def test_feedback_is_kept_with_consent_and_can_be_taken_back(
    site: Site, open_page: OpenPage, kept: FeedbackFile
) -> None:
    predicted, other = others(site.classifiers("feelings")["feelings"])
    page = open_page()
    open_tab(page, strings.feedback.TAB)
    said = page.locator("#feedback-said").get_by_role("status")
    form, send = page.locator("#feedback-form"), page.locator("#feedback-send")
    expect(form).to_be_hidden()
    expect(page.locator("#feedback-terms")).to_contain_text(kept.path.name)
    page.locator("#feedback-model").get_by_role("radio", name="feelings", exact=True).check()
    enter(box(page), TEXT)
    expect(page.locator("#feedback-answer .emo-label")).to_have_text(predicted)
    labels = form.get_by_role("radio")
    marked = strings.feedback.ANSWERED.format(label=predicted)
    expect(form.get_by_role("radio", name=marked, exact=True)).to_be_visible()
    assert not any(label.is_checked() for label in labels.all())
    consent = form.get_by_role("checkbox")
    expect(consent).not_to_be_checked()
    # Without a label, without consent, and after a change nothing is kept.
    form.get_by_role("radio", name=other, exact=True).check()
    send.click()
    expect(said).to_contain_text("without your consent")
    consent.check()
    box(page).fill(f"{TEXT} and more")
    send.click()
    expect(said).to_contain_text("ask the model again")
    box(page).fill(TEXT)
    assert kept.rows() == []
    send.click()
    expect(said).to_contain_text(strings.feedback.SENT)
    (row,) = kept.rows()
    assert (row.text, row.model, row.predicted, row.label) == (TEXT, "feelings", predicted, other)
    expect(page.locator("#feedback-said .emo-row-id")).to_have_text(row.id)
    expect(consent).not_to_be_checked()  # it was for that row alone
    # Agreeing is another thing to say; the same thing twice is not.
    for label in (marked, other):
        expect(consent).not_to_be_checked()  # once what was sent before is answered
        form.get_by_role("radio", name=label, exact=True).check()
        consent.check()
        send.click()
        if label == marked:
            expect(page.locator("#feedback-said .emo-row-id")).not_to_have_text(row.id)
    expect(said).to_contain_text("sent already")
    assert [each.label for each in kept.rows()] == [other, predicted]
    page.locator("#feedback-id").get_by_role("textbox").fill(row.id)
    page.locator("#feedback-withdraw").click()
    expect(page.locator("#feedback-gone").get_by_role("status")).to_contain_text(strings.feedback.WITHDRAWN)
    assert [each.label for each in kept.rows()] == [predicted]


def test_a_hostile_model_is_shown_and_kept_as_text(open_page: OpenPage, kept: FeedbackFile) -> None:
    page = open_page(width=390, theme="dark")
    open_tab(page, strings.feedback.TAB)
    text = '<script>window.ran=1</script> =HYPERLINK("x")'
    page.locator("#feedback-model").get_by_role("radio", name=HOSTILE_NAME, exact=True).check()
    box(page).fill(text)
    page.locator("#feedback-ask").click()
    labels = page.locator("#feedback-form").get_by_role("radio")
    expect(labels).to_have_count(len(HOSTILE_LABELS))
    expect_no_overflow(page)
    labels.nth(2).check()
    page.locator("#feedback-form").get_by_role("checkbox").check()
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-said").get_by_role("status")).to_contain_text(strings.feedback.SENT)
    row = kept.rows()[-1]
    assert (row.text, row.model, row.label) == (text, HOSTILE_NAME, HOSTILE_LABELS[2])
    expect_no_overflow(page)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_axe_finds_nothing_where_feedback_is_kept(open_page: OpenPage, width: int, theme: str) -> None:
    page = open_page(width=width, theme=theme)
    open_tab(page, strings.feedback.TAB)
    enter(box(page), TEXT)
    expect(page.locator("#feedback-form")).to_be_visible()
    when_still(page)
    assert violations(page) == []
