"""Files answered by a real Ray cluster of two processors: as without it, whatever ends in the middle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emohub.errors import UsageError
from emohub.inference import Classifier
from emohub.shards import Job, Plan, answer_on_ray, answer_shards, find_shards, job_of, open_target, plan_shards
from emohub.shards.on_ray import share_out
from tests.conftest import made_rows, write_rows

ray = pytest.importorskip("ray")

# Ray's own code warns of what Ray deprecates, and leaves files and sockets to the interpreter's end.
pytestmark = [
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("default::FutureWarning"),
    pytest.mark.filterwarnings("default::ResourceWarning"),
]

ROOT = Path(__file__).parent.parent
MakeModel = Callable[..., Path]
COUNT = 6
"""Files that are answered."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster that this process is connected to; nothing of it is left afterwards."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("PYTHONPATH", str(ROOT))
        others = started()  # a browser of other tests, for one
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=2**27)
        try:
            yield ray.get_runtime_context().gcs_address
        finally:
            processes = started() - others
            ray.shutdown()
    assert len(processes) >= 2
    deadline = time.monotonic() + 60
    while alive(processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(processes)


def started(title: str = "") -> set[int]:
    """The processes that this one started, and those that they started; or those of them whose title begins so."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it has ended since
            continue
    below = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in below} - below:
        below |= more
    return {process for process in below - {os.getpid()} if commands.get(process, "").startswith(title)}


def alive(processes: set[int]) -> set[int]:
    return {process for process in processes if Path(f"/proc/{process}/cmdline").exists()}


class Work:
    """Files to answer, and the answers that one process gives them."""

    def __init__(self, folder: Path, model: Path) -> None:
        for index in range(COUNT):
            suffix = "parquet" if index % 2 else "csv"
            write_rows(folder / "in" / f"part-{index}.{suffix}", made_rows(20 + index, seed=index))
        self.source, self.shards = find_shards(str(folder / "in"))
        self.model, self.folder = model, folder
        self.classifier = Classifier.from_pretrained(model)
        job, plan = self.job("alone"), self.plan("alone")
        assert [result.failure for result in answer_shards(job, self.classifier, plan.waiting)] == [None] * COUNT

    def job(self, target: str) -> Job:
        out = open_target(str(self.folder / target), self.source)
        return job_of(str(self.model), self.classifier, "text", self.source, out)

    def plan(self, target: str) -> Plan:
        return plan_shards(self.shards, open_target(str(self.folder / target), self.source), self.job(target).asked)

    def answers(self, target: str) -> dict[str, bytes]:
        """The files with answers, without their notes."""
        return {path.name: path.read_bytes() for path in (self.folder / target).glob("*") if path.is_file()}


@pytest.fixture
def work(tmp_path: Path, tiny_model_dir: Path) -> Work:
    return Work(tmp_path, tiny_model_dir)


def test_the_answers_are_those_of_one_process(cluster: str, work: Work) -> None:
    work.shards.append(work.shards[0].__class__("none.csv", 10**6, "0"))  # listed, and deleted since
    results = list(answer_on_ray(work.job("out"), work.shards))
    assert sorted(result.shard.name for result in results) == sorted(shard.name for shard in work.shards)
    (failed,) = [result for result in results if result.note is None]
    assert failed.shard.name == "none.csv"
    assert f"{work.source.path}/none.csv cannot be read" in (failed.failure or "")
    assert work.answers("out") == work.answers("alone")
    assert {result.note.rows for result in results if result.note} == set(range(20, 20 + COUNT))
    assert ray.is_initialized()  # what was connected before stays so


def test_a_worker_that_is_killed_costs_nothing(cluster: str, work: Work) -> None:
    killed: set[int] = set()
    names = []
    for result in answer_on_ray(work.job("out"), work.shards, workers=1):
        names.append(result.shard.name)
        if not killed:
            killed = started("ray::MapWorker")
            assert killed
            for process in killed:
                os.kill(process, signal.SIGKILL)
    assert sorted(names) == [shard.name for shard in work.shards]
    assert work.answers("out") == work.answers("alone")


def test_a_model_that_is_another_one_elsewhere_is_not_asked(
    cluster: str, work: Work, make_tiny_model: MakeModel
) -> None:
    job = Job(**{**vars(work.job("out")), "model": str(make_tiny_model(seed=5))})
    (result,) = answer_on_ray(job, work.shards[:1])
    assert "has other weights on a machine of the cluster" in (result.failure or "")
    assert not (work.folder / "out").exists()


def test_a_run_that_is_killed_goes_on(cluster: str, work: Work) -> None:
    environment = {**os.environ, "RAY_ADDRESS": cluster, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    command = [sys.executable, "-m", "emohub", "classify", str(work.model), "--engine", "ray"]
    command += ["--input", f"{work.folder}/in/part-*", "--output", f"{work.folder}/out", "--workers", "1"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=work.folder) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "of 6 files" in line:
                break
        process.kill()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=work.folder, check=False)
    assert done.returncode == 0, done.stderr
    finished = COUNT - int(done.stderr.partition(" files in ")[0].rpartition(" ")[2])
    assert f"; {finished:,} files were answered before" in done.stderr
    assert finished >= 1
    assert "Traceback" not in done.stderr
    assert work.answers("out") == work.answers("alone")


def test_more_workers_than_processors_are_refused(cluster: str, work: Work) -> None:
    with pytest.raises(UsageError, match=r"has 2 processors; give --workers 2 or fewer"):
        list(answer_on_ray(work.job("out"), work.shards, workers=3))


@pytest.mark.parametrize(
    ("nodes", "shards", "workers", "expected"),
    [
        ([8], 100, None, (8, 1)),
        ([8], 3, None, (3, 2)),
        ([8], 100, 2, (2, 4)),
        ([16, 16], 100, 3, (3, 8)),
        ([4, 64], 1000, None, (68, 1)),
        ([2], 1, 2, (1, 2)),
    ],
)
def test_processors_are_shared_out(
    nodes: list[int], shards: int, workers: int | None, expected: tuple[int, int]
) -> None:
    assert share_out(nodes, shards, workers) == expected


def test_a_machine_without_ray_is_told_what_to_install(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"Ray is not installed; pip install 'emohub\[ray\]'"):
        list(answer_on_ray(work.job("out"), work.shards))
