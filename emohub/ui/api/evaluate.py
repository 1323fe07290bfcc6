"""``/evaluate``: several models on labelled rows."""

from typing import Any, TypedDict, cast

from emohub.ui.api.endpoint import expose, run_while_wanted
from emohub.ui.service import Service
from emohub.ui.service.evaluating import evaluate as evaluate_rows
from emohub.ui.service.uploads import take_rows


class Evaluation(TypedDict):
    """Several models on the same labelled rows, as ``emohub compare --input FILE --format json`` prints it."""

    source: str
    rows: int
    fingerprint: str
    labels: list[str]
    models: dict[str, Any]
    unaligned: dict[str, str]
    intervals: dict[str, Any]
    agreement: float
    pairs: list[dict[str, Any]]
    slicings: list[dict[str, Any]]
    disagreements: list[dict[str, Any]]
    text_column: str
    label_column: str
    left_out: int


def build(service: Service) -> None:
    """Add the endpoint."""

    def evaluate(
        rows: list[dict[str, Any]],
        models: list[str],
        text_column: str = "text",
        label_column: str = "",  # not "label", a word that Gradio would translate
        slice_columns: list[str] | None = None,
    ) -> Evaluation:
        """Measure models on labelled texts, test them against each other, and cut the texts into slices.

        Labels are matched by name; a model is measured when it knows every label of the rows. This may take minutes.

        Args:
            rows: Up to 10,000 objects, each with a text and its right label, and any other columns.
            models: Names of up to 8 served models, as list_models gives them.
            text_column: Key of the text in each row.
            label_column: Key of the right label in each row, by name; empty for "label".
            slice_columns: Keys of up to 4 columns with few values, to cut the rows by.

        Returns:
            For each measured model accuracy, macro_f1, log_loss and expected_calibration_error with 95% intervals,
            results per_label, the confusion_matrix and calibration bins; why others are unaligned; for each pair of
            models the exact McNemar test (p_value, and p_holm corrected by Holm) and how far their errors overlap;
            accuracy in slices by length, label and column with its gaps; and the rows answered differently.
        """
        table = take_rows(rows)
        comparison = run_while_wanted(
            evaluate_rows(service, table, models, text_column, label_column or "label", slice_columns)
        )
        return cast(Evaluation, comparison.model_dump(mode="json"))

    expose(evaluate, queue=True, concurrency_limit=1, concurrency_id="long")
