"""One piece of feedback: exactly what is kept of it, and nothing of the person."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import Field

from emohub import __version__
from emohub.recipe.declaration import Declaration, Sha256, Text


class FeedbackRow(Declaration):
    """A text, what a model answered, and which label a person finds right."""

    schema_version: Literal[1] = 1
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """Random; whoever knows it may take the row back."""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    """Day of the feedback, UTC; a time would tell more of a person than is needed."""
    emohub: Text
    """Version."""
    text: Text
    model: Text
    """Name on the page, or Hub id."""
    fingerprint: Sha256
    """Of the model's weights."""
    predicted: Text
    """Label that the model gave."""
    label: Text
    """Label that the person finds right; the same as ``predicted`` where they agree."""

    @classmethod
    def now(cls, *, text: str, model: str, fingerprint: str, predicted: str, label: str) -> Self:
        """A row of today with an id of its own."""
        return cls(
            id=secrets.token_hex(16),
            date=datetime.now(UTC).date().isoformat(),
            emohub=__version__,
            text=text,
            model=model,
            fingerprint=fingerprint,
            predicted=predicted,
            label=label,
        )

    @property
    def said(self) -> tuple[str, str, str]:
        """What two rows have in common when somebody says the same thing twice."""
        return (" ".join(self.text.split()), self.fingerprint, self.label)
