"""Publishing: authenticate, find or create the repository, look at it, make one commit, and look again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from huggingface_hub import constants

from emohub import __version__
from emohub.errors import PublishError
from emohub.publish.checks import preflight
from emohub.publish.files import Plan, PlannedFile
from emohub.publish.hub import Account, Hub, Remote, Unanswered, bounded_waits


@dataclass(frozen=True)
class Published:
    """What publishing did."""

    repo_id: str
    url: str
    private: bool
    commit: str | None
    """Hash of the commit that was made; None when the repository had every file already."""
    pull_request: str | None
    """Address of the pull request, when one was asked for and made."""
    uploaded: tuple[str, ...]
    """Files that were new or had changed."""
    notes: tuple[str, ...] = ()
    """What the Hub remarked about the card."""


def publish(plan: Plan, *, on_step: Callable[[str], None] | None = None) -> Published:
    """Carry out a plan with one commit, after its preflight, and check what the Hub holds afterwards.

    ``on_step`` is told what is about to be done. Files of the repository that are not in the plan stay as they are.

    Raises:
        PublishError: the preflight, the authentication, the repository or the Hub stands against it; the repository
            is then as it was before, unless the message says otherwise.
        RecordError, CardError: see ``preflight``.
    """
    step = on_step or (lambda _: None)
    step("Checking the files")
    preflight(plan)
    with bounded_waits():
        hub = Hub.connect()
        step("Asking the Hub whose token this is")
        _check_account(plan, hub.account())
        if not plan.create_pr:
            step(f"Finding or creating {plan.repo_id}")
            hub.create_repo(plan.repo_id, private=plan.private)
        before = hub.read(plan.repo_id)
        _check_repository(plan, before)
        changed = [file for file in plan.files if not before.holds(file)]
        if not changed:
            return _published(plan, before)
        step(f"Uploading {len(changed)} files")
        operations = hub.upload(plan.repo_id, changed, create_pr=plan.create_pr)
        step("Committing")
        message = f"Publish {plan.repo_id.rpartition('/')[2]} with emohub {__version__}"
        try:
            commit, notes = hub.commit(plan.repo_id, operations, message, parent=before.head, create_pr=plan.create_pr)
        except PublishError as failure:
            landed = _landed(plan, hub)
            if landed is None:
                raise _mend_remedy(failure, plan) from None
            return _published(plan, landed, landed.head, changed=changed)
        step("Checking what the Hub holds now")
        after = hub.read(plan.repo_id, commit.oid)
    wrong = [file.path for file in plan.files if not after.holds(file)]
    if wrong:
        raise PublishError(
            f"the commit {commit.oid} does not hold {wrong[0]} as it was sent",
            "look at that commit on the Hub, and run the same command again",
        )
    return _published(plan, after, commit.oid, commit.pr_url, changed, notes)


def _check_account(plan: Plan, account: Account) -> None:
    owner = plan.repo_id.partition("/")[0]
    if account.read_only:
        raise PublishError(
            f"the token of {account.name} may only read",
            "make one with write access at https://huggingface.co/settings/tokens, and log in with it",
        )
    if not plan.create_pr and owner not in (account.name, *account.organizations):
        raise PublishError(
            f"the token belongs to {account.name}, who is not in {owner}",
            f"publish to {account.name}/{plan.repo_id.rpartition('/')[2]}, or propose the change with --create-pr",
        )


def _check_repository(plan: Plan, remote: Remote) -> None:
    if remote.id != plan.repo_id:
        raise PublishError(
            f"{plan.repo_id} leads to another repository, {remote.id}", f"use --repo-id {remote.id} if that is meant"
        )
    if plan.private and not remote.private:
        raise PublishError(
            f"the repository {plan.repo_id} exists and is public, and --private was asked",
            "make it private in its settings on the Hub, or publish without --private",
        )


def _landed(plan: Plan, hub: Hub) -> Remote | None:
    """The repository, if it has every file after a commit that seemed to fail: its answer may have been lost."""
    if plan.create_pr:
        return None
    try:
        remote = hub.read(plan.repo_id)
    except PublishError:
        return None
    return remote if all(remote.holds(file) for file in plan.files) else None


def _mend_remedy(failure: PublishError, plan: Plan) -> PublishError:
    """A pull request whose answer was lost may be open, and the same command would open a second one."""
    if plan.create_pr and isinstance(failure, Unanswered):
        address = f"{constants.ENDPOINT}/{plan.repo_id}/discussions"
        return Unanswered(
            failure.cause, f"look at {address} for the pull request before running the same command again"
        )
    return failure


def _published(
    plan: Plan,
    remote: Remote,
    commit: str | None = None,
    pull_request: str | None = None,
    changed: Sequence[PlannedFile] = (),
    notes: tuple[str, ...] = (),
) -> Published:
    return Published(
        repo_id=plan.repo_id,
        url=f"{constants.ENDPOINT}/{plan.repo_id}",
        private=remote.private,
        commit=commit,
        pull_request=pull_request,
        uploaded=tuple(file.path for file in changed),
        notes=notes,
    )
