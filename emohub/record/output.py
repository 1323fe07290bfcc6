"""Where a measurement's record goes: refused before anything is measured, where it cannot go there."""

from pathlib import Path

from emohub.errors import RecordError, UsageError
from emohub.record.evaluation import EvalRecord
from emohub.record.files import check_writable
from emohub.record.robustness import RobustnessRecord


def check_output(path: Path, record: type[EvalRecord] | type[RobustnessRecord], corpus: str, split: str) -> None:
    """Whether such a record of a corpus and a split can be written to ``path``; nothing is made or changed.

    Raises:
        UsageError: the file is the record of another corpus or split.
        RecordError: its folder cannot be written.
    """
    check_writable(path.parent)
    try:
        earlier = record.load(path) if path.is_file() else None
    except RecordError:
        earlier = None  # damaged, or of another version: to be made again
    if earlier is not None and (earlier.corpus, earlier.split) != (corpus, split):
        raise UsageError(
            f"{path} is of {earlier.corpus}, {earlier.split}, and would be replaced by that of {corpus}, {split}",
            "give another folder with --output-dir",
        )
