"""``emohub audit``: cards of files, folders and repositories; what it prints, and what it exits with."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from docs import generate_cards
from docs.parts import parts
from emohub.audit import audit
from emohub.card import audit_card, render_folder
from emohub.card.claims import CLAIM_RULES
from emohub.card.validation import RULES
from emohub.cli import main
from emohub.errors import CardError, UsageError
from tests.hub import Blob, Hub, serve_hub
from tests.publishing import reachable
from tests.valid_cards import MINIMAL

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "hf_AdasTokenThatNobodyMaySee"
GOOD = MINIMAL
WRONG = "---\nlanguage:\n- no\nlicence: mit\n---\n\n# A model\n"
ODD = "---\nlicense: mit\nzzz: 1\n---\n\n# A model\n"


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as stop:
        main(["audit", *arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code, *capsys.readouterr()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def form(card: str) -> list[str]:
    """The rules of a card's form that its audit finds broken."""
    return [finding.rule for finding in audit_card(card) if finding.rule in RULES]


# Where cards are ------------------------------------------------------------------------------------------------------


def test_a_file_of_any_name_is_a_card(tmp_path: Path) -> None:
    [card] = audit(str(write(tmp_path / "card.md", WRONG)))
    assert card.name == str(tmp_path / "card.md")
    assert {"word-as-boolean", "key-misspelt"} <= {finding.rule for finding in card.findings}
    assert card.errors + card.warnings == len(card.findings)


def test_of_a_folder_its_own_card_is_read_or_every_one_below(tmp_path: Path) -> None:
    write(tmp_path / "b" / "README.md", WRONG)
    write(tmp_path / "a" / "deep" / "README.md", GOOD)
    write(tmp_path / ".git" / "README.md", WRONG)
    below = [str(tmp_path / "a" / "deep" / "README.md"), str(tmp_path / "b" / "README.md")]
    assert [card.name for card in audit(str(tmp_path))] == below
    write(tmp_path / "README.md", GOOD)
    assert [card.name for card in audit(str(tmp_path))] == [str(tmp_path / "README.md")]


def test_a_name_under_cards_is_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path / "cards" / "mine" / "README.md", GOOD)
    monkeypatch.chdir(tmp_path)
    [card] = audit("mine")
    assert Path(card.name) == Path("cards/mine/README.md").resolve()


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        ("empty", CardError, "there is no README.md in empty, nor below it"),
        ("no-such-card", UsageError, "there is no file, folder or card called 'no-such-card'"),
        ("", UsageError, "there is no file, folder or card called ''"),
        ("~nobody-of-that-name/x/y", UsageError, "there is no file, folder or card"),
        ("x" * 300, UsageError, "there is no file, folder or card"),
    ],
)
def test_what_is_no_card(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str, error: type[Exception], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=re.escape(said)):
        audit(target)


def test_what_lies_here_has_no_revision(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no revision 'main'"):
        audit(str(write(tmp_path / "README.md", GOOD)), revision="main")


# The card as bytes ----------------------------------------------------------------------------------------------------


def test_another_encoding_is_found_with_its_line() -> None:
    [finding] = audit_card("---\nlicense: mit\n---\n# Gefühle\n".encode("latin-1"))
    assert (finding.rule, finding.severity, finding.line) == ("encoding", "error", 4)
    assert "0xFC" in finding.message
    [finding] = audit_card("---\nlicense: mit\n---\n".encode("utf-16"))
    assert (finding.rule, finding.line) == ("encoding", 1)


def test_bytes_and_text_are_one(tmp_path: Path) -> None:
    for text in (GOOD, WRONG, ODD, "\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), "", "# Only a title\n"):
        assert audit_card(text.encode()) == audit_card(text)


def test_a_documented_page_has_no_front_matter_to_check() -> None:
    assert form("# A page\n") == ["front-matter-missing"]
    assert form("<!-- emohub:documented-page -->\n\n# A page\n") == []


def test_findings_are_in_the_order_of_the_card() -> None:
    lines = [finding.line for finding in audit_card(WRONG)]
    known = [line for line in lines if line is not None]
    assert known == sorted(known)
    assert lines == known + [None] * (len(lines) - len(known))


# The command ----------------------------------------------------------------------------------------------------------


def test_the_table_says_where_and_what(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, output, errors = run([str(write(tmp_path / "README.md", WRONG))], capsys)
    assert (code, errors) == (1, "")
    text = " ".join(output.split())
    assert re.search(r"\b3 warning language\[0\]: many readers, huggingface_hub among them, take the word no", text)
    assert re.search(r"\b4 error licence: this key is not known; did you mean 'license'\? \(key-misspelt\)", text)
    assert re.search(r"1 card: \d+ errors?, \d+ warnings?\.", text)


def test_json_has_every_finding(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path / "README.md", WRONG)
    code, output, errors = run([str(path), "--format", "json"], capsys)
    assert (code, errors) == (1, "")
    found = json.loads(output)
    [card] = found["cards"]
    assert card["card"] == str(path)
    assert set(card["findings"][0]) == {"severity", "key", "message", "rule", "line"}
    by_rule = {finding["rule"]: finding for finding in card["findings"]}
    assert by_rule["key-misspelt"] | {"message": ""} == {
        "severity": "error",
        "key": "licence",
        "message": "",
        "rule": "key-misspelt",
        "line": 4,
    }
    severities = [finding["severity"] for finding in card["findings"]]
    assert (found["errors"], found["warnings"]) == (severities.count("error"), severities.count("warning"))


def test_warnings_fail_only_when_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = str(write(tmp_path / "README.md", ODD))
    assert {finding.severity for finding in audit_card(ODD)} == {"warning"}
    assert run([path], capsys)[0] == 0
    assert run([path, "--strict"], capsys)[0] == 1


def test_our_own_cards_pass() -> None:
    folders = sorted(path.parent for path in (ROOT / "cards").glob("*/README.md"))
    assert len(folders) >= 8
    for folder in folders:
        assert form(render_folder(folder)) == [], folder


# On the Hub -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A loopback Hub and an empty cache for this process."""
    with serve_hub() as hub, reachable(hub, monkeypatch, tmp_path / "cache"):
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        hub.add_user(TOKEN, "ada")
        yield hub


def test_of_a_repository_only_the_card_is_fetched(hub: Hub) -> None:
    repo = hub.add_repo("ada/model")
    files = {"README.md": Blob(WRONG.encode()), "model.safetensors": Blob(b"weights", lfs=True)}
    first = repo.commit("main", "wrong", files, repo.refs["main"])
    [card] = audit("ada/model")
    assert card.name == f"ada/model@{first.oid}"
    assert card.findings == audit_card(WRONG)
    assert {request.path.rpartition("/")[2] for request in hub.requests if "/resolve/" in request.path} == {"README.md"}
    second = repo.commit("main", "good", {**files, "README.md": Blob(GOOD.encode())}, first.oid)
    assert audit("ada/model")[0].name == f"ada/model@{second.oid}"
    [earlier] = audit("ada/model", revision=first.oid)
    assert earlier == card


def test_without_a_network_the_card_that_was_fetched_before_is_read(hub: Hub) -> None:
    repo = hub.add_repo("ada/model")
    repo.commit("main", "card", {"README.md": Blob(GOOD.encode())}, repo.refs["main"])
    [card] = audit("ada/model")
    hub.fail("GET", "/api/models/", 503, times=100)
    assert audit("ada/model") == (card,)


@pytest.mark.parametrize(
    ("repo_id", "revision", "said"),
    [
        ("ada/nothing", None, "there is no ada/nothing, neither here nor on the Hub, or it is private"),
        ("ada/bare", None, "ada/bare has no card (README.md)"),
        ("ada/bare", "v9", "ada/bare has no revision 'v9' on the Hub"),
    ],
)
def test_what_the_hub_has_not(
    hub: Hub, capsys: pytest.CaptureFixture[str], repo_id: str, revision: str | None, said: str
) -> None:
    hub.add_repo("ada/bare")
    code, output, errors = run([repo_id, *(["--revision", revision] if revision else [])], capsys)
    assert (code, output) == (1, "")
    assert said in errors
    assert errors.count("\n") == 1
    assert TOKEN not in errors


@pytest.mark.usefixtures("hub")
def test_a_hub_out_of_reach_is_one_sentence_without_the_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    for token in (TOKEN, f"{TOKEN}\n"):
        monkeypatch.setenv("HF_TOKEN", token)
        code, output, errors = run(["ada/model"], capsys)
        assert (code, output) == (1, "")
        assert errors.startswith("Error: ada/model is not here, and the Hub cannot be asked for it (")
        assert errors.count("\n") == 1
        assert TOKEN not in errors


# The page -------------------------------------------------------------------------------------------------------------


def test_the_page_lists_every_rule() -> None:
    page = (ROOT / "docs" / "cards.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted([*RULES, *CLAIM_RULES])
    assert not set(RULES) & set(CLAIM_RULES)
    generated = parts(page)
    assert generated["form_rules"] == generate_cards.form_rules(), "run `make readme`"
    assert generated["claim_rules"] == generate_cards.claim_rules(), "run `make readme`"
