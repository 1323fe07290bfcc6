"""``emohub publish``: show the plan, check it, and publish."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from emohub.cli.app import app, messages, output
from emohub.cli.everything import publish_all, reported, show_checks
from emohub.cli.options import Format
from emohub.errors import UsageError

if TYPE_CHECKING:
    from emohub.publish import Plan, Published


@app.command()
def publish(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A model under models/, a run, or the folder of one.")
    ] = None,
    repo_id: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="Repository on the Hub.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Publish every model under models/ that has a card, instead of MODEL.")
    ] = False,
    namespace: Annotated[
        str | None, typer.Option(metavar="OWNER", help="With --all: whose repositories; each is named as its model.")
    ] = None,
    collection: Annotated[
        str | None, typer.Option(metavar="TITLE", help="With --all: group them in the collection of this title.")
    ] = None,
    space: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="With --all: push the page as this Space, serving them.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make it a private repository, or refuse.")] = False,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Open a pull request instead of committing to the branch.")
    ] = False,
    force_visibility: Annotated[
        bool, typer.Option("--force-visibility", help="With --private: make a repository private that is public.")
    ] = False,
    revision: Annotated[
        str, typer.Option(metavar="BRANCH", help="Branch to commit to; it is made from main when there is none.")
    ] = "main",
    tag: Annotated[
        str | None, typer.Option(metavar="NAME", help="Give this tag to the published commit; no tag is ever moved.")
    ] = None,
    card: Annotated[
        Literal["local", "remote"] | None,
        typer.Option(help="Whose text stays in the card when people wrote into it both here and on the Hub."),
    ] = None,
    on_tag: Annotated[
        bool,
        typer.Option("--on-tag", help="Print a GitHub Actions workflow that does this on a tag, and stop."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show and check the plan without a network or a token, and stop.")
    ] = False,
    format_: Format = "table",
) -> None:
    """Publish MODEL with its card and records to the Hub, in one commit.

    First the plan is shown (exactly the files that would go) and checked offline: the card is what the records give,
    and the records are of these weights. Nothing but the files of the plan ever leaves. What people wrote into the card
    on the Hub stays there. publish.json beside the records says what was published.

    With --all every model that has a card is published to the repository of its name, one after another. It can be
    stopped at any point and run again: what is done already is found and not done twice.

    Example: `emohub publish minilm-emotion --repo-id ada/minilm-emotion --dry-run`

    Example: `emohub publish --all --namespace ada --collection Emotions --space ada/emohub`

    Example: `emohub publish --all --namespace ada --on-tag > .github/workflows/publish.yml`
    """
    from emohub import publish as publishing

    for_all = {"--namespace": namespace, "--collection": collection, "--space": space}
    for_one = {"MODEL": model, "--repo-id": repo_id, "--create-pr": create_pr, "--revision": revision != "main"}
    _refuse(for_one if all_ else for_all, "does not go with --all" if all_ else "goes with --all only")
    if all_:
        if namespace is None:
            raise UsageError("--all was given without --namespace", "say whose repositories with --namespace OWNER")
        everything = publishing.plan_everything(
            namespace,
            collection=collection,
            space=space,
            private=private,
            force_visibility=force_visibility,
            tag=tag,
            keep=card,
        )
        repositories = {name: each.repo_id for name, each in everything.models.items()}
        if not on_tag:
            publish_all(everything, dry_run=dry_run, format_=format_)
    else:
        if model is None or repo_id is None:
            raise UsageError(
                f"{'MODEL' if model is None else '--repo-id'} is missing",
                "name a MODEL and its --repo-id, or publish every one with --all --namespace OWNER",
            )
        plan = publishing.plan(
            model,
            repo_id,
            private=private,
            create_pr=create_pr,
            force_visibility=force_visibility,
            revision=revision,
            tag=tag,
            keep=card,
        )
        repositories = {model: repo_id}
        if not on_tag:
            _publish_one(plan, dry_run=dry_run, format_=format_)
    if on_tag:
        typer.echo(publishing.workflow_on_tag(repositories), nl=False)


def _refuse(options: Mapping[str, object], why: str) -> None:
    """Refuse the first of these options that was given."""
    given = next((option for option, value in options.items() if value), None)
    if given is not None:
        raise UsageError(f"{given} {why}", f"leave {given} out, or see `emohub publish --help`")


def _publish_one(plan: "Plan", *, dry_run: bool, format_: str) -> None:
    """Show the plan, check it, and carry it out unless it is only to be shown."""
    from emohub import publish as publishing

    report: dict[str, Any] = {"plan": _plain(plan), "checks": None, "failed": None, "published": None}

    def note_checks(checks: tuple[str, ...]) -> None:
        report["checks"] = checks
        if format_ == "table":
            show_checks(checks)

    with reported(report, format_):
        if format_ == "table":
            _show_plan(plan)
        if dry_run:
            note_checks(publishing.preflight(plan))
            if format_ == "table":
                output.print("Dry run: nothing was sent.")
            return
        published = publishing.publish(
            plan, on_step=lambda step: messages.print(f"{escape(step)} …", style="dim"), on_checked=note_checks
        )
        report["published"] = dataclasses.asdict(published)
        if format_ == "table":
            _show_published(published)


def _plain(plan: "Plan") -> dict[str, Any]:
    """The plan as JSON shows it."""
    return {
        "model": plan.model,
        "repo_id": plan.repo_id,
        "private": plan.private,
        "create_pr": plan.create_pr,
        "revision": plan.revision,
        "tag": plan.tag,
        "size": plan.size,
        "files": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in plan.files],
        "left_out": list(plan.left_out),
    }


def _show_plan(plan: "Plan") -> None:
    visibility = "private" if plan.private else "as the owner's default is, public as a rule"
    change = "a pull request" if plan.create_pr else "one commit"
    output.print(
        f"[bold]{escape(plan.model)}[/] → [bold]{escape(plan.repo_id)}[/] in {change} (visibility: {visibility})",
        highlight=False,
        soft_wrap=True,
    )
    table = Table("File", "SHA-256")
    table.add_column("Bytes", justify="right")
    for file in plan.files:
        table.add_row(file.path, file.sha256, f"{file.size:,}")
    table.add_section()
    table.add_row(f"{len(plan.files)} files", "", f"{plan.size:,}")
    # A hash is of no use in pieces, so the table keeps its width on a narrow terminal.
    Console(width=max(output.width, 112)).print(table)
    if plan.left_out:
        output.print(f"Stays here: {escape(', '.join(plan.left_out))}", highlight=False, soft_wrap=True)


def _show_published(published: "Published") -> None:
    if published.pull_request is not None and published.commit is None:
        text = f"Nothing has changed: a pull request with these files is open: {published.pull_request}"
    elif published.commit is None:
        text = "Nothing has changed: the repository has every file already, and no commit was made."
    elif published.pull_request is not None:
        text = f"Opened a pull request with {len(published.uploaded)} files: {published.pull_request}"
    else:
        text = f"Published {len(published.uploaded)} files in commit {published.commit[:12]}."
    where = "private" if published.private else "public"
    if published.revision != "main":
        where += f", branch {published.revision}"
    if published.tag is not None:
        where += f", tag {published.tag}"
    for line in (text, f"{published.url} ({where})", *(f"Note: {note}" for note in published.notes)):
        output.print(escape(line), highlight=False, soft_wrap=True)
