"""What run and evaluation records have in common."""

import json
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from emohub.errors import RecipeError, RecordError
from emohub.recipe.declaration import Declaration
from emohub.record.files import write_atomically

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Record(Declaration):
    """A versioned JSON file."""

    kind: ClassVar[str]
    schema_version: Literal[1] = 1

    def save(self, path: Path) -> None:
        """Write the file whole or not at all.

        Raises:
            RecordError: the folder cannot be written.
        """
        write_atomically(
            path, lambda temporary: temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a record back.

        Raises:
            RecordError: the file is missing, damaged, or of another version.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise RecordError(
                f"the {cls.kind} record {path} cannot be read ({error.strerror})", "check the folder that was given"
            ) from None
        except UnicodeDecodeError:
            raise RecordError(f"the {cls.kind} record {path} is not UTF-8", "make the record again") from None
        try:
            values = json.loads(text)
            if not isinstance(values, dict) or values.get("schema_version") != 1:
                raise RecordError(f"{path} is no {cls.kind} record of version 1", "make it again with this emohub")
            return cls.from_values(values, str(path))
        except ValueError as error:
            raise RecordError(f"{path} is not JSON ({error})", "make the record again") from None
        except RecipeError as error:
            raise RecordError(error.cause, "make the record again with this emohub") from None
