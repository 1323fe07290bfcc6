"""The versions that a model's document names, beside the installed ones, and what changed in between."""

from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from emohub.doctor.changes import CHANGES, Change
from emohub.doctor.packages import installed_version
from emohub.errors import UsageError
from emohub.recipe import Recipe

DISTRIBUTIONS = {
    "Transformers": "transformers",
    "PyTorch": "torch",
    "Datasets": "datasets",
    "Tokenizers": "tokenizers",
}
"""Package by the name that documents give the library."""


@dataclass(frozen=True)
class Library:
    """One library of a document."""

    name: str
    documented: str | None
    """None where the document names the library without a version."""
    installed: str | None
    """None where it is not installed."""


@dataclass(frozen=True)
class DocumentedVersions:
    """A document's libraries, and what changed between its versions and the installed ones."""

    recipe: str
    libraries: tuple[Library, ...]
    changes: tuple[Change, ...]


def compare_versions(recipe: Recipe) -> DocumentedVersions:
    """Hold the versions that a recipe's document names against the installed ones.

    Raises:
        UsageError: the recipe is not one of a documented model.
    """
    if recipe.documented is None:
        raise UsageError(f"the recipe {recipe.name} has no document", "name the recipe of a documented model")
    libraries = tuple(
        Library(name, version or None, installed_version(DISTRIBUTIONS.get(name, name.lower())))
        for name, version in recipe.documented.frameworks.items()
    )
    return DocumentedVersions(
        recipe.name, libraries, tuple(change for library in libraries for change in changes_of(library))
    )


def changes_of(library: Library) -> tuple[Change, ...]:
    """The known changes after the documented version, up to the installed one; none where a version is unknown."""
    before, after = _release(library.documented), _release(library.installed)
    if before is None or after is None or before >= after:
        return ()
    return tuple(
        change
        for change in CHANGES
        if change.library == library.name and (change.since is None or before < Version(change.since) <= after)
    )


def _release(version: str | None) -> Version | None:
    """The version without the name of its build."""
    try:
        return None if version is None else Version(Version(version).public)
    except InvalidVersion:
        return None
