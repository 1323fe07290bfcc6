"""``emohub classify`` for many files: a folder of them, here or far away, in this process or by Ray."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from emohub.cli.app import messages
from emohub.cli.progress import progress
from emohub.errors import DataError, UsageError

if TYPE_CHECKING:
    from emohub.inference import EngineName
    from emohub.shards import ShardResult

ON_RAY = "ray"
"""``--engine ray`` lets Ray's processes compute as ``auto`` says, ``--engine ray,NAME`` with the engine NAME."""


def read_engine(name: str) -> "tuple[EngineName, bool]":
    """What ``--engine`` asks for: the engine that computes, and whether it does so in Ray's processes.

    Raises:
        UsageError: there is no such engine.
    """
    from emohub.inference import EngineName

    where, _, engine = name.partition(",") if name.split(",", maxsplit=1)[0] == ON_RAY else ("", "", name)
    engine = engine or "auto" if where else engine
    if engine not in get_args(EngineName):
        names = ", ".join(get_args(EngineName))
        raise UsageError(f"there is no engine {name!r}", f"choose one of {names}, or {ON_RAY}, or {ON_RAY},NAME")
    return cast("EngineName", engine), bool(where)


def stands_for_many(address: str) -> bool:
    """Whether ``--input`` is a folder, a pattern, or an address that is no path of this machine."""
    path = Path(address).expanduser()
    return "://" in address or path.is_dir() or (not path.exists() and bool(set(address) & set("*?[")))


def classify_shards(
    model: str,
    address: str,
    column: str,
    output: str,
    engine: "EngineName",
    *,
    on_ray: bool,
    ray_address: str | None,
    workers: int | None,
) -> None:
    """Answer every file that ``address`` stands for, and write its answers under its name into the folder ``output``.

    Raises:
        DataError: a file could not be answered; all others were.
    """
    from emohub.inference import Classifier
    from emohub.shards import answer_on_ray, answer_shards, find_shards, job_of, open_target, plan_shards

    source, shards = find_shards(address)
    target = open_target(output, source)
    classifier = Classifier.from_pretrained(model, engine=engine)
    job = job_of(model, classifier, column, source, target)
    plan = plan_shards(shards, target, job.asked)
    results: Iterator[ShardResult] = iter(())
    if plan.waiting:
        results = (
            answer_on_ray(job, plan.waiting, address=ray_address, workers=workers)
            if on_ray
            else answer_shards(job, classifier, plan.waiting)
        )
    rows, truncated, failures = _follow(results, len(plan.waiting), sum(shard.size for shard in plan.waiting))
    again = f"; {len(plan.finished):,} files were answered before" if plan.finished else ""
    messages.print(
        f"Answered {rows:,} rows of {len(plan.waiting) - len(failures):,} files in {target.shown}; {truncated:,} texts "
        f"were longer than the {classifier.max_length:,} tokens that the model reads{again}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if failures:
        raise DataError(
            f"{len(failures):,} of {len(shards):,} files could not be answered",
            "correct what is said of them above, and start the same command again: the others are kept",
        )


def _follow(results: "Iterator[ShardResult]", files: int, size: int) -> tuple[int, int, list[str]]:
    """Show how far the work is and each failure; the rows answered, the texts cut, and the failures."""
    rows = truncated = done = size_done = 0
    failures: list[str] = []
    with progress() as report:
        for result in results:
            done, size_done = done + 1, size_done + result.shard.size
            if result.note is not None:
                rows, truncated = rows + result.note.rows, truncated + result.note.truncated
            if result.failure is not None and result.failure not in failures:
                messages.print(result.failure, style="red", highlight=False, markup=False, soft_wrap=True)
            if result.failure is not None:
                failures.append(result.failure)
            report("Files", done, files)
            # How many rows there are in all is known at the end; until then files are taken to be alike.
            report("Rows, about", rows, round(rows * size / max(1, size_done)))
            if not messages.is_terminal:
                messages.print(f"{done:,} of {files:,} files, {rows:,} rows", highlight=False)
    return rows, truncated, failures
