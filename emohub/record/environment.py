"""Where something ran: the machine, the versions, the commit, the time."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from emohub import __version__
from emohub.recipe.declaration import Declaration, Positive, Text

PACKAGES = (
    "accelerate",
    "datasets",
    "evaluate",
    "huggingface-hub",
    "numpy",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)
"""Libraries whose versions a record states."""


class Environment(Declaration):
    """Where something ran."""

    emohub: Text
    python: Text
    packages: dict[str, str | None]
    """Version by package; None when it is not installed."""
    platform: Text
    processor: Text
    cpu_count: Positive
    device: Text
    """``cpu``, or the accelerator's own name."""
    num_processes: Positive
    git_commit: str | None
    """Commit of the checkout, with ``-dirty`` when tracked files were changed; None outside a checkout. Models
    and cards do not count: records name by their fingerprints what was read of them."""


def current_environment(device: str, num_processes: int = 1) -> Environment:
    """The machine and the versions that this process runs with."""
    return Environment(
        emohub=__version__,
        python=platform.python_version(),
        packages={name: _version(name) for name in PACKAGES},
        platform=f"{platform.system()}-{platform.machine()}",
        processor=_processor(),
        cpu_count=os.cpu_count() or 1,
        device=device,
        num_processes=num_processes,
        git_commit=_git_commit(),
    )


def utc_now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's own name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git_commit() -> str | None:
    folder = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # an environment inside another project's checkout
        commit = git("rev-parse", "HEAD")
        made = (f":(top,exclude){name}" for name in ("models", "cards"))  # `make models` puts one beside the other
        return f"{commit}-dirty" if git("status", "--porcelain", "--untracked-files=no", ":(top)", *made) else commit
    except (OSError, subprocess.SubprocessError):
        return None
