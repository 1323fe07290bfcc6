"""The page against those who would misuse it: nothing that comes from outside runs, leaves, or is written to a log."""

import base64
import csv
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from playwright.sync_api import Locator, Page, expect

from emohub.ui import strings
from tests.browsing import CHECKOUT, classify_text, compare_text_box, enter, open_tab, shown_bars
from tests.injections import FORMULAS, INJECTIONS, SCRIPTS, WORDS
from tests.wall import LABELS, NAMES, PLAIN, Walled
from tests.walled import LEFT

SECRET = "xyzzy-my-secret"
ACTIVE = "script, iframe, object, embed, link, base, meta, [onerror], [onload], [onfocus], [onmouseover], [srcdoc]"
"""What must not be made of a text; inside the area that shows it."""


def plainly(text: str) -> str:
    """As the eye sees it: HTML shows any white space as one space."""
    return " ".join(text.split())


def seen_as(name: str) -> str:
    """The same of a choice, which ends with a sign that nobody sees, and is ticked in a list where it is chosen."""
    return plainly(name.replace("\u200b", "").replace("✓", ""))


def shown(area: Locator) -> str:
    return plainly(" ".join(area.all_inner_texts()))


def expect_harmless(walled: Walled, area: Locator) -> None:
    assert walled.page.evaluate("window.ran") is None
    assert area.locator(ACTIVE).count() == 0
    assert area.locator("[href^='javascript:' i], [src^='http' i]").count() == 0


def ask(walled: Walled, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[tuple[int, str]]:
    """Status and body of each request to a handler, from inside the wall, all sent at once."""
    answers = walled.page.evaluate(
        "([url, requests]) => Promise.all(requests.map(async ([route, data]) => {"
        " const headers = {'Content-Type': 'application/json'};"
        " const answer = await fetch(url + route, {method: 'POST', headers, body: JSON.stringify({data})});"
        " return [answer.status, await answer.text()]; }))",
        [f"{walled.url}gradio_api/run/", requests],
    )
    return [(status, body) for status, body in answers]


def long_job(walled: Walled, endpoint: str, arguments: Sequence[Any]) -> str:
    """All that is said of a job that goes through the waiting line, from inside the wall."""
    said: str = walled.page.evaluate(
        "async ([url, data]) => {"
        " const headers = {'Content-Type': 'application/json'};"
        " const answer = await fetch(url, {method: 'POST', headers, body: JSON.stringify({data})});"
        " const said = await answer.text();"
        " if (!answer.ok) return said;"
        " return (await fetch(`${url}/${JSON.parse(said).event_id}`)).text(); }",
        [f"{walled.url}gradio_api/call/{endpoint}", arguments],
    )
    return said


def downloaded(link: Locator) -> bytes:
    return base64.b64decode((link.get_attribute("href") or "").partition("base64,")[2])


def offered(page: Page, field: str) -> list[str]:
    """The choices of a list, which is closed again."""
    page.locator(f"{field} input").click()
    options = [seen_as(option) for option in page.get_by_role("option").all_inner_texts()]
    page.locator(f"{field} input").blur()
    expect(page.get_by_role("option")).to_have_count(0)
    return options


def choose(page: Page, field: str, name: str) -> None:
    page.locator(f"{field} input").click()
    page.get_by_role("option", name=name, exact=True).click()
    expect(page.get_by_role("option")).to_have_count(0)


# What is typed


def test_the_corpus_is_as_large_as_was_asked() -> None:
    assert len(set(INJECTIONS)) == len(INJECTIONS) >= 40
    assert min(len(SCRIPTS), len(FORMULAS)) >= 12


def test_texts_are_shown_and_never_run_in_classify(walled: Walled) -> None:
    page = walled.page
    page.get_by_role("radio", name=PLAIN, exact=True).check()
    texts = list(dict.fromkeys(plainly(text) for text in INJECTIONS))
    for text in texts:
        enter(classify_text(page), text)
        expect(page.locator("#classify-history .emo-again").first).to_have_text(text)
    history = page.locator("#classify-history")
    rows = [plainly(row) for row in history.locator(".emo-again").all_inner_texts()]
    assert rows == list(reversed(texts))[: len(rows)]
    assert len(rows) >= 40
    expect_harmless(walled, page.locator("#classify-result, #classify-history"))
    table = downloaded(history.get_by_role("link", name=strings.SAVE_CSV)).decode("utf-8-sig")
    cells = [row[0] for row in csv.reader(io.StringIO(table))][1:]
    for text, cell in zip(rows, cells, strict=True):
        assert text in cell
        assert (cell != text) == (plainly(text) in {plainly(formula) for formula in FORMULAS}) or text[:1] in "'\""


def test_texts_are_shown_and_never_run_in_compare(walled: Walled) -> None:
    page = walled.page
    open_tab(page, strings.compare.TAB)
    for box in page.locator("#compare-models").get_by_role("checkbox").all():
        box.set_checked(box.get_attribute("name") in (PLAIN, LABELS))
    compare_text_box(page).fill("\n".join(map(plainly, INJECTIONS)))
    page.locator("#compare-button").click()
    result = page.locator("#compare-result")
    expect(result).to_contain_text(plainly(INJECTIONS[-1]), timeout=30_000)
    seen = shown(result)
    assert [text for text in INJECTIONS if plainly(text) not in seen] == []
    expect_harmless(walled, result)


def test_an_address_is_shown_and_never_run(walled: Walled) -> None:
    page = walled.page
    for injection in (SCRIPTS[11], SCRIPTS[37]):
        page.goto(f"{walled.url}?{urlencode({'tab': injection, 'models': injection + '!', 'text': injection})}")
        expect(classify_text(page)).to_have_value(injection)
        assert injection in shown(page.locator(".emo-notice"))
        expect_harmless(walled, page.locator(".emo-notice, #classify-result"))
    queries = [f"?tab={quote(injection)}&models={quote(injection)}!" for injection in INJECTIONS]
    for status, body in ask(walled, [("open_address", [query]) for query in queries]):
        assert status == 200
        assert not any(part in body for part in ("<script", "<img", "<svg", "<iframe", "onerror=\\"))
    page.goto(walled.url)
    expect(classify_text(page)).to_be_visible()


# What a model brings with it


def test_the_names_of_labels_and_models_are_shown_and_never_run(walled: Walled) -> None:
    page = walled.page
    choices = page.locator("#classify-model label").all_inner_texts()
    assert [seen_as(choice) for choice in choices] == [PLAIN, LABELS, *map(plainly, INJECTIONS)]
    result = page.locator("#classify-result")
    classify_text(page).fill("a text")
    page.get_by_role("radio", name=LABELS, exact=True).check()
    expect(result.locator(".emo-by")).to_have_text(LABELS)
    assert {plainly(label) for label in shown_bars(result)} == {plainly(label) for label in INJECTIONS}
    expect_harmless(walled, page.locator("#classify-model, #classify-result"))
    for index in (0, 11, 16):
        page.locator("#classify-model input").nth(index + 2).check()
        expect(result.locator(".emo-by")).to_have_text(plainly(INJECTIONS[index]))
    expect_harmless(walled, page.locator("#classify-result, #classify-history"))


def test_a_card_is_shown_and_never_run(walled: Walled) -> None:
    page = walled.page
    open_tab(page, strings.models.TAB)
    page.get_by_role("tabpanel").get_by_role("radio", name="hostile", exact=True).check()
    card = page.locator("#card")
    expect(card).to_contain_text(f"case {len(INJECTIONS) - 1}:")
    seen = shown(card)
    assert [n for n in range(len(INJECTIONS)) if f"case {n}:" not in seen] == []
    expect_harmless(walled, page.locator("#card"))


def test_explained_words_are_shown_and_never_run(walled: Walled) -> None:
    page = walled.page
    open_tab(page, strings.explain.TAB)
    page.locator("#explain-model").get_by_role("radio", name=LABELS, exact=True).check()
    words, box = page.locator("#explain-words"), page.locator("#explain-text").get_by_role("textbox")
    for some in (INJECTIONS[first : first + 12] for first in range(0, len(INJECTIONS), 12)):
        box.fill(" ".join(map(plainly, some)))
        box.press("Enter")
        expect(words).to_contain_text(plainly(some[-1]))
        seen = plainly(" ".join(words.all_text_contents()))
        assert [text for text in some if plainly(text) not in seen] == []
        expect_harmless(walled, words)
    assert offered(page, "#explain-label")[1:] == [seen_as(label) for label in NAMES]
    words.get_by_role("button").first.click()
    another = page.locator("#explain-replacement").get_by_role("textbox")
    another.fill(SCRIPTS[0])
    another.press("Enter")
    moved = page.locator("#explain-what-if")
    expect(moved).to_contain_text(SCRIPTS[0])
    page.locator("#explain-draw").click()
    expect(page.locator("#explain-picture figure")).to_be_visible()
    expect_harmless(walled, page.locator("#explain-words, #explain-what-if, #explain-details, #explain-picture"))


# What a file brings with it


def choose_file(page: Page, tab: str, name: str, content: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator(f"#{tab}-upload").click()
    chooser.value.set_files({"name": name, "mimeType": "text/csv", "buffer": content})


def hostile_table() -> bytes:
    """A column for each injection, each of which is in a cell of each row; texts and labels are injections too."""
    rows = [
        {"text": text, "right": text, **{name: INJECTIONS[(place + row) % 5] for place, name in enumerate(INJECTIONS)}}
        for row, text in enumerate((*SCRIPTS, *WORDS))
    ]
    content = io.StringIO()
    writer = csv.DictWriter(content, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return content.getvalue().encode()


def test_a_file_is_shown_and_never_run_and_saved_without_formulas(walled: Walled) -> None:
    page = walled.page
    open_tab(page, strings.batch.TAB)
    choose_file(page, "batch", f"{SCRIPTS[11]}.csv", hostile_table())
    preview = page.locator("#batch-preview")
    expect(preview).to_contain_text(SCRIPTS[11])
    assert offered(page, "#batch-text") == ["text", "right", *map(seen_as, INJECTIONS)]
    choose(page, "#batch-group", INJECTIONS[0])
    page.locator("#batch-model").get_by_role("radio", name=LABELS, exact=True).check()
    page.locator("#batch-run").click()
    least_certain = page.locator("#batch-least-certain")
    expect(least_certain.locator("table")).to_be_visible(timeout=60_000)
    seen = shown(page.locator("#batch-result")) + shown(least_certain)
    assert [text for text in (*SCRIPTS, *WORDS) if plainly(text) not in seen] == []
    expect_harmless(walled, page.locator("#batch-preview, #batch-result, #batch-least-certain"))
    with page.expect_download() as download:
        page.locator("#batch-save-csv").click()
    table = list(csv.reader(io.StringIO(Path(download.value.path()).read_bytes().decode("utf-8-sig"))))
    for cell, name in zip(table[0][2:], INJECTIONS, strict=False):
        assert cell in (f"'{name}", *(() if name in FORMULAS else (name,)))
    assert [row[0].removeprefix("'") for row in table[1:]] == [text.removeprefix("'") for text in (*SCRIPTS, *WORDS)]


def test_a_labelled_file_is_shown_and_never_run(walled: Walled) -> None:
    page = walled.page
    open_tab(page, strings.evaluate.TAB)
    choose_file(page, "evaluate", f"{SCRIPTS[11]}.csv", hostile_table())
    expect(page.locator("#evaluate-preview")).to_contain_text(SCRIPTS[11])
    assert offered(page, "#evaluate-slice")[1:] == ["text", "right", *map(seen_as, INJECTIONS)]
    for column, name in (("text", "text"), ("label", "right"), ("slice", INJECTIONS[0])):
        choose(page, f"#evaluate-{column}", name)
    for box in page.locator("#evaluate-models").get_by_role("checkbox").all():
        box.set_checked(box.get_attribute("name") == LABELS)
    page.locator("#evaluate-run").click()
    result = page.locator("#evaluate-result")
    expect(result).to_contain_text(strings.evaluate.SLICES, timeout=60_000)
    seen = shown(result)
    assert [text for text in (*SCRIPTS, *WORDS, INJECTIONS[0]) if plainly(text) not in seen] == []
    expect_harmless(walled, page.locator("#evaluate-preview, #evaluate-result"))


def test_feedback_is_kept_as_it_was_given_and_never_run(walled: Walled) -> None:
    page = walled.page
    open_tab(page, strings.feedback.TAB)
    page.locator("#feedback-model").get_by_role("radio", name=LABELS, exact=True).check()
    page.locator("#feedback-text").get_by_role("textbox").fill(SCRIPTS[11])
    page.locator("#feedback-ask").click()
    form = page.locator("#feedback-form")
    expect(form).to_be_visible()
    labels = [seen_as(label) for label in page.locator("#feedback-label label").all_inner_texts()]
    assert [label for label, words in zip(labels, NAMES, strict=True) if seen_as(words) not in label] == []
    page.locator("#feedback-label input").nth(0).check()
    page.locator("#feedback-consent").get_by_role("checkbox").check()
    page.locator("#feedback-send").click()
    said = page.locator("#feedback-said")
    expect(said).to_contain_text(strings.feedback.SENT)
    (row,) = map(json.loads, walled.feedback.read_text(encoding="utf-8").splitlines())
    assert (row["text"], row["label"], row["model"]) == (SCRIPTS[11], NAMES[0], LABELS)
    page.locator("#feedback-id").get_by_role("textbox").fill(SCRIPTS[0])
    page.locator("#feedback-withdraw").click()
    expect(page.locator("#feedback-gone .emo-notice")).to_be_visible()
    expect_harmless(walled, page.locator("#feedback-answer, #feedback-form, #feedback-said, #feedback-gone"))


# What nobody else learns


def test_a_refusal_is_a_sentence_and_no_log_holds_a_text(walled: Walled) -> None:
    dependencies = walled.page.evaluate("window.gradio_config.dependencies")
    widths = {each["api_name"]: len(each["inputs"]) for each in dependencies if each["backend_fn"] and each["api_name"]}
    assert {"classify", "compare", "models", "show_classification"} <= set(widths)
    values = (SECRET, {"a": SECRET}, [SECRET], None, SECRET * 10_000)
    for route, inputs in widths.items():
        requests = [(route, [value] * inputs) for value in values]
        requests += [(route, [SECRET] * width) for width in (1, inputs + 1)]
        for status, body in ask(walled, requests):
            assert status in (200, 404, 422, 500), (route, status)
            assert "Traceback" not in body, (route, body[:500])
    rows = [{"text": SECRET, SECRET: SECRET}]
    for arguments in ([PLAIN, rows, None, SECRET], [SECRET, rows], [PLAIN, [SECRET]], [PLAIN, None, {"path": SECRET}]):
        assert "Traceback" not in long_job(walled, "batch", arguments)
    for arguments in ([rows, [PLAIN], "text", SECRET], [rows, [SECRET]], [SECRET, SECRET]):
        assert "Traceback" not in long_job(walled, "evaluate", arguments)
    written = "".join(walled.said)
    assert SECRET not in written
    assert "window.ran" not in written
    assert "Traceback" not in written


def test_nothing_left_the_machine(walled: Walled) -> None:
    """After all that the tests above did, in every tab."""
    own = (walled.url, "data:", "blob:")
    assert [url for url in walled.requests if not url.startswith(own)] == []
    assert [line for line in walled.said if LEFT in line] == []
    assert walled.page.evaluate("window.ran") is None


def test_there_was_no_way_out_or_it_was_watched(walled: Walled) -> None:
    """Where a network namespace may be made, it has no device but the loopback; and the watch sees who leaves."""
    if walled.alone:
        devices = Path(f"/proc/{walled.process}/net/dev").read_text().splitlines()[2:]
        assert [device.split(":")[0].strip() for device in devices] == ["lo"]
    leaving = (
        "import socket, sys; from tests.walled import watch; sys.addaudithook(watch)\n"
        "try: socket.create_connection(('192.0.2.1', 9), timeout=0.001)\n"
        "except OSError: pass"
    )
    ran = subprocess.run([sys.executable, "-c", leaving], capture_output=True, text=True, cwd=CHECKOUT, check=True)
    assert f"{LEFT} socket.connect 192.0.2.1" in ran.stderr
