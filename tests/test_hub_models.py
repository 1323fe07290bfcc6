"""Models that visitors add from the loopback Hub: which ones, how large, how many, and that no code of them runs."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emohub.errors import BusyError, ModelError, UsageError
from emohub.inference import Classifier
from emohub.record import PublicationRecord
from emohub.ui.service.hub_models import AllowList, HubModels, Transfer, published_models
from tests.hub import Blob, Hub, serve_hub
from tests.publishing import reachable

TEXT = "i am so happy today"
SECRET = "hf_TheOwnersTokenThatNoVisitorUses"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A loopback Hub for this process, which has a token that may read everything."""
    with serve_hub() as hub, reachable(hub, monkeypatch, tmp_path / "cache"):
        hub.add_user(SECRET, "ada")
        monkeypatch.setenv("HF_TOKEN", SECRET)
        yield hub


def offer(hub: Hub, repo_id: str, folder: Path, *, private: bool = False, **changes: bytes | None) -> dict[str, Blob]:
    """Put a model on the Hub; ``changes`` replace its files, or take them out, by name with ``__`` for the dot."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files |= {name.replace("__", "."): content for name, content in changes.items() if content is not None}
    for name, content in changes.items():
        if content is None:
            del files[name.replace("__", ".")]
    blobs = {name: Blob(content, lfs=name.endswith((".safetensors", ".bin"))) for name, content in files.items()}
    hub.objects |= {blob.sha256: blob for blob in blobs.values() if blob.lfs}
    hub.add_repo(repo_id, private=private).commit("main", "a model", blobs, None)
    return blobs


def models(*patterns: str, **limits: int) -> HubModels:
    return HubModels(AllowList(patterns or ("ada/*",)), **limits)


def folders(added: HubModels) -> list[Path]:
    """What lies on the disk."""
    return sorted(Path(added._root).iterdir()) if added._root else []


def test_an_added_model_answers_as_it_does_from_its_folder(hub: Hub, tiny_model_dir: Path) -> None:
    blobs = offer(hub, "ada/tiny", tiny_model_dir)
    added = models()
    steps = list(added.add(" ada/tiny "))
    total = sum(len(blob.content) for name, blob in blobs.items())
    assert steps[-1] == Transfer("ada/tiny", total, total)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    given = added.get("ada/tiny")
    assert given.classify(TEXT).probabilities == Classifier.from_pretrained(tiny_model_dir).classify(TEXT).probabilities
    assert (given.id, given.revision) == ("ada/tiny", hub.repos["ada/tiny"].head.oid)
    asked = len(hub.requests)
    assert list(added.add("ada/tiny")) == []
    assert len(hub.requests) == asked
    assert not [request for request in hub.requests if SECRET in request.headers.get("authorization", "")]


@pytest.mark.parametrize(
    ("repo_id", "message"),
    [
        ("other/tiny", "not among the models that may be added"),
        ("ada/tiny-2", "not among"),
        ("ada", "not the id of a model"),
        ("ada/*", "not the id"),
        ("../models/tiny", "not the id"),
        ("/etc/passwd", "not the id"),
        ("ada/tiny/x", "not the id"),
        ("", "not the id"),
        (None, "not the id"),
        (["ada/tiny"], "not the id"),
        ("a" * 200 + "/tiny", "not the id"),
    ],
)
def test_what_is_not_on_the_list_is_not_even_looked_up(hub: Hub, repo_id: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        list(models("ada/tiny", "bob/*").add(repo_id))
    assert hub.requests == []


def test_the_list_takes_ids_and_owners_in_any_case() -> None:
    allowed = AllowList(["Ada/Tiny", "bob/*"])
    assert [allowed.checked(id) for id in ("ada/tiny", "BOB/anything.v2", " bob/x ")] == [
        "ada/tiny",
        "BOB/anything.v2",
        "bob/x",
    ]
    with pytest.raises(UsageError, match="ask who runs it"):
        AllowList().checked("ada/tiny")
    for pattern in ("*/*", "ada", "ada/b*", "*", "", "a b/c"):
        with pytest.raises(UsageError, match="names no model"):
            AllowList([pattern])


def test_what_was_published_for_everybody_may_be_added(tmp_path: Path) -> None:
    for name, private in (("open", False), ("closed", True), ("damaged", False)):
        (tmp_path / name).mkdir()
        record = PublicationRecord(
            created="2026-11-21T10:00:00Z",
            emohub="1.0",
            repo_id=f"ada/{name}",
            url=f"https://hub.test/ada/{name}",
            private=private,
            revision="main",
            commit="c0ffee",
            parent=None,
            pull_request=None,
            tag=None,
            files={},
            prose="0" * 64,
        )
        record.save(tmp_path / name / "publish.json")
    (tmp_path / "damaged" / "publish.json").write_text("{")
    assert published_models(tmp_path) == ("ada/open",)
    assert published_models(tmp_path / "none") == ()


def test_a_model_that_is_too_large_is_refused_before_a_byte_of_it_is_fetched(hub: Hub, tiny_model_dir: Path) -> None:
    offer(hub, "ada/tiny", tiny_model_dir)
    added = models(max_bytes=10_000)
    with pytest.raises(ModelError, match="takes models up to 0 MB"):
        list(added.add("ada/tiny"))
    assert hub.count("GET", "/resolve/") == 0
    assert folders(added) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__safetensors": None, "pytorch_model__bin": b"a pickle"}, "no safetensors weights.*pickle"),
        ({"config__json": None}, "no configuration"),
        ({"config__json": b"{"}, "cannot be read"),
        ({"model__safetensors": b"no weights"}, "cannot be loaded"),
    ],
)
def test_what_cannot_be_read_safely_is_refused(
    hub: Hub, tiny_model_dir: Path, changes: dict[str, bytes | None], message: str
) -> None:
    offer(hub, "ada/tiny", tiny_model_dir, **changes)
    added = models()
    with pytest.raises(ModelError, match=message):
        list(added.add("ada/tiny"))
    assert folders(added) == []
    with pytest.raises(UsageError, match="no longer loaded"):
        added.get("ada/tiny")


def test_code_inside_a_model_is_neither_fetched_nor_run(hub: Hub, tiny_model_dir: Path, tmp_path: Path) -> None:
    config = json.loads((tiny_model_dir / "config.json").read_text())
    code = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    automatic = {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"}
    for kind in ("bert", "evil"):
        changed = json.dumps(config | {"auto_map": automatic, "model_type": kind}).encode()
        offer(hub, f"ada/{kind}", tiny_model_dir, config__json=changed, evil__py=code)
    added = models()
    list(added.add("ada/bert"))
    assert added.get("ada/bert").classify(TEXT).labels == ("sadness", "joy", "anger")
    with pytest.raises(ModelError, match="code inside a model is never run"):
        list(added.add("ada/evil"))
    assert hub.count("GET", r"evil\.py") == 0
    assert not (tmp_path / "ran").exists()
    assert not [name for name in sys.modules if name.endswith(".evil")]


def test_what_is_private_or_absent_is_the_same_to_a_visitor(hub: Hub, tiny_model_dir: Path) -> None:
    offer(hub, "ada/secret", tiny_model_dir, private=True)
    said = []
    for name in ("secret", "absent"):
        with pytest.raises(ModelError, match="no public model") as refused:
            list(models().add(f"ada/{name}"))
        said.append(str(refused.value).replace(name, ""))
    assert said[0] == said[1]


def test_a_hub_that_is_gone_is_said_in_a_sentence(
    hub: Hub, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(hub, "ada/tiny", tiny_model_dir)
    added = models()
    hub.fail("GET", r"/resolve/.*safetensors", None)
    with pytest.raises(ModelError, match="cannot be reached"):
        list(added.add("ada/tiny"))
    hub.fail("GET", "/api/models/", 503)
    with pytest.raises(ModelError, match="cannot be reached"):
        list(added.add("ada/tiny"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"cannot be reached for 'ada/tiny' \(ConnectError\)"):
        list(added.add("ada/tiny"))
    assert folders(added) == []


def test_a_file_that_is_not_the_announced_one_is_refused(hub: Hub, tiny_model_dir: Path) -> None:
    offer(hub, "ada/tiny", tiny_model_dir)
    weights = (tiny_model_dir / "model.safetensors").read_bytes()
    added = models()
    for body in (weights[:-1] + b"x", weights[:-1], weights + b"x"):
        hub.fail("GET", r"/resolve/.*safetensors", 200, body=body)
        with pytest.raises(ModelError, match="arrived damaged"):
            list(added.add("ada/tiny"))
    assert folders(added) == []


def test_whoever_stops_asking_stops_the_download(hub: Hub, tiny_model_dir: Path) -> None:
    offer(hub, "ada/tiny", tiny_model_dir)
    added = models()
    for _ in range(5):  # more than may be fetched at once
        steps = added.add("ada/tiny")
        assert next(steps).done > 0
        assert len(folders(added)) == 1
        steps.close()
        assert folders(added) == []
    assert list(added.add("ada/tiny"))


def test_too_many_downloads_at_once_are_turned_away(hub: Hub, tiny_model_dir: Path) -> None:
    for name in ("one", "two", "three"):
        offer(hub, f"ada/{name}", tiny_model_dir)
    added = models()
    running = [added.add("ada/one"), added.add("ada/two")]
    for steps in running:
        next(steps)
    with pytest.raises(BusyError, match="being fetched already"):
        next(added.add("ada/three"))
    for steps in running:
        list(steps)
    list(added.add("ada/three"))
    assert added.get("ada/one").id == "ada/one"


def test_two_who_add_the_same_model_get_the_same_one(hub: Hub, tiny_model_dir: Path) -> None:
    offer(hub, "ada/tiny", tiny_model_dir)
    added = models()
    first, second = added.add("ada/tiny"), added.add("ada/tiny")
    next(first), next(second)
    list(first)
    kept = added.get("ada/tiny")
    list(second)
    assert added.get("ada/tiny") is kept
    assert len(folders(added)) == 1


def test_the_model_that_was_used_longest_ago_makes_room(hub: Hub, tiny_model_dir: Path) -> None:
    for name in "abc":
        offer(hub, f"ada/{name}", tiny_model_dir)
    added = models(max_models=2)
    list(added.add("ada/a"))
    list(added.add("ada/b"))
    added.get("ada/a")
    list(added.add("ada/c"))
    with pytest.raises(UsageError, match="ada/b is no longer loaded here; add it again"):
        added.get("ada/b")
    assert {added.get(f"ada/{name}").id for name in "ac"} == {"ada/a", "ada/c"}
    assert len(folders(added)) == 2
