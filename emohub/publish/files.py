"""The plan: exactly the files that would go to the Hub, with their sizes and hashes."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from emohub.card import is_repo_id, render_folder
from emohub.errors import PublishError, UsageError
from emohub.layout import (
    CARD_FILE,
    CHECKPOINT_FOLDER,
    CONFIG_FILE,
    EVAL_FILE,
    LEARNING_CURVES_FILE,
    RUN_FILE,
    WEIGHTS_FILE,
    find_model,
    find_records,
)
from emohub.recipe import Stage
from emohub.record import RunRecord, sha256_file

RECORDS: dict[Stage, tuple[str, ...]] = {"masked_lm": (RUN_FILE,), "classification": (RUN_FILE, EVAL_FILE)}
"""Records that show where a model's numbers come from; a language model is measured by its training run alone."""
ALLOWED = (
    CARD_FILE,
    LEARNING_CURVES_FILE,
    CONFIG_FILE,
    WEIGHTS_FILE,
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    *RECORDS["classification"],
)
"""Names of the only files that ever leave, in the order of the plan."""


@dataclass(frozen=True)
class PlannedFile:
    """A file as it would stand in the repository."""

    path: str
    size: int
    """Bytes."""
    sha256: str
    source: Path | bytes = field(repr=False)
    """Where the content lies, or the content itself when it was rendered for this repository."""

    @cached_property
    def git_oid(self) -> str:
        """The id that git gives the content of a file that is kept whole in the repository."""
        content = self.source if isinstance(self.source, bytes) else self.source.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Plan:
    """What publishing a model would do."""

    model: str
    """The model as it was asked for."""
    repo_id: str
    private: bool
    """Whether the repository must be private; if not, a new one is what the namespace's default says."""
    create_pr: bool
    """Whether to propose the change as a pull request instead of committing to the main branch."""
    model_folder: Path
    records_folder: Path
    stage: Stage
    """What the run trained."""
    files: tuple[PlannedFile, ...]
    left_out: tuple[str, ...]
    """What else lies in the two folders and stays here; a folder's name ends with a slash."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def file(self, path: str) -> PlannedFile | None:
        """The planned file of that name, if there is one."""
        return next((file for file in self.files if file.path == path), None)


def plan(model: str, repo_id: str, *, private: bool = False, create_pr: bool = False) -> Plan:
    """Which files of a local model and its records would go to ``repo_id``, the card rendered for that repository.

    ``model`` is the name of a model under ``models/``, a run, or a folder of either.

    Raises:
        UsageError: ``repo_id`` is not OWNER/NAME, or there is no such model here.
        PublishError: the model has no records, or one of its files is a link.
        RecordError, CardError: no card can be rendered from the records.
    """
    _check_repo_id(repo_id)
    model_folder = find_model(model)
    if model_folder is None:
        raise UsageError(
            f"there is no model {model!r} on this machine",
            "name a model under models/, a run under runs/, or the folder of one",
        )
    records_folder = find_records(model)
    stage: Stage = "classification" if records_folder is None else RunRecord.load(records_folder / RUN_FILE).stage
    missing = [name for name in RECORDS[stage] if records_folder is None or not (records_folder / name).is_file()]
    if records_folder is None or missing:
        raise PublishError(
            f"the model {model!r} has no {missing[0]}, so nothing shows where its numbers come from",
            "train it with `emohub train` and measure it with `emohub evaluate` first",
        )
    found = {name: _on_disk(folder / name) for folder, name in _places(model_folder, records_folder, stage)}
    found[CARD_FILE] = _rendered(CARD_FILE, render_folder(records_folder, repo_id=repo_id))
    files = tuple(file for name in ALLOWED if (file := found.get(name)) is not None)
    left_out = _left_out(model_folder, records_folder, going=found)
    return Plan(model, repo_id, private, create_pr, model_folder, records_folder, stage, files, left_out)


def _check_repo_id(repo_id: str) -> None:
    if not is_repo_id(repo_id):
        raise UsageError(
            f"{repo_id!r} is no repository id",
            "write OWNER/NAME in at most 96 letters, digits, '-', '_' and '.', such as ada/minilm-emotion",
        )


def _places(model_folder: Path, records_folder: Path, stage: Stage) -> list[tuple[Path, str]]:
    """The folder that each allowed file but the card comes from."""
    of_run = (LEARNING_CURVES_FILE, *RECORDS[stage])
    of_others = {CARD_FILE, *RECORDS["classification"]} - set(of_run)
    return [(records_folder if name in of_run else model_folder, name) for name in ALLOWED if name not in of_others]


def _on_disk(path: Path) -> PlannedFile | None:
    if path.is_symlink():
        raise PublishError(f"{path} is a link, which may lead to anything", "put the file itself in its place")
    if not path.is_file():
        return None
    try:
        return PlannedFile(path.name, path.stat().st_size, sha256_file(path), path)
    except OSError as error:
        raise PublishError(f"{path} cannot be read ({error.strerror})", "check its permissions") from None


def _rendered(path: str, text: str) -> PlannedFile:
    content = text.encode()
    return PlannedFile(path, len(content), hashlib.sha256(content).hexdigest(), content)


def _left_out(*folders: Path, going: Collection[str]) -> tuple[str, ...]:
    entries = {
        f"{path.name}/" if path.is_dir() else path.name
        for folder in folders
        for path in folder.iterdir()
        if path.name not in going and path.name != CHECKPOINT_FOLDER
    }
    return tuple(sorted(entries))
