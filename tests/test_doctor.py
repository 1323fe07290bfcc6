"""The doctor: packages against their ranges, devices that really compute, the Hub and its login, changed versions."""

import dataclasses
import inspect
import json
import math
import re
import socket
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import close_session, constants
from packaging.requirements import Requirement
from packaging.version import Version

from docs import generate_doctor
from docs.parts import parts
from emohub.cli import main
from emohub.doctor import CHANGES, Check, compare_versions, computing, examine, hub, machine, packages, versions
from emohub.doctor.check import GIB
from emohub.doctor.versions import DISTRIBUTIONS, Library, changes_of
from emohub.errors import UsageError
from emohub.recipe import list_recipes, load_recipe
from tests.hub import Hub, serve_hub
from tools import chromium

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TOKEN = "hf_AdasTokenThatNobodyMaySee"
DOCUMENTED = [name for name in list_recipes() if load_recipe(name).documented]


# Packages ------------------------------------------------------------------------------------------------------------


def test_every_declared_package_is_looked_at_and_those_of_the_tests_fit() -> None:
    checks = {check.name: check for check in packages.package_checks()}
    extras = [line for extra, lines in PROJECT["optional-dependencies"].items() if extra != "test" for line in lines]
    names = [Requirement(line).name for line in [*PROJECT["dependencies"], *extras]]
    assert list(checks) == ["Python", "emohub", *names]
    assert {check.status for check in checks.values()} == {"ok"}
    assert checks["torch"].found == metadata.version("torch")
    assert checks["transformers"].wanted == ">=5.23.0,<6"


@pytest.mark.parametrize(
    ("installed", "required", "optional"),
    [
        ("2.0.0", "ok", "ok"),
        ("2.9.1+cpu", "ok", "ok"),
        ("1.9.9", "failure", "warning"),
        ("2.0.0rc1", "failure", "warning"),
        ("3.0.0", "warning", "warning"),
        (None, "failure", "ok"),
    ],
)
def test_a_version_is_held_against_the_range(
    installed: str | None, required: str, optional: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = (Requirement("lib>=2.0.0,<3"),)
    monkeypatch.setattr(packages, "installed_version", lambda name: installed)
    monkeypatch.setattr(packages, "declared", lambda: packages.Declared(packages.SpecifierSet(">=3.11"), lib, {}))
    (*_, check) = packages.package_checks()
    assert (check.name, check.status, check.wanted) == ("lib", required, ">=2.0.0,<3")
    assert check.remedy == ("" if required == "ok" else "pip install 'lib<3,>=2.0.0'")
    monkeypatch.setattr(
        packages, "declared", lambda: packages.Declared(packages.SpecifierSet(">=3.11"), (), {"more": lib})
    )
    (*_, check) = packages.package_checks()
    assert (check.name, check.status) == ("lib", optional)
    assert "pip install 'emohub[more]'" in check.found + check.remedy or optional == "ok"


def test_an_old_python_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.platform, "python_version", lambda: "3.10.14")
    check = next(packages.package_checks())
    assert (check.name, check.status, check.found) == ("Python", "failure", "3.10.14")
    assert check.remedy == "make the environment with Python >=3.11"


def test_an_installed_package_declares_what_its_checkout_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["Metadata-Version: 2.4", "Name: emohub", "Version: 9", f"Requires-Python: {PROJECT['requires-python']}"]
    lines += [f"Requires-Dist: {line}" for line in PROJECT["dependencies"]]
    for extra, requirements in PROJECT["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}"]
        lines += [f'Requires-Dist: {line}; extra == "{extra}"' for line in requirements]
    (tmp_path / "emohub-9.dist-info").mkdir()
    (tmp_path / "emohub-9.dist-info" / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    in_checkout = packages.declared()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(packages, "checkout", lambda: None)
    installed = packages.declared()
    assert (installed.python, installed.required) == (in_checkout.python, in_checkout.required)
    assert {extra: [(each.name, each.specifier) for each in some] for extra, some in installed.extras.items()} == {
        extra: [(each.name, each.specifier) for each in some] for extra, some in in_checkout.extras.items()
    }
    assert next(check for check in packages.package_checks() if check.name == "emohub").found.endswith(
        "(installed package)"
    )


@pytest.mark.parametrize(("module", "name"), [("computing", "torch"), ("hub", "huggingface_hub")])
def test_a_library_that_cannot_be_loaded_is_one_failure_among_the_rest(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"emohub.doctor.{module}", None)
    checks = {check.name: check for check in examine() if check.name not in PROJECT["dependencies"]}
    assert checks[name].status == "failure"
    assert checks[name].found.startswith("cannot be loaded: ")
    assert {"Python", "memory", "project disk"} < set(checks)


# Computing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "digits"), [(torch.bfloat16, 8), (torch.float16, 11)])
def test_half_precision_is_off_by_about_its_last_digit(dtype: torch.dtype, digits: int) -> None:
    error = computing.layer_error(dtype, torch.device("cpu"))
    assert 2.0**-digits / 10 < error < 2.0**-digits * 2
    assert error < computing.TOLERANCE


def test_a_precision_that_is_refused_or_wrong_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dtype: torch.dtype, device: torch.device) -> float:
        raise NotImplementedError('"addmm" not implemented for Half\nin detail')

    cases = {
        refuse: 'does not compute: "addmm" not implemented for Half',
        (lambda dtype, device: 0.5): "computes wrongly: off by 50.0%",
        (lambda dtype, device: math.nan): "computes wrongly: off by nan%",
    }
    for attempt, found in cases.items():
        monkeypatch.setattr(computing, "layer_error", attempt)
        checks = {check.name: check for check in computing.computing_checks()}
        for name in ("bf16", "fp16"):
            assert (checks[name].status, checks[name].found) == ("warning", found)


def test_accelerate_leaves_fp16_alone_on_a_processor() -> None:
    """What the doctor says of fp16 without a GPU."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    try:
        accelerator = Accelerator(mixed_precision="fp16", cpu=True)
        with accelerator.autocast():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    finally:
        AcceleratorState._reset_state()


@pytest.mark.parametrize(("cuda", "remedy"), [(None, "CUDA build of torch"), ("13.0", "driver")])
def test_a_gpu_that_torch_does_not_use_is_a_warning(
    cuda: str | None, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computing, "NVIDIA", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    check = next(computing.computing_checks())
    assert (check.name, check.status) == ("torch build", "warning")
    assert remedy in check.remedy
    monkeypatch.setattr(computing, "NVIDIA", tmp_path / "absent")
    assert next(computing.computing_checks()).status == "ok"


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000\n", 2), ("50000 100000\n", 1), ("6400000 100000\n", 8), ("max 100000\n", 8), (None, 8)],
)
def test_a_containers_quota_counts_as_fewer_processors(
    quota: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computing.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota, encoding="ascii")
    assert computing.usable_processors(tmp_path / "cpu.max") == expected


def test_more_threads_than_processors_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "usable_processors", lambda: 2)
    for threads, status in ((1, "ok"), (2, "ok"), (64, "warning")):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        (check,) = [check for check in computing.computing_checks() if check.name == "threads"]
        assert (check.status, check.found) == (status, f"{threads} on 2 usable processors")
    assert check.remedy == "set OMP_NUM_THREADS=2"


# The machine ---------------------------------------------------------------------------------------------------------


def test_a_containers_limit_counts_as_less_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    physical = machine.total_memory(tmp_path / "absent")
    assert physical is not None
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert machine.total_memory(tmp_path / "memory.max") == physical
    (tmp_path / "memory.max").write_text(f"{GIB}\n", encoding="ascii")
    assert machine.total_memory(tmp_path / "memory.max") == GIB
    for size, status in ((GIB, "warning"), (4 * GIB, "ok"), (None, "ok")):
        monkeypatch.setattr(machine, "total_memory", lambda size=size: size)
        assert next(machine.machine_checks()).status == status


def test_a_disk_is_held_against_what_a_run_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    below_a_file = machine.disk_check("disk", tmp_path / "file" / "runs")
    assert (below_a_file.status, below_a_file.found) == ("failure", "not writable")
    for free, status in ((4 * GIB, "ok"), (4 * GIB - 1, "warning")):
        monkeypatch.setattr(machine.shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free))
        check = machine.disk_check("disk", tmp_path / "not" / "yet", "there, ")
        assert (check.status, check.found) == (status, "there, 4.0 GiB free")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_the_browser_is_looked_for_where_the_tests_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.BROWSERS == chromium.COMMANDS
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    for path, named in ((tmp_path / "google-chrome", False), (tmp_path / "my-browser", True)):
        (*_, check) = machine.machine_checks()
        assert (check.name, check.status, check.found) == ("browser", "warning", "none")
        path.touch(mode=0o755)
        if named:
            monkeypatch.setenv("CHROMIUM", str(path))
        (*_, check) = machine.machine_checks()
        assert (check.status, check.found) == ("ok", path.name)
        path.unlink()
    monkeypatch.setattr(machine, "checkout", lambda: None)
    assert "browser" not in [check.name for check in machine.machine_checks()]


# The Hub -------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No token of this machine is seen."""
    for name in hub.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    close_session()
    yield
    close_session()


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serve_hub() as server:
        server.add_user(TOKEN, "ada")
        server.add_user("hf_reader", "reader", role="read")
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        yield server


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that gives everyone the same answer; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def hub_and_login() -> tuple[Check, Check]:
    reached, login, cache = hub.hub_checks()
    assert [reached.name, login.name, cache.name] == ["Hub", "login", "Hub cache"]
    assert TOKEN not in repr((reached, login, cache))
    return reached, login


def test_a_login_that_may_write_is_well(online: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    reached, login = hub_and_login()
    assert (reached.status, reached.found) == ("ok", f"{online.url} answers")
    assert (login.status, login.found) == ("ok", "ada, token from HF_TOKEN")
    assert {request.method for request in online.requests} == {"GET"}


def test_a_token_from_the_file_is_named_so(online: Hub, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    assert hub_and_login()[1].found == "ada, token from the token file"


@pytest.mark.parametrize(
    ("token", "status", "found"),
    [
        (None, "warning", "no token"),
        ("hf_reader", "warning", "reader, read only, token from HF_TOKEN"),
        (f"{TOKEN}\n", "warning", "HF_TOKEN begins or ends with a space or a line break"),
        (f" {TOKEN}", "warning", "HF_TOKEN begins or ends with a space or a line break"),
        (f"{TOKEN}x", "failure", "token from HF_TOKEN: the Hub refused to tell whose token this is (401"),
        (f"{TOKEN}é", "failure", "token from HF_TOKEN: there is no usable Hugging Face token"),
    ],
)
def test_what_is_amiss_with_a_token_is_said(
    token: str | None, status: str, found: str, online: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    reached, login = hub_and_login()
    assert reached.status == "ok"
    assert login.status == status
    assert login.found.startswith(found)
    assert login.remedy


def test_without_a_hub_nobody_is_asked_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:  # bound and not listening: whoever connects is refused
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", f"http://ada:SECRET@{address}")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        reached, login = hub_and_login()
    assert (reached.status, reached.found) == ("warning", f"http://{address} cannot be reached (ConnectError)")
    assert "--data-dir" in reached.remedy
    assert (login.status, login.found) == ("ok", "token from HF_TOKEN, not checked")


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [(200, b"<html>Please log in to this network", "answers, but not as a Hub"), (503, b"{}", "has trouble (503)")],
)
def test_something_else_in_the_hubs_place_is_a_warning(
    status: int, body: bytes, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(status, body) as url:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        reached, _ = hub_and_login()
    assert (reached.status, reached.found) == ("warning", f"{url} {found}")


def test_offline_nothing_is_asked(online: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    reached, login = hub_and_login()
    assert (reached.status, reached.found) == ("ok", "not asked, as HF_HUB_OFFLINE wants it")
    assert login.found.endswith("not checked")
    assert online.requests == []


def test_the_caches_folder_is_shown_without_the_way_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "ada")
    for folder, shown in (("ada/.cache/hub", "~/.cache/hub, "), ("elsewhere/hub", "…/hub, ")):
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / folder))
        (*_, cache) = hub.hub_checks()
        assert cache.found.startswith(shown)


# Versions ------------------------------------------------------------------------------------------------------------


def test_the_table_of_changes_is_complete_and_in_order() -> None:
    for change in CHANGES:
        assert change.library in DISTRIBUTIONS
        assert change.what.endswith(".")
        assert change.here.endswith(".")
        assert re.match(r"https://(github\.com/(huggingface|pytorch)/|docs\.pytorch\.org/)", change.source)
    for library in DISTRIBUTIONS:
        since = [Version(change.since) for change in CHANGES if change.library == library and change.since]
        assert since == sorted(since)
        assert all(version <= Version(metadata.version(DISTRIBUTIONS[library])) for version in since)
    named = {name for recipe in DOCUMENTED for name in load_recipe(recipe).documented.frameworks}
    assert named == set(DISTRIBUTIONS)


@pytest.mark.parametrize(
    ("documented", "installed", "expected"),
    [
        ("4.24.0", "5.23.0", 10),
        ("4.35.2", "5.23.0", 8),
        ("4.40.1", "5.23.0", 7),
        ("4.40.1", "4.41.0", 2),
        ("4.40.1", "4.40.2", 0),
        ("4.41.0", "4.41.0", 0),
        ("5.23.0", "4.24.0", 0),
        (None, "5.23.0", 0),
        ("4.40.1", None, 0),
        ("the newest", "5.23.0", 0),
    ],
)
def test_changes_lie_after_the_documented_version_up_to_the_installed_one(
    documented: str | None, installed: str | None, expected: int
) -> None:
    assert len(changes_of(Library("Transformers", documented, installed))) == expected


def test_two_builds_of_one_release_do_not_differ() -> None:
    assert changes_of(Library("PyTorch", "2.13.0+cu130", "2.13.0+cpu")) == ()
    (change,) = changes_of(Library("PyTorch", "2.12.0", "2.13.0+cpu"))
    assert change.since is None


@pytest.mark.parametrize("recipe", DOCUMENTED)
def test_a_documents_versions_stand_beside_the_installed_ones(recipe: str) -> None:
    documented = load_recipe(recipe).documented
    compared = compare_versions(load_recipe(recipe))
    assert [library.name for library in compared.libraries] == list(documented.frameworks)
    for library in compared.libraries:
        assert library.documented == (documented.frameworks[library.name] or None)
        assert library.installed == metadata.version(DISTRIBUTIONS[library.name])
    stated = {name for name, version in documented.frameworks.items() if version}
    assert {change.library for change in compared.changes} == stated - {"Tokenizers"}


def test_a_recipe_without_a_document_is_refused() -> None:
    with pytest.raises(UsageError, match="the recipe minilm-emotion has no document"):
        compare_versions(load_recipe("minilm-emotion"))


def test_a_library_that_is_not_known_is_shown_as_its_document_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "installed_version", packages.installed_version)
    recipe = load_recipe("distilbert-emotion")
    documented = recipe.documented.model_copy(update={"frameworks": {"NoSuchLibrary": "1.0"}})
    compared = compare_versions(recipe.model_copy(update={"documented": documented}))
    assert compared.libraries == (Library("NoSuchLibrary", "1.0", None),)
    assert compared.changes == ()


def test_what_the_table_says_of_transformers_holds_of_the_installed_one(make_tiny_model, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, BertTokenizer, Trainer, TrainingArguments

    fields = {field.name: field.default for field in dataclasses.fields(TrainingArguments)}
    assert fields["optim"] == "adamw_torch_fused"
    assert {"eval_strategy", "warmup_steps"} < set(fields)
    assert not {"evaluation_strategy", "overwrite_output_dir"} & set(fields)
    parameters = inspect.signature(Trainer.__init__).parameters
    assert "processing_class" in parameters
    assert "tokenizer" not in parameters
    assert TrainingArguments(output_dir=str(tmp_path)).accelerator_config.use_seedable_sampler is True
    assert BertTokenizer.from_pretrained(make_tiny_model()).is_fast
    for architecture in ("bert", "distilbert"):
        saved = make_tiny_model(architecture=architecture, dtype="float16")
        model = AutoModelForSequenceClassification.from_pretrained(saved)
        assert model.config._attn_implementation == "sdpa"
        assert model.dtype == torch.float16
        model.save_pretrained(tmp_path / architecture)
        assert (tmp_path / architecture / "model.safetensors").is_file()
        assert not list((tmp_path / architecture).glob("*.bin"))


def test_what_the_table_says_of_torch_and_datasets_holds_of_the_installed_ones(tmp_path: Path) -> None:
    import pickle

    import datasets

    torch.save(SimpleNamespace(a=1), tmp_path / "any.pt")
    with pytest.raises(pickle.UnpicklingError, match="weights_only"):
        torch.load(tmp_path / "any.pt")
    assert callable(torch.nn.functional.scaled_dot_product_attention)
    assert callable(torch.compile)
    assert not hasattr(datasets, "load_metric")
    assert not isinstance(datasets.Dataset.from_dict({"text": ["a", "b"]})["text"], list)
    (tmp_path / "scripted").mkdir()
    (tmp_path / "scripted" / "scripted.py").write_text("import datasets\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="scripts are no longer supported"):
        datasets.load_dataset(str(tmp_path / "scripted" / "scripted.py"))


# The command ---------------------------------------------------------------------------------------------------------


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and standard output of one command, run in this process."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return int(stop.value.code or 0), capsys.readouterr().out


@pytest.mark.parametrize(("statuses", "code"), [((), 0), (("warning",), 0), (("warning", "failure"), 1)])
def test_only_a_failure_fails_the_command(
    statuses: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [
        Check("well", "ok", "1 [one]", "any"),
        *(Check(each, each, "0", ">=1", f"mend {each}") for each in statuses),
    ]
    monkeypatch.setattr("emohub.doctor.examine", lambda: iter(made))
    exit_code, text = run(["doctor", "--format", "json"], capsys)
    plain = json.loads(text)
    assert (exit_code, plain["ok"], plain["documented"]) == (code, not code, None)
    assert plain["checks"] == [dataclasses.asdict(check) for check in made]
    exit_code, text = run(["doctor"], capsys)
    assert exit_code == code
    assert "1 [one]" in text
    for each in statuses:
        assert f"{each}: mend {each}." in text
    assert f"{'1 failure' if code else 'no failures'}, {'1 warning' if statuses else 'no warnings'}." in text


def test_a_document_is_compared_in_both_formats(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("emohub.doctor.examine", lambda: iter(()))
    plain = json.loads(run(["doctor", "distilbert-emotion", "--format", "json"], capsys)[1])["documented"]
    assert plain == json.loads(json.dumps(dataclasses.asdict(compare_versions(load_recipe("distilbert-emotion")))))
    assert len(plain["changes"]) == 16
    text = " ".join(run(["doctor", "distilbert-emotion"], capsys)[1].split())
    for change in plain["changes"]:
        assert change["what"] in text
        assert change["source"] in text
    assert "1.12.1+cu113" in text


def test_a_document_without_versions_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("emohub.doctor.examine", lambda: iter(()))
    text = run(["doctor", "bert-tiny-emotion"], capsys)[1]
    assert text.count("not stated") == 4
    assert "Nothing is known to have changed" in text


# The page ------------------------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_the_pages_table_of_changes_is_current() -> None:
    assert parts(PAGE)["changes"] == generate_doctor.changes(), "run `python -m docs.generate_doctor`"
    assert generate_doctor.changes().count("\n") == len(CHANGES) + 1


def test_the_pages_sample_shows_what_is_looked_at_now() -> None:
    sample = parts(PAGE)["sample"]
    body = sample.split("\n\n")[0]
    shown = re.findall(r"^(\S+(?: \S+)*) {2,}(ok|warning|failure) {2,}\S", body, re.MULTILINE)
    assert [name for name, _ in shown] == [check.name for check in examine()], "run `python -m docs.generate_doctor`"
    for change in compare_versions(load_recipe(generate_doctor.COMMAND[1])).changes:
        assert change.source in sample


def test_writing_the_page_again_touches_generated_parts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate_doctor, "PARTS", {"sample": lambda: "new", "changes": lambda: "table"})
    page = tmp_path / "doctor.md"
    page.write_text("a\n<!-- generated: sample -->\nold\n<!-- end -->\nb\n", encoding="utf-8")
    generate_doctor.main(page)
    assert page.read_text(encoding="utf-8") == "a\n<!-- generated: sample -->\nnew\n<!-- end -->\nb\n"
