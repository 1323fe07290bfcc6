"""The Models tab: what was measured, with intervals, apart from what others report; and cards that are checked."""

import base64
import csv
import io
import json
import shutil
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from emohub.card import MeasuredResult, audit_card, render_folder, results_rows
from emohub.record import Interval, ModelIdentity
from emohub.ui import strings
from emohub.ui.card_text import card_body, pictures_beside
from emohub.ui.tabs import leaderboard
from emohub.ui.tabs import models as models_tab
from tests.browsing import HOSTILE_CARD, HOSTILE_NAME, OpenPage, Site, expect_no_overflow, open_tab, post
from tests.factories import make_description, make_eval_record, make_run_record, make_verification, sha256

CARDS = Path(__file__).parent.parent / "cards"
PNG = b"\x89PNG\r\n\x1a\n and more"


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """Two models with records and cards, one of them described and verified, and a page without records."""
    run = make_run_record()
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        run.save(folder / "run.json")
        make_eval_record(run).save(folder / "eval.json")
    make_description().save(tmp_path / "first" / "description.json")
    make_verification().save(tmp_path / "first" / "verify.json")
    card = render_folder(tmp_path / "first")  # drawing its pictures takes a second each time
    (tmp_path / "first" / "README.md").write_text(card, encoding="utf-8")
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "README.md").write_text(HOSTILE_CARD, encoding="utf-8")
    return tmp_path


def measured(cards: Path) -> tuple[MeasuredResult, MeasuredResult]:
    first, second = results_rows(cards).measured
    return first, second


def with_macro_f1(result: MeasuredResult, value: float) -> MeasuredResult:
    return replace(
        result, metrics=result.metrics | {"macro_f1": Interval(value=value, low=value - 0.1, high=value + 0.02)}
    )


# The leaderboard


def test_results_stand_by_dataset_the_best_first(cards: Path) -> None:
    first, second = measured(cards)
    better, elsewhere = with_macro_f1(second, 0.97), replace(first, name="other", corpus_title="Another")
    groups = leaderboard.by_dataset([first, better, elsewhere])
    assert [[one.name for one in group] for group in groups.values()] == [["other"], ["second", "first"]]
    assert {key[1:] for key in groups} == {("test", 120)}
    assert len(leaderboard.by_dataset([first, replace(second, rows=7)])) == 2  # other rows, another measurement


def test_the_picture_of_an_interval_is_where_its_figures_are() -> None:
    drawn = leaderboard._whisker(Interval(value=0.9, low=0.8, high=0.95), 0.5)
    assert 'style="left:60.00%;width:30.00%"' in drawn
    assert 'style="left:80.00%"' in drawn
    assert "0.9000" in drawn
    assert "0.8000 to 0.9500" in drawn


def test_the_downloads_hold_every_figure_and_no_formula(cards: Path) -> None:
    results = results_rows(cards)
    first, second = results.measured
    hostile = replace(second, name="=1+1", base_model="@SUM(A1)")
    verifications = {"first": make_verification()}
    read = list(csv.DictReader(io.StringIO(leaderboard.as_csv([first, hostile], verifications).decode())))
    by_model = {row["model"]: row for row in read}
    assert set(by_model) == {"first", "'=1+1"}
    assert by_model["'=1+1"]["base_model"] == "'@SUM(A1)"
    for name, interval in first.metrics.items():
        assert float(by_model["first"][name]) == interval.value
        assert float(by_model["first"][f"{name}_low"]) == interval.low
        assert float(by_model["first"][f"{name}_high"]) == interval.high
    assert (by_model["first"]["verified"], by_model["'=1+1"]["verified"]) == ("reproduced", "")
    values = json.loads(leaderboard.as_json(results, verifications))
    assert [row["model"] for row in values["measured"]] == ["first", "second"]
    assert values["measured"][0]["median_ms"] == make_description().speed.median_ms
    assert len(values["reported"]) == 5


def test_a_verification_counts_for_the_weights_that_it_was_of(cards: Path) -> None:
    first, _ = measured(cards)
    verification = make_verification()
    other = make_verification(model=ModelIdentity(id="a/b", revision=None, fingerprint=sha256("other weights")))
    assert leaderboard.verification_of(first, verification) == "reproduced"
    assert leaderboard.verification_of(first, make_verification(holds=False)) == "not reproduced"
    assert leaderboard.verification_of(first, other) is None
    assert leaderboard.verification_of(first, None) is None


# Cards


def test_a_card_shows_its_own_pictures_and_no_others(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "b.png").write_text("<svg onload=1>", encoding="utf-8")
    (tmp_path / "c.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "large.png").write_bytes(PNG + bytes(3 * 2**20))
    found = pictures_beside(card)
    assert found == {"a.png": PNG}
    shown = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    text = "![A <b>](a.png) ![again](a.png) ![B](b.png) ![up](../a.png) ![out](https://e.org/a.png) \ue0000\ue001"
    body = card_body(text, found)
    assert body.count("![") == 1
    assert f"![A <\u2060b>]({shown})" in body
    assert "again B up [out](https://e.org/a.png) 0" in body
    assert "![" not in card_body(text)
    assert card_body("![a](a.png)](b) ![x\n](a.png)", found).count("data:") == 1


def test_every_shipped_card_shows_its_pictures() -> None:
    seen = 0
    for folder in sorted(path.parent for path in CARDS.glob("*/run.json")):
        assert models_tab.text_of(folder / "README.md").count("](data:image/png;base64,") == 3
        seen += 1
    assert seen >= 3


def test_what_was_checked_of_a_card_is_said(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cards)
    said = models_tab.about("first", "someone/feelings", cards / "first" / "README.md")
    assert strings.models.AUDIT_CLEAN in said
    assert strings.models.VERIFIED_COUNTS.format(reproduced=2, differs=0, unchecked=1) in said
    assert "someone/feelings at commit cccccccccccc, on 2026-01-03" in said
    assert "emo-bad" not in said
    # A card from anywhere: each finding with its line, and nothing of it as HTML.
    said = models_tab.about("page", "ada/page", cards / "page" / "README.md")
    findings = audit_card(HOSTILE_CARD)
    assert findings
    assert said.count("<li>") == len(findings)
    assert "emohub verify ada/page --save" in said
    assert "<script" not in said
    assert "<img" not in said
    # A model that lies here is named, and its path is not.
    shutil.copytree(cards / "page", cards / "models" / "page")
    said = models_tab.about("page", str(cards / "models" / "page"), cards / "page" / "README.md")
    assert "emohub verify page --save" in said
    assert str(cards) not in said.replace("page-README.md", "")
    # Records of other weights, and a record that is damaged.
    make_run_record(fingerprint=sha256("trained again")).save(cards / "first" / "run.json")
    said = models_tab.about("first", "someone/feelings", cards / "first" / "README.md")
    assert strings.models.OTHER_WEIGHTS in said
    assert "emo-bad" in said
    (cards / "first" / "verify.json").write_text("{}", encoding="utf-8")
    assert "no verification record of version 1" in models_tab.about("first", "x/y", cards / "first" / "README.md")


# In a browser


def downloaded(link: Locator) -> bytes:
    address = link.get_attribute("href")
    assert address is not None
    return base64.b64decode(address.partition(",")[2])


def test_models_shows_what_was_measured_apart_from_what_others_report(open_page: OpenPage) -> None:
    page = open_page()
    open_tab(page, strings.models.TAB)
    measured, reported = page.locator("#results .emo-results").all()
    expect(measured).to_contain_text(strings.models.MEASURED)
    expect(measured.locator(".emo-group")).to_have_count(1)
    expect(measured.locator(".emo-group")).to_contain_text("test split, 120 rows")
    row = measured.locator("tbody tr:not(.emo-group)")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("feelings")
    for name in ("accuracy", "macro_f1"):
        figures = make_eval_record().metrics[name]
        expect(row).to_contain_text(f"{figures.value:.4f}")
        expect(row).to_contain_text(f"{figures.low:.4f} to {figures.high:.4f}")
    expect(row.locator(".emo-whisker")).to_have_count(2)
    for words in ("22.7 M", "45.4 MB", "12 ms", "172 texts/s", "reproduced"):
        expect(row).to_contain_text(words)
    expect(measured).to_contain_text("A Processor 3000, 1 thread")
    saved = csv.DictReader(io.StringIO(downloaded(page.get_by_role("link", name=strings.SAVE_CSV)).decode()))
    assert float(next(saved)["macro_f1"]) == make_eval_record().metrics["macro_f1"].value
    saved_json = json.loads(downloaded(page.get_by_role("link", name=strings.SAVE_JSON)))
    assert [one["model"] for one in saved_json["measured"]] == ["feelings"]
    expect(reported).to_contain_text("has not reproduced them")
    expect(reported.locator("tbody tr")).to_have_count(5)
    expect(reported).to_contain_text("0.7413")


def test_models_shows_a_card_with_its_pictures_and_its_checks(site: Site, open_page: OpenPage) -> None:
    page = open_page(width=390, theme="dark")
    open_tab(page, strings.models.TAB)
    card, checks = page.locator("#card"), page.locator("#card-checks")
    choice = page.get_by_role("tabpanel")
    choice.get_by_role("radio", name="feelings", exact=True).check()
    expect(card.get_by_role("heading", name="tiny-feelings")).to_be_visible()
    expect(card.locator("table").first).to_be_visible()
    expect(card).not_to_contain_text("pipeline_tag:")
    pictures = card.locator("img")
    expect(pictures).to_have_count(3)
    assert all(picture.evaluate("image => image.naturalWidth > 0") for picture in pictures.all())
    assert all(picture.get_attribute("alt") for picture in pictures.all())
    expect(checks.get_by_role("status")).to_contain_text("feelings: ")
    expect(checks).to_contain_text(strings.models.AUDIT_CLEAN)
    expect(checks).to_contain_text("on 2026-01-03")
    checks.locator("summary").click()
    expect(checks.get_by_text("f1 (macro)")).to_be_visible()
    expect_no_overflow(page)
    kept = (site.models["feelings"].parent.parent / "cards" / "feelings" / "README.md").read_bytes()
    assert downloaded(checks.get_by_role("link", name=strings.models.SAVE_CARD)) == kept

    choice.get_by_role("radio", name=HOSTILE_NAME, exact=True).check()
    expect(card.get_by_role("heading", name="A card from anywhere")).to_be_visible()
    expect(checks.locator("li").first).to_be_visible()
    assert page.locator("#card-checks, #card").locator("img, script, style, iframe, [onerror]").count() == 0
    expect_no_overflow(page)
    choice.get_by_role("radio", name="moods", exact=True).check()
    expect(card).to_contain_text("This model has no card")
    expect(checks.locator(".emo-check")).to_have_count(0)


def test_no_card_but_those_listed_can_be_read_through_the_handler(site: Site) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", None, ["feelings"], {"a": 1}, "nobody"):
        status, answer = post(f"{site.url}gradio_api/run/show_card", name)
        said = json.dumps(answer)
        assert "root:" not in said
        assert "Traceback" not in said
        assert status != 200 or strings.models.NO_CARD in answer["data"][1]


def test_nothing_asks_for_feedback_unless_it_was_turned_on(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    open_tab(page, strings.feedback.TAB)
    expect(page.locator("#feedback-off")).to_contain_text(strings.feedback.OFF)
    expect(page.get_by_role("tabpanel").get_by_role("textbox")).to_have_count(0)
    with urllib.request.urlopen(f"{site.url}config", timeout=60) as response:
        handlers = {str(each["api_name"]) for each in json.load(response)["dependencies"]}
    assert "show_card" in handlers
    assert not any("feedback" in handler for handler in handlers)
