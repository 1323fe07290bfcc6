"""Which weights and which rows something was done with."""

from emohub.recipe.declaration import Declaration, NotNegative, Positive, Sha256, Text


class ModelIdentity(Declaration):
    """Which weights were used."""

    id: Text
    """Hub id, or the folder's name for a local model; never an absolute path."""
    revision: str | None
    """Commit on the Hub; None for a local folder."""
    fingerprint: Sha256
    """SHA-256 of ``model.safetensors``."""


class SplitIdentity(Declaration):
    """Which rows were used."""

    rows: Positive
    fingerprint: Sha256
    """SHA-256 over the texts and label ids in order; see ``data.fingerprint``."""
    source: Text
    """``hub:ID@COMMIT`` or ``file:NAME``; never an absolute path."""
    duplicates: NotNegative
    """Rows whose text stood earlier in the split already."""
    truncated: NotNegative
    """Texts with more tokens than the model reads."""
