"""What is to be said against a card."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something in a card that is wrong (an error) or that readers will miss (a warning)."""

    severity: Severity
    key: str
    """Where: a key of the front matter with its path, ``front matter``, or what of the body."""
    message: str
    """What was found, and why it is wrong."""
    rule: str = ""
    """Short name of the rule, such as ``license-unknown``, by which a finding can be looked up."""
    line: int | None = None
    """Line of the file, counted from 1; None when it is about something that is not there."""

    def __str__(self) -> str:
        place = self.key if self.line is None else f"line {self.line}: {self.key}"
        return f"{self.severity}: {place}: {self.message}"
