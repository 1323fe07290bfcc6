"""Public models of the Hub for people who may not be trusted: their size is known first, and no code comes with them.

What is fetched for a command (``find_checkpoint``) comes with the user's own rights and into the user's cache. Here
nobody's token is sent, and the files lie in a folder that can be taken away.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, get_session, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoSibling

from emohub.errors import ModelError
from emohub.inference.checkpoint import Checkpoint
from emohub.layout import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE
from emohub.tokenizing import TOKENIZER_FILES

_WANTED = (CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, *TOKENIZER_FILES)
"""The only files that are ever fetched."""
_CHUNK_BYTES = 2**20
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class PublicModel:
    """A public model on the Hub, at one commit, before anything of it is fetched."""

    id: str
    revision: str
    """Commit."""
    files: tuple[RepoSibling, ...]
    """Those that a classifier is read from."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size or 0 for file in self.files)


def find_public_model(repo_id: str) -> PublicModel:
    """Look a model up on the Hub without anybody's token.

    Raises:
        ModelError: the Hub cannot be reached, there is no such public model, or it has no safetensors weights.
    """
    try:
        info = HfApi(token=False).model_info(repo_id, files_metadata=True, timeout=_TIMEOUT_SECONDS)
    except (RepositoryNotFoundError, HFValidationError):
        raise ModelError(f"there is no public model {repo_id!r} on the Hub", "correct its name") from None
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise _unreachable(repo_id, error) from None
    if info.gated or info.disabled:
        raise ModelError(f"{repo_id} is not open to everybody on the Hub", "choose a public model without a gate")
    files = tuple(file for file in info.siblings or () if file.rfilename in _WANTED)
    names = {file.rfilename for file in files}
    for name, what in ((WEIGHTS_FILE, "safetensors weights"), (CONFIG_FILE, "configuration")):
        if name not in names:
            raise ModelError(
                f"{repo_id} has no {what} ({name})",
                "choose a model that has; weights in pickle files are never loaded, because opening one can run code",
            )
    return PublicModel(repo_id, info.sha or "main", files)


def fetch_public_model(model: PublicModel, folder: Path) -> Iterator[int]:
    """Fetch its files into ``folder``, and tell after each piece how many bytes of ``model.size`` have arrived.

    Whoever stops asking stops the download.

    Raises:
        ModelError: the Hub cannot be reached, or sends other files than it announced.
    """
    done = 0
    for file in model.files:
        try:
            for piece in _pieces(model, file, folder / file.rfilename):
                done += piece
                yield done
        except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
            raise _unreachable(model.id, error) from None


def checkpoint_of(model: PublicModel, folder: Path) -> Checkpoint:
    """The fetched model, as ``Classifier.of`` takes it."""
    return Checkpoint(folder, model.id, model.revision)


def _pieces(model: PublicModel, file: RepoSibling, path: Path) -> Iterator[int]:
    """Write one file, and give the size of each piece; what differs from the announcement is refused."""
    size, digest = 0, hashlib.sha256()
    url = hf_hub_url(model.id, file.rfilename, revision=model.revision)
    with get_session().stream("GET", url, timeout=_TIMEOUT_SECONDS) as answer, path.open("wb") as target:
        answer.raise_for_status()
        for piece in answer.iter_bytes(_CHUNK_BYTES):
            size += len(piece)
            if size > (file.size or 0):
                break
            digest.update(piece)
            target.write(piece)
            yield len(piece)
    if size != file.size or (file.lfs is not None and digest.hexdigest() != file.lfs.sha256):
        raise ModelError(f"{file.rfilename} of {model.id} arrived damaged", "try again")


def _unreachable(repo_id: str, error: Exception) -> ModelError:
    # The kind of the error alone: its text can name addresses.
    return ModelError(
        f"the Hub cannot be reached for {repo_id!r} ({type(error).__name__})",
        "try again with a network, or use the models that are here",
    )
