"""``publish.json``: what stands on the Hub, as it was when it was published last."""

from typing import ClassVar

from emohub.recipe.declaration import Sha256, Text
from emohub.record.base import Record


class PublicationRecord(Record):
    """One publication of a model; it stays beside the records and is never published itself."""

    kind: ClassVar[str] = "publication"

    created: Text
    """UTC, ISO 8601."""
    emohub: Text
    """Version."""
    repo_id: Text
    url: Text
    private: bool
    revision: Text
    """Branch that the commit is on, or that the pull request is for."""
    commit: Text
    """Hash of the commit that holds the files."""
    parent: Text | None
    """Hash of the commit before it; None when the Hub held every file already."""
    pull_request: Text | None
    """Address of the pull request that holds the commit."""
    tag: Text | None
    files: dict[str, Sha256]
    """SHA-256 of every file, by its name."""
    prose: Sha256
    """SHA-256 of what people wrote into the card: tells later on which side it has changed since."""
