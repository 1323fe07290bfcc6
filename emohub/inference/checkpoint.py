"""Model folders: found on disk, or fetched from the Hub. Nothing here loads a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from emohub import layout
from emohub.errors import ModelError, UsageError
from emohub.layout import CONFIG_FILE, WEIGHTS_FILE
from emohub.tokenizing import TOKENIZER_FILES

if TYPE_CHECKING:
    from emohub.record import ModelIdentity

_FOLDERS = (("models",), ("runs",))
"""First parts of paths to a project's models."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder with a model, and what the model is called in records."""

    folder: Path
    id: str
    """Hub id, or the name of a local model or run; never an absolute path."""
    revision: str | None = None
    """Commit on the Hub; None for a local folder."""

    @property
    def weights(self) -> Path:
        """The file with the weights."""
        return self.folder / WEIGHTS_FILE

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the weights file."""
        from emohub.record import sha256_file  # noqa: PLC0415 - answers need no records

        return sha256_file(self.weights)

    @property
    def identity(self) -> "ModelIdentity":
        """What a record states about the model."""
        from emohub.record import ModelIdentity  # noqa: PLC0415 - as above

        return ModelIdentity(id=self.id, revision=self.revision, fingerprint=self.fingerprint)


def is_of_this_project(name: str) -> bool:
    """Whether a name is that of a model or run here, or of what a built-in recipe makes; such a name is no Hub id."""
    from emohub.recipe import list_recipes  # noqa: PLC0415 - a model that lies here needs no recipe

    return layout.find_model(name) is not None or Path(name).parts[:1] in _FOLDERS or name in list_recipes()


def check_is_made(name: str) -> None:
    """Whether a model that is called by a name of this project is there; nothing is asked for any other name.

    Raises:
        ModelError: it is not.
    """
    if layout.find_model(name) is not None or not is_of_this_project(name):
        return
    from emohub.recipe import list_recipes  # noqa: PLC0415 - as above

    recipe = Path(name).name
    training = f"train it with `emohub train {recipe} --output-dir runs/{recipe}`"
    raise ModelError(
        f"there is no model {name!r} here (models/: {_shipped()}), and a name of this project is none on the Hub",
        f"{training if recipe in list_recipes() else 'correct the name'}, or give the folder of a model or run",
    )


def find_checkpoint(
    model: str | Path,
    *,
    revision: str | None = None,
    also: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Checkpoint:
    """The folder of a model: a folder or run, a name under ``models/``, or a Hub id that is fetched if need be.

    The Hub is never asked for what :func:`is_of_this_project`.

    ``revision`` is a commit, tag or branch on the Hub; None takes the newest, or without a network the newest that was
    fetched before. Only the configuration, safetensors weights, tokenizer files, card and run record are ever fetched,
    and the files that ``also`` names, if they are there.
    ``on_progress`` receives the bytes fetched and all bytes; with None the Hub's client draws its own bars.

    Raises:
        UsageError: a revision was given for a local folder, or the name is empty.
        ModelError: there is no such model, the Hub cannot be reached, or the folder lacks its configuration or weights.
    """
    name = str(model)
    if not name.strip():
        raise UsageError("the name of the model is empty", "give a folder, a name under models/, or a Hub id")
    folder = layout.find_model(name)
    if folder is not None and (folder / layout.CASCADE_FILE).is_file():
        raise ModelError(f"{name} is a cascade, which is made of two models", "name one of the two")
    if folder is None:
        check_is_made(name)
        checkpoint = _fetch(name, revision, also, on_progress)
    elif revision is not None:
        raise UsageError(f"{name} is a local folder and has no revision {revision!r}", "leave the revision out")
    else:
        where = folder.resolve()
        named = where.parent if where.name == layout.CHECKPOINT_FOLDER else where
        checkpoint = Checkpoint(folder, named.name)
    for file, what in ((CONFIG_FILE, "configuration"), (WEIGHTS_FILE, "safetensors weights")):
        if not (checkpoint.folder / file).is_file():
            raise ModelError(
                f"{name} has no {what} ({file})",
                "give a model that was saved with save_pretrained(); weights in pickle files are never loaded, "
                "because opening one can run code",
            )
    return checkpoint


def _shipped() -> str:
    return ", ".join(layout.shipped_models()) or "none"


def _fetch(
    name: str, revision: str | None, also: Sequence[str], on_progress: Callable[[int, int], None] | None
) -> Checkpoint:
    # A local model needs nothing of the Hub's client, which takes a while to import.
    import httpx2  # noqa: PLC0415
    from huggingface_hub import errors, snapshot_download  # noqa: PLC0415

    from emohub.inference.transfer import silent_bars  # noqa: PLC0415

    local = _shipped()
    try:
        folder = snapshot_download(
            name,
            revision=revision,
            allow_patterns=[layout.CARD_FILE, layout.RUN_FILE, CONFIG_FILE, WEIGHTS_FILE, *TOKENIZER_FILES, *also],
            tqdm_class=silent_bars(on_progress) if on_progress else None,
        )
    except errors.HFValidationError:
        raise ModelError(
            f"there is no model {name!r}", f"give a folder, a Hub id, or one of models/: {local}"
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelError(
            f"{name} has no revision {revision!r} on the Hub", "give a commit, tag or branch it has"
        ) from None
    except errors.RepositoryNotFoundError:
        raise ModelError(
            f"there is no model {name!r}, neither here (models/: {local}) nor on the Hub",
            "correct the name, or log in if it is private or gated",
        ) from None
    except (errors.HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        # The kind of the error alone: its text can hold the token.
        raise ModelError(
            f"{name!r} is not a local model (models/: {local}), and the Hub cannot be reached for it "
            f"({type(error.__cause__ or error).__name__})",
            "give a local folder (to train from one: --base-model DIR), or try again with a network",
        ) from None
    return Checkpoint(Path(folder), name, Path(folder).name)
