"""What a classifier's answers are worth: scores, calibration, intervals and paired tests, in numpy alone.

References and predictions are label ids of shape ``(n,)``, probabilities have the shape ``(n, k)`` with one column per
label. Bad input raises :class:`~emohub.errors.DataError`.

``emohub.metrics.modules`` holds the same scores as ``evaluate.Metric`` subclasses. It is imported on its own, because
it loads the evaluate library, which takes seconds.
"""

from emohub.metrics.calibration import (
    TEMPERATURES,
    Bin,
    at_temperature,
    calibration_bins,
    expected_calibration_error,
    fit_temperature,
    log_loss,
)
from emohub.metrics.classification import (
    METRICS,
    averages,
    classification_metrics,
    confusion_matrix,
    label_scores,
    per_label,
)
from emohub.metrics.intervals import (
    BootstrapResult,
    bootstrap_intervals,
    bootstrap_steps,
    mean_interval,
    newcombe_interval,
    paired_interval,
    resampled_rows,
    wilson_interval,
)
from emohub.metrics.paired import holm, mcnemar_exact

__all__ = [
    "METRICS",
    "TEMPERATURES",
    "Bin",
    "BootstrapResult",
    "at_temperature",
    "averages",
    "bootstrap_intervals",
    "bootstrap_steps",
    "calibration_bins",
    "classification_metrics",
    "confusion_matrix",
    "expected_calibration_error",
    "fit_temperature",
    "holm",
    "label_scores",
    "log_loss",
    "mcnemar_exact",
    "mean_interval",
    "newcombe_interval",
    "paired_interval",
    "per_label",
    "resampled_rows",
    "wilson_interval",
]
