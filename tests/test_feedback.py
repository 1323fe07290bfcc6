"""Feedback: rows that are exactly what the page says, lose nothing, and reach a dataset however the Hub behaves."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emohub.errors import RecordError, UsageError
from emohub.feedback import Feedback, FeedbackFile, FeedbackRow, open_feedback
from emohub.feedback import file as file_module
from emohub.feedback.dataset import DatasetUploads, usable_token
from emohub.feedback.feedback import data_folder
from tests.hub import Hub, Repo
from tests.publishing import TOKEN, clean_environment

CHECKOUT = Path(__file__).parent.parent
DATASET = "datasets/ada/feedback"
WRITER = """
import sys
from pathlib import Path
from emohub.feedback import FeedbackFile, FeedbackRow
file = FeedbackFile(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    text = f"{sys.argv[2]} {number} " + "x" * 5000
    file.add(FeedbackRow.now(text=text, model="m", fingerprint="0" * 64, predicted="joy", label="joy"))
"""
SERVER = """
import sys
from emohub.feedback import FeedbackRow, open_feedback
feedback = open_feedback("ada/feedback")
feedback.uploads._minutes = float(sys.argv[1])
feedback.start()
if sys.argv[2] == "connected":
    feedback.uploads._thread.join()
print("started", flush=True)
for line in sys.stdin:
    row = FeedbackRow.now(text=line.strip(), model="m", fingerprint="0" * 64, predicted="joy", label="joy")
    feedback.add(row)
    print("kept", feedback.uploads.send(), flush=True)
"""


def row(text: str = "what a day", label: str = "joy") -> FeedbackRow:
    return FeedbackRow.now(text=text, model="feelings", fingerprint="a" * 64, predicted="joy", label=label)


# A file


def test_a_row_holds_what_the_page_says_and_nothing_of_the_person(tmp_path: Path) -> None:
    file = FeedbackFile(tmp_path / "data" / "feedback.jsonl")
    kept = row('line\nbreak "quoted" 😀 \u2028 <b>', "anger")
    file.add(kept)
    (line,) = file.path.read_bytes().splitlines()
    values = json.loads(line)
    keys = {"schema_version", "id", "date", "emohub", "text", "model", "fingerprint", "predicted", "label"}
    assert set(values) == keys
    assert (values["text"], values["predicted"], values["label"]) == (kept.text, "joy", "anger")
    assert len(values["date"]) == len("2026-01-02")
    assert file.rows() == [kept]
    if os.name == "posix":
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_the_same_is_kept_once_also_when_another_process_kept_it(tmp_path: Path) -> None:
    one, other = FeedbackFile(tmp_path / "feedback.jsonl"), FeedbackFile(tmp_path / "feedback.jsonl")
    one.add(row("a  day "))
    for file in (one, other):
        with pytest.raises(UsageError, match="sent already"):
            file.add(row("a day"))
    other.add(row("a day", "anger"))
    other.add(row("another day"))
    with pytest.raises(UsageError, match="sent already"):
        one.add(row("another day"))
    assert [each.text for each in one.rows()] == ["a  day ", "a day", "another day"]


def test_a_row_can_be_taken_back_by_its_id_alone(tmp_path: Path) -> None:
    file = FeedbackFile(tmp_path / "feedback.jsonl")
    first, second = row("one"), row("two")
    file.add(first)
    file.add(second)
    for wrong in ("", "f" * 32, first.id[:-1]):
        with pytest.raises(UsageError, match="no row with this id"):
            file.withdraw(wrong)
    file.withdraw(first.id)
    assert file.rows() == [second]
    file.add(row("one"))  # may be said again
    with pytest.raises(UsageError, match="sent already"):
        file.add(row("two"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feedback.jsonl", "feedback.lock"]


def test_a_line_that_was_cut_off_hurts_no_other(tmp_path: Path) -> None:
    file = FeedbackFile(tmp_path / "feedback.jsonl")
    first, second, third = row("one"), row("two"), row("three")
    file.add(first)
    with file.path.open("ab") as torn:
        torn.write(b'{"schema_version": 1, "id": "ab')
    file.add(second)
    file.add(third)
    assert file.rows() == [first, second, third]
    file.withdraw(second.id)
    assert file.rows() == [first, third]
    assert len(file.path.read_bytes().splitlines()) == 3


def test_a_full_file_and_a_folder_that_cannot_be_written_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "MAX_BYTES", 500)
    file = FeedbackFile(tmp_path / "feedback.jsonl")
    file.add(row("one"))
    with pytest.raises(RecordError, match="full"):
        file.add(row("x" * 400))
    (tmp_path / "a-file").write_text("", encoding="utf-8")
    with pytest.raises(RecordError, match="cannot be used"):
        FeedbackFile(tmp_path / "a-file" / "feedback.jsonl").add(row())


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, "40"], cwd=CHECKOUT) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    texts = [each.text.partition(" x")[0] for each in FeedbackFile(path).rows()]
    assert sorted(texts) == sorted(f"{name} {number}" for name in "abc" for number in range(40))
    assert len(path.read_bytes().splitlines()) == 120


# Where it is


def test_the_data_folder_is_where_the_platform_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path.home()
    assert data_folder({}, "linux") == home / ".local" / "share" / "emohub"
    assert data_folder({"XDG_DATA_HOME": "/data"}, "linux") == Path("/data/emohub")
    assert data_folder({"XDG_DATA_HOME": "relative"}, "linux") == home / ".local" / "share" / "emohub"
    assert data_folder({}, "darwin") == home / "Library" / "Application Support" / "emohub"
    assert data_folder({"LOCALAPPDATA": "/users/ada"}, "win32") == Path("/users/ada/emohub")
    assert data_folder({}, "win32") == home / "AppData" / "Local" / "emohub"


def test_a_place_is_the_users_folder_a_file_or_a_dataset(tmp_path: Path) -> None:
    surroundings = {"XDG_DATA_HOME": str(tmp_path)}
    local = open_feedback("local", surroundings)
    assert local.file.path == tmp_path / "emohub" / "feedback" / "feedback.jsonl"
    assert (local.dataset, open_feedback("~/mine.jsonl").path) == (None, str(Path("~/mine.jsonl")))
    assert open_feedback("a/b.jsonl").dataset is None
    dataset = open_feedback("ada/feedback", surroundings)
    assert dataset.dataset == "ada/feedback"
    assert dataset.file.path.parent == tmp_path / "emohub" / "feedback" / "ada--feedback"
    assert list(tmp_path.iterdir()) == []  # nothing is made before a row comes
    # A machine that starts from nothing has a file of its own, one that goes on goes on with its own.
    assert open_feedback("ada/feedback", surroundings).file.path != dataset.file.path
    dataset.add(row())
    assert open_feedback("ada/feedback", surroundings).file.path == dataset.file.path
    for wrong in ("", "feedback", "a/b/c", "ada/", "../feedback", "ada/feed back"):
        with pytest.raises(UsageError, match="--feedback names no place"):
            open_feedback(wrong, surroundings)
    with pytest.raises(UsageError, match=r"a home folder that there is not, ~nobody-of-this-name/x\.jsonl"):
        open_feedback("~nobody-of-this-name/x.jsonl", surroundings)


# A dataset on the Hub


class Served:
    """A process that keeps feedback in a dataset, as the page does."""

    def __init__(
        self, hub: Hub, home: Path, *, minutes: float = 60, token: str = TOKEN, connected: bool = True
    ) -> None:
        environment = clean_environment(home / "hf", HF_ENDPOINT=hub.url, HF_TOKEN=token, HF_HUB_DISABLE_XET="1")
        environment |= {"XDG_DATA_HOME": str(home / "data"), "HOME": str(home)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(minutes), "connected" if connected else "at once"],
            cwd=CHECKOUT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.expect("started")

    def expect(self, line: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith(line)

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()
        self.expect("kept")

    def end(self, *, kill: bool = False) -> str:
        """What it wrote; ended as a person would, or killed."""
        if kill:
            self.process.kill()
        out, err = self.process.communicate(timeout=60)
        return out + err


Serve = Callable[..., Served]


@pytest.fixture
def serve(hub: Hub, tmp_path: Path) -> Iterator[Serve]:
    """Starts such a process, with a disk of its own for each ``home``."""
    started: list[Served] = []

    def start(home: str = "home", **options: Any) -> Served:
        started.append(Served(hub, tmp_path / home, **options))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.end(kill=True)


def texts_of(repo: Repo) -> list[str]:
    files = {path: blob for path, blob in repo.head.files.items() if path.endswith(".jsonl")}
    return [json.loads(line)["text"] for _, blob in sorted(files.items()) for line in blob.content.splitlines()]


def wait_for(condition: object, seconds: float = 20) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_rows_arrive_in_a_private_dataset_and_a_restart_loses_nothing(hub: Hub, serve: Serve) -> None:
    served = serve()
    served.say("the first")
    served.say("the second")
    said = served.end()
    repo = hub.repos[DATASET]
    assert repo.private
    assert texts_of(repo) == ["the first", "the second"]
    # Killed before it could send: what it kept is sent when it is started again, after what was there.
    hub.fail("POST", "commit", 503, times=100)
    served = serve()
    served.say("the third")
    said += served.end(kill=True)
    assert texts_of(repo) == ["the first", "the second"]
    hub.faults.clear()
    served = serve()
    wait_for(lambda: texts_of(repo) == ["the first", "the second", "the third"])
    said += served.end()
    # Another machine, or a Space whose disk is new: a file beside the first.
    other = serve("other")
    other.say("the fourth")
    said += other.end()
    assert sorted(texts_of(repo)) == ["the first", "the fourth", "the second", "the third"]
    assert TOKEN not in said
    assert "the first" not in said


def test_a_hub_that_is_away_is_asked_again(hub: Hub, serve: Serve) -> None:
    hub.fail("POST", "repos/create", 500, times=3)
    hub.fail("POST", "commit", 500, times=2)
    served = serve(minutes=0.002, connected=False)
    served.say("patience")
    wait_for(lambda: DATASET in hub.repos and texts_of(hub.repos[DATASET]) == ["patience"])
    said = served.end()
    assert "ada/feedback cannot be written (HTTP status 500)" in said
    assert TOKEN not in said
    assert "Traceback" not in said


def test_a_token_that_no_header_can_hold_is_never_shown(hub: Hub, serve: Serve) -> None:
    served = serve(minutes=0.002, token=f"{TOKEN}\tmore", connected=False)
    served.say("kept here")
    wait_for(lambda: hub.count("POST", "repos/create") >= 2)  # so that the first refusal has been told
    said = served.end()
    assert TOKEN not in said
    assert "HTTP status 401" in said
    assert not any(TOKEN in str(request.headers) for request in hub.requests)


def test_a_usable_token_is_one_that_a_header_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, usable in ((f" {TOKEN}\n", TOKEN), ("", None), ("hf_ä", None), ("hf_\x01", None)):
        monkeypatch.setattr("emohub.feedback.dataset.get_token", lambda given=given: given)
        assert usable_token() == usable


def test_uploads_that_were_never_started_send_nothing_and_stop(tmp_path: Path) -> None:
    uploads = DatasetUploads("ada/feedback", tmp_path)
    assert uploads.send() is False
    uploads.stop()
    feedback = Feedback(FeedbackFile(tmp_path / "feedback.jsonl"), uploads)
    feedback.add(row())
    assert len(feedback.file.rows()) == 1
