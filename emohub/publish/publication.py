"""Publishing: authenticate, find or create the repository, look at it, make one commit, and look again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from huggingface_hub import constants

from emohub import __version__
from emohub.errors import EmohubError, PublishError, RecordError
from emohub.layout import CARD_FILE, PUBLISH_FILE
from emohub.publish.cards import bring_home, join_cards, prose_digest
from emohub.publish.checks import check_merged, preflight
from emohub.publish.failures import Refused, Unanswered
from emohub.publish.files import MAIN, Plan, PlannedFile
from emohub.publish.hub import Account, Hub, Remote, Target, Teller
from emohub.publish.waiting import bounded_waits
from emohub.record import PublicationRecord, check_writable, utc_now

ROUNDS = 5
"""How often a commit is tried when others commit at the same time, or when no answer comes."""


@dataclass(frozen=True)
class Published:
    """What publishing did."""

    repo_id: str
    url: str
    private: bool
    revision: str
    """Branch that was published to, or that the pull request is for."""
    commit: str | None
    """Hash of the commit that was made; None when the repository had every file already."""
    pull_request: str | None
    """Address of the pull request, when one was asked for; it may have been open before."""
    uploaded: tuple[str, ...]
    """Files that were new or had changed."""
    tag: str | None = None
    notes: tuple[str, ...] = ()
    """What the Hub remarked about the card, and what else a person should know."""


@dataclass(frozen=True)
class _Landed:
    """The plan as it was carried out, and what the Hub holds since."""

    plan: Plan
    after: Remote
    parent: str | None = None
    """Commit before ours; None when everything was there already."""
    pull_request: str | None = None
    changed: tuple[PlannedFile, ...] = ()
    notes: tuple[str, ...] = ()


def publish(
    plan: Plan,
    *,
    on_step: Teller | None = None,
    on_checked: Callable[[tuple[str, ...]], object] = lambda _: None,
) -> Published:
    """Carry out a plan with one commit, after its preflight, and check what the Hub holds afterwards.

    ``on_step`` is told what is about to be done, and ``on_checked`` what the preflight found to hold. Files of the
    repository that are not in the plan stay as they are, and so does what people wrote into its card. What was done is
    recorded in ``publish.json`` beside the records.

    Raises:
        PublishError: the preflight, the authentication, the repository or the Hub stands against it; the repository
            is then as it was before, unless the message says otherwise.
        RecordError, CardError: see ``preflight``; or the records' folder cannot be written, or its ``publish.json`` is
            damaged.
    """
    step = on_step or (lambda _: None)
    step("Checking the files")
    on_checked(preflight(plan))
    check_writable(plan.records_folder)
    last = _last_publication(plan)
    with bounded_waits():
        hub = Hub.connect(step)
        step("Asking the Hub whose token this is")
        account = hub.account()
        check_account(plan, account)
        step(f"Finding {plan.repo_id}" if plan.create_pr else f"Finding or creating {plan.repo_id}")
        before = _settle(plan, hub)
        tagged = _tagged(plan, hub)
        landed = _land(plan, last, hub, account, before, tagged, step)
        with _published_nevertheless(landed.after.head):
            if plan.tag is not None and tagged is None:
                step(f"Giving the tag {plan.tag}")
                _tag(plan, plan.tag, hub, landed)
            return _record(landed, last)


def check_account(plan: Plan, account: Account) -> None:
    """Refuse a token that cannot publish the plan, as far as the Hub says what it may do.

    Raises:
        PublishError: it may only read, or belongs to somebody else.
    """
    owner = plan.repo_id.partition("/")[0]
    tokens = "https://huggingface.co/settings/tokens"
    if account.read_only:
        raise PublishError(
            f"the token of {account.name} may only read", f"make one with write access at {tokens}, and log in with it"
        )
    if plan.create_pr:
        return
    if owner not in (account.name, *account.organizations):
        raise PublishError(
            f"the token belongs to {account.name}, who is not in {owner}",
            f"publish to {account.name}/{plan.repo_id.rpartition('/')[2]}, or propose the change with --create-pr",
        )
    if not account.may_write(plan.repo_id):
        raise PublishError(
            f"the fine-grained token of {account.name} may not write to {plan.repo_id}",
            f"give it write access to the repositories of {owner} at {tokens}",
        )


def _settle(plan: Plan, hub: Hub) -> Remote:
    """The branch to publish to, in a repository of the right owner and visibility; made where it may be."""
    repo_id = plan.repo_id
    remote = hub.read(repo_id) if plan.create_pr else hub.find(repo_id)
    if remote is None:
        hub.create_repo(repo_id, private=plan.private)
        remote = hub.read(repo_id)
    if remote.id != repo_id:
        raise PublishError(
            f"{repo_id} leads to another repository, {remote.id}", f"use --repo-id {remote.id} if that is meant"
        )
    if plan.private and not remote.private:
        if plan.force_visibility:
            hub.make_private(repo_id)
            remote = hub.read(repo_id)
        if not remote.private:
            raise PublishError(
                f"the repository {repo_id} exists and is public, and --private was asked",
                "make it private with --force-visibility or in its settings on the Hub, or publish without --private",
            )
    if plan.revision == MAIN:
        return remote
    if plan.revision not in hub.branches(repo_id):
        if plan.create_pr:
            raise PublishError(
                f"{repo_id} has no branch {plan.revision}", "choose another with --revision, or leave it out"
            )
        hub.create_branch(repo_id, plan.revision)
    return hub.read(repo_id, plan.revision)


def _tagged(plan: Plan, hub: Hub) -> Remote | None:
    """The commit that has the tag of the plan; None when there is no tag."""
    commit = hub.tags(plan.repo_id).get(plan.tag) if plan.tag is not None else None
    return None if commit is None else hub.read(plan.repo_id, commit)


def _last_publication(plan: Plan) -> PublicationRecord | None:
    """What was published last from the records' folder; None when nothing was."""
    path = plan.records_folder / PUBLISH_FILE
    try:
        return PublicationRecord.load(path) if path.is_file() else None
    except RecordError as error:
        raise RecordError(error.cause, f"delete {path}: publishing writes it anew") from None


@contextmanager
def _published_nevertheless(commit: str) -> Iterator[None]:
    """Let an error that comes after the commit say that the commit stands."""
    try:
        yield
    except EmohubError as error:
        cause = f"the files are published in the commit {commit[:12]}, but {error.cause}"
        raise PublishError(cause, error.remedy) from None


def _land(
    plan: Plan,
    last: PublicationRecord | None,
    hub: Hub,
    account: Account,
    before: Remote,
    tagged: Remote | None,
    step: Teller,
) -> _Landed:
    """See to it that the branch, or an open pull request, holds the plan's files: by one commit, or by none."""
    for more in reversed(range(ROUNDS)):
        plan = _with_remote_card(plan, last, hub, before)
        _check_tag(plan, tagged)
        changed = tuple(file for file in plan.files if not before.holds(file))
        if not changed:
            return _Landed(plan, before)
        if plan.create_pr:
            step("Looking for a pull request of yours with this content")
            if (found := _open_pull_request(plan, hub, account)) is not None:
                return found
        step(f"Uploading {len(changed)} files")
        target = Target(plan.repo_id, plan.revision, before.head, create_pr=plan.create_pr)
        operations = hub.upload(target, changed)
        step("Committing")
        try:
            commit, notes = hub.commit(target, operations, f"Publish {target.name} with emohub {__version__}")
        except (Refused, Unanswered) as failure:
            now = _look_again(plan, hub, account, before, failure)
            if isinstance(now, _Landed):
                return replace(now, parent=before.head, changed=changed)
            if not more:
                raise
            if now.head == before.head:
                hub.pause(failure, ROUNDS - more)
            else:
                step("Somebody else committed in between: going on from their commit")
            before = now
        else:
            step("Checking what the Hub holds now")
            with _published_nevertheless(commit.oid):
                after = hub.read(plan.repo_id, commit.oid)
                _check_landed(plan, after)
            return _Landed(plan, after, before.head, commit.pr_url, changed, notes)
    raise AssertionError("the last round returns or raises")


def _with_remote_card(plan: Plan, last: PublicationRecord | None, hub: Hub, remote: Remote) -> Plan:
    """The plan with a card that keeps what people wrote on the Hub."""
    card = plan.file(CARD_FILE)
    if CARD_FILE not in remote.git_oids or card is None or remote.holds(card):
        return plan
    try:
        theirs = hub.download(plan.repo_id, CARD_FILE, remote.head).decode()
    except UnicodeDecodeError:
        if plan.keep == "local":
            return plan
        raise PublishError(
            f"the card of {plan.repo_id} on the Hub is not UTF-8", "replace it with --card local"
        ) from None
    joined = join_cards(plan.card, theirs, published=_published_prose(plan, last), keep=plan.keep)
    if joined == plan.card:
        return plan
    joined_plan = plan.with_card(joined)
    check_merged(joined_plan)
    return joined_plan


def _published_prose(plan: Plan, last: PublicationRecord | None) -> str | None:
    """Digest of what people had written into the card when it was published there last; None when it never was."""
    there = (plan.repo_id, plan.revision, None)
    return last.prose if last and (last.repo_id, last.revision, last.pull_request) == there else None


def _open_pull_request(plan: Plan, hub: Hub, account: Account) -> _Landed | None:
    """A pull request of this account that is open and holds the plan's files, as one whose answer was lost does."""
    for pull_request in hub.pull_requests(plan.repo_id, account.name):
        remote = hub.read(plan.repo_id, pull_request.revision)
        if remote.holds_all(plan.files):
            return _Landed(plan, remote, pull_request=pull_request.url)
    return None


def _look_again(
    plan: Plan, hub: Hub, account: Account, before: Remote, failure: Refused | Unanswered
) -> Remote | _Landed:
    """What the Hub holds after a commit that failed: the plan, when only its answer was lost; else the branch as it is.

    Raises:
        PublishError: the failure, when trying again cannot help; or others changed the same files.
    """
    if plan.create_pr:
        found = _open_pull_request(plan, hub, account) if isinstance(failure, Unanswered) else None
        if found is None:
            raise failure
        return found
    if isinstance(failure, Refused) and failure.status not in (409, 412, 429):
        raise failure
    now = hub.read(plan.repo_id, plan.revision)
    if now.holds_all(plan.files):
        return _Landed(plan, now)
    for file in plan.files:
        if file.path != CARD_FILE and now.identity(file.path) != before.identity(file.path) and not now.holds(file):
            raise PublishError(
                f"somebody else changed {file.path} of {plan.repo_id} in the commit {now.head[:12]} or shortly before "
                "it, while this was about to be published",
                "look at that commit; the same command, run again, would replace what it holds",
            )
    return now


def _check_landed(plan: Plan, after: Remote) -> None:
    """See that the Hub holds every file as it was sent, and that nobody made the repository public meanwhile."""
    wrong = [file.path for file in plan.files if not after.holds(file)]
    if wrong:
        raise PublishError(
            f"it does not hold {wrong[0]} as it was sent",
            "look at that commit on the Hub, and run the same command again",
        )
    if plan.private and not after.private:
        raise PublishError(
            f"somebody made {plan.repo_id} public meanwhile, and --private was asked",
            "make it private with --force-visibility or in its settings on the Hub",
        )


def _check_tag(plan: Plan, tagged: Remote | None) -> None:
    """Refuse a tag that other files have: whoever pinned it would get something else."""
    if tagged is not None and not tagged.holds_all(plan.files):
        raise PublishError(
            f"the tag {plan.tag} of {plan.repo_id} is on the commit {tagged.head[:12]}, which holds other files",
            "choose another name for the tag; this one is not moved",
        )


def _tag(plan: Plan, tag: str, hub: Hub, landed: _Landed) -> None:
    """Give the tag to the commit that holds the files, and see that nobody gave it to another meanwhile."""
    hub.create_tag(plan.repo_id, tag, landed.after.head)
    commit = hub.tags(plan.repo_id).get(tag)
    if commit != landed.after.head:
        raise PublishError(
            f"{'nothing' if commit is None else f'the commit {commit[:12]}'} got the tag {tag} meanwhile",
            "choose another name for the tag",
        )


def _record(landed: _Landed, last: PublicationRecord | None) -> Published:
    """Write what was done beside the records, unless that stands there already."""
    plan, after = landed.plan, landed.after
    notes = list(landed.notes)
    if not plan.create_pr and bring_home(plan.records_folder, plan.card):
        notes.append(f"{plan.records_folder / CARD_FILE} now has what people wrote into the card on the Hub")
    url = f"{constants.ENDPOINT}/{plan.repo_id}"
    record = PublicationRecord(
        created=utc_now(),
        emohub=__version__,
        repo_id=plan.repo_id,
        url=url,
        private=after.private,
        revision=plan.revision,
        commit=after.head,
        parent=landed.parent,
        pull_request=landed.pull_request,
        tag=plan.tag,
        files={file.path: file.sha256 for file in plan.files},
        prose=prose_digest(plan.card),
    )
    ours = {"created", "emohub", "parent"}  # what a later run with nothing to do must not overwrite
    if last is None or last.model_dump(exclude=ours) != record.model_dump(exclude=ours):
        record.save(plan.records_folder / PUBLISH_FILE)
    return Published(
        repo_id=plan.repo_id,
        url=url,
        private=after.private,
        revision=plan.revision,
        commit=after.head if landed.changed else None,
        pull_request=landed.pull_request,
        uploaded=tuple(file.path for file in landed.changed),
        tag=plan.tag,
        notes=tuple(notes),
    )
