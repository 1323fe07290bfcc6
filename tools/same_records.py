"""Whether two folders of a model's records say the same, but for the time and the machine that they were made on."""

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emohub.card import check_card
from emohub.errors import CardError
from emohub.layout import (
    CARD_FILE,
    DESCRIPTION_FILE,
    EVAL_FILE,
    PREDICTIONS_FILE,
    PUBLISH_FILE,
    ROBUSTNESS_FILE,
    RUN_FILE,
    VERIFY_FILE,
)
from emohub.recipe import Recipe
from emohub.record import (
    DescriptionRecord,
    EvalRecord,
    Record,
    RobustnessRecord,
    RunRecord,
    VerificationRecord,
    sha256_file,
)

TIME_AND_MACHINE = frozenset(
    {
        *("created", "run_id", "environment", "emohub", "sittings", "energy"),
        *("training_seconds", "samples_per_second", "seconds", "texts_per_second", "speed"),
    }
)
"""Keys of records, wherever they stand, whose values say when, where and how fast something was done."""
ROUNDING = 1e-6
"""Share by which two numbers may differ and be the same: several times the precision of float32. How many threads a
machine has decides the order of a sum, and so the last bits of an answer."""
KINDS: dict[str, type[Record]] = {
    RUN_FILE: RunRecord,
    EVAL_FILE: EvalRecord,
    DESCRIPTION_FILE: DescriptionRecord,
    ROBUSTNESS_FILE: RobustnessRecord,
    VERIFY_FILE: VerificationRecord,
}
"""What the records are read as, so that a key that came later and has its default makes no difference."""
_MISSING = object()


def differences(before: Path, after: Path) -> list[str]:
    """What of two folders of records differs beside time and machine: a file, or a file and the key in it.

    Records are held against each other value by value, the table of predictions byte by byte. Where they say the same,
    the card must be the same too, byte for byte, once time and machine are those of the earlier records. What a
    publication left in a folder is none of it.
    """
    names = {path.name for folder in (before, after) for path in folder.glob("*.json")} - {PUBLISH_FILE}
    found = []
    for name in sorted(names | {PREDICTIONS_FILE}):
        there = [(folder / name).is_file() for folder in (before, after)]
        if all(there) and name.endswith(".json"):
            found += [f"{name}: {key}" for key in differing(values_of(before / name), values_of(after / name))]
        elif any(there) and (not all(there) or sha256_file(before / name) != sha256_file(after / name)):
            found.append(name)
    if not found and (before / CARD_FILE).is_file() and not _same_card(before, after):
        found.append(CARD_FILE)
    return found


def different_files(before: Path, after: Path) -> list[str]:
    """The files in two folders that are not in both, or not the same byte for byte; folders in them are left out."""
    names = {path.name for folder in (before, after) if folder.is_dir() for path in folder.iterdir() if path.is_file()}
    return [
        name
        for name in sorted(names)
        if not all((folder / name).is_file() for folder in (before, after))
        or sha256_file(before / name) != sha256_file(after / name)
    ]


def values_of(path: Path) -> dict[str, Any]:
    """All values of a record, those included that an older one leaves to their defaults.

    Raises:
        RecordError: it is damaged, or of another version.
    """
    kind = KINDS.get(path.name)
    if kind is None:
        plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return plain
    values = kind.load(path).model_dump(mode="json")
    if kind is RunRecord:
        values["recipe"] = Recipe.from_values(values["recipe"], str(path)).model_dump(mode="json")
    if kind is VerificationRecord:
        del values["card"]  # the hash of a text that states times
    return values


def differing(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """The keys, as dotted paths, under which two values differ; time, machine and rounding do not count."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted((before.keys() | after.keys()) - TIME_AND_MACHINE):
            yield from differing(before.get(key, _MISSING), after.get(key, _MISSING), f"{at}.{key}" if at else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differing(one, other, f"{at}.{place}")
    elif before != after and not _rounded_otherwise(before, after):
        yield at


def _rounded_otherwise(before: Any, after: Any) -> bool:
    return isinstance(before, float) and isinstance(after, float) and math.isclose(before, after, rel_tol=ROUNDING)


def with_time_and_machine(values: Any, of: Any) -> Any:
    """The same values with the time and the machine of others, wherever those state them."""
    if isinstance(values, Mapping) and isinstance(of, Mapping):
        return {
            key: of[key] if key in TIME_AND_MACHINE and key in of else with_time_and_machine(value, of.get(key))
            for key, value in values.items()
        }
    if isinstance(values, list) and isinstance(of, list) and len(values) == len(of):
        return [with_time_and_machine(one, other) for one, other in zip(values, of, strict=True)]
    return values


def _same_card(before: Path, after: Path) -> bool:
    """Whether the records of ``after``, at the time and on the machine of ``before``, give the card of ``before``."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / before.name  # a card names the folder that it lies in
        shutil.copytree(after, folder)
        shutil.copyfile(before / CARD_FILE, folder / CARD_FILE)
        for name in KINDS.keys() - {VERIFY_FILE}:
            if (after / name).is_file():
                values = with_time_and_machine(values_of(after / name), values_of(before / name))
                KINDS[name].from_values(values, name).save(folder / name)
        try:
            check_card(folder)
        except CardError:
            return False
    return True
