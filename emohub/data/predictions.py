"""Per-example predictions in a parquet file: which row got which label with which probabilities, and no texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emohub.data.table import Table
from emohub.data.table_reading import read_table
from emohub.data.table_writing import write_table
from emohub.errors import DataError
from emohub.record import sha256_file

PROBABILITY = "probability_"
"""Prefix of a probability column; the label's name follows."""


@dataclass(frozen=True)
class Predictions:
    """What one model said about one split."""

    row: npt.NDArray[np.int64]
    """Index of each text in its split, from 0, shape (n,)."""
    label: npt.NDArray[np.int64]
    """True label ids, shape (n,)."""
    predicted: npt.NDArray[np.int64]
    """Predicted label ids, shape (n,)."""
    probabilities: npt.NDArray[np.float32]
    """Shape (n, k)."""
    labels: tuple[str, ...]
    """Label names in the order of their ids, k of them."""


def write_predictions(
    path: Path,
    row: npt.ArrayLike,
    label: npt.ArrayLike,
    predicted: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    label_names: Sequence[str],
) -> str:
    """Write the columns ``row``, ``label``, ``predicted`` and one ``probability_LABEL`` for each label.

    Returns the SHA-256 of the file. The arguments are described with ``Predictions``.

    Raises:
        DataError: the lengths do not fit together.
        RecordError: the folder cannot be written; nothing half-written is left.
    """
    ids = {"row": row, "label": label, "predicted": predicted}
    columns = {name: np.asarray(values, dtype=np.int64) for name, values in ids.items()}
    table = np.asarray(probabilities, dtype=np.float32)
    expected = (len(columns["row"]), len(label_names))
    if table.shape != expected or any(column.shape != expected[:1] for column in columns.values()):
        raise DataError(
            f"{expected[0]} rows and {expected[1]} labels came with probabilities of shape {table.shape}",
            "give one value for each row, and one probability for each row and label",
        )
    scores = {f"{PROBABILITY}{name}": table[:, i] for i, name in enumerate(label_names)}
    write_table(path, Table({**columns, **scores}))
    return sha256_file(path)


def read_predictions(path: Path) -> Predictions:
    """Read predictions back.

    Raises:
        DataError: the file cannot be read, lacks a column, or holds something else in it.
    """
    table = read_table(path)
    names = tuple(name.removeprefix(PROBABILITY) for name in table.columns if name.startswith(PROBABILITY))
    try:
        row, label, predicted = (np.array(table.values(name), np.int64) for name in ("row", "label", "predicted"))
        probabilities = np.array([table.values(f"{PROBABILITY}{name}") for name in names], np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} holds no predictions ({error})", "evaluate the model again") from None
    if not names:
        raise DataError(f"{path} has no column {PROBABILITY}LABEL", "evaluate the model again")
    return Predictions(row, label, predicted, probabilities.T, names)
