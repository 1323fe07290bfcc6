"""Data: labelled corpora from files or the Hub, tables of a user's own, and per-example predictions."""

from emohub.data.corpus import LabelledTexts, fingerprint, load_split, split_identity
from emohub.data.predictions import Predictions, read_predictions, write_predictions
from emohub.data.table import Table, read_table, table_suffix, write_table

__all__ = [
    "LabelledTexts",
    "Predictions",
    "Table",
    "fingerprint",
    "load_split",
    "read_predictions",
    "read_table",
    "split_identity",
    "table_suffix",
    "write_predictions",
    "write_table",
]
