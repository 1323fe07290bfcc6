"""Data: labelled corpora from files or the Hub, tables of a user's own, tokens, and per-example predictions."""

from emohub.data.corpus import LabelledTexts, fingerprint, load_split, split_identity
from emohub.data.predictions import Predictions, read_predictions, write_predictions
from emohub.data.table import Table, read_table, write_table
from emohub.data.tokens import TokenizedTexts, load_tokenizer, pad, tokenize

__all__ = [
    "LabelledTexts",
    "Predictions",
    "Table",
    "TokenizedTexts",
    "fingerprint",
    "load_split",
    "load_tokenizer",
    "pad",
    "read_predictions",
    "read_table",
    "split_identity",
    "tokenize",
    "write_predictions",
    "write_table",
]
