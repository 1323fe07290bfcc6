"""Evaluate as its users meet it: every number that the page and the API show is the library's."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from playwright.sync_api import Page, expect

from emohub.compare import LabelledComparison, compare_labelled
from emohub.data import Table, read_table
from emohub.ui import strings
from emohub.ui.service.evaluating import disagreements_csv, evaluation_json, guess_labelled
from emohub.ui.service.limits import MAX_FILE_TEXT_CHARS
from emohub.ui.service.uploads import sample_table
from emohub.ui.tabs.evaluate import SAMPLE
from emohub.ui.tabs.evaluation import verdict
from tests.browsing import HOSTILE_LABELS, HOSTILE_NAME, OpenPage, Site, expect_no_overflow, open_tab, post
from tests.conftest import LABELS, made_rows

HOSTILE_CELL = '=1+1<script>window.ran=1</script><img src=x onerror="window.ran=1">'


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str | int]]:
    """60 labelled rows, one of them with a text that would run in a careless page, and one without a label."""
    made: list[dict[str, str | int]] = [
        {"text": text, "label": LABELS[label], "shop": ("north", HOSTILE_CELL)[number % 2], "number": number}
        for number, (text, label) in enumerate(made_rows(60, seed=8))
    ]
    made[7]["text"] = f"{HOSTILE_CELL} {made[7]['text']}"
    made.append({"text": "no label", "label": "", "shop": "north", "number": 60})
    return made


@pytest.fixture(scope="module")
def file(rows: list[dict[str, str | int]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled") / "<img src=x onerror=window.ran=1>.csv"
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def near(value: Any) -> Any:
    """Plain values in which every number may be 1e-9 off."""
    if isinstance(value, dict):
        return {name: near(part) for name, part in value.items()}
    if isinstance(value, list):
        return [near(part) for part in value]
    return pytest.approx(value, abs=1e-9) if isinstance(value, float) else value


def saved(page: Page, words: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("link", name=words, exact=True).click()
    return Path(download.value.path()).read_bytes()


def choose_file(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#evaluate-upload").click()
    chooser.value.set_files(file)
    expect(page.locator("#evaluate-preview").get_by_role("status")).to_be_visible()


def evaluate_on_page(page: Page, *models: str) -> None:
    expect(page.locator("#evaluate-run")).to_be_visible()
    boxes = page.locator("#evaluate-models").get_by_role("checkbox")
    for box in boxes.all():
        box.set_checked(box.get_attribute("name") in models)
    page.locator("#evaluate-run").click()
    expect(page.locator("#evaluate-result .emo-verdict")).to_be_visible(timeout=90_000)


def test_the_page_shows_the_librarys_numbers(site: Site, open_page: OpenPage, file: Path) -> None:
    page = open_page()
    open_tab(page, strings.evaluate.TAB)
    result = page.locator("#evaluate-result")
    expect(result).to_contain_text(strings.evaluate.EMPTY)
    choose_file(page, file)
    preview = page.locator("#evaluate-preview")
    expect(preview).to_contain_text("61 rows, 4 columns")
    expect(preview).to_contain_text(HOSTILE_CELL)
    evaluate_on_page(page, "feelings", "polarity", HOSTILE_NAME)
    shown = LabelledComparison.model_validate_json(saved(page, strings.evaluate.SAVE_JSON))

    classifiers = site.classifiers(HOSTILE_NAME, "feelings", "polarity")
    expected = compare_labelled(classifiers, read_table(file), "text", "label", slice_columns=["shop"])
    assert list(shown.models) == list(classifiers)
    assert shown.source == file.name
    named = expected.model_copy(update={"source": file.name})
    assert shown.model_dump(mode="json") == near(named.model_dump(mode="json"))

    expect(result.get_by_role("status")).to_have_text(verdict(expected))
    notes = result.locator(".emo-note").all_inner_texts()
    assert sum("lacks sadness, joy, anger" in note for note in notes) == 2
    assert any(HOSTILE_LABELS[0] in note for note in notes)
    assert strings.evaluate.LEFT_OUT.format(count=1) in notes
    measured = expected.models["feelings"]
    assert measured is not None
    scores = result.get_by_role("region", name=strings.evaluate.SCORES, exact=True)
    for value in (measured.accuracy, measured.macro_f1, measured.log_loss, measured.expected_calibration_error):
        expect(scores).to_contain_text(f"{value.value:.4f}")
        expect(scores).to_contain_text(f"{value.low:.4f} to {value.high:.4f}")
    by_shop = result.get_by_role("region", name="By shop", exact=True)
    for part in expected.slicings[2].slices:
        expect(by_shop).to_contain_text(part.value)
        expect(by_shop).to_contain_text(f"{part.accuracy['feelings'].value:.4f}")
    pictures = result.locator("img.emo-in-light")
    expect(pictures).to_have_count(2)  # confusion and calibration: there is no pair
    assert "sadness: " in (pictures.first.get_attribute("alt") or "")


def test_two_models_are_held_together_on_a_phone_in_the_dark(
    site: Site, open_page: OpenPage, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "two labels.jsonl"  # those that both models know
    file.write_text("".join(json.dumps(row) + "\n" for row in rows if row["label"] in ("joy", "anger")))
    expected = compare_labelled(
        site.classifiers("feelings", "moods"), read_table(file), "text", "label", slice_columns=["shop"]
    )
    page = open_page(width=390, theme="dark")
    open_tab(page, strings.evaluate.TAB)
    choose_file(page, file)
    evaluate_on_page(page, "feelings", "moods")
    shown = json.loads(saved(page, strings.evaluate.SAVE_JSON))
    assert shown == near(expected.model_copy(update={"source": file.name}).model_dump(mode="json"))
    result = page.locator("#evaluate-result")
    (pair,) = expected.pairs
    table = result.get_by_role("region", name=strings.evaluate.PAIRS, exact=True)
    for figure in (f"{pair.difference.value:+.4f}", f"{pair.p_holm:.2g}", f"{pair.both_wrong:,}"):
        expect(table).to_contain_text(figure)
    answers = result.get_by_role("region", name=strings.evaluate.DISAGREEMENTS, exact=True).locator("tbody tr")
    expect(answers).to_have_count(min(50, len(expected.disagreements)))
    expect(result.locator("img.emo-in-dark:visible")).to_have_count(4)
    assert saved(page, strings.evaluate.SAVE_CSV).decode().count("\n") == len(expected.disagreements) + 1
    expect_no_overflow(page)


def test_an_evaluation_can_be_stopped_and_begun_again(open_page: OpenPage, tmp_path: Path) -> None:
    many = tmp_path / "many.csv"
    lines = [f"{text},{LABELS[label]}" for text, label in made_rows(6000, seed=9)]
    many.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    page = open_page()
    open_tab(page, strings.evaluate.TAB)
    choose_file(page, many)
    for _ in range(3):  # more often than long jobs may run at the same time
        page.locator("#evaluate-run").click()
        with page.expect_response(re.compile("/gradio_api/reset")):  # the job has ended
            page.locator("#evaluate-cancel").click()
        expect(page.locator("#evaluate-result")).to_contain_text(strings.evaluate.STOPPED)
    page.locator("#evaluate-sample").click()
    expect(page.locator("#evaluate-preview")).to_contain_text("48 rows")
    evaluate_on_page(page, "feelings")


def test_what_cannot_be_evaluated_is_said_in_a_sentence(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    open_tab(page, strings.evaluate.TAB)
    page.locator("#evaluate-sample").click()
    expect(page.locator("#evaluate-preview")).to_contain_text("48 rows")
    for box in page.locator("#evaluate-models").get_by_role("checkbox").all():
        box.uncheck()
    status = page.locator("#evaluate-result").get_by_role("status")
    page.locator("#evaluate-run").click()
    expect(status).to_contain_text("No model is chosen")
    page.locator("#evaluate-models").get_by_role("checkbox", name="polarity", exact=True).check()
    page.locator("#evaluate-run").click()
    expect(status).to_contain_text("None of the models knows the labels in 'label', joy, sadness, anger")
    broken = tmp_path / "broken.csv"
    broken.write_bytes(b"text,label\na\n")
    choose_file(page, broken)
    expect(page.locator("#evaluate-preview").get_by_role("status")).to_contain_text("line 2")
    expect(page.locator("#evaluate-run")).to_be_hidden()


def test_the_api_answers_what_the_library_answers(site: Site, rows: list[dict[str, Any]]) -> None:
    client = Client(site.url, verbose=False)
    answer = client.predict(rows, ["feelings", "moods"], "text", "label", ["shop"], api_name="/evaluate")
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    classifiers = site.classifiers("feelings", "moods")
    expected = compare_labelled(classifiers, Table(columns, "rows.jsonl"), "text", "label", slice_columns=["shop"])
    assert answer == near(expected.model_dump(mode="json"))
    with pytest.raises(Exception, match="no model is chosen"):
        client.predict(rows, [], "text", "label", None, api_name="/evaluate")


@pytest.mark.parametrize(
    ("route", "data", "message"),
    [
        ("open_labelled_upload", ({"path": "/etc/passwd", "orig_name": "a.csv"},), "no longer there"),
        ("open_labelled_upload", (["a"],), "No file was uploaded"),
    ],
)
def test_limits_hold_on_the_raw_routes(site: Site, route: str, data: tuple[object, ...], message: str) -> None:
    status, answer = post(f"{site.url}gradio_api/run/{route}", *data)
    said = json.dumps(answer)
    assert status != 200 or message in said
    assert "Traceback" not in said
    assert "root:" not in said


def test_columns_are_proposed() -> None:
    guess = guess_labelled(sample_table(SAMPLE))
    assert guess is not None
    assert (guess.text, guess.label, guess.slice) == ("text", "label", "source")
    assert guess_labelled(Table({"number": [1, 2]})) is None
    alone = guess_labelled(Table({"text": ["a", "b"], "id": ["1", "2"]}))
    assert alone is not None
    assert (alone.text, alone.label, alone.slice) == ("text", None, None)


def test_files_leave_long_texts_to_the_visitor_and_run_in_no_spreadsheet(site: Site) -> None:
    classifiers = {"one": site.classifiers("feelings")["feelings"], "other": site.classifiers("feelings")["feelings"]}
    other = site.classifiers("feelings")["feelings"]
    other.labels = (other.labels[1], other.labels[2], other.labels[0])  # it answers otherwise every time
    classifiers["other"] = other

    def compared(text: str) -> LabelledComparison:
        table = Table({"text": [text, "i am happy"], "label": ["joy", "anger"]})
        return compare_labelled(classifiers, table, "text", "label", resamples=5)

    small = compared("=1+1")
    assert json.loads(evaluation_json(small)) == small.model_dump(mode="json")
    assert list(csv.reader(io.StringIO(disagreements_csv(small).decode())))[1][-1] == "'=1+1"
    small = small.model_copy(
        update={
            "disagreements": tuple(
                one.model_copy(update={"text": "x" * MAX_FILE_TEXT_CHARS}) for one in small.disagreements
            )
        }
    )
    assert [set(row) for row in json.loads(evaluation_json(small))["disagreements"]] == [
        {"row", "label", "predicted"}
    ] * len(small.disagreements)
    assert len(disagreements_csv(small)) < 1000
