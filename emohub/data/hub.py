"""A split of a Hub dataset, and the commit that it really came from."""

import datasets
import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from emohub.data.table import Table
from emohub.data.table_reading import stated_label_names
from emohub.errors import DataError
from emohub.recipe import TextSource

TIMEOUT = 30.0
"""Seconds to wait for the Hub's first answer."""
FROM_FILES = "pass --data-dir with the data in parquet files"


def load_hub_split(hub_id: str, corpus: TextSource, split: str) -> tuple[Table, str]:
    """The rows of a split and the commit of the dataset, which is resolved first and then loaded by its hash.

    With ``HF_HUB_OFFLINE=1`` the copy that was downloaded last is used, if it is of the declared revision.

    Raises:
        DataError: the Hub cannot be reached or refuses, or has no such dataset, configuration, revision or split.
    """
    where = f"the split {split} of the Hub dataset {hub_id}"
    wanted = _resolve(hub_id, corpus.revision) or corpus.revision
    try:
        # With hf:// a folder of the same name in the working directory is not mistaken for the dataset.
        builder = datasets.load_dataset_builder(f"hf://datasets/{hub_id}", corpus.config, revision=wanted)
        # When something fails, datasets falls back to its newest copy, whichever revision that has.
        if wanted not in (None, builder.hash):
            raise DataError(
                f"{where} was downloaded at the commit {builder.hash}, and {wanted} is wanted",
                f"connect to the Hub, or {FROM_FILES}",
            )
        builder.download_and_prepare()
        dataset = builder.as_dataset(split=split)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError, httpx2.HTTPError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
        raise DataError(f"{where} cannot be loaded ({reason})", f"correct the declaration, or {FROM_FILES}") from None
    # The columns of the Arrow table itself: a Dataset would first turn each of them into Python objects.
    columns = {name: dataset.data.column(name) for name in dataset.column_names}
    return Table(columns, where, stated_label_names(dataset.features)), builder.hash


def _resolve(hub_id: str, revision: str | None) -> str | None:
    """The commit that a revision stands for now; None when the Hub may not be asked."""
    try:
        return HfApi().dataset_info(hub_id, revision=revision, timeout=TIMEOUT).sha
    except OfflineModeIsEnabled:
        return None
    except GatedRepoError:
        raise DataError(
            f"the Hub dataset {hub_id} is gated", f"accept its terms on its page and log in, or {FROM_FILES}"
        ) from None
    except RepositoryNotFoundError:
        raise DataError(
            f"there is no dataset {hub_id} on the Hub, or it is private", f"correct the id or log in, or {FROM_FILES}"
        ) from None
    except RevisionNotFoundError:
        raise DataError(
            f"the Hub dataset {hub_id} has no revision {revision}", "correct the revision in the declaration"
        ) from None
    except (OSError, ValueError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        # Not the error's message: that of a request that could not be sent can hold the token.
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
        reason = f"HTTP status {status}" if status else type(error).__name__
        raise DataError(
            f"the Hub cannot be asked for the dataset {hub_id} ({reason})",
            f"check the connection and the token; {FROM_FILES}; or set HF_HUB_OFFLINE=1 to use an earlier download",
        ) from None
