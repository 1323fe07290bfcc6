"""A split of a Hub dataset, and the commit that it really came from."""

import datasets
import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import OfflineModeIsEnabled

from emohub.data.table import Table
from emohub.errors import DataError
from emohub.recipe import Corpus


def load_hub_split(corpus: Corpus, split: str) -> tuple[Table, tuple[str, ...] | None, str]:
    """The rows, the dataset's own label names (None when it states none), and the commit.

    With ``HF_HUB_OFFLINE=1`` the copy that was downloaded last is used, if it is of the declared revision.

    Raises:
        DataError: the Hub cannot be reached or refuses, or has no such dataset, configuration, revision or split.
    """
    hub_id = corpus.hub_id or ""
    where = f"the split {split} of the Hub dataset {hub_id}"
    try:
        commit = HfApi().dataset_info(hub_id, revision=corpus.revision, timeout=30).sha
    except OfflineModeIsEnabled:
        commit = None
    except (OSError, httpx2.HTTPError) as error:
        raise DataError(
            f"{where} cannot be loaded ({_first_line(error)})",
            "check the id, the revision and the connection; pass --data-dir with the data in parquet files; "
            "or set HF_HUB_OFFLINE=1 to use what was downloaded before",
        ) from None
    try:
        # With hf:// a folder of the same name in the working directory is not mistaken for the dataset.
        builder = datasets.load_dataset_builder(
            f"hf://datasets/{hub_id}", corpus.config, revision=commit or corpus.revision
        )
        if builder.hash != (commit or corpus.revision or builder.hash):
            raise DataError(
                f"{where} was downloaded before at commit {builder.hash}, not at {commit or corpus.revision}",
                "connect to the Hub, or pass --data-dir",
            )
        builder.download_and_prepare()
        dataset = builder.as_dataset(split=split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError, httpx2.HTTPError) as error:
        raise DataError(
            f"{where} cannot be loaded ({_first_line(error)})",
            "pass --data-dir with the data in parquet files, or correct the corpus declaration",
        ) from None
    feature = dataset.features.get(corpus.label_column)
    names = tuple(feature.names) if isinstance(feature, datasets.ClassLabel) else None
    columns = {name: dataset.data.column(name) for name in dataset.column_names}
    return Table(columns, where), names, builder.hash


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
