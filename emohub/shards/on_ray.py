"""Shards answered by the processes of a Ray cluster: this machine's cores, or those of many machines."""

import logging
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from math import ceil
from typing import Any, NamedTuple

from emohub import __version__
from emohub.errors import DataError, EmohubError, ModelError, UsageError
from emohub.inference import Classifier
from emohub.shards.note import ShardNote
from emohub.shards.storage import Stored, open_folder
from emohub.shards.work import Job, ShardResult, answer_shard

ADDRESS_VARIABLE = "RAY_ADDRESS"
"""Environment variable that stands in for ``--address``."""
_ATTEMPTS = 4
"""How often a shard is begun: a machine may go at any time, but a shard may also be what ends its process."""
_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
"""Ray reports nothing about its use to its makers, and writes no log lines between ours."""


class Sharing(NamedTuple):
    """How a cluster's processors are shared out."""

    workers: int
    threads: int
    """Of each worker."""


def answer_on_ray(
    job: Job, shards: Sequence[Stored], *, address: str | None = None, workers: int | None = None
) -> Iterator[ShardResult]:
    """Answer shards in the processes of a Ray cluster, in the order that they are finished in.

    A process holds one classifier and answers whole shards, one after the other. Where it ends in the middle of one,
    that shard is begun again by another. ``address`` is the cluster's, else ``RAY_ADDRESS``, else one is started on
    this machine and ended with the iterator. ``workers`` is how many processes there are, at most one for each
    processor; None takes that many.

    Raises:
        UsageError: Ray is not installed, cannot be reached, has another emohub, or fewer processors than ``workers``.
        DataError: the cluster was lost.
    """
    with _cluster(address) as ray:
        _check_version(ray)
        nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        shared = share_out([processors for processors in nodes if processors], len(shards), workers)
        # The largest first, so that none of them is what all others are waited for in the end.
        waiting = {shard.name: shard for shard in sorted(shards, key=lambda shard: -shard.size)}
        begun = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Begun).remote()
        rows = ray.data.from_items([asdict(shard) for shard in waiting.values()], override_num_blocks=len(waiting))
        answered = rows.map(
            _Worker,
            fn_constructor_args=(job, begun),
            compute=ray.data.ActorPoolStrategy(
                min_size=1, initial_size=shared.workers, max_size=shared.workers, max_tasks_in_flight_per_actor=1
            ),
            num_cpus=shared.threads,
        )
        try:
            for row in answered.iter_rows():
                note = ShardNote.parse(row["note"].encode()) if row["note"] else None
                yield ShardResult(waiting.pop(row["name"]), note, row["failure"] or None)
        except ray.exceptions.RayError as error:
            raise DataError(
                f"the Ray cluster was lost with {len(waiting):,} shards to go ({type(error).__name__})",
                "start the same command again: finished shards are kept",
            ) from None


def share_out(nodes: Sequence[int], shards: int, workers: int | None) -> Sharing:
    """How many workers there are, and with how many threads each, on machines with these numbers of processors.

    Raises:
        UsageError: there are fewer processors than workers are wanted.
    """
    cpus = sum(nodes)
    if cpus < (workers or 1):
        raise UsageError(f"the Ray cluster has {cpus:,} processors", f"give --workers {max(cpus, 1):,} or fewer")
    count = min(workers or cpus, shards)
    return Sharing(count, max(1, min(nodes) // ceil(count / len(nodes))))


class _Begun:
    """How often each shard was begun; it outlives the processes that begin them."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()

    def count(self, name: str) -> int:
        """Count one more, and say how many those are."""
        self._times[name] += 1
        return self._times[name]


class _Worker:
    """A process of the cluster; it loads its classifier with the first shard, so that a failure is that shard's."""

    def __init__(self, job: Job, begun: Any) -> None:
        self._job, self._begun = job, begun
        self._source, self._target = open_folder(job.source), open_folder(job.target)
        self._classifier: Classifier | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, str]:
        shard = Stored(**row)
        result = self._result(shard)
        note = result.note.model_dump_json() if result.note else ""
        return {"name": shard.name, "note": note, "failure": result.failure or ""}

    def _result(self, shard: Stored) -> ShardResult:
        import ray  # noqa: PLC0415

        if ray.get(self._begun.count.remote(shard.name)) > _ATTEMPTS:
            failure = DataError(
                f"{self._source.shown_file(shard.name)} ended {_ATTEMPTS} processes that were answering it",
                "if memory runs out give fewer --workers, else leave the file out",
            )
            return ShardResult(shard, failure=str(failure))
        try:
            self._classifier = self._classifier or _load(self._job)
        except EmohubError as error:
            return ShardResult(shard, failure=str(error))
        return answer_shard(self._job.asked, self._classifier, self._source, shard, self._target)


def _load(job: Job) -> Classifier:
    classifier = Classifier.from_pretrained(job.model, revision=job.revision, engine=job.asked.engine)
    if classifier.fingerprint != job.asked.model.fingerprint:
        raise ModelError(
            f"{job.model} has other weights on a machine of the cluster", "give a folder that all of them share"
        )
    return classifier


def _check_version(ray: Any) -> None:
    """See that the cluster has this emohub, before many of its processes fail to import it."""
    try:
        found = ray.get(ray.remote(num_cpus=0, max_retries=0)(_version).remote())
    except ray.exceptions.RayError:
        found = "none"
    if found != __version__:
        raise UsageError(
            f"the Ray cluster has another emohub than {__version__} ({found})",
            "install the same one on every machine, with what it needs",
        )


def _version() -> str:
    return __version__


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Ray, connected; what was connected before stays so."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray  # noqa: PLC0415
        import ray.data  # noqa: PLC0415
    except ImportError:
        raise UsageError("Ray is not installed", "pip install 'emohub[ray]', or leave out --engine ray") from None
    if ray.is_initialized():
        with _quiet(ray):
            yield ray
        return
    address = address or os.environ.get(ADDRESS_VARIABLE) or "local"
    try:
        own = False if address == "local" else None  # a cluster that runs already has its dashboard, or has none
        ray.init(address, include_dashboard=own, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"the Ray cluster {address!r} cannot be reached ({type(error).__name__})",
            "check --address, or leave it out to use this machine",
        ) from None
    try:
        with _ended_by_sigterm(), _quiet(ray):
            yield ray
    finally:
        ray.shutdown()


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does, where Ray's own handler would abort with a stack."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Ray Data says nothing of its own."""
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with ray.data.DataContext.current(context):
            yield
    finally:
        logger.setLevel(level)
