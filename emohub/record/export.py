"""``onnx/export.json``: which files were made from which weights, and how near their answers are."""

from typing import ClassVar, Literal

from emohub.recipe.declaration import Declaration, NotNegativeFloat, Positive, Sha256, Share, Text
from emohub.record.base import Record
from emohub.record.identity import ModelIdentity


class ExportedFile(Declaration):
    """One file of an export, and how its answers compare with those of the weights in float32."""

    path: Text
    """Inside the model's folder."""
    sha256: Sha256
    size_bytes: Positive
    weights: Literal["float32", "int8"]
    agreement: Share
    """Share of the texts that get the same label."""
    max_difference: NotNegativeFloat
    """The most that any probability of any text differs."""


class ExportRecord(Record):
    """One export of a model into another format."""

    kind: ClassVar[str] = "export"

    created: Text
    """UTC, ISO 8601."""
    emohub: Text
    """Version."""
    packages: dict[str, Text]
    """Version of each library that took part."""
    model: ModelIdentity
    """What was exported."""
    opset: Positive
    """Version of ONNX's operators."""
    texts: Positive
    """How many texts the answers were compared on."""
    source: Text
    """Where these came from; never an absolute path."""
    files: tuple[ExportedFile, ...]

    def file(self, path: str) -> ExportedFile | None:
        """The file of that path, if it was exported."""
        return next((file for file in self.files if file.path == path), None)
