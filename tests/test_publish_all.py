"""``--all``: every model with a card, a collection, the Space; stopped anywhere, it goes on where it stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from emohub.errors import PublishError, UsageError
from emohub.publish import everything, space
from emohub.publish.collection import Item, collect
from emohub.publish.everything import Everything, plan_everything, publish_everything
from emohub.publish.hub import Hub as Client
from emohub.publish.workflow import workflow_on_tag
from tests.hub import Fault, Hub, serve_hub
from tests.hub.identities import RUNNER
from tests.publishing import TOKEN, clean_environment, make_hub, reachable, write_records

# The client's own upload over LFS uses an argument that httpx2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("first", "second")
TITLE = "Feelings"
SPACE = "ada/emohub"
READS = ("GET", "HEAD")


@pytest.fixture
def project(make_tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two models with cards, one without, and the page of a documented model."""
    for seed, name in enumerate((*NAMES, "without-card")):
        shutil.copytree(make_tiny_model(seed=seed), tmp_path / "models" / name)
    for name in NAMES:
        (tmp_path / "cards" / name).mkdir(parents=True)
        write_records(tmp_path / "cards" / name, tmp_path / "models" / name / "model.safetensors")
    (tmp_path / "cards" / "documented").mkdir()
    (tmp_path / "cards" / "documented" / "README.md").write_text("# documented\n", encoding="utf-8")
    checkout = tmp_path / "checkout"
    (checkout / "emohub").mkdir(parents=True)
    for name in ("app.py", "requirements.txt", "LICENSE", "pyproject.toml", "emohub/__init__.py", "emohub/errors.py"):
        shutil.copy(ROOT / name, checkout / name)
    monkeypatch.setattr(space, "checkout", lambda: checkout)  # small, and nobody edits it meanwhile
    monkeypatch.chdir(tmp_path)
    return tmp_path


def whole() -> Everything:
    return plan_everything("ada", collection=TITLE, space=SPACE)


def state(hub: Hub) -> dict[str, Any]:
    """What the Hub holds, but for how it came to be."""
    return {
        "files": {
            repo_id: {path: blob.sha256 for path, blob in repo.head.files.items()}
            for repo_id, repo in hub.repos.items()
        },
        "collections": {each.title: [item["id"] for item in each.items] for each in hub.collections.values()},
    }


def test_the_plan_names_every_model_with_a_card(project: Path) -> None:
    planned = whole()
    assert list(planned.models) == list(NAMES)
    assert [plan.repo_id for plan in planned.models.values()] == ["ada/first", "ada/second"]
    assert planned.left_out == ("without-card",)
    assert planned.space is not None
    assert planned.space.served == {"first": "ada/first", "second": "ada/second"}


def test_everything_is_published_and_a_second_run_changes_nothing(project: Path, online: Hub) -> None:
    told: list[str] = []
    done = publish_everything(whole(), on_published=lambda name, _: told.append(name))
    assert told == list(NAMES)
    assert all(published.commit for published in done.models.values())
    assert done.space is not None
    assert done.space.commit
    assert done.collection is not None
    assert (done.collection.created, done.collection.added, done.collection.moved) == (
        True,
        ("ada/first", "ada/second", SPACE),
        0,
    )
    assert set(online.repos) == {"ada/first", "ada/second", "spaces/ada/emohub"}
    assert [len(repo.commits) for repo in online.repos.values()] == [2, 2, 2]
    (collection,) = online.collections.values()
    assert [(item["id"], item["type"]) for item in collection.items] == [
        ("ada/first", "model"),
        ("ada/second", "model"),
        (SPACE, "space"),
    ]
    before = state(online)
    online.requests.clear()
    again = publish_everything(whole())
    assert state(online) == before
    assert not [request for request in online.requests if request.method not in READS]
    assert all(published.commit is None for published in again.models.values())
    assert again.space is not None
    assert again.space.commit is None
    assert again.collection is not None
    assert not again.collection.added


def test_stopped_after_any_request_it_is_completed_by_running_it_again(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each change that the Hub makes is the last one in turn: its answer, and every one after it, never comes."""
    monkeypatch.setattr(everything, "check_everything", lambda _: ())  # each model is checked again when its turn comes
    with serving(monkeypatch) as clean:
        publish_everything(whole())
        complete = state(clean)
        changes = [number for number, request in enumerate(clean.requests) if request.method not in READS]
    assert len(changes) >= 12
    for number in changes:
        with serving(monkeypatch) as hub_:
            hub_.faults.append(Stop(number))
            with pytest.raises(PublishError) as caught:
                publish_everything(whole())
            assert TOKEN not in str(caught.value)
            assert "models are published" in str(caught.value)
            hub_.faults.clear()
            publish_everything(whole())
            assert state(hub_) == complete, number
            assert [len(repo.commits) for repo in hub_.repos.values()] == [2, 2, 2], number
            assert len(hub_.collections) == 1, number


class Stop(Fault):
    """Carries out the request of this number, loses its answer, and answers nothing from then on."""

    def __init__(self, number: int) -> None:
        super().__init__("", "", lost=True)
        self.number = number

    def strikes(self, request: Any) -> bool:
        self.seen += 1
        self.lost = self.seen == self.number + 1
        return self.seen > self.number


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A fresh Hub for this process, and no record of an earlier publication."""
    for record in Path("cards").glob("*/publish.json"):
        record.unlink()
    with serve_hub() as made, reachable(made, monkeypatch, Path("cache").resolve()):
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield make_hub(made)


def test_killed_in_the_middle_it_is_completed_by_running_it_again(project: Path, hub: Hub, tmp_path: Path) -> None:
    """A real process, killed while the Hub has its commit of the second model in hand."""
    running: list[subprocess.Popen[str]] = []
    hub.fail("POST", "ada/second/commit/", action=lambda: running[0].send_signal(signal.SIGKILL))
    with publishing(project, hub) as process:
        running.append(process)
        assert process.wait(timeout=120) == -signal.SIGKILL
    assert "spaces/ada/emohub" not in hub.repos
    with publishing(project, hub) as process:
        out, messages = process.communicate(timeout=120)
    assert process.returncode == 0, messages
    assert TOKEN not in out + messages
    assert "nothing changed" in out
    assert [len(repo.commits) for repo in hub.repos.values()] == [2, 2, 2]
    (collection,) = hub.collections.values()
    assert len(collection.items) == 3


def publishing(project: Path, hub: Hub) -> subprocess.Popen[str]:
    """``python -m emohub.publish --all`` in a project."""
    command = [sys.executable, "-m", "emohub.publish", "--all", "--namespace", "ada"]
    return subprocess.Popen(
        [*command, "--collection", TITLE, "--space", SPACE],
        cwd=project,
        env=clean_environment(
            project / "home",
            HF_ENDPOINT=hub.url,
            HF_TOKEN=f"{TOKEN}\n",
            HF_HUB_DISABLE_XET="1",
            PYTHONPATH=str(ROOT),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_one_that_fails_says_how_far_it_came(project: Path, online: Hub) -> None:
    online.fail("POST", "ada/second/commit/", 403, times=99)
    with pytest.raises(PublishError, match=r"\(1 of 2 models are published\); use a token with write access"):
        publish_everything(whole())
    assert "spaces/ada/emohub" not in online.repos
    assert online.collections == {}


def test_a_damaged_record_of_one_says_how_far_it_came_too(project: Path, online: Hub) -> None:
    (project / "cards" / "second" / "publish.json").write_text("{", encoding="utf-8")
    with pytest.raises(PublishError, match=r"\(1 of 2 models are published\); delete .*publish\.json"):
        publish_everything(whole())


def test_the_table_says_how_far_it_came(project: Path, hub: Hub) -> None:
    hub.fail("GET", "/api/collections", 403, times=99)
    with publishing(project, hub) as process:
        out, messages = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "(2 of 2 models are published); use a token with write access" in messages
    rows = {line.split("│")[1].strip(): line.split("│")[3].strip() for line in out.splitlines() if line.count("│") == 4}
    assert " files in " in rows["first"]
    assert " files in " in rows["the page"]
    assert rows["the collection"] == "not reached"


def test_nothing_is_sent_when_one_model_does_not_hold(project: Path, online: Hub) -> None:
    (project / "models" / "second" / "vocab.txt").write_text("/home/ada/x", encoding="utf-8")
    with pytest.raises(PublishError, match=r"vocab\.txt, line 1 holds a folder of a person"):
        publish_everything(whole())
    assert online.requests == []


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"namespace": "ada/models"}, "no namespace"),
        ({"namespace": "ada", "collection": " "}, "1 to 60 characters"),
        ({"namespace": "ada", "collection": "x" * 61}, "1 to 60 characters"),
        ({"namespace": "ada", "space": "emohub"}, "no id of a Space"),
        ({"namespace": "-"}, "no repository id"),
    ],
)
def test_a_wrong_name_is_refused(project: Path, arguments: dict[str, str], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        plan_everything(**arguments)


def test_without_a_card_there_is_nothing_to_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no model under models/ has a card"):
        plan_everything("ada")


# Collections -------------------------------------------------------------------------------------------------------


def group(*names: str, private: bool = False) -> Any:
    items = [Item(f"ada/{name}", "model") for name in names]
    return collect(Client.connect(), "ada", TITLE, items, description="d", private=private)


def order(hub: Hub) -> list[str]:
    (collection,) = hub.collections.values()
    return [item["id"].removeprefix("ada/") for item in collection.items]


def test_a_collection_keeps_what_others_put_there_and_our_order(online: Hub) -> None:
    for name in "abcdx":
        online.add_repo(f"ada/{name}")
    group("c", "x", "a")
    assert order(online) == ["c", "x", "a"]
    done = group("a", "b", "c", "d")
    assert (done.created, done.added) == (False, ("ada/b", "ada/d"))
    assert [name for name in order(online) if name != "x"] == ["a", "b", "c", "d"]
    assert "x" in order(online)
    online.requests.clear()
    assert group("a", "b", "c", "d").moved == 0
    assert not [request for request in online.requests if request.method not in READS]


def test_more_items_than_a_listing_shows_are_added_once(online: Hub) -> None:
    names = [f"m{number}" for number in range(7)]
    for name in names:
        online.add_repo(f"ada/{name}")
    group(*names)
    assert group(*names).added == ()
    assert order(online) == names


def test_a_collection_that_cannot_be_told_or_is_public_is_refused(online: Hub) -> None:
    group()
    with pytest.raises(PublishError, match="is public, and --private was asked"):
        group(private=True)
    Client.connect().ask("make another", lambda api: api.create_collection(TITLE, namespace="ada"))
    with pytest.raises(PublishError, match="2 collections with the title 'Feelings'"):
        group()
    online.fail("GET", "/api/collections", 403, times=9)
    with pytest.raises(PublishError, match="refused to list the collections of ada"):
        group()


# On a tag ----------------------------------------------------------------------------------------------------------


def test_the_workflow_publishes_on_a_tag_and_holds_no_secret() -> None:
    text = workflow_on_tag({"first": "ada/first", "second": "ada/second"})
    workflow = yaml.load(text, yaml.BaseLoader)  # to YAML 1.1, `on` is true
    assert workflow["on"] == {"push": {"tags": ["v*"]}}
    job = workflow["jobs"]["publish"]
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert workflow["permissions"] == {"contents": "read"}
    assert job["strategy"]["matrix"]["include"] == [
        {"model": "first", "repo_id": "ada/first"},
        {"model": "second", "repo_id": "ada/second"},
    ]
    assert "secrets." not in text
    step = job["steps"][-1]
    assert "${{" not in step["run"]  # a tag's name must not become a command
    assert step["env"]["HF_OIDC_RESOURCE"] == "${{ matrix.repo_id }}"


@pytest.mark.parametrize(("trusted", "workflow"), [(True, "publish.yml"), (False, "publish.yml"), (True, "other.yml")])
def test_a_job_publishes_with_its_identity_alone(project: Path, hub: Hub, trusted: bool, workflow: str) -> None:
    """What the workflow's last step runs, with what GitHub gives such a job, and no token anywhere."""
    hub.add_repo("ada/first")
    if trusted:
        hub.trusted["ada/first"] = "publish.yml"
    step = yaml.safe_load(workflow_on_tag({"first": "ada/first"}))["jobs"]["publish"]["steps"][-1]
    environment = clean_environment(
        project / "home",
        HF_ENDPOINT=hub.url,
        HF_HUB_DISABLE_XET="1",
        PYTHONPATH=str(ROOT),
        GITHUB_ACTIONS="true",
        ACTIONS_ID_TOKEN_REQUEST_URL=f"{hub.url}/github/id-token/{workflow}",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN=RUNNER,
        MODEL="first",
        TAG="v1.2.0",
        HF_OIDC_RESOURCE="ada/first",
    )
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "hf_jwt_" not in done.stdout + done.stderr
    assert RUNNER not in done.stdout + done.stderr
    repo = hub.repos["ada/first"]
    if trusted and workflow == "publish.yml":
        assert done.returncode == 0, done.stderr
        assert repo.refs["refs/tags/v1.2.0"] == repo.head.oid
        assert "model.safetensors" in repo.head.files
    else:
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "add this repository and workflow to the trusted publishers" in " ".join(done.stderr.split())
        assert len(repo.commits) == 1


# The command line --------------------------------------------------------------------------------------------------


def command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "emohub.publish", *arguments],
        cwd=project,
        env=clean_environment(project / "home", HF_ENDPOINT="http://127.0.0.1:9", PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_dry_run_shows_everything_and_needs_no_network(project: Path) -> None:
    options = ("--all", "--namespace", "ada", "--collection", TITLE, "--space", SPACE, "--dry-run")
    done = command(project, *options)
    assert done.returncode == 0, done.stderr
    for shown in (
        "ada/first",
        "ada/second",
        "Space ada/emohub",
        "Collection: Feelings",
        "without-card",
        "nothing was sent",
    ):
        assert shown in done.stdout
    report = json.loads(command(project, *options, "--format", "json").stdout)
    assert list(report["plan"]["models"]) == list(NAMES)
    assert report["published"] == {}
    assert report["plan"]["space"]["repo_id"] == SPACE


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--all"], "--namespace"),
        (["--all", "--namespace", "ada", "first"], "--all"),
        (["--all", "--namespace", "ada", "--repo-id", "ada/x"], "--all"),
        (["first"], "--repo-id"),
        ([], "MODEL"),
        (["first", "--repo-id", "ada/first", "--namespace", "ada"], "--all"),
        (["first", "--repo-id", "ada/first", "--space", SPACE], "--all"),
        (["first", "--repo-id", "ada/first", "--collection", TITLE], "--all"),
    ],
)
def test_options_that_contradict_each_other_are_refused(project: Path, arguments: list[str], match: str) -> None:
    done = command(project, *arguments)
    assert done.returncode == 2
    assert match in done.stderr
    assert "Traceback" not in done.stderr


def test_the_workflow_is_printed(project: Path) -> None:
    one = command(project, "first", "--repo-id", "ada/first", "--on-tag")
    assert one.stdout == workflow_on_tag({"first": "ada/first"})
    every = command(project, "--all", "--namespace", "ada", "--on-tag")
    assert every.stdout == workflow_on_tag({name: f"ada/{name}" for name in NAMES})
