"""``emohub doctor``: whether this machine can run emohub, and a document's versions beside the installed ones."""

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from emohub.cli.app import app, messages, output
from emohub.cli.options import Format
from emohub.cli.tables import results_table

if TYPE_CHECKING:
    from emohub.doctor import Check, DocumentedVersions

STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red"}


@app.command()
def doctor(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE", help="A documented recipe, whose document's versions are held against the installed ones."
        ),
    ] = None,
    format_: Format = "table",
) -> None:
    """Look at Python, packages, devices, memory, disks and the Hub, and say what to do about what is amiss.

    With a documented recipe it also says which versions its document names, and what changed since then. Exits with 1
    when something fails, and with 0 when there are warnings alone. No token is ever shown.

    Example: `emohub doctor bert-base-cased-emotion`
    """
    from emohub.doctor import compare_versions, examine
    from emohub.recipe import load_recipe

    versions = None if recipe is None else compare_versions(load_recipe(recipe))
    with messages.status("Looking…"):
        checks = tuple(examine())
    failed = any(check.status == "failure" for check in checks)
    if format_ == "json":
        plain = {
            "ok": not failed,
            "checks": [dataclasses.asdict(check) for check in checks],
            "documented": None if versions is None else dataclasses.asdict(versions),
        }
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        _show_checks(checks)
        if versions is not None:
            _show_versions(versions)
    if failed:
        raise typer.Exit(1)


def _show_checks(checks: Sequence["Check"]) -> None:
    table = results_table("This machine", ["Check", "Status", "Found", "Wanted"], [])
    for check in checks:
        status = f"[{STYLES[check.status]}]{check.status}[/]"
        table.add_row(escape(check.name), status, escape(check.found), escape(check.wanted))
    output.print(table)
    for check in checks:
        if check.remedy:
            _line(f"\n[{STYLES[check.status]}]{check.status}[/] {escape(f'{check.name}: {check.remedy}.')}")
    counts = [sum(check.status == status for check in checks) for status in ("failure", "warning")]
    _line(f"\n{_count(counts[0], 'failure')}, {_count(counts[1], 'warning')}.")


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _show_versions(versions: "DocumentedVersions") -> None:
    table = results_table("Documented versions", ["Library"], ["Documented", "Installed"])
    for library in versions.libraries:
        table.add_row(escape(library.name), library.documented or "not stated", library.installed or "not installed")
    output.print(table)
    if not versions.changes:
        _line("\nNothing is known to have changed between them, as far as versions are stated.")
        return
    for affects, heading in (
        ("figures", "What changed since, and can move the figures"),
        ("code", "What changed since, and concerns code that was written then"),
    ):
        _line(f"\n[bold]{heading}[/]")
        for change in versions.changes:
            if change.affects == affects:
                since = f" {change.since}" if change.since else ""
                _line(f"\n{escape(f'{change.library}{since}: {change.what} Here: {change.here}')}")
                _line(escape(change.source))


def _line(markup: str) -> None:
    output.print(markup, highlight=False)
