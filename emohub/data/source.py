"""Where the rows of a corpus come from: a file that it names, the data folder, or the Hub."""

import os
from pathlib import Path

from emohub.data.table import Table
from emohub.data.table_reading import read_table
from emohub.errors import DataError
from emohub.recipe import TextSource

DATA_DIR_VARIABLE = "EMOHUB_DATA_DIR"
"""Environment variable that stands in for ``--data-dir``."""


def lies_here(corpus: TextSource, split: str, *, data_dir: Path | None = None) -> bool:
    """Whether :func:`find_rows` would find the rows of a split in the data folder, for which no network is needed."""
    folder = _data_dir(data_dir)
    return folder is not None and (folder / corpus.data_folder / f"{split}.parquet").is_file()


def find_rows(
    corpus: TextSource,
    split: str,
    *,
    file: str | None = None,
    data_dir: Path | None = None,
    keep_damage: bool = False,
) -> tuple[Table, str]:
    """The rows of a split, and the source that a record states: ``hub:ID@COMMIT`` or ``file:NAME``.

    They come from ``file``, the one that the corpus names for the split; else from
    ``data_dir/<corpus.data_folder>/<split>.parquet``, where ``data_dir`` None takes ``EMOHUB_DATA_DIR`` if that is
    set; else from the Hub. ``keep_damage`` is that of ``read_table``.

    Raises:
        UsageError: ``file`` is no kind of table that can be read.
        DataError: the rows cannot be found or read.
    """
    data_dir = _data_dir(data_dir)
    if file is not None:
        path = Path(corpus.base_folder, Path(file).expanduser())
        source, remedy = path.name, f"correct file in the declaration of the corpus {corpus.name}"
    elif data_dir is not None:
        path = data_dir / corpus.data_folder / f"{split}.parquet"
        source = f"{path.parent.name}/{path.name}"
        remedy = f"give a --data-dir, or {DATA_DIR_VARIABLE}, that holds {source}"
    elif corpus.hub_id is not None:
        from emohub.data.hub import load_hub_split  # noqa: PLC0415 - datasets comes with it, and takes a second

        table, commit = load_hub_split(corpus.hub_id, corpus, split)
        return table, f"hub:{corpus.hub_id}@{commit}"
    else:
        raise AssertionError("a corpus names a file for each split that is not on the Hub")
    if not path.is_file():
        raise DataError(f"there is no file {path}", remedy)
    return read_table(path, keep_damage=keep_damage), f"file:{source}"


def _data_dir(data_dir: Path | None) -> Path | None:
    """The data folder: the one that was given, else that of the environment, if any."""
    named = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    return Path(named).expanduser() if named else None
