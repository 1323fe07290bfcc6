"""Records: what is written comes back, whole or not at all, and nothing that must not be published stands in them."""

import json
import math
import subprocess
from pathlib import Path

import pytest

from emohub.errors import RecordError
from emohub.record import (
    EvalRecord,
    Interval,
    Record,
    RunRecord,
    check_writable,
    current_environment,
    sha256_file,
    write_atomically,
)
from emohub.record import environment as environment_module
from tests.factories import make_eval_record, make_run_record, random_records


@pytest.fixture(params=["run", "evaluation"])
def any_record(request: pytest.FixtureRequest) -> Record:
    return make_run_record() if request.param == "run" else make_eval_record(make_run_record())


def test_random_records_come_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    for seed in range(20):
        for made in random_records(seed):
            made.save(path)
            assert type(made).load(path) == made


def test_comes_back_equal(any_record: Record, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "record.json"
    any_record.save(path)
    assert type(any_record).load(path) == any_record
    assert json.loads(path.read_text(encoding="utf-8")) == any_record.model_dump(mode="json")
    assert [entry.name for entry in path.parent.iterdir()] == ["record.json"]


def test_the_same_record_gives_the_same_bytes(any_record: Record, tmp_path: Path) -> None:
    any_record.save(tmp_path / "one.json")
    type(any_record).load(tmp_path / "one.json").save(tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_float_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    run = make_run_record(training_seconds=0.1 + 0.2, samples_per_second=1e-17)
    run.save(tmp_path / "run.json")
    loaded = RunRecord.load(tmp_path / "run.json")
    assert (loaded.training_seconds, loaded.samples_per_second) == (0.1 + 0.2, 1e-17)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_refused(any_record: Record, version: object, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps({**any_record.model_dump(mode="json"), "schema_version": version}))
    with pytest.raises(RecordError, match=r"record\.json is no \w+ record of version 1"):
        type(any_record).load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b'{"schema_version": 1', "is not JSON"),
        (b"[1]", "is no run record of version 1"),
        (b'{"schema_version": 1}', "missing"),
        (b'{"schema_version": 1, "run_id": "\xff"}', "is not UTF-8"),
    ],
)
def test_a_damaged_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=message) as caught:
        RunRecord.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"evaluation record .*eval\.json cannot be read \(No such file"):
        EvalRecord.load(tmp_path / "eval.json")


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**make_run_record().model_dump(mode="json"), "acuracy": 1.0}))
    with pytest.raises(RecordError, match="unknown key 'acuracy'"):
        RunRecord.load(path)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_figure_can_be_nan_or_infinite(value: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="finite"):
        Interval(value=value, low=0.0, high=1.0)
    values = make_eval_record(make_run_record()).model_dump(mode="json")
    values["metrics"]["accuracy"]["value"] = value
    path = tmp_path / "eval.json"
    path.write_text(json.dumps(values))  # json writes NaN and Infinity, and reads them back
    with pytest.raises(RecordError, match=r"metrics\.accuracy\.value"):
        EvalRecord.load(path)


def test_a_record_cannot_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        make_run_record().seed = 7


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("the disk caught fire")

    with pytest.raises(RuntimeError, match="fire"):
        write_atomically(path, write_half)
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"file.txt": "old"}


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError("the disk is full")  # without an errno there is no strerror

    with pytest.raises(RecordError, match=r"file\.txt cannot be written \(the disk is full\); choose a folder"):
        write_atomically(tmp_path / "file.txt", write)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RecordError, match="cannot be written"):
        make_run_record().save(tmp_path / "file" / "run.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_new_file_takes_the_place_of_the_old_and_can_be_read_by_others(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomically(path, lambda temporary: temporary.write_text("old"))
    write_atomically(path, lambda temporary: temporary.write_text("new"))
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644


def test_check_writable_makes_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RecordError, match="nothing can be written into"):
            check_writable(folder)


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1


def test_the_environment_holds_versions_and_nothing_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecretsecret")
    environment = current_environment("cpu")
    assert set(environment.packages) == set(environment_module.PACKAGES)
    assert environment.packages["numpy"] == __import__("numpy").__version__
    assert environment.cpu_count >= 1
    text = environment.model_dump_json()
    for private in ("hf_secret", str(Path.home()), str(Path.cwd())):
        assert private == "/" or private not in text


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment_module, "PACKAGES", ("no-such-package-as-this",))
    assert current_environment("cpu").packages == {"no-such-package-as-this": None}


def test_the_commit_is_the_one_of_a_checkout_that_tracks_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "record.py"
    module.write_text("")
    monkeypatch.setattr(environment_module, "__file__", str(module))

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init")
    git("commit", "--allow-empty", "-m", "another project")
    assert current_environment("cpu").git_commit is None  # installed below another project's checkout
    for made in ("models", "cards"):
        (tmp_path / made).mkdir()
        (tmp_path / made / "a").write_text("before")
    git("add", "record.py", "models", "cards")
    git("commit", "-m", "the code")
    assert current_environment("cpu").git_commit == git("rev-parse", "HEAD")
    (tmp_path / "models" / "a").write_text("made")
    (tmp_path / "cards" / "a").unlink()
    assert current_environment("cpu").git_commit == git("rev-parse", "HEAD")
    module.write_text("changed")
    assert current_environment("cpu").git_commit == git("rev-parse", "HEAD") + "-dirty"
