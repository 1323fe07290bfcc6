"""What starting costs: seconds of new processes, and which imports they go to.

    python -m benchmarks.cold_start

Each command is started several times, in turn with the others; before that once under ``python -X importtime``, which
tells what each import takes. What was measured goes to ``benchmarks/cold_start.json``, and ``python -m
benchmarks.report`` writes the page.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.asked import ROOT, ProcessFailedError
from benchmarks.cold_start_result import RESULT, ColdStartResult, Library, Start
from emohub.record import current_environment, utc_now

SLOWEST = 15
"""Packages that are listed of each command."""
TEXT = "i am so happy that you are here"
QUIET = {"HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
"""Nothing is asked of a network."""


@dataclass(frozen=True)
class Command:
    """Something that is started."""

    arguments: tuple[str, ...]
    """After ``emohub``; ``PORT`` becomes a free port."""
    typed: str
    """The same as a person types it."""
    until: str
    wait: Callable[["subprocess.Popen[str]"], None]
    """Returns at that moment."""


def until_ended(process: "subprocess.Popen[str]") -> None:
    """Wait for the end of a command.

    Raises:
        ProcessFailedError: it failed, or printed nothing.
    """
    printed, _ = process.communicate()
    if process.returncode or not printed:
        raise ProcessFailedError(f"it ended with {process.returncode} and printed {len(printed)} characters")


def until_page(process: "subprocess.Popen[str]") -> None:
    """Wait for the first byte of the page that a command serves.

    Raises:
        ProcessFailedError: it serves none.
    """
    assert process.stdout is not None
    address = re.search(r"http://\S+", process.stdout.readline())
    if address is None:
        raise ProcessFailedError("it said no address")
    with urllib.request.urlopen(address.group(), timeout=60) as page:
        page.read(1)


def commands(model: Path) -> tuple[Command, ...]:
    """What is started."""
    name = model.name
    return (
        Command(("--help",), "emohub --help", "the help was printed", until_ended),
        Command(
            ("classify", str(model), TEXT), f'emohub classify {name} "{TEXT}"', "the answer was printed", until_ended
        ),
        Command(
            ("demo", "--models", str(model), "--port", "PORT"),
            f"emohub demo --models {name}",
            "the first byte of the page",
            until_page,
        ),
    )


def start(command: Command, options: Sequence[str] = ()) -> tuple[float, str]:
    """Seconds of one start, with ``options`` of the interpreter, and what it wrote to its standard error.

    Raises:
        ProcessFailedError: it failed.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    arguments = [port if part == "PORT" else part for part in command.arguments]
    # A file, because a pipe that nobody empties would stop the command.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        began = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, *options, "-m", "emohub", *arguments],
            cwd=ROOT,
            env=os.environ | QUIET,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process:
            try:
                command.wait(process)
                seconds = time.perf_counter() - began
            except ProcessFailedError as error:
                errors.seek(0)
                raise ProcessFailedError(f"{command.typed}: {error}\n{errors.read()[-2000:]}") from None
            finally:
                process.kill()
        errors.seek(0)
        return seconds, errors.read()


def import_times(report: str) -> list[tuple[str, float]]:
    """Name and milliseconds of each module that ``-X importtime`` told of, without what it imported in turn."""
    lines = re.findall(r"^import time:\s+(\d+) \|\s+\d+ \| +(\S+)$", report, re.MULTILINE)
    return [(module, int(microseconds) / 1000) for microseconds, module in lines]


def libraries(modules: Iterable[tuple[str, float]]) -> list[Library]:
    """The modules gathered by their top-level package, the slowest first."""
    gathered: dict[str, list[float]] = {}
    for module, ms in modules:
        gathered.setdefault(module.partition(".")[0], []).append(ms)
    found = [Library(name=name, ms=round(sum(each), 3), modules=len(each)) for name, each in gathered.items()]
    return sorted(found, key=lambda library: (-library.ms, library.name))


def measure(model: Path, times: int) -> ColdStartResult:
    """All commands: their imports first, by which they are warm, then their seconds in turn.

    Raises:
        ProcessFailedError: one failed.
    """
    created, load = utc_now(), os.getloadavg()[0]
    known = commands(model)
    imports = [import_times(start(command, ("-X", "importtime"))[1]) for command in known]
    rounds = [[round(start(command)[0], 3) for command in known] for _ in range(times)]
    return ColdStartResult(
        created=created,
        environment=current_environment("cpu"),
        load_before=round(load, 2),
        model=model.name,
        starts=tuple(
            Start(
                command=command.typed,
                until=command.until,
                seconds=tuple(seconds),
                import_ms=round(sum(ms for _, ms in modules), 3),
                modules=len(modules),
                slowest=tuple(libraries(modules)[:SLOWEST]),
            )
            for command, modules, seconds in zip(known, imports, zip(*rounds, strict=True), strict=True)
        ),
    )


def main() -> None:
    """Measure, keep what was measured, and show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "minilm-emotion", help="a model's folder")
    parser.add_argument("--times", type=int, default=7, help="starts of each command")
    parser.add_argument("--output", type=Path, default=RESULT, help="where it is kept")
    options = parser.parse_args()
    try:
        result = measure(options.model, options.times)
    except ProcessFailedError as error:
        sys.exit(str(error))
    result.save(options.output)
    for each in result.starts:
        print(
            f"{each.command}: {min(each.seconds):.2f} s at best, {each.modules:,} modules in {each.import_ms:,.0f} ms"
        )
        for library in each.slowest[:5]:
            print(f"    {library.ms:8,.0f} ms  {library.name} ({library.modules:,} modules)")


if __name__ == "__main__":
    main()
