"""Python and the packages, held against the ranges that emohub declares and is tested with."""

import platform
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from emohub import __version__
from emohub.doctor.check import Check, Status
from emohub.layout import checkout

DEVELOPERS = "test"
"""The extra that only the project's own tests need."""


@dataclass(frozen=True)
class Declared:
    """What the project says it needs."""

    python: SpecifierSet
    required: tuple[Requirement, ...]
    extras: dict[str, tuple[Requirement, ...]]
    """Optional packages by the name of their extra."""


def declared() -> Declared:
    """Read from ``pyproject.toml`` in a checkout, whose installation may be older, else from the installed package."""
    folder = checkout()
    if folder is not None:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        return Declared(
            SpecifierSet(project["requires-python"]),
            tuple(map(Requirement, project["dependencies"])),
            {extra: tuple(map(Requirement, lines)) for extra, lines in extras.items() if extra != DEVELOPERS},
        )
    about = metadata.metadata("emohub")
    every = tuple(map(Requirement, metadata.requires("emohub") or ()))
    return Declared(
        SpecifierSet(about["Requires-Python"]),
        tuple(each for each in every if each.marker is None),
        {
            extra: tuple(each for each in every if each.marker is not None and each.marker.evaluate({"extra": extra}))
            for extra in about.get_all("Provides-Extra") or ()
            if extra != DEVELOPERS
        },
    )


def package_checks() -> Iterator[Check]:
    """Python, emohub, each package that it needs, and each that single commands need."""
    needs = declared()
    python = platform.python_version()
    fits = needs.python.contains(python, prereleases=True)
    remedy = "" if fits else f"make the environment with Python {needs.python}"
    yield Check("Python", "ok" if fits else "failure", python, str(needs.python), remedy)
    where = "installed package" if checkout() is None else "checkout"
    yield Check("emohub", "ok", f"{__version__} ({where})", "any")
    for requirement in needs.required:
        yield _required(requirement)
    for extra, requirements in needs.extras.items():
        for requirement in requirements:
            yield _optional(requirement, extra)


def installed_version(name: str) -> str | None:
    """The version of an installed package; None when there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _required(requirement: Requirement) -> Check:
    installed = installed_version(requirement.name)
    if installed is None:
        return _check(requirement, "failure", "not installed", f"pip install '{requirement}'")
    return _in_range(requirement, installed, "failure", f"pip install '{requirement}'")


def _optional(requirement: Requirement, extra: str) -> Check:
    """A package that is not needed: its absence is no finding, an unfitting version is one."""
    install = f"pip install 'emohub[{extra}]'"
    installed = installed_version(requirement.name)
    if installed is None:
        return _check(requirement, "ok", f"not installed; optional: {install}")
    return _in_range(requirement, installed, "warning", install)


def _in_range(requirement: Requirement, installed: str, when_older: Status, install: str) -> Check:
    if requirement.specifier.contains(installed, prereleases=True):
        return _check(requirement, "ok", installed)
    oldest = max(Version(each.version) for each in requirement.specifier if each.operator == ">=")
    if Version(installed) < oldest:
        return _check(requirement, when_older, f"{installed}, which is too old", install)
    return _check(requirement, "warning", f"{installed}, which is newer than any that was tested", install)


def _check(requirement: Requirement, status: Status, found: str, remedy: str = "") -> Check:
    # The order of a set of specifiers is not the one that was written.
    wanted = ",".join(sorted(map(str, requirement.specifier), reverse=True))
    return Check(requirement.name, status, found, wanted, remedy)
