"""The real client publishes tiny models to the loopback Hub, and every failure is one sentence without the token."""

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session, constants

from emohub.card import render_folder
from emohub.errors import EmohubError, PublishError, UsageError
from emohub.pictures import draw_learning_curves
from emohub.publish import ALLOWED, plan, preflight, publish
from emohub.record import sha256_file
from tests.factories import make_run_record
from tests.hub import Blob, Hub, Request, serve_hub
from tests.publishing import (
    REPO,
    TOKEN,
    UPLOADED,
    assert_holds_no_token,
    clean_environment,
    make_hub,
    make_run,
    publish_command,
    write_records,
)

# The client's own upload over LFS uses an argument that httpx2 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")

# The plan and the preflight ----------------------------------------------------------------------------------------


def test_the_plan_is_exactly_the_allowed_files_with_their_sizes_and_hashes(run_folder: Path) -> None:
    planned = plan(str(run_folder), REPO)
    assert {file.path for file in planned.files} >= UPLOADED
    assert {file.path for file in planned.files} <= set(ALLOWED)
    for file in planned.files:
        content = file.source if isinstance(file.source, bytes) else file.source.read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert {".env", "checkpoint-10/", "optimizer.pt", "training_args.bin"} <= set(planned.left_out)
    assert any("sadness" in check for check in preflight(planned))


def test_the_plan_and_the_preflight_open_no_connection(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    preflight(plan(str(run_folder), REPO))


def test_the_card_that_goes_up_names_the_repository(run_folder: Path) -> None:
    card = plan(str(run_folder), REPO).file("README.md")
    assert card is not None
    assert isinstance(card.source, bytes)
    assert f'"{REPO}"' in card.source.decode()


def test_a_name_finds_the_shipped_model_and_its_records(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model_dir, tmp_path / "models" / "tiny")
    (tmp_path / "cards" / "tiny").mkdir(parents=True)
    write_records(tmp_path / "cards" / "tiny", tmp_path / "models" / "tiny" / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    planned = plan("tiny", REPO)
    assert {file.path for file in planned.files} >= UPLOADED
    assert preflight(planned)


@pytest.mark.parametrize(
    "repo_id", ["tiny", "a/b/c", "ada/", "/tiny", "ada/-x", "ada/x.git", "ada/x--y", "a b/c", "ada/" + "x" * 96]
)
def test_a_repository_id_must_be_owner_and_name(run_folder: Path, repo_id: str) -> None:
    with pytest.raises(UsageError, match="OWNER/NAME"):
        plan(str(run_folder), repo_id)


def test_a_model_that_is_not_here_or_has_no_records_is_refused(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model 'someone/else'"):
        plan("someone/else", REPO)
    (run_folder / "eval.json").unlink()
    with pytest.raises(PublishError, match=r"no eval\.json"):
        plan(str(run_folder), REPO)


def test_a_link_is_refused(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("SECRET", encoding="utf-8")
    (run_folder / "checkpoint" / "merges.txt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PublishError, match="is a link"):
        plan(str(run_folder), REPO)


def edit_json(path: Path, **changes: object) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(values | changes), encoding="utf-8")


def tamper_with(run_folder: Path, what: str) -> None:
    checkpoint = run_folder / "checkpoint"
    match what:
        case "card":
            card = run_folder / "README.md"
            card.write_text(card.read_text(encoding="utf-8").replace("accuracy", "Accuracy", 1), encoding="utf-8")
        case "no card":
            (run_folder / "README.md").unlink()
        case "no picture":
            (run_folder / "learning_curves.png").unlink()
        case "picture of another run":
            draw_learning_curves(make_run_record(total_steps=999), run_folder / "learning_curves.png")
        case "weights":
            weights = checkpoint / "model.safetensors"
            content = bytearray(weights.read_bytes())
            content[-1] ^= 1
            weights.write_bytes(content)
        case "evaluation of other weights":
            record = json.loads((run_folder / "eval.json").read_text(encoding="utf-8"))
            record["model"]["fingerprint"] = "0" * 64
            (run_folder / "eval.json").write_text(json.dumps(record), encoding="utf-8")
        case "generic labels":
            edit_json(checkpoint / "config.json", id2label={str(i): f"LABEL_{i}" for i in range(3)})
        case "labels in another order":
            edit_json(checkpoint / "config.json", id2label={"0": "joy", "1": "sadness", "2": "anger"})
        case "code in the repository":
            edit_json(checkpoint / "config.json", auto_map={"AutoModel": "modeling.Model"})
        case "no tokenizer":
            (checkpoint / "tokenizer.json").unlink()
        case "damaged record":
            (run_folder / "run.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("card", "is not what its records give"),
        ("no card", "has no card"),
        ("no picture", r"learning_curves\.png is missing"),
        ("picture of another run", "does not show what the records say"),
        ("weights", "is not the file that the run exported"),
        ("evaluation of other weights", "other weights"),
        ("generic labels", "no real label names"),
        ("labels in another order", "is not the label list"),
        ("code in the repository", "auto_map"),
        ("no tokenizer", r"no tokenizer\.json"),
        ("damaged record", "not JSON"),
    ],
)
def test_the_preflight_refuses_what_does_not_hold_and_nothing_is_sent(
    online: Hub, run_folder: Path, what: str, message: str
) -> None:
    tamper_with(run_folder, what)
    with pytest.raises(EmohubError, match=message):
        publish(plan(str(run_folder), REPO))
    assert online.requests == []


def test_records_that_change_after_the_plan_are_noticed(online: Hub, run_folder: Path) -> None:
    planned = plan(str(run_folder), REPO)
    edit_json(run_folder / "run.json", training_seconds=1.0)
    (run_folder / "README.md").write_text(render_folder(run_folder), encoding="utf-8")
    with pytest.raises(PublishError, match="changed after the plan"):
        publish(planned)
    assert online.requests == []


# The command -------------------------------------------------------------------------------------------------------


def test_a_dry_run_asks_nobody_and_needs_no_token(hub: Hub, run_folder: Path, tmp_path: Path) -> None:
    arguments = (str(run_folder), "--repo-id", REPO, "--dry-run")
    done = publish_command(*arguments, home=str(tmp_path), HF_ENDPOINT=hub.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert sha256_file(run_folder / "checkpoint" / "model.safetensors") in done.stdout
    assert "Dry run" in done.stdout
    unreachable = publish_command(*arguments, "--format", "json", home=str(tmp_path), HF_ENDPOINT="http://127.0.0.1:9")
    report = json.loads(unreachable.stdout)
    assert (unreachable.returncode, unreachable.stderr) == (0, "")
    assert {file["path"] for file in report["plan"]["files"]} >= UPLOADED
    assert (report["failed"], report["published"]) == (None, None)
    assert hub.requests == []


def test_a_dry_run_fails_when_the_preflight_does(run_folder: Path, tmp_path: Path) -> None:
    tamper_with(run_folder, "weights")
    done = publish_command(str(run_folder), "--repo-id", REPO, "--dry-run", "--format", "json", home=str(tmp_path))
    assert done.returncode == 1
    assert "exported" in json.loads(done.stdout)["failed"]["cause"]
    assert "Traceback" not in done.stderr


def test_the_plan_loads_no_heavy_library(run_folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys, emohub.publish as p; p.preflight(p.plan(sys.argv[1], 'ada/tiny'));"
        "print(sorted({'torch', 'transformers', 'gradio', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run_folder)],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"


LOAD = """
import json, sys
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from emohub.inference import Classifier

answers, texts = {}, json.loads(sys.argv[1])
for repo in sys.argv[2:]:
    model = AutoModelForSequenceClassification.from_pretrained(repo).float().eval()
    tokenizer = AutoTokenizer.from_pretrained(repo)
    with torch.inference_mode():
        logits = model(**tokenizer(texts, padding=True, truncation=True, return_tensors="pt")).logits
    ours = Classifier.from_pretrained(repo, engine="torch")
    answers[repo] = {"plain": torch.softmax(logits, -1).tolist(), "ours": ours.predict_proba(texts).tolist(),
                     "labels": list(ours.labels), "revision": ours.revision}
print(json.dumps(answers))
"""
TEXTS = ("i am so happy today", "a gloomy and lonely day", "furious " * 60)


@dataclass(frozen=True)
class RoundTrip:
    """A run published twice over each upload path from processes of their own, and loaded by another."""

    hub: Hub
    run: Path
    outputs: dict[str, list[subprocess.CompletedProcess[str]]]
    """Of the two publishing commands, by upload path."""
    requests: dict[str, list[Request]]
    """What the Hub was asked by each."""
    loaded: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def round_trip(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoundTrip]:
    folder = tmp_path_factory.mktemp("round-trip")
    run = make_run(folder / "tiny-run", tiny_model_dir)
    outputs: dict[str, list[subprocess.CompletedProcess[str]]] = {}
    requests = {}
    with serve_hub() as hub:
        make_hub(hub)
        online = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN + "\n"}
        for path, switch in (("xet", "0"), ("lfs", "1")):
            command = (str(run), "--repo-id", f"ada/tiny-{path}", "--private", "--format", "json")
            environment = online | {"home": str(folder / path), "HF_HUB_DISABLE_XET": switch}
            hub.objects.clear()  # nothing that one path has uploaded is there for the other
            outputs[path] = [publish_command(*command, **environment) for _ in range(2)]
            requests[path], hub.requests = hub.requests, []
        done = subprocess.run(
            [sys.executable, "-c", LOAD, json.dumps(TEXTS), "ada/tiny-xet", "ada/tiny-lfs"],
            env=clean_environment(folder / "reader", **online),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        requests["load"] = hub.requests
        yield RoundTrip(hub, run, outputs, requests, json.loads(done.stdout))


@pytest.mark.parametrize("path", ["xet", "lfs"])
def test_one_commit_holds_what_was_planned_and_nothing_else(path: str, round_trip: RoundTrip) -> None:
    first, second = round_trip.outputs[path]
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    report = json.loads(first.stdout)
    repo = round_trip.hub.repos[f"ada/tiny-{path}"]
    assert repo.private
    assert report["published"]["commit"] == repo.head.oid
    assert len(repo.commits) == 2  # the Hub's own first commit, and ours
    assert {file["path"]: file["sha256"] for file in report["plan"]["files"]} == {
        name: blob.sha256 for name, blob in repo.head.files.items() if name != ".gitattributes"
    }
    assert json.loads(second.stdout)["published"]["commit"] is None
    asked = [f"{request.method} {request.path}" for request in round_trip.requests[path]]
    assert sum("/commit/main" in line for line in asked) == 1
    assert sum("POST /cas/v1/xorbs/" in line for line in asked) == (path == "xet")
    assert sum("PUT /lfs/" in line for line in asked) == (path == "lfs")


@pytest.mark.parametrize("path", ["xet", "lfs"])
def test_no_secret_leaves_and_the_token_is_not_shown(path: str, round_trip: RoundTrip) -> None:
    for request in round_trip.requests[path]:
        sent = request.body
        if "/commit/" in request.path:
            values = [json.loads(line)["value"] for line in request.body.splitlines()]
            sent = b"".join(base64.b64decode(value["content"]) for value in values if "content" in value)
            assert {value["path"] for value in values if "path" in value} <= set(ALLOWED)
        assert b"SECRET" not in request.body + sent
    assert all(TOKEN not in done.stdout + done.stderr for done in round_trip.outputs[path])


@pytest.mark.parametrize("path", ["xet", "lfs"])
def test_what_was_published_loads_back_and_says_the_same(path: str, round_trip: RoundTrip) -> None:
    from emohub.inference import Classifier

    loaded = round_trip.loaded[f"ada/tiny-{path}"]
    expected = Classifier.from_pretrained(round_trip.run / "checkpoint", engine="torch").predict_proba(TEXTS)
    assert loaded["labels"] == ["sadness", "joy", "anger"]
    assert loaded["revision"] == round_trip.hub.repos[f"ada/tiny-{path}"].head.oid
    assert abs(expected - loaded["plain"]).max() <= 1e-6
    assert abs(expected - loaded["ours"]).max() <= 1e-6
    asked = [request.path for request in round_trip.requests["load"]]
    assert any(request.startswith("/cas/v1/reconstructions/") for request in asked)  # one came back over Xet


# Publishing, in this process ---------------------------------------------------------------------------------------


def test_publishing_again_after_a_change_sends_only_that(online: Hub, run_folder: Path) -> None:
    steps: list[str] = []
    first = publish(plan(str(run_folder), REPO), on_step=steps.append)
    assert first.commit == online.repos[REPO].head.oid
    assert not first.private
    assert steps[-1] == "Checking what the Hub holds now"
    assert publish(plan(str(run_folder), REPO)).commit is None
    edit_json(run_folder / "run.json", training_seconds=1.0)
    (run_folder / "README.md").write_text(render_folder(run_folder), encoding="utf-8")
    third = publish(plan(str(run_folder), REPO))
    assert "run.json" in third.uploaded
    assert "model.safetensors" not in third.uploaded
    assert online.count("PUT", "/lfs/") == 1
    assert len(online.repos[REPO].commits) == 3


def test_other_files_of_the_repository_stay(online: Hub, run_folder: Path) -> None:
    repo = online.add_repo(REPO)
    repo.commit("main", "a picture", repo.head.files | {"picture.png": Blob(b"png")}, repo.head.oid)
    publish(plan(str(run_folder), REPO))
    assert repo.head.files["picture.png"].content == b"png"


def test_a_pull_request_leaves_the_main_branch_alone(online: Hub, run_folder: Path) -> None:
    repo = online.add_repo("someone/tiny")
    before = repo.head.oid
    published = publish(plan(str(run_folder), "someone/tiny", create_pr=True))
    assert published.pull_request == f"{online.url}/someone/tiny/discussions/1"
    assert repo.head.oid == before
    assert set(repo.commits[repo.refs["refs/pr/1"]].files) >= UPLOADED


def test_a_commit_of_somebody_else_in_between_is_gone_on_from(online: Hub, run_folder: Path) -> None:
    repo = online.add_repo(REPO)
    theirs: list[str] = []

    def somebody_commits() -> None:
        theirs.append(repo.commit("main", "meanwhile", repo.head.files | {"x": Blob(b"x")}, repo.head.oid).oid)

    online.fail("POST", "/commit/main", action=somebody_commits)
    steps: list[str] = []
    published = publish(plan(str(run_folder), REPO), on_step=steps.append)
    assert published.commit == repo.head.oid
    assert repo.head.parent == theirs[0]
    assert set(repo.head.files) >= UPLOADED | {"x"}
    assert online.count("PUT", "/lfs/") == 1  # what had landed is not sent again
    assert "Somebody else committed in between: going on from their commit" in steps


def test_other_weights_in_between_are_not_overwritten_unseen(online: Hub, run_folder: Path) -> None:
    repo = online.add_repo(REPO)

    def somebody_publishes() -> None:
        repo.commit("main", "theirs", repo.head.files | {"model.safetensors": Blob(b"theirs", lfs=True)}, repo.head.oid)

    online.fail("POST", "/commit/main", action=somebody_publishes)
    with pytest.raises(PublishError, match=r"somebody else changed model\.safetensors") as caught:
        publish(plan(str(run_folder), REPO))
    assert "would replace" in caught.value.remedy
    assert repo.head.files["model.safetensors"].content == b"theirs"
    assert publish(plan(str(run_folder), REPO)).commit == repo.head.oid


@pytest.mark.parametrize("status", [None, 500, 503])
def test_a_lost_answer_to_a_commit_that_landed_is_no_failure(online: Hub, run_folder: Path, status: int | None) -> None:
    online.fail("POST", "/commit/main", status, lost=True)
    published = publish(plan(str(run_folder), REPO))
    assert published.commit == online.repos[REPO].head.oid
    assert len(online.repos[REPO].commits) == 2


@pytest.mark.parametrize("status", [None, 500, 503])
def test_a_pull_request_is_opened_once_though_its_answer_is_lost(
    online: Hub, run_folder: Path, status: int | None
) -> None:
    repo = online.add_repo("someone/tiny")
    online.fail("POST", "/commit/main", status, lost=True)
    planned = plan(str(run_folder), "someone/tiny", create_pr=True)
    first = publish(planned)
    assert first.pull_request == f"{online.url}/someone/tiny/discussions/1"
    assert first.uploaded
    again = publish(planned)
    assert (again.pull_request, again.commit, again.uploaded) == (first.pull_request, None, ())
    assert len(repo.pull_requests) == 1
    repo.pull_requests[0].status = "closed"
    assert publish(planned).pull_request == f"{online.url}/someone/tiny/discussions/2"


def test_weights_that_change_during_the_upload_are_not_committed(online: Hub, run_folder: Path) -> None:
    planned = plan(str(run_folder), REPO)
    online.fail("POST", "/preupload/", action=lambda: tamper_with(run_folder, "weights"))
    with pytest.raises(PublishError, match="changed while it was uploaded"):
        publish(planned)
    assert len(online.repos[REPO].commits) == 1


def test_weights_that_vanish_during_the_upload_are_named(online: Hub, run_folder: Path) -> None:
    planned = plan(str(run_folder), REPO)
    online.fail("POST", "/preupload/", action=(run_folder / "checkpoint" / "model.safetensors").unlink)
    with pytest.raises(PublishError, match=r"model\.safetensors cannot be read \(No such file"):
        publish(planned)
    assert len(online.repos[REPO].commits) == 1


def test_what_the_hub_remarks_about_the_card_is_passed_on(online: Hub, run_folder: Path) -> None:
    remark = {"errors": [], "warnings": [{"message": "the licence is unusual"}]}
    online.fail("POST", "/api/validate-yaml", 200, body=remark)
    (note,) = publish(plan(str(run_folder), REPO)).notes
    assert "the licence is unusual" in note


def test_metadata_that_the_hub_refuses_stops_before_the_commit(online: Hub, run_folder: Path) -> None:
    refusal = {"errors": [{"message": '"license" is odd'}], "warnings": []}
    online.fail("POST", "/api/validate-yaml", 400, body=refusal)
    with pytest.raises(PublishError, match=r'\(400: "license" is odd\)'):
        publish(plan(str(run_folder), REPO))
    assert len(online.repos[REPO].commits) == 1


def test_a_public_repository_is_refused_when_private_was_asked(online: Hub, run_folder: Path) -> None:
    online.add_repo(REPO, private=False)
    with pytest.raises(PublishError, match="is public"):
        publish(plan(str(run_folder), REPO, private=True))
    assert online.count("POST", "/preupload/") == 0


def test_a_private_repository_stays_private(online: Hub, run_folder: Path) -> None:
    online.add_repo(REPO, private=True)
    assert publish(plan(str(run_folder), REPO)).private
    assert online.repos[REPO].private


def test_an_organization_of_the_account_is_fine_and_a_foreign_owner_is_not(online: Hub, run_folder: Path) -> None:
    assert publish(plan(str(run_folder), "lovelace/tiny")).commit is not None
    online.add_repo("someone/tiny")
    with pytest.raises(PublishError, match="not in someone"):
        publish(plan(str(run_folder), "someone/tiny"))
    assert len(online.repos["someone/tiny"].commits) == 1


def test_a_token_that_may_only_read_is_refused(online: Hub, run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    with pytest.raises(PublishError, match="may only read"):
        publish(plan(str(run_folder), "reader/tiny"))


def test_a_repository_that_was_renamed_is_refused(online: Hub, run_folder: Path) -> None:
    online.repos[REPO] = online.add_repo("ada/new-name")
    with pytest.raises(PublishError, match="leads to another repository, ada/new-name"):
        publish(plan(str(run_folder), REPO))


# Failures and the token --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"), [("xet-write-token", 403), ("/cas/v1/xorbs/", 403), ("/cas/v1/shards", 400)]
)
def test_a_refusal_by_xet_is_said_with_its_status(
    path: str, status: int, hub: Hub, run_folder: Path, tmp_path: Path
) -> None:
    repo = hub.add_repo(REPO)
    hub.fail("GET" if "token" in path else "POST", path, status, times=100)
    command = (str(run_folder), "--repo-id", REPO)
    done = publish_command(*command, home=str(tmp_path), HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN)
    assert done.returncode == 1
    assert f"({status})" in done.stderr
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert len(repo.commits) == 1


def test_no_token_a_broken_token_and_no_network_are_said_so(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("emohub.publish.hub.WAITS", ())
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    planned = plan(str(run_folder), REPO)
    with pytest.raises(PublishError, match="no usable Hugging Face token"):
        publish(planned)
    for broken in (f"{TOKEN}\nX-Evil: 1", f"{TOKEN}é", f"{TOKEN}\x00"):
        (tmp_path / "no-token").write_text(broken, encoding="utf-8")
        with pytest.raises(PublishError) as caught:
            publish(planned)
        assert_holds_no_token(caught.value)
    (tmp_path / "no-token").write_text(f"  {TOKEN} \n", encoding="utf-8")
    with pytest.raises(PublishError, match=r"the connection to .* failed") as caught:
        publish(planned)
    assert_holds_no_token(caught.value)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PublishError, match="HF_HUB_OFFLINE is set"):
        publish(planned)
    close_session()
