"""Find a Chromium for the browser tests, or install one.

In this order: one that is installed, Playwright's own download, Debian's package. A test imports ``find``.
"""

import os
import shutil
import subprocess
import sys

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HINT = (
    "There is no Chromium for the browser tests, and none could be installed. "
    "Install one (Debian: apt-get install chromium), or name it: make test CHROMIUM=/path/to/chromium"
)


def find() -> str | None:
    """Path of a Chromium that can be started: ``CHROMIUM``, one on the PATH, or Playwright's own; None without one."""
    named = os.environ.get("CHROMIUM")
    candidates = [named] if named else [*COMMANDS, playwright_path()]
    return next((path for name in candidates if (path := shutil.which(name)) and starts(path)), None)


def starts(path: str) -> bool:
    """Whether the program runs: a file may be there and lack its shared libraries, or be a snap's placeholder."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def playwright_path() -> str:
    """Where Playwright's own Chromium is, or would be."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only here is the test extra needed

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def install() -> None:
    """Try Playwright's download, then Debian's package; say what is done, and leave the verdict to ``find``."""
    # Playwright's --with-deps would ask for a password where sudo needs one; root and a free sudo never wait.
    administrator = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    may_administrate = attempt([*administrator, "true"], quiet=True)
    print("== installing Chromium for the browser tests (Playwright's own)", flush=True)
    if attempt([sys.executable, "-m", "playwright", "install", "chromium"]):
        if find() is None and may_administrate:
            attempt([sys.executable, "-m", "playwright", "install-deps", "chromium"])
        if find() is not None:
            return
    if may_administrate and shutil.which("apt-get"):
        print("== that did not serve; installing Chromium from the distribution", flush=True)
        attempt([*administrator, "apt-get", "update", "--quiet"])
        attempt([*administrator, "apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"])


def attempt(command: list[str], *, quiet: bool = False) -> bool:
    """Run a command without standard input; whether it succeeded."""
    output = subprocess.DEVNULL if quiet else None
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    except OSError:
        return False
    return done.returncode == 0


def main() -> int:
    """Find or install a Chromium; exit with 1 when there is none in the end."""
    if find() is None:
        install()
    path = find()
    print(f"== Chromium: {path}" if path else HINT, file=sys.stdout if path else sys.stderr)
    return 0 if path else 1


if __name__ == "__main__":
    sys.exit(main())
