"""``emohub audit``: what is to be said against a model card."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from emohub.cli.app import app, output
from emohub.cli.options import Format
from emohub.cli.tables import results_table

if TYPE_CHECKING:
    from emohub.audit import AuditedCard


@app.command()
def audit(
    target: Annotated[
        str,
        typer.Argument(
            metavar="CARD",
            help="A README.md, a folder with cards, a name under cards/ or runs/, or a model's id on the Hub.",
        ),
    ],
    revision: Annotated[str | None, typer.Option(help="Commit, tag or branch on the Hub.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail too.")] = False,
    format_: Format = "table",
) -> None:
    """Check any model card: its form against the Hub's rules, and what it claims against itself.

    A file or folder is checked without a network, and of a repository only the card is fetched. Of a folder its own
    README.md is checked, or, when it has none, every one below it. Exits with 0 when no card has an error, else with 1.

    Example: `emohub audit README.md --strict`
    """
    from emohub.audit import audit as audit_cards

    cards = audit_cards(target, revision=revision)
    errors, warnings = sum(card.errors for card in cards), sum(card.warnings for card in cards)
    if format_ == "json":
        plain = [{"card": card.name, "findings": list(map(dataclasses.asdict, card.findings))} for card in cards]
        typer.echo(json.dumps({"cards": plain, "errors": errors, "warnings": warnings}, indent=2, ensure_ascii=False))
    else:
        _show(cards, errors, warnings)
    if errors or (strict and warnings):
        raise typer.Exit(1)


def _show(cards: "tuple[AuditedCard, ...]", errors: int, warnings: int) -> None:
    for card in cards:
        if card.findings:
            output.print(_table(card))
    checked = "1 card" if len(cards) == 1 else f"{len(cards):,} cards"
    if errors or warnings:
        output.print(f"\n{checked}: {_count(errors, 'error')}, {_count(warnings, 'warning')}.", highlight=False)
    else:
        output.print(f"{checked}: nothing was found.", highlight=False)


def _table(card: "AuditedCard") -> Table:
    table = results_table(card.name, [], ["Line"])
    table.add_column("")
    table.add_column("What", overflow="fold")
    for finding in card.findings:
        style = "red" if finding.severity == "error" else "yellow"
        table.add_row(
            "–" if finding.line is None else str(finding.line),
            f"[{style}]{finding.severity}[/]",
            f"{escape(finding.key)}: {escape(finding.message)} [dim]({escape(finding.rule)})[/]",
        )
    return table


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
