"""Cards of files, folders and repositories on the Hub, audited."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from emohub import layout
from emohub.card import Finding, audit_card, is_repo_id
from emohub.errors import CardError, UsageError

TIMEOUT = 30.0
"""Seconds to wait for the Hub's first answer."""
FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError)
"""What the client raises when it cannot ask, or is refused."""


@dataclass(frozen=True)
class AuditedCard:
    """A card and everything that is to be said against it."""

    name: str
    """Its path, or its repository with the commit that was read."""
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many of the findings are errors."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many of the findings are warnings."""
        return len(self.findings) - self.errors


def audit(target: str, *, revision: str | None = None) -> tuple[AuditedCard, ...]:
    """Audit a card, or all cards of a folder.

    ``target`` is a Markdown file; a folder, whose ``README.md`` is read, or, when it has none, every one below it; the
    name of a folder under ``cards/`` or ``runs/``; or a model's id on the Hub, of which only the card is fetched, at
    ``revision`` (a commit, tag or branch; None for the newest).

    Raises:
        UsageError: there is nothing of that name, or a revision is given for something that lies here.
        CardError: the card cannot be read or fetched, or the folder holds none.
    """
    paths = _find(target)
    if paths is None:
        return (_fetched(target, revision),)
    if revision is not None:
        raise UsageError(f"{target} lies here and has no revision {revision!r}", "leave the revision out")
    return tuple(AuditedCard(str(path), audit_card(_read(path))) for path in paths)


def _find(target: str) -> list[Path] | None:
    """The files that are meant; None when it must be an id on the Hub."""
    for path in _places(target):
        if path.is_file():
            return [path]
        if path.is_dir():
            own = path / layout.CARD_FILE
            found = [own] if own.is_file() else sorted(_below(path))
            if not found:
                raise CardError(f"there is no {layout.CARD_FILE} in {target}, nor below it", "give a folder with cards")
            return found
    if is_repo_id(target):
        return None
    raise UsageError(
        f"there is no file, folder or card called {target!r}", "give a README.md, a folder, or an id on the Hub"
    )


def _below(folder: Path) -> Iterator[Path]:
    """Every card below a folder, but for hidden folders such as ``.git``."""
    for path in folder.rglob(layout.CARD_FILE):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _places(target: str) -> Iterator[Path]:
    root = layout.project_root()
    try:
        for path in (Path(target).expanduser(), root / "cards" / target, root / "runs" / target):
            if target.strip() and path.exists():
                yield path
    except (OSError, RuntimeError):  # too long for a path, or ~NAME of a user that does not exist
        return


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CardError(f"{path} cannot be read ({error.strerror})", "give a file that you may read") from None


def _fetched(repo_id: str, revision: str | None) -> AuditedCard:
    """The card of a model on the Hub; while the Hub cannot be asked, the one that was fetched before."""
    try:
        # The client would go on asking for half a minute where this question fails at once.
        HfApi().model_info(repo_id, revision=revision, timeout=TIMEOUT)
        path = hf_hub_download(repo_id, layout.CARD_FILE, revision=revision)
    except GatedRepoError:
        raise CardError(f"{repo_id} is gated", "accept its terms on its page, and log in") from None
    except RepositoryNotFoundError:
        raise CardError(
            f"there is no {repo_id}, neither here nor on the Hub, or it is private", "correct the name, or log in"
        ) from None
    except RevisionNotFoundError:
        raise CardError(f"{repo_id} has no revision {revision!r} on the Hub", "give one that it has") from None
    except RemoteEntryNotFoundError:
        raise CardError(f"{repo_id} has no card ({layout.CARD_FILE})", "there is nothing to audit") from None
    except FAILURES as error:
        try:
            path = hf_hub_download(repo_id, layout.CARD_FILE, revision=revision, local_files_only=True)
        except LocalEntryNotFoundError:
            raise _unreachable(repo_id, error) from None
    found = Path(path)
    return AuditedCard(f"{repo_id}@{found.parent.name}", audit_card(_read(found)))


def _unreachable(repo_id: str, error: BaseException) -> CardError:
    """Only the kind of the error: its text can hold the token."""
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    return CardError(
        f"{repo_id} is not here, and the Hub cannot be asked for it "
        f"({f'HTTP status {status}' if status else type(error).__name__})",
        "give a file or folder, or try again with a network",
    )
