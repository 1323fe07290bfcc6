"""``emohub publish --all``: every model that has a card, a collection of them, and the Space that serves them."""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from emohub.cli.app import messages, output
from emohub.errors import EmohubError

if TYPE_CHECKING:
    from emohub.publish.everything import Everything, PublishedEverything
    from emohub.publish.publication import Published


def publish_all(everything: "Everything", *, dry_run: bool, format_: str) -> None:
    """Show the plan of everything, check it, and carry it out unless it is only to be shown."""
    from emohub.publish import everything as publishing

    report: dict[str, Any] = {"plan": _plain(everything), "checks": None, "failed": None, "published": {}}
    published: dict[str, Published] = {}
    as_table = format_ == "table"

    def note(name: str, one: "Published") -> None:
        published[name] = one
        report["published"][name] = dataclasses.asdict(one)

    def note_checks(checks: tuple[str, ...]) -> None:
        report["checks"] = checks
        if as_table:
            for check in checks:
                output.print(f"[green]✓[/] {escape(check)}", highlight=False, soft_wrap=True)

    try:
        if as_table:
            _show_plan(everything)
        if dry_run:
            note_checks(publishing.check_everything(everything))
            if as_table:
                output.print("Dry run: nothing was sent.")
            return
        done = publishing.publish_everything(
            everything,
            on_step=lambda step: messages.print(f"{escape(step)} …", style="dim"),
            on_checked=note_checks,
            on_published=note,
        )
        report["space"] = dataclasses.asdict(done.space) if done.space else None
        report["collection"] = dataclasses.asdict(done.collection) if done.collection else None
        if as_table:
            _show_groups(done)
    except EmohubError as error:
        report["failed"] = {"cause": error.cause, "remedy": error.remedy}
        raise
    finally:
        if as_table and published:
            _show_published(everything, published)
        if not as_table:
            typer.echo(json.dumps(report, indent=2, ensure_ascii=False))


def _plain(everything: "Everything") -> dict[str, Any]:
    """The plan as JSON shows it."""
    space = everything.space
    return {
        "namespace": everything.namespace,
        "private": everything.private,
        "models": {
            name: {
                "repo_id": plan.repo_id,
                "size": plan.size,
                "files": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in plan.files],
            }
            for name, plan in everything.models.items()
        },
        "left_out": list(everything.left_out),
        "collection": everything.collection,
        "space": None
        if space is None
        else {
            "repo_id": space.repo_id,
            "size": space.size,
            "files": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in space.files],
        },
    }


def _show_plan(everything: "Everything") -> None:
    table = Table("Model", "Repository")
    for column in ("Files", "Bytes"):
        table.add_column(column, justify="right")
    for name, plan in everything.models.items():
        table.add_row(escape(name), escape(plan.repo_id), str(len(plan.files)), f"{plan.size:,}")
    if everything.space is not None:
        space = everything.space
        table.add_section()
        table.add_row("the page", escape(f"Space {space.repo_id}"), str(len(space.files)), f"{space.size:,}")
    output.print(table)
    lines = []
    if everything.collection is not None:
        lines.append(f"Collection: {everything.collection}")
    if everything.left_out:
        lines.append(f"Without a card, so not published: {', '.join(everything.left_out)}")
    for line in lines:
        output.print(escape(line), highlight=False, soft_wrap=True)


def _show_published(everything: "Everything", published: "dict[str, Published]") -> None:
    table = Table("Model", "Address", "What was done")
    for name in everything.models:
        one = published.get(name)
        if one is None:
            done = "not reached"
        elif one.commit is None:
            done = "nothing: it has not changed"
        else:
            done = f"{len(one.uploaded)} files in commit {one.commit[:12]}"
        table.add_row(escape(name), escape(one.url) if one else "", done)
    output.print(table)


def _show_groups(done: "PublishedEverything") -> None:
    lines = []
    if done.space is not None:
        what = f"commit {done.space.commit[:12]}" if done.space.commit else "nothing: it has not changed"
        lines.append(f"Space: {done.space.url} ({what})")
        if done.space.private:
            lines.append(
                "Give the Space a secret HF_TOKEN in its settings, since private models are only shown to you."
            )
    if done.collection is not None:
        added = len(done.collection.added)
        lines.append(f"Collection: {done.collection.url} ({f'{added} added' if added else 'nothing: it is complete'})")
    for line in lines:
        output.print(escape(line), highlight=False, soft_wrap=True)
