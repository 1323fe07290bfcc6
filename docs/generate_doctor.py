"""Write the generated parts of docs/doctor.md: what the command printed on one machine, and the table of changes."""

import re
from collections.abc import Callable
from pathlib import Path

from docs.generate_readme import ROOT, run
from emohub.card.markdown import Markdown, show, table
from emohub.doctor import CHANGES

PAGE = ROOT / "docs" / "doctor.md"
COMMAND = ("doctor", "bert-base-cased-emotion")
"""What was run on one machine for the page."""
PART = re.compile(r"(?P<opening><!-- generated: (?P<what>\w+) -->\n)(?P<body>.*?)(?P<end><!-- end -->)", re.S)


def sample() -> str:
    """What the command prints here and now."""
    lines = [line.rstrip() for line in run(list(COMMAND)).strip().splitlines()]
    return "\n".join(["```console", f"$ emohub {' '.join(COMMAND)}", *lines, "```"])


def changes() -> str:
    """Every known change, one row each."""
    return table(
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


def parts(page: str) -> dict[str, str]:
    """What stands in each generated part, by its name."""
    return {part["what"]: part["body"].rstrip("\n") for part in PART.finditer(page)}


def main(page: Path = PAGE) -> None:
    """Write the page again."""
    before = page.read_text(encoding="utf-8")
    page.write_text(
        PART.sub(lambda part: f"{part['opening']}{PARTS[part['what']]()}\n{part['end']}", before), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
