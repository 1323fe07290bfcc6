"""A strict, frozen declaration, and its reading from TOML with errors that name file, key and remedy."""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emohub.errors import EmohubError, RecipeError, UsageError

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Declaration(BaseModel):
    """Plain values that cannot change; an unknown key, a wrong type or a value out of range is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    @classmethod
    def from_values(cls, values: dict[str, Any], source: str) -> Self:
        """Build from plain values (as TOML or JSON give them); errors name ``source`` and the key.

        Raises:
            RecipeError: a key is unknown or missing, or a value is of the wrong type or range.
        """
        try:
            # Through JSON, where strictness still lets an array become a tuple. No declaration has dates, which TOML
            # knows and JSON does not: as an object, one is refused where it stands.
            return cls.model_validate_json(json.dumps(values, default=lambda value: {"date": str(value)}))
        except ValidationError as error:
            raise _explain(error, cls, source) from None


def canonical_json(values: dict[str, Any]) -> str:
    """The same text for the same plain values, whatever the order they were written in."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False)


def sha256_text(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def built_in(folder: str) -> dict[str, Path]:
    """The declarations that ship in a folder of the package, by name, in alphabetical order."""
    files = Path(str(resources.files("emohub").joinpath(folder))).glob("*.toml")
    return {path.stem: path for path in sorted(files, key=lambda path: path.stem)}


def find_declaration(name: str, kind: str, folder: str, *, relative_to: Path | None = None) -> Path:
    """The file of a built-in declaration by its name, or of a person's own by its path.

    Raises:
        UsageError: there is neither; ``kind`` is what the message calls it.
    """
    known = built_in(folder)
    path = known.get(name) or (relative_to or Path()) / Path(name).expanduser()
    if not path.is_file():
        raise UsageError(f"there is no {kind} {name!r}", f"{one_of(known, name)}, or give the path of a TOML file")
    return path


def one_of(known: Iterable[str], given: str) -> str:
    """The remedy for a name that does not exist: the known one that was probably meant, or else all of them."""
    known = list(known)
    close = difflib.get_close_matches(given, known, n=1)
    return f"did you mean {close[0]!r}" if close else f"use one of {', '.join(known)}"


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file.

    Raises:
        RecipeError: the file cannot be read, is not UTF-8, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read ({error.strerror})", "check the path and its permissions") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path} is not valid TOML ({error})", "mend the line that it names") from None


def _explain(error: ValidationError, cls: type[Declaration], source: str) -> EmohubError:
    """The first finding of a validation as one sentence with a remedy; a typo before the key that it leaves missing."""
    finding = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    location = [str(part) for part in finding["loc"]]
    key = ".".join(location) or "the declaration"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if finding["type"] == "extra_forbidden":
        known = _known_keys(cls, location[:-1])
        return RecipeError(f"{source}: unknown key {key!r}{more}", one_of(known, location[-1]))
    if finding["type"] == "missing":
        return RecipeError(f"{source}: the key {key!r} is missing{more}", f"add {location[-1]} = … to the file")
    if finding["type"] == "value_error":
        return RecipeError(f"{source}: {finding['ctx']['error']}{more}", f"correct {key!r} so that they agree")
    return RecipeError(
        f"{source}: {key!r} is {json.dumps(finding['input'], default=str)}{more}",
        finding["msg"][0].lower() + finding["msg"][1:],
    )


def _known_keys(cls: type[BaseModel], location: list[str]) -> list[str]:
    """The keys of the (nested) declaration that ``location`` points into."""
    for part in location:
        field = cls.model_fields.get(part)
        if field is None:
            continue  # an index into an array: the type was already entered with its key
        cls = next(t for t in _nested_types(field.annotation) if isinstance(t, type) and issubclass(t, BaseModel))
    return sorted(cls.model_fields)


def _nested_types(annotation: Any) -> list[Any]:
    """An annotation and everything inside its brackets, depth first."""
    return [annotation, *(t for argument in getattr(annotation, "__args__", ()) for t in _nested_types(argument))]
