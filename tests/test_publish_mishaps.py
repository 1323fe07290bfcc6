"""What stands in the way of a publication outside the requests themselves, and what comes after its commit."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub import close_session, constants, get_session

from emohub.errors import PublishError, RecordError
from emohub.publish import plan, publish
from emohub.publish.waiting import bounded_waits
from emohub.record import PublicationRecord
from tests.hub import Blob, Hub
from tests.publishing import REPO, TOKEN, assert_holds_no_token, clean_environment

# The client's own upload over LFS uses an argument that httpx2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 2}', '{"schema_version": 1}'])
def test_a_damaged_record_of_the_last_publication_stops_before_the_first_request(
    online: Hub, run_folder: Path, content: str
) -> None:
    path = run_folder / "publish.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecordError, match=r"delete .*publish\.json"):
        publish(plan(str(run_folder), REPO))
    assert online.requests == []
    path.unlink()
    assert publish(plan(str(run_folder), REPO)).commit


def test_a_records_folder_that_cannot_be_written_stops_before_the_first_request(
    online: Hub, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(RecordError, match="nothing can be written into"):
        publish(plan(str(run_folder), REPO))
    assert online.requests == []


def test_a_token_file_that_is_no_text_holds_no_token(
    online: Hub, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PublishError, match="no usable Hugging Face token"):
        publish(plan(str(run_folder), REPO))
    assert online.requests == []


@pytest.mark.parametrize("token", ["hf_bell\a", "hf_ä", "  "])
def test_a_token_with_letters_that_no_token_has_is_not_sent(
    online: Hub, run_folder: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(PublishError, match="no usable Hugging Face token"):
        publish(plan(str(run_folder), REPO))
    assert online.requests == []


def test_a_repository_that_may_not_be_made_is_said_so(online: Hub, run_folder: Path) -> None:
    online.fail("POST", "/api/repos/create", 403, times=9)
    with pytest.raises(PublishError, match="refused to create the repository ada/tiny"):
        publish(plan(str(run_folder), REPO))


def test_numbers_that_somebody_edits_on_the_hub_are_those_of_the_records_again(online: Hub, run_folder: Path) -> None:
    publish(plan(str(run_folder), REPO))
    repo = online.repos[REPO]
    card = repo.head.files["README.md"].content.decode()
    edited = re.sub(r"0\.\d{3,}", "0.999", card).replace("library_name: transformers", "library_name: keras")
    edited = edited.replace("license: ", "thumbnail: https://example.org/a.png\nlicense: ")
    assert edited.count("0.999") > 5
    repo.commit("main", "better numbers", repo.head.files | {"README.md": Blob(edited.encode())}, repo.head.oid)
    assert publish(plan(str(run_folder), REPO)).uploaded == ("README.md",)
    again = repo.head.files["README.md"].content.decode()
    assert again.replace("thumbnail: https://example.org/a.png\n", "") == card
    assert "thumbnail" in again


def test_stopping_it_says_how_to_go_on(hub: Hub, run_folder: Path, tmp_path: Path) -> None:
    environment = clean_environment(tmp_path, HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN)
    command = [sys.executable, "-m", "emohub.publish", str(run_folder), "--repo-id", REPO]
    processes: list[subprocess.Popen[str]] = []
    hub.fail("GET", "/api/models/", slow=True, times=9)
    with hub.lock:  # no request is answered before the process is known
        hub.fail("GET", "whoami", action=lambda: processes[0].send_signal(signal.SIGINT))
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Run the same command again" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("status", [403, 500])
def test_a_tag_that_is_refused_does_not_hide_that_the_files_are_published(
    online: Hub, run_folder: Path, status: int
) -> None:
    online.fail("POST", "/tag/", status, times=9)
    with pytest.raises(PublishError, match=r"the files are published in the commit .*, but .* the tag v1") as caught:
        publish(plan(str(run_folder), REPO, tag="v1"))
    assert_holds_no_token(caught.value)
    online.faults.clear()
    assert publish(plan(str(run_folder), REPO, tag="v1")).commit is None
    repo = online.repos[REPO]
    assert (len(repo.commits), repo.refs["refs/tags/v1"]) == (2, repo.head.oid)
    assert PublicationRecord.load(run_folder / "publish.json").tag == "v1"


def test_a_record_that_cannot_be_written_does_not_hide_it_either(
    online: Hub, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(record: PublicationRecord, path: Path) -> None:
        raise RecordError(f"{path} cannot be written (No space left on device)", "make room")

    with monkeypatch.context() as patch:
        patch.setattr(PublicationRecord, "save", full)
        with pytest.raises(
            PublishError, match=r"are published in the commit .*, but .*publish\.json cannot be written"
        ):
            publish(plan(str(run_folder), REPO))
    assert publish(plan(str(run_folder), REPO)).commit is None
    assert PublicationRecord.load(run_folder / "publish.json").commit == online.repos[REPO].head.oid


def test_a_commit_that_cannot_be_looked_at_is_said_to_stand(online: Hub, run_folder: Path) -> None:
    def hide() -> None:
        online.fail("GET", "/revision/[0-9a-f]{40}$", 503, times=9)

    online.fail("POST", "/commit/", action=hide)
    with pytest.raises(PublishError, match=r"are published in the commit .*, but the Hub failed to show"):
        publish(plan(str(run_folder), REPO))
    online.faults.clear()
    assert publish(plan(str(run_folder), REPO)).commit is None


def test_a_file_that_the_repository_ignores_is_refused_before_the_commit(online: Hub, run_folder: Path) -> None:
    repo = online.add_repo(REPO)
    repo.commit("main", "mine", repo.head.files | {".gitignore": Blob(b"# mine\n*.safetensors\n")}, repo.head.oid)
    before = repo.head
    with pytest.raises(PublishError, match=r"\.gitignore of ada/tiny keeps model\.safetensors out"):
        publish(plan(str(run_folder), REPO))
    assert repo.head is before


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"RateLimit": '"api";r=0;t=41', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}, [41]),
        ({"RateLimit": '"api";r=0;t=41', "Retry-After": "7"}, [41]),
        ({"RateLimit": '"api";r=12;t=41', "Retry-After": "7"}, [7]),
        ({"RateLimit": "nonsense"}, [1]),
    ],
)
def test_the_hub_says_how_long_to_wait_in_either_of_its_headers(
    online: Hub, run_folder: Path, headers: dict[str, str], waited: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("emohub.publish.hub.time", SimpleNamespace(sleep=waits.append))
    online.fail("GET", "/api/whoami-v2", 429, headers=headers)
    assert publish(plan(str(run_folder), REPO)).commit
    assert waits == waited


def test_a_repository_that_becomes_public_meanwhile_is_no_success(online: Hub, run_folder: Path) -> None:
    def show() -> None:
        online.repos[REPO].private = False

    online.fail("POST", "/commit/", action=show)
    with pytest.raises(PublishError, match=r"published in the commit [0-9a-f]{12}, but somebody made ada/tiny public"):
        publish(plan(str(run_folder), REPO, private=True))
    with pytest.raises(PublishError, match="exists and is public"):
        publish(plan(str(run_folder), REPO, private=True))


def test_a_commit_with_another_file_than_was_sent_is_no_success(online: Hub, run_folder: Path) -> None:
    def spoil() -> None:
        online.fail("GET", "/revision/[0-9a-f]{40}$", action=change)

    def change() -> None:
        repo = online.repos[REPO]
        repo.head.files["config.json"] = Blob(b"{}")

    online.fail("POST", "/commit/", action=spoil)
    with pytest.raises(PublishError, match=r"but it does not hold config\.json as it was sent"):
        publish(plan(str(run_folder), REPO))
    assert publish(plan(str(run_folder), REPO)).uploaded == ("config.json",)


def test_a_commit_that_has_to_wait_is_made_after_the_pause(
    online: Hub, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("emohub.publish.hub.time", SimpleNamespace(sleep=waits.append))
    online.fail("POST", "/commit/", 429, headers={"Retry-After": "9"})
    assert publish(plan(str(run_folder), REPO)).commit == online.repos[REPO].head.oid
    assert waits == [9]


@pytest.mark.parametrize("path", ["/preupload/", "objects/batch", "/commit/", "/whoami"])
def test_nobody_waits_for_a_limit_of_many_minutes(
    online: Hub, run_folder: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    for module in ("huggingface_hub.utils._http", "emohub.publish.hub"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(sleep=waits.append))
    method = "GET" if "whoami" in path else "POST"
    online.fail(method, path, 429, times=99, headers={"RateLimit": '"api";r=0;t=280'})
    with pytest.raises(PublishError, match="wait 280 seconds"):
        publish(plan(str(run_folder), REPO))
    assert waits == []


def test_the_time_limit_outlives_a_session_that_the_client_gives_up() -> None:
    """As it does whenever it cannot connect."""
    limit = httpx2.Timeout(7)
    before = get_session().timeout
    with bounded_waits(limit):
        first = get_session()
        assert first.timeout == limit
        close_session()
        assert get_session() is not first
        assert get_session().timeout == limit
        assert get_session().event_hooks["response"]
    assert get_session().timeout == before
