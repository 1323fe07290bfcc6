"""Data: corpora, labelled or of plain texts, from files or the Hub, tables of a user's own, and predictions."""

from emohub.data.audit import Audit, Count, SharedTexts, SplitAudit, audit, audit_for_training
from emohub.data.corpus import LabelledTexts, load_run_split, load_split, split_identity
from emohub.data.damage import damage
from emohub.data.formulas import escape_formula, escape_table
from emohub.data.names import name_of, names_in
from emohub.data.predictions import Predictions, read_predictions, write_predictions
from emohub.data.raw import RawSplit, read_raw_corpus, read_raw_files
from emohub.data.row_checks import CHECKS, Rows, text_key
from emohub.data.showing import MAX_SHOWN_CHARS, is_fit_to_show, reasons_to_hide
from emohub.data.source import lies_here
from emohub.data.table import Table, TableLimits, table_suffix
from emohub.data.table_reading import TableFile, parse_table, read_table
from emohub.data.table_writing import TableOutline, column_types, table_bytes, table_writer, write_table
from emohub.data.texts import PlainTexts, fingerprint, load_texts, read_lines, split_texts

__all__ = [
    "CHECKS",
    "MAX_SHOWN_CHARS",
    "Audit",
    "Count",
    "LabelledTexts",
    "PlainTexts",
    "Predictions",
    "RawSplit",
    "Rows",
    "SharedTexts",
    "SplitAudit",
    "Table",
    "TableFile",
    "TableLimits",
    "TableOutline",
    "audit",
    "audit_for_training",
    "column_types",
    "damage",
    "escape_formula",
    "escape_table",
    "fingerprint",
    "is_fit_to_show",
    "lies_here",
    "load_run_split",
    "load_split",
    "load_texts",
    "name_of",
    "names_in",
    "parse_table",
    "read_lines",
    "read_predictions",
    "read_raw_corpus",
    "read_raw_files",
    "read_table",
    "reasons_to_hide",
    "split_identity",
    "split_texts",
    "table_bytes",
    "table_suffix",
    "table_writer",
    "text_key",
    "write_predictions",
    "write_table",
]
