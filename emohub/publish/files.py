"""The plan: exactly the files that would go to the Hub, with their sizes and hashes."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from emohub.card import is_repo_id, merge, read_card, render_folder
from emohub.errors import PublishError, UsageError
from emohub.layout import (
    CALIBRATION_FILE,
    CARD_FILE,
    CHECKPOINT_FOLDER,
    CONFIG_FILE,
    CONFUSION_MATRIX_FILE,
    DESCRIPTION_FILE,
    EVAL_FILE,
    LEARNING_CURVES_FILE,
    ONNX_EXPORT_FILE,
    ONNX_FILES,
    ONNX_FOLDER,
    ROBUSTNESS_FILE,
    RUN_FILE,
    WEIGHTS_FILE,
    find_model,
    find_records,
)
from emohub.recipe import Stage
from emohub.record import RunRecord, sha256_file

_CLASSIFIERS: tuple[Stage, ...] = ("classification", "distillation")
"""Stages that leave a classifier."""
RECORDS: dict[Stage, tuple[str, ...]] = {
    "masked_lm": (RUN_FILE,),
    **dict.fromkeys(_CLASSIFIERS, (RUN_FILE, EVAL_FILE)),
}
"""Records that show where a model's numbers come from; a language model is measured by its training run alone."""
SHOWN: dict[Stage, tuple[str, ...]] = {
    "masked_lm": (LEARNING_CURVES_FILE,),
    **dict.fromkeys(
        _CLASSIFIERS,
        (LEARNING_CURVES_FILE, CONFUSION_MATRIX_FILE, CALIBRATION_FILE, DESCRIPTION_FILE, ROBUSTNESS_FILE),
    ),
}
"""What a card shows beside the numbers of those records: its pictures, and the description and robustness if any."""
ONNX: dict[Stage, tuple[str, ...]] = {
    "masked_lm": (),
    **dict.fromkeys(_CLASSIFIERS, (*ONNX_FILES.values(), ONNX_EXPORT_FILE)),
}
"""The model in another format, with the record that ties it to the weights; all or none of it goes."""
ALLOWED = (
    CARD_FILE,
    *SHOWN["classification"],
    CONFIG_FILE,
    WEIGHTS_FILE,
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    *RECORDS["classification"],
    *ONNX["classification"],
)
"""Names of the only files that ever leave, in the order of the plan."""
MAIN = "main"
"""Name of a repository's main branch."""

Prose = Literal["local", "remote"]
"""Whose text in the card is to stay: that of the card here, or that of the card on the Hub."""


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
    """Whether to propose the change as a pull request instead of committing to the branch."""
    force_visibility: bool
    """Whether a public repository is to be made private when it must be private."""
    revision: str
    """Branch to commit to; it is made from the main branch when there is none."""
    tag: str | None
    """Name to give to the published commit."""
    keep: Prose | None
    """Whose text in the card stays when both sides have one; None refuses to choose."""
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

    @property
    def card(self) -> str:
        """The card as it would stand in the repository."""
        card = self.file(CARD_FILE)
        if card is None or not isinstance(card.source, bytes):
            raise PublishError("the plan has no card rendered from the records", "make it with emohub.publish.plan")
        return card.source.decode()

    def with_card(self, card: str) -> "Plan":
        """The same plan with another card."""
        new = _rendered(CARD_FILE, card)
        return replace(self, files=tuple(new if file.path == CARD_FILE else file for file in self.files))


def plan(
    model: str,
    repo_id: str,
    *,
    private: bool = False,
    create_pr: bool = False,
    force_visibility: bool = False,
    revision: str = MAIN,
    tag: str | None = None,
    keep: Prose | None = None,
) -> Plan:
    """Which files of a local model and its records would go to ``repo_id``, the card rendered for that repository.

    ``model`` is the name of a model under ``models/``, a run, or a folder of either. The other arguments are those of
    :class:`Plan`.

    Raises:
        UsageError: ``repo_id`` is not OWNER/NAME, there is no such model here, or the options contradict each other.
        PublishError: the model has no records, or one of its files is a link.
        RecordError, CardError: no card can be rendered from the records.
    """
    _check_repo_id(repo_id)
    _check_options(private=private, create_pr=create_pr, force_visibility=force_visibility, tag=tag)
    _check_ref("--revision", revision)
    if tag is not None:
        _check_ref("--tag", tag)
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
    found = {name: _on_disk(folder, name) for folder, name in _places(model_folder, records_folder, stage)}
    found[CARD_FILE] = _rendered(CARD_FILE, card_for(records_folder, repo_id))
    files = tuple(file for name in ALLOWED if (file := found.get(name)) is not None)
    left_out = _left_out(model_folder, records_folder, going=found)
    return Plan(
        model=model,
        repo_id=repo_id,
        private=private,
        create_pr=create_pr,
        force_visibility=force_visibility,
        revision=revision,
        tag=tag,
        keep=keep,
        model_folder=model_folder,
        records_folder=records_folder,
        stage=stage,
        files=files,
        left_out=left_out,
    )


def card_for(records_folder: Path, repo_id: str) -> str:
    """The card of a folder rendered for a repository, with what people wrote into the folder's own card.

    Raises:
        RecordError, CardError: no card can be rendered from the records, or the markers in the card are not whole.
    """
    rendered = render_folder(records_folder, repo_id=repo_id)
    path = records_folder / CARD_FILE
    return merge(read_card(path), rendered) if path.is_file() else rendered


def _check_options(*, private: bool, create_pr: bool, force_visibility: bool, tag: str | None) -> None:
    if force_visibility and not private:
        raise UsageError("--force-visibility makes a repository private", "add --private, or leave it out")
    if create_pr and tag is not None:
        raise UsageError("a pull request has no commit to tag before it is merged", "leave --tag or --create-pr out")
    if create_pr and force_visibility:
        raise UsageError("a pull request changes nobody's settings", "leave --force-visibility or --create-pr out")


def _check_ref(option: str, name: str) -> None:
    """A branch or tag by its short name: no commit hash, which nothing can be committed to, and no pull request."""
    sound = re.fullmatch(r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)))[A-Za-z0-9_][A-Za-z0-9._/+-]*(?<![./])", name)
    if not sound or name.startswith("refs/") or re.fullmatch(r"[0-9a-f]{40}", name):
        raise UsageError(f"{option} {name!r} is no name for a branch or tag", "write one such as v1.0")


def _check_repo_id(repo_id: str) -> None:
    if not is_repo_id(repo_id):
        raise UsageError(
            f"{repo_id!r} is no repository id",
            "write OWNER/NAME in at most 96 letters, digits, '-', '_' and '.', such as ada/minilm-emotion",
        )


def _places(model_folder: Path, records_folder: Path, stage: Stage) -> list[tuple[Path, str]]:
    """The folder that each allowed file but the card comes from."""
    of_run = (*SHOWN[stage], *RECORDS[stage])
    of_others = {CARD_FILE, *SHOWN["classification"], *RECORDS["classification"]} - set(of_run)
    if not (model_folder / ONNX_EXPORT_FILE).is_file():  # nothing says what they were made from
        of_others |= set(ONNX["classification"])
    of_others |= set(ONNX["classification"]) - set(ONNX[stage])
    return [(records_folder if name in of_run else model_folder, name) for name in ALLOWED if name not in of_others]


def _on_disk(folder: Path, name: str) -> PlannedFile | None:
    path = folder / name
    if path.is_symlink() or (ONNX_FOLDER in Path(name).parts and path.parent.is_symlink()):
        raise PublishError(f"{path} is a link, which may lead to anything", "put the file itself in its place")
    if not path.is_file():
        return None
    try:
        return PlannedFile(name, path.stat().st_size, sha256_file(path), path)
    except OSError as error:
        raise PublishError(f"{path} cannot be read ({error.strerror})", "check its permissions") from None


def _rendered(path: str, text: str) -> PlannedFile:
    content = text.encode()
    return PlannedFile(path, len(content), hashlib.sha256(content).hexdigest(), content)


def _left_out(*folders: Path, going: Collection[str]) -> tuple[str, ...]:
    inside = {Path(name).parts[0] for name in going if "/" in name}
    entries = {
        f"{path.name}/" if path.is_dir() else path.name
        for folder in folders
        for path in folder.iterdir()
        if path.name not in {*going, *inside, CHECKPOINT_FOLDER}
    }
    among = {
        f"{name}/{path.name}"
        for folder in folders
        for name in inside
        if (folder / name).is_dir()
        for path in (folder / name).iterdir()
        if f"{name}/{path.name}" not in going
    }
    return tuple(sorted(entries | among))
