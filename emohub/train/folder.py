"""The run folder: claimed before any work, written under another name, and named when it is whole."""

from pathlib import Path

from emohub.errors import TrainingError


def unfinished_folder(folder: Path) -> Path:
    """Where a run is written until it is whole."""
    return folder.parent / f".{folder.name}.unfinished"


def claim(folder: Path) -> Path:
    """Make the folder that the run is written to, before any work is done for it."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise TrainingError(f"the run folder {folder} exists and is not empty", "name another with --output-dir")
    unfinished = unfinished_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir()
    except FileExistsError:
        raise TrainingError(
            f"{unfinished} exists, so another run is writing to {folder} or was killed",
            "name another --output-dir, or delete that folder when no run is using it",
        ) from None
    except OSError as error:
        raise TrainingError(
            f"the run folder {folder} cannot be made ({error.strerror})", "choose a writable place with --output-dir"
        ) from None
    return unfinished


def finish(unfinished: Path, folder: Path) -> None:
    """Give a whole run its name."""
    if folder.exists():
        folder.rmdir()  # it was empty when it was claimed
    unfinished.rename(folder)
