"""Write the generated parts of docs/doctor.md: what the command printed on one machine, and the table of changes."""

from collections.abc import Callable
from pathlib import Path

from docs.generate_readme import run
from docs.parts import ROOT, names_table, write_parts
from emohub.card.markdown import Markdown, show
from emohub.doctor import CHANGES

PAGE = ROOT / "docs" / "doctor.md"
COMMAND = ("doctor", "bert-base-cased-emotion")
"""What was run on one machine for the page."""


def sample() -> str:
    """What the command prints here and now."""
    lines = [line.rstrip() for line in run(list(COMMAND)).strip().splitlines()]
    return "\n".join(["```console", f"$ emohub {' '.join(COMMAND)}", *lines, "```"])


def changes() -> str:
    """Every known change, one row each."""
    return names_table(
        ("Library, since", "Concerns", "What changed", "In emohub"),
        [
            (
                Markdown(f"[{show(change.library)} {change.since or '(any)'}]({change.source})"),
                change.affects,
                change.what,
                change.here,
            )
            for change in CHANGES
        ],
    )


PARTS: dict[str, Callable[[], str]] = {"sample": sample, "changes": changes}


def main(page: Path = PAGE) -> None:
    """Write the page again."""
    write_parts(page, PARTS)


if __name__ == "__main__":
    main()
