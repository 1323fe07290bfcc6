"""Models measured on a visitor's labelled table: checked input, step by step, and the files of what came out."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from emohub.batch import guess_columns
from emohub.compare import LabelledComparison, Step, compare_labelled_steps
from emohub.data import Table, escape_table, table_bytes
from emohub.errors import UsageError
from emohub.ui import strings
from emohub.ui.service.checks import checked_names
from emohub.ui.service.limits import MAX_FILE_TEXT_CHARS, MAX_MODELS, MAX_SLICE_COLUMNS
from emohub.ui.service.service import Service

_LABEL_NAMES = ("label", "labels", "emotion", "sentiment", "feeling", "class", "category", "target", "gold")


@dataclass(frozen=True)
class LabelledGuess:
    """Which columns seem to hold what; a person may correct it."""

    text: str
    label: str | None
    slice: str | None


def guess_labelled(table: Table) -> LabelledGuess | None:
    """Columns that look like texts, labels and something to cut by; None where no column holds a string."""
    guess = guess_columns(table)
    if guess is None:
        return None
    others = [name for name in table.columns if name != guess.text]
    named = {name.strip().lower(): name for name in reversed(others)}
    label = next((named[name] for name in _LABEL_NAMES if name in named), None)
    label = label or next((name for name in others if name in table.label_names), None) or guess.group
    rest = Table({name: table.columns[name] for name in table.columns if name != label}, table.source)
    again = guess_columns(rest) if label else None
    return LabelledGuess(guess.text, label, again.group if again and again.text == guess.text else None)


def evaluate(
    service: Service, table: Table, models: object, text_column: object, label_column: object, slice_columns: object
) -> Generator[Step, None, LabelledComparison]:
    """Measure several models on a labelled table, step by step; nothing or ``""`` for slices means that there are none.

    Raises:
        UsageError: a column is not named, no model was, too many were, or one of them does not exist.
        DataError: there is no such column, or no row has a text and a label.
        ModelError: a model cannot be loaded, or none of them knows the labels.
        BusyError: too many long jobs run already.
    """
    names = checked_names(models)
    if len(names) > MAX_MODELS:
        raise UsageError(f"{len(names)} models are chosen, the limit is {MAX_MODELS}", strings.CHOOSE_FEWER)
    text, label = (_named(column, role) for column, role in ((text_column, "texts"), (label_column, "labels")))
    slices = _slices(slice_columns)
    loading = [service.store.begin(name) for name in names]
    classifiers = {name: model.result() for name, model in zip(names, loading, strict=True)}
    steps = compare_labelled_steps(classifiers, table, text, label, slice_columns=slices)
    return (yield from service.long_jobs.run(steps))


def evaluation_json(comparison: LabelledComparison) -> bytes:
    """Every number of a comparison, and the rows that are answered differently, each named by its row in the file.

    Their texts are left out where they are long: the visitor has them.
    """
    whole = comparison.model_dump_json(indent=1).encode()
    if not _texts_are_long(comparison):
        return whole
    return comparison.model_dump_json(indent=1, exclude={"disagreements": {"__all__": {"text"}}}).encode()


def disagreements_csv(comparison: LabelledComparison) -> bytes:
    """The rows that are answered differently, with no cell that a spreadsheet would run; texts as in the JSON file."""
    rows = comparison.disagreements
    measured = [name for name, found in comparison.models.items() if found]
    columns: dict[str, list[object]] = {"row": [row.row for row in rows], "label": [row.label for row in rows]}
    columns |= {f"answer: {name}": [row.predicted[name] for row in rows] for name in measured}
    if not _texts_are_long(comparison):
        columns["text"] = [row.text for row in rows]
    return table_bytes(escape_table(Table(columns)), Path("rows.csv"))


def _texts_are_long(comparison: LabelledComparison) -> bool:
    return sum(len(row.text) for row in comparison.disagreements) > MAX_FILE_TEXT_CHARS


def _named(column: object, role: str) -> str:
    if not isinstance(column, str) or not column:
        raise UsageError(f"no column of {role} is named", "choose one")
    return column


def _slices(columns: object) -> list[str]:
    if columns is None or columns == "":
        return []
    given = [columns] if isinstance(columns, str) else columns
    if not isinstance(given, list) or not all(isinstance(column, str) for column in given):
        raise UsageError("the columns to cut by are no list of names", "send a list of strings")
    if len(given) > MAX_SLICE_COLUMNS:
        raise UsageError(f"there are {len(given)} columns to cut by", f"give at most {MAX_SLICE_COLUMNS}")
    return list(dict.fromkeys(given))
