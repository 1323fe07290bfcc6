"""Many files answered one by one: found, answered as one file is, each whole or not at all, and gone on with."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emohub.cli import main
from emohub.errors import DataError, UsageError
from emohub.shards import ShardNote, find_shards
from emohub.shards.note import note_name
from tests.conftest import made_rows, write_rows
from tests.hub import Blob, Hub, serve_hub
from tests.publishing import reachable
from tests.s3_server import Bucket, serve_s3

MakeModel = Callable[..., Path]
NAMES = ("a.csv", "b.parquet", "day=1/c.csv")


def run_cli(*arguments: str | Path) -> int:
    """Run a command in this process and return its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def classify(model: Path, source: str | Path, target: str | Path, *options: str) -> int:
    return run_cli("classify", model, "--input", source, "--output", target, *options)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder of three files with 6, 7 and 8 rows, among others that are no tables or are hidden."""
    folder = tmp_path / "texts"
    for index, name in enumerate(NAMES):
        write_rows(folder / name, made_rows(6 + index, seed=index))
    for name in ("README.md", "_SUCCESS.csv", ".hidden.csv", "_logs/d.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("text\nno\n", encoding="utf-8")
    return folder


def below(folder: Path) -> list[str]:
    """Every file, by its name below the folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_every_file_is_answered_as_it_is_alone(shards: Path, tiny_model_dir: Path, tmp_path: Path, capfd) -> None:
    assert classify(tiny_model_dir, shards, tmp_path / "out") == 0
    said = capfd.readouterr()
    assert f"Answered 21 rows of 3 files in {tmp_path / 'out'}; 0 texts were longer" in said.err
    assert below(tmp_path / "out") == sorted([*NAMES, *map(note_name, NAMES)])
    for name in NAMES:
        alone = tmp_path / f"alone{Path(name).suffix}"
        assert classify(tiny_model_dir, shards / name, alone) == 0
        assert (tmp_path / "out" / name).read_bytes() == alone.read_bytes()
    note = ShardNote.load(tmp_path / "out" / note_name("b.parquet"))
    assert (note.rows, note.truncated, note.asked.column) == (7, 0, "text")
    assert note.size == (tmp_path / "out/b.parquet").stat().st_size


def test_what_is_finished_is_not_answered_again(shards: Path, tiny_model_dir: Path, tmp_path: Path, capfd) -> None:
    assert classify(tiny_model_dir, shards, tmp_path / "out") == 0
    for name in NAMES:
        os.utime(tmp_path / "out" / name, ns=(0, 0))
    # Answers that a run did not finish: their note is there, or half of a file that it was writing.
    (tmp_path / "out/a.csv").unlink()
    (tmp_path / "out/.a.csv.x1y2.csv").write_text("id,te", encoding="utf-8")
    assert classify(tiny_model_dir, shards, tmp_path / "out") == 0
    assert "Answered 6 rows of 1 files" in (said := capfd.readouterr().err)
    assert "2 files were answered before" in said
    assert [name for name in NAMES if (tmp_path / "out" / name).stat().st_mtime_ns == 0] == list(NAMES[1:])
    assert below(tmp_path / "out") == sorted([*NAMES, *map(note_name, NAMES)])
    assert classify(tiny_model_dir, shards, tmp_path / "out") == 0
    assert "Answered 0 rows of 0 files" in capfd.readouterr().err


def test_answers_of_another_run_are_refused(
    shards: Path, make_tiny_model: MakeModel, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, out = make_tiny_model(seed=1), tmp_path / "out"
    assert classify(model, shards, out, "--engine", "torch") == 0

    def refused(reason: str, *options: str, asked: Path = model) -> None:
        before = {name: (out / name).read_bytes() for name in below(out)}
        capfd.readouterr()
        assert classify(asked, shards, out, *(options or ("--engine", "torch"))) == 2
        assert reason in (said := capfd.readouterr().err)
        assert "give another --output, or delete what is in the way" in said
        assert {name: (out / name).read_bytes() for name in below(out)} == before

    refused("was answered with other weights", asked=make_tiny_model(seed=2))
    refused("was answered for the column 'text'", "--engine", "torch", "--column", "label")
    os.utime(shards / "a.csv", ns=(0, 0))
    refused("a.csv was answered before its shard was changed")
    (out / note_name("a.csv")).write_text("{}", encoding="utf-8")
    refused("a.csv is there already, without a note")
    (out / "a.csv").unlink()
    (out / "b.parquet").write_bytes(b"cut")
    refused("b.parquet was changed after it was answered")


def test_a_file_that_cannot_be_answered_is_named_and_leaves_the_others(
    shards: Path, tiny_model_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (shards / "a0.csv").write_text("other\nx\n", encoding="utf-8")
    (shards / "a1.csv").write_text("text\nfine\n  \n", encoding="utf-8")
    (shards / "a2.parquet").write_bytes(b"no parquet")
    assert classify(tiny_model_dir, shards, tmp_path / "out") == 1
    said = capfd.readouterr().err
    assert f"{shards}/a0.csv has no column 'text'" in said
    assert f"{shards}/a1.csv, row 2: 'text' is empty" in said
    assert f"{shards}/a2.parquet is not a readable parquet file" in said
    assert "Error: 3 of 6 files could not be answered" in said
    assert "Traceback" not in said
    assert below(tmp_path / "out") == sorted([*NAMES, *map(note_name, NAMES)])


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("texts", ("a.csv", "b.parquet", "c.csv")),
        ("texts/*.csv", ("a.csv",)),
        ("texts/**/*.csv", ("a.csv", "c.csv")),
        ("texts/day=*", ()),
        ("texts/day=*/*", ("c.csv",)),
        ("texts/[ab].*", NAMES[:2]),
        ("texts/?.parquet", ("b.parquet",)),
        ("texts/b.parquet", ("b.parquet",)),
    ],
)
def test_an_address_stands_for_files(
    pattern: str, found: tuple[str, ...], shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for address in (pattern, f"{tmp_path}/{pattern}", f"file://{tmp_path}/{pattern}".replace("?", "[b]")):
        if found:
            assert tuple(stored.name.removeprefix("day=1/") for stored in find_shards(address)[1]) == found
        else:
            with pytest.raises(DataError, match=r"stands for no file in .csv, .jsonl, .parquet"):
                find_shards(address)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--output", "texts/out"), 2, "--output lies in the folder of the input"),
        (("--output", "texts"), 2, "--output lies in the folder of the input"),
        (("--output", "texts/a.csv"), 2, "--output lies in"),
        (("--output", "file.csv"), 2, "file.csv is a file"),
        (("--output", "hf://datasets/ada/x"), 2, "--output cannot be on the Hub"),
        (("--output", "ftp://host/x"), 2, "no file system for an address of this form (ftp://)"),
        (("--output", "out", "--engine", "magic"), 2, "there is no engine 'magic'"),
        (("--output", "out", "--engine", "ray,magic"), 2, "there is no engine 'ray,magic'"),
        (("--output", "out", "--workers", "2"), 2, "--address and --workers are for Ray"),
        (("--output", "out", "--escape-formulas"), 2, "--escape-formulas is for CSV files"),
    ],
)
def test_what_cannot_be_is_refused_first(
    options: tuple[str, ...],
    code: int,
    message: str,
    shards: Path,
    tiny_model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.csv").touch()
    before = below(tmp_path)
    assert run_cli("classify", tiny_model_dir, "--input", "texts", *options) == code
    assert message in " ".join(capfd.readouterr().err.split())
    assert below(tmp_path) == before


def test_ray_is_for_files(tiny_model_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_cli("classify", tiny_model_dir, "so happy", "--engine", "ray") == 2
    assert "--engine ray is for files" in capfd.readouterr().err


# Far away -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with serve_s3() as bucket:
        yield bucket


def test_a_bucket_is_read_and_written(
    bucket: Bucket, shards: Path, tiny_model_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert classify(tiny_model_dir, shards, tmp_path / "out") == 0
    bucket.objects |= {f"in/{name}": (shards / name).read_bytes() for name in NAMES}
    bucket.objects["in/bad.csv"] = b"text\n\xff\n"
    assert classify(tiny_model_dir, bucket.address("in"), bucket.address("out")) == 1
    said = capfd.readouterr().err
    assert "s3://texts/in/bad.csv, line 2 is not UTF-8" in said
    assert "Answered 21 rows of 3 files in s3://texts/out" in said
    for name in NAMES:
        assert bucket.objects[f"out/{name}"] == (tmp_path / "out" / name).read_bytes()

    del bucket.objects["in/bad.csv"], bucket.objects["out/b.parquet"]
    assert classify(tiny_model_dir, bucket.address("in"), bucket.address("out")) == 0
    assert "Answered 7 rows of 1 files in s3://texts/out" in (again := capfd.readouterr().err)
    assert b"verysecret" not in b"".join([*bucket.objects.values(), said.encode(), again.encode()])
    assert not bucket.parts  # no upload was begun and not ended


def test_a_bucket_out_of_reach_is_one_sentence(tiny_model_dir: Path, tmp_path: Path, capfd) -> None:
    nowhere = "s3://AKIAEXAMPLE:verysecret@texts/in?scheme=http&endpoint_override=127.0.0.1:9&region=us-east-1"
    assert classify(tiny_model_dir, nowhere, tmp_path / "out") == 1
    said = capfd.readouterr().err
    assert "s3://texts/in cannot be reached" in said
    assert "verysecret" not in said
    assert "Traceback" not in said


def test_a_dataset_on_the_hub_is_read(
    shards: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = {f"data/{name}": Blob((shards / name).read_bytes(), lfs=name.endswith("parquet")) for name in NAMES}
    with serve_hub() as hub, reachable(hub, monkeypatch, tmp_path / "cache"):
        _offer(hub, "ada/reviews", blobs)
        address = "hf://datasets/ada/reviews/data"
        assert [each.name for each in find_shards(address)[1]] == list(NAMES)
        assert classify(tiny_model_dir, address, tmp_path / "out") == 0
        _offer(hub, "ada/reviews", {**blobs, "data/a.csv": Blob(blobs["data/a.csv"].content.replace(b"i", b"I"))})
        with pytest.raises(UsageError, match=r"a\.csv was answered before its shard was changed"):
            _plan(address, tmp_path / "out", tiny_model_dir)
    assert classify(tiny_model_dir, shards, tmp_path / "here") == 0
    for name in NAMES:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def _offer(hub: Hub, repo_id: str, blobs: dict[str, Blob]) -> None:
    name = f"datasets/{repo_id}"
    hub.objects |= {blob.sha256: blob for blob in blobs.values() if blob.lfs}
    repo = hub.repos.get(name) or hub.add_repo(name)
    repo.commit("main", "texts", blobs, None)


def _plan(address: str, out: Path, model: Path) -> None:
    from emohub.inference import Classifier
    from emohub.shards import job_of, open_target, plan_shards

    source, stored = find_shards(address)
    target = open_target(str(out), source)
    plan_shards(stored, target, job_of(str(model), Classifier.from_pretrained(model), "text", source, target).asked)
