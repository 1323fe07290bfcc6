"""``emohub publish --all``: every model that has a card, a collection of them, and the Space that serves them."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from emohub.cli.app import messages, output
from emohub.errors import EmohubError

if TYPE_CHECKING:
    from emohub.publish.collection import Collected
    from emohub.publish.everything import Everything
    from emohub.publish.publication import Published
    from emohub.publish.space import PushedSpace

NOTHING = "nothing changed"
NOT_REACHED = "not reached"
STOPPED = "Stopped. Run the same command again: it goes on where it stopped."


def publish_all(everything: "Everything", *, dry_run: bool, format_: str) -> None:
    """Show the plan of everything, check it, and carry it out unless it is only to be shown."""
    from emohub.publish import everything as publishing

    report: dict[str, Any] = {"plan": _plain(everything), "checks": None, "failed": None}
    report |= {"published": {}, "space": None, "collection": None}
    published: dict[str, Published] = {}
    space: PushedSpace | None = None
    collection: Collected | None = None
    as_table = format_ == "table"

    def note(name: str, one: "Published") -> None:
        published[name] = one
        report["published"][name] = dataclasses.asdict(one)

    def note_space(pushed: "PushedSpace") -> None:
        nonlocal space
        space = pushed
        report["space"] = dataclasses.asdict(pushed)

    def note_checks(checks: tuple[str, ...]) -> None:
        report["checks"] = checks
        if as_table:
            show_checks(checks)

    with reported(report, format_):
        try:
            if as_table:
                _show_plan(everything)
            if dry_run:
                note_checks(publishing.check_everything(everything))
                if as_table:
                    output.print("Dry run: nothing was sent.")
                return
            collection = publishing.publish_everything(
                everything,
                on_step=lambda step: messages.print(f"{escape(step)} …", style="dim"),
                on_checked=note_checks,
                on_published=note,
                on_pushed=note_space,
            ).collection
            report["collection"] = dataclasses.asdict(collection) if collection else None
        finally:
            if as_table and published:
                _show_done(everything, published, space, collection)


@contextmanager
def reported(report: dict[str, Any], format_: str) -> Iterator[None]:
    """Say how to go on when it is stopped, and, for ``json``, print the report however it ends."""
    try:
        yield
    except EmohubError as error:
        report["failed"] = {"cause": error.cause, "remedy": error.remedy}
        raise
    except KeyboardInterrupt:
        messages.print(STOPPED)
        raise
    finally:
        if format_ == "json":
            typer.echo(json.dumps(report, indent=2, ensure_ascii=False))


def show_checks(checks: Iterable[str]) -> None:
    """Print what was checked and holds."""
    for check in checks:
        output.print(f"[green]✓[/] {escape(check)}", highlight=False, soft_wrap=True)


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


def _show_done(
    everything: "Everything",
    published: "Mapping[str, Published]",
    pushed: "PushedSpace | None",
    collected: "Collected | None",
) -> None:
    """A table of what was done to each, as far as it came."""
    table = Table("Name", "On the Hub", "What was done")
    addresses = []
    for name, plan in everything.models.items():
        one = published.get(name)
        table.add_row(escape(name), escape(plan.repo_id), _done(one.commit, len(one.uploaded)) if one else NOT_REACHED)
    if everything.space is not None:
        what = _done(pushed.commit, len(pushed.uploaded)) if pushed else NOT_REACHED
        table.add_row("the page", escape(f"Space {everything.space.repo_id}"), what)
        if pushed:
            private = "; give it a secret HF_TOKEN in its settings, for the private models" if pushed.private else ""
            addresses.append(f"Space: {pushed.url}{private}")
    if everything.collection is not None:
        what = NOT_REACHED
        if collected:
            added = len(collected.added)
            what = f"{added} items added" if added else "put in order" if collected.moved else NOTHING
            addresses.append(f"Collection: {collected.url}")
        table.add_row("the collection", escape(everything.collection), what)
    output.print(table)
    for line in addresses:
        output.print(escape(line), highlight=False, soft_wrap=True)


def _done(commit: str | None, files: int) -> str:
    return NOTHING if commit is None else f"{files} files in {commit[:12]}"
