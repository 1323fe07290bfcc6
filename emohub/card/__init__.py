"""Model cards: written from records, read back, and checked offline; and the results of all models as plain rows."""

from emohub.card.records import Records
from emohub.card.results import MeasuredResult, ReportedResult, Results, results_rows

__all__ = ["MeasuredResult", "Records", "ReportedResult", "Results", "results_rows"]
