"""Memory, disk and the browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from emohub.doctor.check import GIB, Check, gib
from emohub.errors import RecordError
from emohub.layout import checkout, project_root
from emohub.record import check_writable

MEMORY = 4 * GIB
"""Weights, gradients and AdamW's two moments of the largest documented model (108 million parameters, 16 bytes each in
fp32) take 1.7 GB; activations, the data and the libraries want the rest."""
DISK = 4 * GIB
"""Of that model a step checkpoint takes 1.3 GB, and two are there while one is written; the export takes 0.4 GB."""
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""How much memory a container may use: bytes, or ``max``."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def machine_checks() -> Iterator[Check]:
    """Memory, the disk that runs go to, and in a checkout the browser of its tests."""
    yield _memory()
    yield disk_check("project disk", project_root() / "runs")
    if checkout() is not None:
        yield _browser()


def disk_check(name: str, folder: Path, shown: str = "") -> Check:
    """Whether ``folder``, which may not exist yet, can be written and has room for a run."""
    wanted = f"writable, {gib(DISK)} free"
    try:
        check_writable(folder)
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(existing).free
    except (RecordError, OSError):
        return Check(name, "failure", f"{shown}not writable", wanted, "make the folder writable, or choose another")
    remedy = "" if free >= DISK else "free some space: a run of a large model may not fit"
    return Check(name, "warning" if remedy else "ok", f"{shown}{gib(free)} free", wanted, remedy)


def total_memory(limit: Path = MEMORY_LIMIT) -> int | None:
    """Bytes that this process may use: the machine's, or its container's limit; None where the system won't tell."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # there is no sysconf on Windows
        return None
    try:
        return min(machine, int(limit.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or no limit
        return machine


def _memory() -> Check:
    total, wanted = total_memory(), f"{gib(MEMORY)} for the largest documented model"
    if total is None:
        return Check("memory", "ok", "the system does not tell", wanted)
    remedy = "" if total >= MEMORY else "train smaller models, or with a smaller per_device_train_batch_size"
    return Check("memory", "warning" if remedy else "ok", gib(total), wanted, remedy)


def _browser() -> Check:
    named = os.environ.get("CHROMIUM")
    found = next((name for name in ([named] if named else BROWSERS) if shutil.which(name)), None)
    wanted = "a Chromium, for the page's tests alone"
    if found is None:
        return Check("browser", "warning", "none", wanted, "run `make test`, which installs one, or set CHROMIUM")
    return Check("browser", "ok", Path(found).name, wanted)
