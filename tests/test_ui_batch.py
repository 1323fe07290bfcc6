"""Batch: what the page and its API make of a file is what the library makes of it, and nothing of it stays."""

import csv
import io
import json
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Download, Page, expect

from emohub.batch import answer_texts, count_by_group, count_by_period, count_labels, read_dates, read_texts
from emohub.data import Table, escape_table, names_in, read_table, table_bytes
from emohub.steps import run_steps
from emohub.ui import markup, strings
from emohub.ui.service.uploads import sample_table
from tests.browsing import HOSTILE_NAME, OpenPage, Site, expect_no_overflow, open_tab, post
from tests.conftest import made_rows

ROWS: list[dict[str, Any]] = [
    {"text": "i am so happy", "when": "2026-03-02", "shop": "north"},
    {"text": "", "when": "2026-03-02", "shop": "north"},
    {"text": "this was so gloomy " * 20, "when": "3/4/2026", "shop": "south"},
    {"text": "furious", "when": "2026-03-15", "shop": None},
]


def library(site: Site, table: Table, model: str, column: str) -> Any:
    (classifier,) = site.classifiers(model).values()
    return run_steps(answer_texts(classifier, read_texts(table, column, skip_empty=True)))


def upload(site: Site, name: str, content: bytes) -> str:
    """Where the server keeps an uploaded file."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"{site.url}gradio_api/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        (path,) = json.load(response)
    return str(path)


def batch(site: Site, *data: object) -> tuple[str, Any]:
    """How a queued call ends, and with what."""
    status, joined = post(f"{site.url}gradio_api/call/batch", *data)
    assert status == 200
    with urllib.request.urlopen(f"{site.url}gradio_api/call/batch/{joined['event_id']}", timeout=120) as stream:
        *_, event, answer = [line for line in stream.read().decode().splitlines() if line]
    return event.removeprefix("event: "), json.loads(answer.removeprefix("data: "))


# Over HTTP


def test_the_api_answers_rows_and_files_as_the_library_does(site: Site) -> None:
    event, (given,) = batch(site, "feelings", ROWS, None, "text", "when", "shop")
    assert event == "complete"
    table = Table({name: [row[name] for row in ROWS] for name in ROWS[0]})
    answers = library(site, table, "feelings", "text")
    assert (given["rows"], given["without_text"], given["truncated"]) == (4, 1, 1)
    assert [answer["row"] for answer in given["answers"]] == [1, 3, 4]
    for answer, expected in zip(given["answers"], answers.probabilities.tolist(), strict=True):
        assert list(answer["probabilities"]) == list(answers.labels)
        assert list(answer["probabilities"].values()) == pytest.approx(expected, abs=1e-6)
    assert [answer["truncated"] for answer in given["answers"]] == [False, True, False]
    assert list(given["labels"].values()) == list(count_labels(answers).counts)
    periods = count_by_period(answers, read_dates(table.values("when")))
    assert periods is not None
    assert (given["period"], given["without_date"], given["unreadable_dates"]) == ("day", 0, 1)
    assert [(each["start"], tuple(each["labels"].values())) for each in given["periods"]] == [
        (str(each.start), each.counts) for each in periods.periods
    ]
    groups = count_by_group(answers, names_in(table, "shop"))
    assert [each["group"] for each in given["groups"]] == [*(group.name for group in groups.groups), None]

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"review": [row["text"] for row in ROWS]}), sink)
    for name, content in (
        ("rows.parquet", sink.getvalue().to_pybytes()),
        ("rows.jsonl", "".join(json.dumps({"review": row["text"]}) + "\n" for row in ROWS).encode()),
    ):
        path = upload(site, name, content)
        assert Path(path).is_file()
        file = {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}
        event, (from_file,) = batch(site, "feelings", None, file, "review", "", "")
        assert event == "complete"
        assert from_file["answers"] == given["answers"]
        assert (from_file["period"], from_file["periods"], from_file["groups"]) == (None, [], [])
        assert not Path(path).exists()
        assert not Path(path).parent.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (("other", ROWS, None, "text", "", ""), "no model 'other'"),
        (("feelings", ROWS, None, "review", "", ""), "no column 'review'"),
        (("feelings", ROWS, None, "text", "never", ""), "no column 'never'"),
        (("feelings", ROWS, None, "shop", ["x"], ""), "name of a column is not a string"),
        (("feelings", [{"text": " "}], None, "text", "", ""), "no row of rows.jsonl has a text"),
        (("feelings", [], None, "text", "", ""), "there are no rows"),
        (("feelings", ["x"], None, "text", "", ""), "line 1 is not a JSON object"),
        (("feelings", [{"text": "x"}] * 10_001, None, "text", "", ""), "more than 10,000 rows"),
        (("feelings", None, {"path": "/etc/passwd"}, "text", "", ""), "no longer there"),
    ],
)
def test_what_cannot_be_classified_is_refused_in_a_sentence(site: Site, data: tuple[object, ...], message: str) -> None:
    event, answer = batch(site, *data)
    assert event == "error"
    assert message in json.dumps(answer)
    assert "Traceback" not in json.dumps(answer)


def test_the_handlers_behind_the_page_take_no_table_from_outside(site: Site) -> None:
    for route, data in (
        ("save_answers", ({"result": 1}, ".csv")),
        ("open_upload", ({"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},)),
    ):
        _, answer = post(f"{site.url}gradio_api/run/{route}", *data)
        assert "root:" not in json.dumps(answer)
        assert "Traceback" not in json.dumps(answer)


# In a browser


def choose(page: Page, name: str, content: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#batch-upload").click()
    chooser.value.set_files({"name": name, "mimeType": "text/plain", "buffer": content})


def saved(page: Page, suffix: str) -> Download:
    with page.expect_download() as download:
        page.locator(f"#batch-save-{suffix}").click()
    return download.value


def test_the_sample_is_classified_and_every_figure_is_the_librarys(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    open_tab(page, strings.batch.TAB)
    page.locator("#batch-sample").click()
    expect(page.locator("#batch-preview")).to_contain_text("40 rows, 4 columns")
    page.locator("#batch-model").get_by_role("radio", name="feelings", exact=True).check()
    page.locator("#batch-run").click()
    result = page.locator("#batch-result")
    expect(result.get_by_role("status")).to_contain_text("40 texts")

    table = sample_table("feedback.csv")
    answers = library(site, table, "feelings", "text")
    counted = count_labels(answers)
    shown = result.locator(".emo-bars tbody tr")
    order = sorted(range(3), key=lambda label: -counted.counts[label])
    assert shown.locator("th").all_inner_texts() == [answers.labels[label] for label in order]
    assert shown.locator(".emo-value").all_inner_texts() == [markup.percent(counted.shares[label]) for label in order]
    assert shown.locator(".emo-count").all_inner_texts() == [str(counted.counts[label]) for label in order]
    by_group, over_time = result.locator(".emo-figures").all()
    groups = count_by_group(answers, names_in(table, "product"))
    by_group.locator("summary").click()
    assert [row.split() for row in by_group.locator("tbody tr").all_inner_texts()] == [
        [group.name, str(group.total), *(markup.percent(group.shares[label]) for label in order)]
        for group in groups.groups
    ]
    periods = count_by_period(answers, read_dates(table.values("date")))
    assert periods is not None
    over_time.locator("summary").click()
    assert over_time.locator("tbody tr").count() == len(periods.periods)
    expect(over_time.locator("tbody th").first).to_have_text("5 Jan")
    for picture in result.locator("img:visible").all():
        assert picture.evaluate("image => image.naturalWidth") > 500
    first = page.locator("#batch-least-certain tbody tr").first
    expect(first.locator("td").last).to_have_text(str(int(answers.least_certain()[0]) + 1))

    content = Path(saved(page, "csv").path()).read_bytes()
    assert content == table_bytes(escape_table(answers.as_table()), Path("a.csv"))
    assert saved(page, "parquet").suggested_filename == "feedback-answers.parquet"
    expect(page.locator("#batch-saved").get_by_role("status")).to_contain_text("every row in its order")


def test_a_hostile_file_is_shown_as_text_and_saved_without_formulas(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(width=390, theme="dark")
    open_tab(page, strings.batch.TAB)
    choose(page, "notes.csv", b"text,more\nhappy\n")
    expect(page.locator("#batch-preview .emo-notice")).to_contain_text("Notes.csv, line 2: the row has 1 cells")
    evil = "<img src=x onerror=window.ran=1>"
    cells = [[evil, f"so {evil} happy", '=HYPERLINK("x")'], ["2", "", "@b"], ["3", "hate", "-3.5"]]
    text = io.StringIO()
    csv.writer(text).writerows([["=id", evil, "note"], *cells])
    choose(page, f"{evil}.csv", text.getvalue().encode())
    expect(page.locator("#batch-preview")).to_contain_text(f"so {evil} happy")
    page.locator("#batch-model").get_by_role("radio", name=HOSTILE_NAME, exact=True).check()
    page.locator("#batch-run").click()
    result = page.locator("#batch-result")
    expect(result).to_contain_text("1 row without a text got no answer.")
    expect(page.locator("#batch-least-certain")).to_contain_text(f"so {evil} happy")
    expect_no_overflow(page)
    with Path(saved(page, "csv").path()).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header[:3] == ["'=id", evil, "note"]
    assert [row[2] for row in rows] == ['\'=HYPERLINK("x")', "'@b", "-3.5"]
    assert [bool(row[3]) for row in rows] == [True, False, True]
    saved(page, "jsonl").save_as(tmp_path / "saved.jsonl")
    assert read_table(tmp_path / "saved.jsonl").values("note") == [row[2] for row in cells]


def test_a_long_file_shows_progress_and_can_be_stopped(open_page: OpenPage) -> None:
    page = open_page()
    open_tab(page, strings.batch.TAB)
    texts = [f"{text} {number}" for number, (text, _) in enumerate(made_rows(2000, seed=5) * 5)]
    choose(page, "long.csv", "\n".join(["text", *texts]).encode())
    expect(page.locator("#batch-preview")).to_contain_text("10,000 rows")
    page.locator("#batch-run").click()
    result = page.locator("#batch-result")
    expect(result.locator("progress")).to_be_visible()
    expect(page.locator("#batch-run")).to_be_disabled()
    expect(result).to_contain_text(" of 10,000 rows · about", timeout=30_000)
    page.locator("#batch-cancel").click()
    expect(result).to_contain_text(strings.batch.STOPPED)
    expect(page.locator("#batch-cancel")).to_be_hidden()
    expect(page.locator("#batch-run")).to_be_enabled()
    expect(page.locator("#batch-save-csv")).to_be_hidden()
    # The place is free again: the same file can be classified anew, with another model.
    page.locator("#batch-sample").click()
    expect(page.locator("#batch-preview")).to_contain_text("40 rows")
    page.locator("#batch-run").click()
    expect(result.get_by_role("status")).to_contain_text("40 texts")
