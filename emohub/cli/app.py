"""The Typer application, its consoles, and the one place where errors become exit codes."""

import importlib
import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.markup import escape

from emohub.errors import EmohubError

COMMANDS = (
    "recipes",
    "data",
    "train",
    "tune",
    "reproduce",
    "runs",
    "evaluate",
    "classify",
    "compare",
    "cascade",
    "explain",
    "describe",
    "export",
    "card",
    "publish",
    "verify",
    "audit",
    "doctor",
    "demo",
)
"""Modules of this folder, in the order that the help shows their commands."""

app = typer.Typer(
    name="emohub",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Fine-tune small emotion and sentiment classifiers, publish them with honest cards, try and compare them.",
)
output = Console()
"""Results: standard output."""
messages = Console(stderr=True)
"""Progress, notes and errors: standard error."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 called wrongly, 130 stopped with Ctrl-C."""
    for name in COMMANDS:
        importlib.import_module(f"emohub.cli.{name}")
    try:
        app(args=None if arguments is None else list(arguments), prog_name="emohub")
    except EmohubError as error:
        messages.print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
