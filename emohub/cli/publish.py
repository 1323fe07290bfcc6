"""``emohub publish``: show the plan, check it, and publish."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from emohub.cli.app import app, messages, output
from emohub.cli.options import Format
from emohub.errors import EmohubError

if TYPE_CHECKING:
    from emohub.publish import Plan, Published


@app.command()
def publish(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model under models/, a run, or the folder of one.")],
    repo_id: Annotated[str, typer.Option(metavar="OWNER/NAME", help="Repository on the Hub.")],
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show and check the plan without a network or a token, and stop.")
    ] = False,
    format_: Format = "table",
) -> None:
    """Publish MODEL with its card and records to the Hub, in one commit.

    First the plan is shown (exactly the files that would go) and checked offline: the card is what the records give,
    and the records are of these weights. Nothing but the files of the plan ever leaves. What people wrote into the card
    on the Hub stays there. publish.json beside the records says what was published.

    Example: `emohub publish minilm-emotion --repo-id ada/minilm-emotion --dry-run`
    """
    from emohub import publish as publishing

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
    report: dict[str, Any] = {"plan": _plain(plan), "checks": None, "failed": None, "published": None}
    try:
        if format_ == "table":
            _show_plan(plan)
        report["checks"] = publishing.preflight(plan)
        if format_ == "table":
            for check in report["checks"]:
                output.print(f"[green]✓[/] {escape(check)}", highlight=False, soft_wrap=True)
        if not dry_run:
            published = publishing.publish(plan, on_step=lambda step: messages.print(f"{step} …", style="dim"))
            report["published"] = dataclasses.asdict(published)
            if format_ == "table":
                _show_published(published)
        elif format_ == "table":
            output.print("Dry run: nothing was sent.")
    except EmohubError as error:
        report["failed"] = {"cause": error.cause, "remedy": error.remedy}
        raise
    finally:
        if format_ == "json":
            typer.echo(json.dumps(report, indent=2, ensure_ascii=False))


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
