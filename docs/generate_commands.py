"""Write docs/commands.md: every command with its help and its options, read from the command line itself."""

import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import typer
from typer.main import get_command

from docs.parts import ROOT, names_table
from emohub.card.markdown import code
from emohub.cli.app import COMMANDS, app

PAGE = ROOT / "docs" / "commands.md"
INTRODUCTION = """# Every command, every option

Written by `python -m docs.generate_commands` from the command line: it is what `--help` shows. `python -m emohub` is
`emohub`; `python -m emohub.train`, `emohub.evaluate` and `emohub.publish` are the commands of these names.

Results go to standard output, progress and notes to standard error. The exit code is 0 when the work is done, 1 when it
failed, 2 when the command was called wrongly, 130 after Ctrl-C and 143 after SIGTERM. An error is one sentence with a
remedy.
"""


class Command(NamedTuple):
    """One command or sub-command."""

    name: str
    """As it is typed, ``emohub data audit``."""
    click: Any
    """What Typer made of it."""
    context: typer.Context


def commands() -> Iterator[Command]:
    """Every command in the order of the help, each group before its own."""
    for name in COMMANDS:
        importlib.import_module(f"emohub.cli.{name}")
    group: Any = get_command(app)
    top = typer.Context(group, info_name="emohub")
    for name in COMMANDS:
        yield from _with_its_own(f"emohub {name}", group.commands[name], top)


def _with_its_own(name: str, click: Any, parent: typer.Context) -> Iterator[Command]:
    context = typer.Context(click, info_name=name.rpartition(" ")[2], parent=parent)
    yield Command(name, click, context)
    for each in getattr(click, "commands", {}).values():
        yield from _with_its_own(f"{name} {each.name}", each, context)


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *map(section, commands())])


def section(command: Command) -> str:
    """A command's help, how it is called, and a table of what it takes."""
    usage = " ".join([command.name, *command.click.collect_usage_pieces(command.context)])
    paragraphs = [f"## `{command.name}`", command.click.help.strip(), f"```\n{usage}\n```"]
    rows = [row(parameter.get_help_record(command.context)) for parameter in command.click.params]
    if rows:
        paragraphs.append(names_table(("Argument, option", "What it does", "Default"), rows))
    return "\n\n".join(paragraphs) + "\n"


def row(record: tuple[str, str]) -> tuple[str, str, str]:
    """The cells of an argument or option, from the help's: ``--seed <int>`` and ``The seed.  [default: 0; x>=0]``."""
    name, text = record
    description, _, more = text.removesuffix("]").partition("  [")
    notes = more.split("; ") if more else []
    bounds = "".join(f" ({note})" for note in notes if "x" in note and "=" in note)
    default = next((note.removeprefix("default: ") for note in notes if note.startswith(("default: ", "required"))), "")
    return code(name.replace(" range>", ">")), description + bounds, default


def main() -> None:
    """Write the page again."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
