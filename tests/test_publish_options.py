"""Where a publication goes and who may send it: visibility, tokens, branches, tags, pauses; and what is recorded."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emohub.errors import PublishError, RecordError, UsageError
from emohub.publish import plan, publish
from emohub.record import PublicationRecord
from tests.hub import Blob, Hub
from tests.publishing import REPO, TOKEN, UPLOADED, assert_holds_no_token, clean_environment

# The client's own upload over LFS uses an argument that httpx2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")


def test_a_public_repository_is_made_private_when_that_is_forced(online: Hub, run_folder: Path) -> None:
    repo = online.add_repo(REPO)
    uploads_seen: list[bool] = []
    online.fail("POST", "/preupload/", action=lambda: uploads_seen.append(repo.private))
    assert publish(plan(str(run_folder), REPO, private=True, force_visibility=True)).private
    assert repo.private
    assert uploads_seen == [True]  # it was private before anything was sent


def test_a_repository_that_stays_public_gets_nothing(online: Hub, run_folder: Path) -> None:
    online.add_repo(REPO)
    online.fail("PUT", "/settings", 200, body={"private": True})  # which changes nothing
    with pytest.raises(PublishError, match="is public"):
        publish(plan(str(run_folder), REPO, private=True, force_visibility=True))
    assert online.count("POST", "/preupload/") == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"force_visibility": True}, "makes a repository private"),
        ({"create_pr": True, "tag": "v1"}, "no commit to tag"),
        ({"create_pr": True, "private": True, "force_visibility": True}, "nobody's settings"),
        ({"tag": "v 1"}, "no name for a branch or tag"),
        ({"tag": "-v1"}, "no name for a branch or tag"),
        ({"revision": "refs/pr/1"}, "no name for a branch or tag"),
        ({"revision": "a..b"}, "no name for a branch or tag"),
        ({"revision": "0" * 40}, "no name for a branch or tag"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    run_folder: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        plan(str(run_folder), REPO, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["ada", REPO])
def test_a_fine_grained_token_that_may_write_publishes(online: Hub, run_folder: Path, place: str) -> None:
    online.add_repo(REPO)
    online.add_user(TOKEN, "ada", permissions={place: ("repo.content.read", "repo.write")})
    assert publish(plan(str(run_folder), REPO)).commit is not None


def test_a_fine_grained_token_without_that_permission_is_refused_at_once(online: Hub, run_folder: Path) -> None:
    online.add_user(TOKEN, "ada", permissions={"ada": ("repo.content.read",), "ada/other": ("repo.write",)})
    with pytest.raises(PublishError, match="fine-grained token of ada may not write to ada/tiny"):
        publish(plan(str(run_folder), REPO))
    assert len(online.requests) == 1


def test_a_branch_is_made_from_main_and_main_stays(online: Hub, run_folder: Path) -> None:
    repo = online.add_repo(REPO)
    before = repo.head.oid
    published = publish(plan(str(run_folder), REPO, revision="next/v2"))
    assert (repo.head.oid, repo.refs["next/v2"]) == (before, published.commit)
    assert set(repo.commits[repo.refs["next/v2"]].files) >= UPLOADED
    assert publish(plan(str(run_folder), REPO, revision="next/v2")).commit is None
    with pytest.raises(PublishError, match="no branch else"):
        publish(plan(str(run_folder), REPO, create_pr=True, revision="else"))


def test_a_tag_is_given_once_and_never_moved(online: Hub, run_folder: Path) -> None:
    first = publish(plan(str(run_folder), REPO, tag="v1.0"))
    repo = online.repos[REPO]
    assert repo.refs["refs/tags/v1.0"] == first.commit
    assert publish(plan(str(run_folder), REPO, tag="v1.0")).commit is None
    assert publish(plan(str(run_folder), REPO, tag="v1.1")).tag == "v1.1"
    assert repo.refs["refs/tags/v1.1"] == first.commit
    (run_folder / "checkpoint" / "vocab.txt").write_text("[PAD]\n", encoding="utf-8")
    with pytest.raises(PublishError, match=r"the tag v1\.0 .* holds other files"):
        publish(plan(str(run_folder), REPO, tag="v1.0"))
    assert len(repo.commits) == 2  # it was seen before anything was sent
    assert publish(plan(str(run_folder), REPO, tag="v2.0")).commit == repo.refs["refs/tags/v2.0"]


def test_a_tag_that_somebody_gives_in_between_is_left_alone(online: Hub, run_folder: Path) -> None:
    repo = online.add_repo(REPO)
    first = repo.head.oid
    online.fail("POST", "/tag/", action=lambda: repo.refs.update({"refs/tags/v1": first}))
    with pytest.raises(PublishError, match="got the tag v1 meanwhile"):
        publish(plan(str(run_folder), REPO, tag="v1"))
    assert repo.refs["refs/tags/v1"] == first


def test_the_publication_is_recorded_beside_the_records_and_stays_there(online: Hub, run_folder: Path) -> None:
    planned = plan(str(run_folder), REPO, tag="v1")
    published = publish(planned)
    path = run_folder / "publish.json"
    record = PublicationRecord.load(path)
    head = online.repos[REPO].head
    assert (record.repo_id, record.url, record.revision, record.tag) == (REPO, published.url, "main", "v1")
    assert (record.commit, record.parent, record.pull_request) == (head.oid, head.parent, None)
    assert record.files == {file.path: file.sha256 for file in planned.files}
    assert TOKEN not in path.read_text(encoding="utf-8")
    assert str(run_folder) not in path.read_text(encoding="utf-8")
    before = path.read_bytes()
    again = plan(str(run_folder), REPO, tag="v1")
    assert "publish.json" in again.left_out
    publish(again)
    assert path.read_bytes() == before  # nothing changed, so nothing is recorded anew
    path.unlink()
    publish(plan(str(run_folder), REPO))
    assert PublicationRecord.load(path).commit == head.oid
    path.write_text("{}", encoding="utf-8")
    (run_folder / "checkpoint" / "vocab.txt").write_text("[PAD]\n", encoding="utf-8")
    with pytest.raises(RecordError, match="no publication record"):
        publish(plan(str(run_folder), REPO))


def test_a_pause_that_the_hub_asks_for_is_kept_and_said(
    online: Hub, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("emohub.publish.hub.time.sleep", slept.append)
    online.fail("GET", "/api/whoami-v2", 429, headers={"Retry-After": "7"})
    online.fail("POST", "/commit/main", 503)
    steps: list[str] = []
    assert publish(plan(str(run_folder), REPO), on_step=steps.append).commit
    assert slept == [7, 1]
    assert "the Hub refused to tell whose token this is (429): asking again in 7 seconds" in steps
    assert len(online.repos[REPO].commits) == 2


@pytest.mark.parametrize("path", ["/api/whoami-v2", "/preupload/main", "/commit/main"])
def test_nobody_waits_an_hour(online: Hub, run_folder: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError(f"slept {seconds} seconds")

    monkeypatch.setattr("emohub.publish.hub.time.sleep", sleep)
    online.fail("GET" if "whoami" in path else "POST", path, 429, times=99, headers={"Retry-After": "3600"})
    with pytest.raises(PublishError) as caught:
        publish(plan(str(run_folder), REPO))
    assert "3600 seconds" in caught.value.remedy
    assert_holds_no_token(caught.value)


def publishers(hub: Hub, run: Path, home: Path, number: int) -> list[subprocess.Popen[str]]:
    """So many processes that publish a run at the same time: none commits before all have looked at the repository."""
    environment = clean_environment(home, HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN, HF_HUB_DISABLE_XET="1")
    command = (sys.executable, "-m", "emohub.publish", str(run), "--repo-id", REPO, "--format", "json")
    return [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(number)
    ]


def test_five_publishers_of_one_model_make_one_commit(hub: Hub, run_folder: Path, tmp_path: Path) -> None:
    started = publishers(hub, run_folder, tmp_path / "home", 5)
    done = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0] * 5, done
    commits = [json.loads(out)["published"]["commit"] for out, _ in done]
    repo = hub.repos[REPO]
    assert {commit for commit in commits if commit is not None} == {repo.head.oid}
    assert len(repo.commits) == 2
    assert set(repo.head.files) >= UPLOADED


def test_five_publishers_of_five_models_lose_nothing(
    hub: Hub, make_run_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    repo = hub.add_repo(REPO)
    repo.commit("main", "notes", repo.head.files | {"notes.txt": Blob(b"stays")}, repo.head.oid)
    runs = [make_run_folder(name) for name in "abcde"]
    for number, run in enumerate(runs):
        (run / "checkpoint" / "vocab.txt").write_text(f"[PAD]\nword{number}\n", encoding="utf-8")
    started = [process for run in runs for process in publishers(hub, run, tmp_path / run.name / "home", 1)]
    done = [process.communicate(timeout=120) for process in started]
    won = 0
    for run, process, (out, err) in zip(runs, started, done, strict=True):
        if process.returncode == 0:
            commit = repo.commits[json.loads(out)["published"]["commit"]]  # in the history, whole
            assert commit.files["vocab.txt"].content == (run / "checkpoint" / "vocab.txt").read_bytes()
            assert set(commit.files) >= UPLOADED
            won += 1
        else:
            assert "somebody else changed vocab.txt" in " ".join(err.split())
    assert won >= 1
    assert len(repo.commits) == 2 + won
    oid: str | None = repo.head.oid
    chain = 0
    while oid is not None:
        assert "notes.txt" in repo.commits[oid].files or chain >= won
        oid, chain = repo.commits[oid].parent, chain + 1
    assert chain == len(repo.commits)  # one line of commits, none beside it
