"""Data: corpora, labelled or of plain texts, from files or the Hub, tables of a user's own, and predictions."""

from emohub.data.corpus import LabelledTexts, load_split, split_identity
from emohub.data.predictions import Predictions, read_predictions, write_predictions
from emohub.data.table import Table, read_table, table_suffix, write_table
from emohub.data.texts import PlainTexts, fingerprint, load_texts, split_texts

__all__ = [
    "LabelledTexts",
    "PlainTexts",
    "Predictions",
    "Table",
    "fingerprint",
    "load_split",
    "load_texts",
    "read_predictions",
    "read_table",
    "split_identity",
    "split_texts",
    "table_suffix",
    "write_predictions",
    "write_table",
]
