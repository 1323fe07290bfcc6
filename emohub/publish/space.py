"""The app as a Space that serves published models: its files from the checkout, in one commit.

What goes is a closed list: the program, its package, the records and cards, and a file that names the models. No
weights go; the Space loads them from the Hub.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import RepositoryNotFoundError

from emohub import __version__
from emohub.card import is_repo_id
from emohub.errors import PublishError, UsageError
from emohub.layout import CARD_FILE, RUN_FILE, SERVED_FILE, VERIFY_FILE, checkout, project_root
from emohub.publish.failures import REMEDIES
from emohub.publish.files import RECORDS, SHOWN, Plan, PlannedFile
from emohub.publish.hub import Hub, Remote
from emohub.publish.secrets import refuse_secrets
from emohub.publish.waiting import patience
from emohub.record import RunRecord, sha256_file

PROGRAM = ("app.py", "requirements.txt", "LICENSE")
"""Files of the checkout's top folder that a Space needs."""
OWN_FOLDERS = ("emohub/", "cards/")
"""Folders of the Space in which a file that is no longer planned is taken away."""
ADVICE = REMEDIES | {
    402: "choose free hardware in the settings of the Space, or a plan that includes it, at https://huggingface.co/pricing",
    403: "use a token with write access to the Space's owner",
    404: "check --space, and that the token may see the Space",
}
LANDED_ANYWAY = "look at it on the Hub, then run the same command again"

FRONT_PAGE = """\
---
title: emohub
emoji: 🎭
colorFrom: blue
colorTo: indigo
sdk: gradio
sdk_version: {sdk_version}
python_version: "3.11"
app_file: app.py
models:
{models}
{datasets}license: apache-2.0
short_description: Small emotion classifiers, measured and compared
---

# emohub

This page serves the models below and no others. Each has a card, and the records that its numbers come from; they lie
in `cards/` too.

{links}
"""


@dataclass(frozen=True)
class SpacePlan:
    """What pushing the app would do."""

    repo_id: str
    private: bool
    files: tuple[PlannedFile, ...]
    served: Mapping[str, str]
    """Hub id by the name that the page shows."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class PushedSpace:
    """What pushing the app did."""

    repo_id: str
    url: str
    private: bool
    commit: str | None
    """Hash of the commit that was made; None when the Space had every file already."""
    uploaded: tuple[str, ...]
    removed: tuple[str, ...]
    """Files of an earlier push that no longer belong to the app."""


def plan_space(repo_id: str, models: Mapping[str, Plan], *, private: bool = False) -> SpacePlan:
    """Which files would go to the Space ``repo_id``, for it to serve these models by name.

    Raises:
        UsageError: ``repo_id`` is not OWNER/NAME, or emohub does not run from a checkout.
        PublishError: a file of the checkout is missing, a link, or cannot be read.
    """
    if not is_repo_id(repo_id):
        raise UsageError(f"{repo_id!r} is no id of a Space", "write OWNER/NAME, such as ada/emohub")
    root = checkout()
    if root is None:
        raise UsageError(
            "a Space is made from the checkout of emohub, and this is an installed package",
            "clone the repository, and run the same command in it",
        )
    served = {name: plan.repo_id for name, plan in models.items()}
    made = {
        CARD_FILE: _front_page(root, models),
        SERVED_FILE: json.dumps(served, indent=2) + "\n",
    }
    files = [_made(path, text.encode()) for path, text in made.items()]
    files += [_on_disk(root, path) for path in (*PROGRAM, *_package(root))]
    files += _cards(models)
    return SpacePlan(repo_id, private, tuple(sorted(files, key=lambda file: file.path)), served)


def check_space(plan: SpacePlan) -> str:
    """Check the files of a Space as those of a model are checked, and say what holds.

    Raises:
        PublishError: a file holds something that must not leave.
    """
    return f"the Space: {refuse_secrets(plan.files)}"


def push_space(plan: SpacePlan, hub: Hub, *, on_step: Callable[[str], object] = lambda _: None) -> PushedSpace:
    """Carry the plan out with one commit, and check what the Hub holds afterwards.

    Files that others put beside the app's stay as they are.

    Raises:
        PublishError: the Space or the Hub stands against it; the Space is then as it was before, unless the message
            says otherwise.
    """
    check_space(plan)
    on_step(f"Finding or creating the Space {plan.repo_id}")
    before = _find(hub, plan.repo_id) or _create(hub, plan)
    _check(plan, before)
    changed = [file for file in plan.files if not before.holds(file)]
    removed = _stale(plan, before)
    if not changed and not removed:
        return _pushed(plan, before)
    on_step(f"Committing {len(changed)} files to the Space")
    try:
        commit = _commit(hub, plan, changed, removed, before.head)
        after = _read(hub, plan.repo_id, commit)
    except PublishError as failure:
        landed = _landed(hub, plan)
        if landed is None:
            raise failure from None
        commit, after = landed.head, landed
    wrong = [file.path for file in plan.files if not after.holds(file)]
    if wrong:
        raise PublishError(f"the commit {commit} does not hold {wrong[0]} as it was sent", LANDED_ANYWAY)
    return _pushed(plan, after, commit, changed, removed)


def _commit(hub: Hub, plan: SpacePlan, changed: list[PlannedFile], removed: list[str], parent: str) -> str:
    def call(api: HfApi) -> str:
        additions = [CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=file.source) for file in changed]
        deletions = [CommitOperationDelete(path_in_repo=path) for path in removed]
        message = f"Serve {len(plan.served)} models with emohub {__version__}"
        return api.create_commit(
            plan.repo_id,
            [*additions, *deletions],
            repo_type="space",
            commit_message=message,
            parent_commit=parent,
        ).oid

    return hub.ask(f"commit to the Space {plan.repo_id}", call, ADVICE)


def _find(hub: Hub, repo_id: str) -> Remote | None:
    """The Space at its head; None when there is none that the token may see."""

    def call(api: HfApi) -> Remote | None:
        try:
            return Remote.of(api.space_info(repo_id, files_metadata=True, timeout=patience()))
        except RepositoryNotFoundError:
            return None

    return hub.ask_patiently(f"show the Space {repo_id}", call, ADVICE)


def _create(hub: Hub, plan: SpacePlan) -> Remote:
    private = True if plan.private else None
    hub.ask_patiently(
        f"create the Space {plan.repo_id}",
        lambda api: api.create_repo(
            plan.repo_id, repo_type="space", space_sdk="gradio", private=private, exist_ok=True
        ),
        ADVICE,
    )
    return _read(hub, plan.repo_id)


def _read(hub: Hub, repo_id: str, revision: str | None = None) -> Remote:
    return hub.ask_patiently(
        f"show the Space {repo_id}",
        lambda api: Remote.of(api.space_info(repo_id, revision=revision, files_metadata=True, timeout=patience())),
        ADVICE,
    )


def _landed(hub: Hub, plan: SpacePlan) -> Remote | None:
    """The Space, if it has every file after a commit that seemed to fail: its answer may have been lost."""
    try:
        remote = _read(hub, plan.repo_id)
    except PublishError:
        return None
    return remote if all(remote.holds(file) for file in plan.files) and not _stale(plan, remote) else None


def _check(plan: SpacePlan, remote: Remote) -> None:
    if remote.id != plan.repo_id:
        raise PublishError(
            f"{plan.repo_id} leads to another Space, {remote.id}", f"use --space {remote.id} if that is meant"
        )
    if plan.private and not remote.private:
        raise PublishError(
            f"the Space {plan.repo_id} exists and is public, and --private was asked",
            "make it private in its settings on the Hub, or publish without --private",
        )


def _stale(plan: SpacePlan, remote: Remote) -> list[str]:
    planned = {file.path for file in plan.files}
    return sorted(path for path in remote.git_oids if path.startswith(OWN_FOLDERS) and path not in planned)


def _pushed(
    plan: SpacePlan,
    remote: Remote,
    commit: str | None = None,
    changed: list[PlannedFile] | None = None,
    removed: list[str] | None = None,
) -> PushedSpace:
    return PushedSpace(
        repo_id=plan.repo_id,
        url=f"{constants.ENDPOINT}/spaces/{plan.repo_id}",
        private=remote.private,
        commit=commit,
        uploaded=tuple(file.path for file in changed or ()),
        removed=tuple(removed or ()),
    )


def _front_page(root: Path, models: Mapping[str, Plan]) -> str:
    """The Space's README: its settings, and the models that it serves."""
    requirements = (root / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.search(r"^gradio(?:\[\w+\])?==(\S+)$", requirements, re.MULTILINE)
    if pinned is None:
        raise PublishError("requirements.txt does not pin gradio", "pin it, since a Space installs one version of it")
    corpora = (RunRecord.load(plan.records_folder / RUN_FILE).recipe["corpus"] for plan in models.values())
    datasets = list(dict.fromkeys(corpus["hub_id"] for corpus in corpora if corpus.get("hub_id")))
    ids = [plan.repo_id for plan in models.values()]
    return FRONT_PAGE.format(
        sdk_version=pinned[1],
        models="\n".join(f"  - {repo_id}" for repo_id in ids),
        datasets="".join(["datasets:\n", *(f"  - {hub_id}\n" for hub_id in datasets)]) if datasets else "",
        links="\n".join(f"- [{repo_id}](https://huggingface.co/{repo_id})" for repo_id in ids),
    )


def _package(root: Path) -> Iterator[str]:
    """The files that make up the package: its modules, and the data that pyproject.toml names."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["emohub"]
    package = root / "emohub"
    found = {path for pattern in ("**/*.py", *patterns) for path in package.glob(pattern) if path.is_file()}
    return (path.relative_to(root).as_posix() for path in sorted(found))


def _cards(models: Mapping[str, Plan]) -> list[PlannedFile]:
    """The card of each served model with its pictures and all its records, and the pages of the documented ones."""
    files = []
    for name, plan in models.items():
        for path in (CARD_FILE, *SHOWN[plan.stage], *RECORDS[plan.stage]):
            file = plan.file(path)
            if file is not None:
                files.append(PlannedFile(f"cards/{name}/{path}", file.size, file.sha256, file.source))
        # It says something of the model, and is no part of it: the model's own repository does not get it.
        if (plan.records_folder / VERIFY_FILE).is_file():
            file = _on_disk(plan.records_folder, VERIFY_FILE)
            files.append(PlannedFile(f"cards/{name}/{VERIFY_FILE}", file.size, file.sha256, file.source))
    root = project_root()
    for page in sorted((root / "cards").glob(f"*/{CARD_FILE}")):
        if not (page.parent / RUN_FILE).exists():
            files.append(_on_disk(root, page.relative_to(root).as_posix()))
    return files


def _on_disk(root: Path, path: str) -> PlannedFile:
    source = root / path
    if any(part.is_symlink() for part in (source, *source.relative_to(root).parents) if part != Path()):
        raise PublishError(f"{path} is a link, which may lead to anything", "put the file itself in its place")
    try:
        return PlannedFile(path, source.stat().st_size, sha256_file(source), source)
    except OSError as error:
        raise PublishError(f"{path} cannot be read ({error.strerror})", "take it from the repository again") from None


def _made(path: str, content: bytes) -> PlannedFile:
    return PlannedFile(path, len(content), hashlib.sha256(content).hexdigest(), content)
