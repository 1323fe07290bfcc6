"""Setting up: pins and bounds agree, the Makefile says what it can do and why it cannot, and a browser is found."""

import os
import re
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from emohub import __version__
from tools import chromium

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def requirements(lines: list[str]) -> dict[str, Requirement]:
    """Requirements by their distribution's name."""
    parsed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


def pins(file: str) -> dict[str, str]:
    """The versions that a file pins."""
    found = {}
    for name, requirement in requirements((ROOT / file).read_text(encoding="utf-8").splitlines()).items():
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{file}: {name} is not pinned"
        assert "+" not in specifier.version, f"{file}: {name} is pinned to a build that an index may not have"
        found[name] = specifier.version
    return found


DIRECT = pins("requirements.txt")
INDIRECT = pins("constraints.txt")
DECLARED = requirements(PROJECT["dependencies"])
TESTING = requirements(PROJECT["optional-dependencies"]["test"])


def test_requirements_pin_every_dependency_and_nothing_else() -> None:
    assert set(DIRECT) == set(DECLARED)
    assert len(DIRECT) >= 15


@pytest.mark.parametrize("name", DECLARED)
def test_a_lower_bound_is_the_version_that_is_tested(name: str) -> None:
    specifiers = DECLARED[name].specifier
    assert [each.version for each in specifiers if each.operator == ">="] == [DIRECT[name]]
    assert specifiers.contains(DIRECT[name])


def test_the_tests_run_with_the_pinned_versions() -> None:
    testing = {name: next(iter(requirement.specifier)).version for name, requirement in TESTING.items()}
    expected = {**DIRECT, **INDIRECT, **testing}
    installed = {name: metadata.version(name).partition("+")[0] for name in {**DIRECT, **testing}}
    assert {name: expected[name] for name in installed} == installed


def test_constraints_pin_what_the_requirements_bring_along() -> None:
    assert set(INDIRECT) & set(DIRECT) == set()
    assert {"pandas", "pydantic-core", "setuptools", "starlette"} <= set(INDIRECT)
    needed = {
        canonicalize_name(requirement.name)
        for name in {**DIRECT, **INDIRECT, **TESTING}
        for requirement in map(Requirement, metadata.requires(name) or [])
        if requirement.marker is None  # one with a marker depends on the machine
    }
    assert needed - set(DIRECT) - set(INDIRECT) == set()


def test_pydantic_is_one_that_a_space_can_install() -> None:
    """A Space installs ``gradio[oauth,mcp]`` in the same step as requirements.txt."""
    for line in metadata.requires("gradio") or []:
        requirement = Requirement(line)
        if requirement.marker and requirement.marker.evaluate({"extra": "mcp"}) and requirement.name in DIRECT:
            assert requirement.specifier.contains(DIRECT[requirement.name]), line


def test_the_package_is_installed_as_declared() -> None:
    assert metadata.version("emohub") == __version__
    (script,) = metadata.entry_points(group="console_scripts", name="emohub")
    assert script.value == "emohub.cli:main"
    assert PROJECT["requires-python"] == ">=3.11"


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout, apart from the make that may have started these tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [[], ["help"]])
def test_help_lists_every_target(arguments: list[str]) -> None:
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()
    done = make(*arguments)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == phony
    assert all(re.fullmatch(r"[\w-]+ +\S.*\.", line) for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        ("3.10", "No Python 3.11 or newer among: "),
        ("no venv", "cannot make virtual environments; install its venv module (Debian: apt-get install python3-venv)"),
    ],
)
def test_an_unsuitable_python_is_named_with_a_remedy(tmp_path: Path, reports: str, message: str) -> None:
    python = tmp_path / "python"
    refused = "version_info" if reports == "3.10" else "ensurepip"
    python.write_text(f'#!/bin/sh\ncase "$2" in *{refused}*) exit 1;; esac\n', encoding="utf-8")
    python.chmod(0o755)
    done = make(f"PYTHON={python}", f"VENV={tmp_path}/venv", f"{tmp_path}/venv/.created")
    assert done.returncode == 2
    assert message in done.stderr
    assert str(python) in done.stderr
    assert not (tmp_path / "venv").exists()


def test_the_python_that_is_named_makes_the_environment(tmp_path: Path) -> None:
    log = tmp_path / "log"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >>{log}\ncase "$1" in -m) mkdir "$4";; esac\n', encoding="utf-8")
    python.chmod(0o755)
    done = make(f"PYTHON={python}", f"VENV={tmp_path}/venv", f"{tmp_path}/venv/.created")
    assert done.returncode == 0, done.stderr
    assert log.read_text(encoding="utf-8").splitlines()[-1] == f"-m venv --clear {tmp_path}/venv"
    assert (tmp_path / "venv" / ".created").is_file()


def test_continuous_integration_runs_everything() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")
    assert "run: make test" in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_a_browser_that_cannot_start_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(chromium, "playwright_path", lambda: str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium.find() is None
    for name, status in (("chromium", 1), ("google-chrome", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    assert chromium.find() == str(tmp_path / "google-chrome")


def test_the_browser_that_is_named_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = shutil.which("true")
    assert true is not None
    monkeypatch.setenv("CHROMIUM", true)
    assert chromium.find() == true
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "nowhere"))
    assert chromium.find() is None
