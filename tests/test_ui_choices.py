"""Columns, labels and models may be called as the words that Gradio translates: they are shown and sent as they are."""

import csv
import io

import pytest
from playwright.sync_api import Page, expect

from emohub.ui import strings
from emohub.ui.choices import as_it_is, chosen_column, column_choice, column_choices, name_choices, without_words
from tests.browsing import OpenPage, open_tab
from tests.injections import INJECTIONS, WORDS

NAMES = (*INJECTIONS, "100%25", "a b", "=", "\ud800", "naïve 😀", "a\u200bb")


@pytest.mark.parametrize("name", NAMES)
def test_a_column_is_found_again_by_what_stands_for_it(name: str) -> None:
    ((shown, value),) = column_choices([name])
    assert (shown, value) == (as_it_is(name), column_choice(name))
    assert chosen_column(value) == name
    assert shown != name
    assert shown.replace("\u200b", "") == name.replace("\u200b", "")
    assert name_choices([name]) == [(shown, name)]
    for sent in (shown, value):
        assert sent not in WORDS
        assert not ("__i18n__" in sent and "{" in sent)


def test_what_is_no_choice_is_left_as_it_is() -> None:
    assert (column_choice(None), chosen_column(""), chosen_column(None), chosen_column(["a"])) == ("", "", None, ["a"])
    assert without_words("a text, and __i18n from elsewhere") == "a text, and __i18n from elsewhere"


def upload(page: Page, tab: str, table: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(f"#{tab}-upload").click()
    chooser.value.set_files({"name": "table.csv", "mimeType": "text/csv", "buffer": table})
    expect(page.locator(f"#{tab}-preview table")).to_be_visible()


def choose(page: Page, field: str, name: str) -> None:
    page.locator(f"{field} input").click()
    page.get_by_role("option", name=name, exact=True).click()


def test_columns_that_are_called_as_words_of_gradios(open_page: OpenPage) -> None:
    """The page is watched for what Gradio writes to the console about its words."""
    page = open_page()
    content = io.StringIO()
    csv.writer(content).writerows(
        [
            ["label", *WORDS[1:], "file", "text"],
            *(["joy", "today", "a", "b", f"i am happy {number}"] for number in range(4)),
        ]
    )
    open_tab(page, strings.batch.TAB)
    upload(page, "batch", content.getvalue().encode())
    for name in (*WORDS, "file"):
        choose(page, "#batch-group", name)
        page.locator("#batch-run").click()
        expect(page.locator("#batch-result")).to_contain_text(strings.batch.GROUP)
        expect(page.locator("#batch-result .emo-notice")).to_have_count(0)
        open_tab(page, strings.models.TAB)  # a field starts anew when its tab is opened again
        open_tab(page, strings.batch.TAB)
        assert name in page.locator("#batch-group input").input_value().replace("\u200b", "")
    open_tab(page, strings.evaluate.TAB)
    upload(page, "evaluate", content.getvalue().encode())
    choose(page, "#evaluate-slice", "common.submit")
    for box in page.locator("#evaluate-models").get_by_role("checkbox").all():
        box.set_checked(box.get_attribute("name") == "moods")
    page.locator("#evaluate-run").click()
    expect(page.locator("#evaluate-result")).to_contain_text(
        strings.evaluate.SLICE_NAMES["column"].format(column="common.submit"), timeout=30_000
    )
