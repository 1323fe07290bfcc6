"""Write ``constraints.txt``: each library that requirements.txt and the test extra bring along, at one version."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# Written by `make lock`: the libraries that requirements.txt and the test extra bring along, as they were resolved.
# The Makefile installs with it, so that an installation in two years gets what the tests ran with.
# It names no library that requirements.txt pins.
"""


def resolve() -> list[dict[str, Any]]:
    """What pip would install into an empty environment, without installing it."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    command += ["--disable-pip-version-check", "--report", "-", "--requirement", "requirements.txt", ".[test]"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    packages: list[dict[str, Any]] = json.loads(done.stdout)["install"]
    return packages


def normalised(name: str) -> str:
    """A distribution's name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Resolve and write."""
    pinned = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    direct = {normalised(name) for name in pinned}
    pins = {
        normalised(package["metadata"]["name"]): package["metadata"]["version"]
        for package in resolve()
        if normalised(package["metadata"]["name"]) not in direct | {"emohub"}
    }
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    (ROOT / "constraints.txt").write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"constraints.txt: {len(lines)} libraries")


if __name__ == "__main__":
    main()
