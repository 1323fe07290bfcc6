"""The Space: exactly the app's files, in one commit; started from the loopback Hub, it serves exactly those models."""

import json
import pkgutil
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

import emohub
from emohub import layout
from emohub.errors import PublishError, UsageError
from emohub.inference import Classifier
from emohub.layout import served_models
from emohub.publish import Plan, plan, space
from emohub.publish.hub import Hub as Client
from emohub.publish.space import PROGRAM, SpacePlan, check_space, plan_space, push_space
from tests.factories import make_verification
from tests.hub import Blob, Hub
from tests.publishing import TOKEN, clean_environment, hub, online, write_records  # noqa: F401 (fixtures)

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("first", "second")
SPACE = "ada/emohub"
KEY = f"spaces/{SPACE}"
TEXT = "i feel so happy today"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a Space is made from, copied, so that nobody edits it meanwhile."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in (*PROGRAM, "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "emohub", folder / "emohub", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def project(make_tiny_model: Any, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models with cards, the page of a documented one, and things that must stay here."""
    for seed, name in enumerate(NAMES):
        model = tmp_path / "models" / name
        shutil.copytree(make_tiny_model(seed=seed, scale=0.3), model)
        (tmp_path / "cards" / name).mkdir(parents=True)
        write_records(tmp_path / "cards" / name, model / "model.safetensors")
        (tmp_path / "cards" / name / "predictions.parquet").write_bytes(b"rows")
    make_verification().save(tmp_path / "cards" / "first" / "verify.json")
    (tmp_path / "cards" / "documented").mkdir()
    (tmp_path / "cards" / "documented" / "README.md").write_text("# documented\n", encoding="utf-8")
    (tmp_path / ".env").write_text("HF_TOKEN=nothing", encoding="utf-8")
    monkeypatch.setattr(space, "checkout", lambda: checkout)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plans() -> dict[str, Plan]:
    return {name: plan(name, f"ada/{name}") for name in NAMES}


def planned(**options: Any) -> SpacePlan:
    return plan_space(SPACE, plans(), **options)


def test_the_plan_is_exactly_the_app(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "checkout", layout.checkout)
    made = planned()
    modules = {
        f"{each.name.replace('.', '/')}{'/__init__' if each.ispkg else ''}.py"
        for each in pkgutil.walk_packages(emohub.__path__, "emohub.", onerror=lambda name: None)
    }
    assert len(modules) > 90
    paths = {file.path for file in made.files}
    data = {path for path in paths if path.startswith("emohub/") and not path.endswith(".py")}
    assert {"emohub/ui/styles/base.css", "emohub/recipes/minilm-emotion.toml", "emohub/py.typed"} <= data
    assert {Path(path).suffix for path in data} <= {
        ".toml",
        ".jinja",
        ".css",
        ".js",
        ".typed",
        "",
        ".json",
        ".txt",
        ".csv",
    }
    pictures = ("learning_curves.png", "confusion_matrix.png", "calibration.png")
    shown = ("README.md", "run.json", "eval.json", *pictures)
    cards = {f"cards/{name}/{file}" for name in NAMES for file in shown} | {"cards/first/verify.json"}
    assert paths - data - modules - {"emohub/__init__.py"} == {
        "app.py",
        "requirements.txt",
        "LICENSE",
        "README.md",
        "models.json",
        "cards/documented/README.md",
        *cards,
    }
    assert len(paths) == len(made.files)
    assert "hold no token" in check_space(made)


def content(made: SpacePlan, path: str) -> str:
    (file,) = (file for file in made.files if file.path == path)
    return file.source.decode() if isinstance(file.source, bytes) else file.source.read_text(encoding="utf-8")


def test_the_front_page_has_the_settings_and_names_the_models(project: Path) -> None:
    made = planned()
    settings = yaml.safe_load(content(made, "README.md").split("---\n")[1])
    pinned = re.search(r"^gradio\[mcp\]==(.+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned is not None
    assert (settings["sdk"], settings["sdk_version"], settings["app_file"]) == ("gradio", pinned[1], "app.py")
    assert settings["models"] == ["ada/first", "ada/second"]
    assert settings["datasets"] == ["someone/feelings"]
    assert len(settings["short_description"]) <= 60
    assert json.loads(content(made, "models.json")) == {"first": "ada/first", "second": "ada/second"}
    assert "ada/first" in content(made, "cards/first/README.md")


def test_a_secret_in_a_page_stays_here(project: Path, online: Hub) -> None:  # noqa: F811
    secret = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNm"
    (project / "cards" / "documented" / "README.md").write_text(f"a\n{secret}\n", encoding="utf-8")
    with pytest.raises(PublishError, match=r"cards/documented/README\.md, line 2 holds a Hugging Face token") as caught:
        push_space(planned(), Client.connect())
    assert secret not in str(caught.value)
    assert online.requests == []


def test_a_link_and_an_installed_package_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "cards" / "linked").symlink_to(project / "cards" / "documented")
    with pytest.raises(PublishError, match="is a link"):
        planned()
    (project / "cards" / "linked").unlink()
    monkeypatch.setattr(space, "checkout", lambda: None)
    with pytest.raises(UsageError, match="installed package"):
        planned()
    with pytest.raises(UsageError, match="no id of a Space"):
        plan_space("emohub", plans())


def test_one_commit_then_none(project: Path, online: Hub) -> None:  # noqa: F811
    told: list[str] = []
    pushed = push_space(planned(), Client.connect(), on_step=told.append)
    repo = online.repos[KEY]
    assert pushed.commit == repo.head.oid
    assert pushed.url == f"{online.url}/spaces/{SPACE}"
    assert len(repo.commits) == 2
    assert {path: blob.sha256 for path, blob in repo.head.files.items() if path != ".gitattributes"} == {
        file.path: file.sha256 for file in planned().files
    }
    assert len(told) == 2
    online.requests.clear()
    again = push_space(planned(), Client.connect())
    assert (again.commit, again.uploaded, again.removed) == (None, (), ())
    assert len(repo.commits) == 2
    assert online.count("POST", "/commit/") == 0


def test_what_no_longer_belongs_to_the_app_goes_and_what_others_added_stays(
    project: Path,
    online: Hub,  # noqa: F811
) -> None:
    push_space(planned(), Client.connect())
    repo = online.repos[KEY]
    others = {"emohub/gone.py": Blob(b"1"), "cards/third/README.md": Blob(b"2"), "notes.md": Blob(b"3")}
    repo.commit("main", "by hand", dict(repo.head.files) | others, repo.head.oid)
    pushed = push_space(planned(), Client.connect())
    assert pushed.removed == ("cards/third/README.md", "emohub/gone.py")
    assert "notes.md" in repo.head.files
    assert "emohub/gone.py" not in repo.head.files


@pytest.mark.parametrize(
    ("method", "path", "status", "match"),
    [
        ("POST", "repos/create", 402, r"create the Space ada/emohub \(402.*choose free hardware"),
        ("POST", "spaces/.*/commit/", 402, r"commit to the Space ada/emohub \(402.*choose free hardware"),
        ("POST", "spaces/.*/commit/", 412, "the repository changed in the meantime"),
        ("POST", "repos/create", 403, "write access to the Space's owner"),
        ("POST", "spaces/.*/commit/", 500, r"the Hub failed to commit to the Space ada/emohub \(500\)"),
        ("POST", "spaces/.*/preupload", 401, "log in with"),
    ],
)
def test_a_refusal_leaves_the_space_as_it_was(
    project: Path,
    online: Hub,  # noqa: F811
    method: str,
    path: str,
    status: int,
    match: str,
) -> None:
    if "create" not in path:
        online.add_repo(KEY)
    online.fail(method, path, status, times=99)
    with pytest.raises(PublishError, match=match) as caught:
        push_space(planned(), Client.connect())
    assert TOKEN not in str(caught.value)
    assert [len(repo.commits) for repo in online.repos.values()] in ([], [1])
    online.faults.clear()
    assert push_space(planned(), Client.connect()).commit


def test_a_lost_answer_is_found_out(project: Path, online: Hub) -> None:  # noqa: F811
    online.fail("POST", "spaces/.*/commit/", None, lost=True)
    pushed = push_space(planned(), Client.connect())
    assert pushed.commit == online.repos[KEY].head.oid
    assert len(online.repos[KEY].commits) == 2


def test_a_public_space_is_refused_when_a_private_one_is_asked(project: Path, online: Hub) -> None:  # noqa: F811
    online.add_repo(KEY)
    with pytest.raises(PublishError, match="is public, and --private was asked"):
        push_space(planned(private=True), Client.connect())
    del online.repos[KEY]
    assert push_space(planned(private=True), Client.connect()).private
    assert online.repos[KEY].private


def test_the_file_that_names_the_models_is_read_strictly(project: Path) -> None:
    assert list(served_models()) == list(NAMES)
    (project / "models.json").write_text('{"a": "ada/a"}', encoding="utf-8")
    assert served_models() == {"a": "ada/a"}
    for damaged in ("{", "[]", "{}", '{"a": 1}'):
        (project / "models.json").write_text(damaged, encoding="utf-8")
        with pytest.raises(UsageError, match=r"models\.json does not name Hub ids"):
            served_models()


def test_the_pushed_space_starts_and_serves_exactly_the_published_models(
    project: Path,
    online: Hub,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """As the Hub does it: the files of the Space alone, started with ``python app.py``, weights from the Hub."""
    for name in NAMES:
        repo = online.add_repo(f"ada/{name}")
        files = {path.name: path for path in (project / "models" / name).iterdir()}
        blobs = {path: Blob(file.read_bytes(), lfs=path.endswith(".safetensors")) for path, file in files.items()}
        repo.commit("main", "weights", dict(repo.head.files) | blobs, repo.head.oid)
    push_space(planned(), Client.connect())
    folder = tmp_path_factory.mktemp("space")
    for path, blob in online.repos[KEY].head.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(blob.content)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = clean_environment(
        folder / "home",
        HF_ENDPOINT=online.url,
        HF_HUB_DISABLE_XET="1",
        PORT=str(port),
        GRADIO_ANALYTICS_ENABLED="False",
    )
    command = [sys.executable, "app.py"]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"http://\S+?/", process.stdout.readline())
            assert address is not None, "the Space did not start"
            with urllib.request.urlopen(f"{address[0]}config", timeout=60) as response:
                components = json.load(response)["components"]
            choices = {each["props"].get("elem_id"): each["props"].get("choices") for each in components}
            assert [value for _, value in choices["classify-model"]] == ["first", "second"]
            assert {value for _, value in choices["card-choice"]} == {"first", "second", "documented"}
            for name in NAMES:
                answer = ask(address[0], TEXT, name)
                expected = Classifier.from_pretrained(project / "models" / name).classify(TEXT)
                assert answer["label"] == expected.label
                assert list(answer["probabilities"].values()) == pytest.approx(list(expected.probabilities), abs=1e-6)
        finally:
            process.terminate()


def ask(address: str, text: str, model: str) -> Any:
    body = json.dumps({"data": [text, model]}).encode()
    request = urllib.request.Request(f"{address}gradio_api/run/classify", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        (answer,) = json.load(response)["data"]
    return answer
