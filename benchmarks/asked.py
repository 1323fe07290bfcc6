"""A process that is kept alive and asked in turn, so that each contender has its own settings, caches and memory."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

ROOT = Path(__file__).resolve().parent.parent
LAST_WORDS = 15
"""Lines of what a process wrote to its standard error that are shown when it fails."""


class ProcessFailedError(RuntimeError):
    """A process ended instead of answering."""


class Asked:
    """A Python module in a process of its own that answers lines of JSON with lines of JSON."""

    def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
        """``log`` takes what the process writes to its standard error."""
        self._log = log
        with log.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env=os.environ | {"HF_HUB_OFFLINE": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def tell(self, question: object) -> None:
        """Ask without waiting for the answer.

        Raises:
            ProcessFailedError: it has ended.
        """
        assert self._process.stdin is not None
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise self._failed() from None

    def hear(self) -> Any:
        """The next answer.

        Raises:
            ProcessFailedError: it has ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._failed()
        return json.loads(line)

    def ask(self, question: object) -> Any:
        """Ask, and wait for the answer.

        Raises:
            ProcessFailedError: it has ended.
        """
        self.tell(question)
        return self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def _failed(self) -> ProcessFailedError:
        code = self._process.wait()
        words = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_WORDS:]
        return ProcessFailedError("\n".join([f"{self._log.stem} ended with {code}:", *words]))


def own_answers() -> TextIO:
    """In such a process: where the answers go. What a library prints goes to the standard error from now on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def peak_megabytes() -> float:
    """The most memory that this process has held (resident set), in MB of 10^6 bytes; Linux."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    kibibytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024 / 1e6
