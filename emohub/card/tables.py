"""Tables of plain values, as a card shows them; the template formats them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from emohub.card.front_matter import HUB_METRICS
from emohub.card.markdown import Markdown, code, signed
from emohub.card.records import RunRecords
from emohub.recipe import Declaration
from emohub.record import Confidence, DistillationRecord, EvalRecord, ExportRecord, RunRecord, SplitIdentity

TITLES = {name: title for name, (_, title, _) in HUB_METRICS.items()} | {
    "log_loss": "Log loss (nats)",
    "expected_calibration_error": "Expected calibration error",
    "loss": "Loss",
    "perplexity": "Perplexity",
}
"""Names of metrics for people."""
ONLY_IF_CHOSEN = frozenset({"calibrate", "r_drop", "layer_decay"})
"""Settings that joined after cards were made of runs without them: where they are as they always were, they are left
out, so that those cards stay as they are."""


@dataclass(frozen=True)
class Table:
    """A table of plain values; ``bold_row`` is the index of a row that stands out."""

    header: list[str]
    rows: list[list[Any]]
    bold_row: int | None = None


def onnx_table(export: ExportRecord) -> Table:
    """The ONNX files of a model, and how their answers compare with those of its weights."""
    header = ["File", "Weights", "MB", "Same label", "Largest difference of a probability"]
    rows = [
        [
            code(file.path),
            file.weights,
            f"{file.size_bytes / 1e6:.1f}",
            f"{file.agreement:.2%}",
            f"{file.max_difference:.1g}",
        ]
        for file in export.files
    ]
    return Table(header, rows)


def metrics_table(evaluation: EvalRecord) -> Table:
    """Every metric of an evaluation, with its interval."""
    metrics = evaluation.metrics
    ordered = {name: metrics[name] for name in TITLES if name in metrics} | metrics
    return Table(["Metric", "Value"], [[TITLES.get(name, name), value] for name, value in ordered.items()])


def per_label_table(evaluation: EvalRecord) -> Table:
    """The results of each label, with their intervals."""
    return Table(
        ["Label", "Precision", "Recall", "F1", "Support", "Predicted"],
        [[r.label, r.precision, r.recall, r.f1, r.support, r.predicted] for r in evaluation.per_label],
    )


def confusion_table(evaluation: EvalRecord) -> Table:
    """How often each label was taken for each."""
    return Table(
        ["True label", *(f"{label} predicted" for label in evaluation.labels)],
        [[label, *row] for label, row in zip(evaluation.labels, evaluation.confusion_matrix, strict=True)],
    )


def calibration_table(evaluation: EvalRecord) -> Table:
    """Confidence against accuracy, in the bins that are not empty."""
    return Table(
        ["Confidence above", "up to", "Texts", "Mean confidence", "Accuracy"],
        [[b.lower, b.upper, b.count, b.confidence, b.accuracy] for b in evaluation.calibration if b.count],
    )


def temperature_table(run: RunRecord, evaluation: EvalRecord) -> Table | None:
    """What calibration did to the figures of validation and of the evaluated split; None when there was none."""
    calibration, header = run.exported.calibration, ["Figure", "Without the temperature", "With it"]
    if calibration is None:
        return None
    splits = {"validation": (calibration.before, calibration.after)}
    if evaluation.uncalibrated is not None and evaluation.split != "validation":
        measured = Confidence(**{name: evaluation.metrics[name].value for name in Confidence.model_fields})
        splits[evaluation.split] = (evaluation.uncalibrated, measured)
    titles = {"expected_calibration_error": "Expected calibration error", "log_loss": "Log loss"}
    rows = [
        [f"{title} on {split}", getattr(before, name), getattr(after, name)]
        for split, (before, after) in splits.items()
        for name, title in titles.items()
    ]
    return Table(header, rows)


def history_table(records: RunRecords, columns: Sequence[str]) -> Table:
    """The evaluations during training, in the shape of the documents' results tables; the exported row is bold.

    ``columns`` are the metrics beside the losses.
    """
    rows = [
        [row.training_loss, _epoch(row.epoch), row.step, row.validation_loss, *(row.metrics.get(c) for c in columns)]
        for row in records.run.history
    ]
    header = ["Training loss", "Epoch", "Step", "Validation loss", *(TITLES.get(name, name) for name in columns)]
    return Table(header, rows, bold_row=records.run.history.index(records.exported_row))


def all_columns(records: RunRecords, first: Sequence[str]) -> list[str]:
    """``first``, and every other metric that any row of the history has, in the order of :data:`TITLES`."""
    found = {name for row in records.run.history for name in row.metrics}
    return [*first, *(name for name in [*TITLES, *sorted(found - TITLES.keys())] if name in found.difference(first))]


def settings_tables(records: RunRecords, *parts: tuple[Declaration, Iterable[str]]) -> tuple[Table, Table]:
    """The settings that differ from emohub's defaults or have none, the defaults beside them; and all settings.

    They are the keys that are named of each part of the recipe; those that were set for this run are marked.
    """
    adapts = records.run.stage == "masked_lm"
    changed = {key.rpartition(".")[2] for key in records.run.overrides if key.startswith("adaptation.") == adapts}
    chosen, every = [], []
    for part, keys in parts:
        for key in keys:
            value, field = getattr(part, key), type(part).model_fields[key]
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            differs = value != default
            if key in ONLY_IF_CHOSEN and not differs:
                continue
            origin = "set for this run" if key in changed else "recipe" if differs else "default"
            every.append([key, plain(value), origin])
            if differs:
                chosen.append([key, plain(value), None if field.is_required() else plain(default), origin])
    return Table(["Setting", "Value", "Default", "Origin"], chosen), Table(["Setting", "Value", "Origin"], every)


def splits_table(splits: dict[str, SplitIdentity], *, cut: bool, what: str = "Split", rows: str = "Rows") -> Table:
    """The rows that were used, and how many of their texts are cut, where texts are cut at all."""
    header = [what, rows, "Repeated texts", *(["Cut texts", "Share cut"] if cut else []), "Source"]
    return Table(
        header,
        [
            [
                split,
                data.rows,
                data.duplicates,
                *([data.truncated, percent(data.truncated, data.rows)] if cut else []),
                data.source,
            ]
            for split, data in splits.items()
        ],
    )


def export_table(records: RunRecords) -> Table:
    """Validation figures of the trained weights and of the exported files, and what lies between them."""
    exported = records.run.exported
    names = [name for name in ("loss", "perplexity", *HUB_METRICS) if name in exported.validation]
    rows = []
    for name in names:
        before, after = exported.validation_before_export.get(name), exported.validation[name]
        rows.append([TITLES[name], before, after, None if before is None else signed(after - before)])
    return Table(["Metric", "Trained weights (float32)", f"Exported files ({exported.dtype})", "Difference"], rows)


def teachers_table(run: RunRecord, distillation: DistillationRecord) -> Table:
    """Validation figures of the teachers, of the mean of several, and of what the run exported."""
    figures: list[tuple[str, dict[str, float], str | None]] = [
        (teacher.model.id, teacher.validation, teacher.model.fingerprint) for teacher in distillation.teachers
    ]
    if len(figures) > 1:
        figures.append(("Their mean", distillation.validation, None))
    figures.append(("This model", run.exported.validation, run.exported.fingerprint))
    names = [name for name in ("loss", *HUB_METRICS) if name in distillation.validation]
    return Table(
        ["Model", *(TITLES[name] for name in names), "SHA-256 of its weights"],
        [[model, *(measured.get(name) for name in names), weights] for model, measured, weights in figures],
    )


def machine_table(records: RunRecords) -> Table:
    """Where the run ran, and with which versions."""
    environment = records.run.environment
    packages = {name: version for name, version in environment.packages.items() if version is not None}
    values = {
        "emohub": environment.emohub,
        "git commit": environment.git_commit or "unknown",
        "Python": environment.python,
        **packages,
        "Platform": environment.platform,
        "Processor": f"{environment.processor}, {environment.cpu_count} cores",
        "Device": environment.device,
        "Processes": str(environment.num_processes),
    }
    return Table(["What", "Which"], [[key, value] for key, value in values.items()])


def percent(part: int, whole: int) -> Markdown:
    """A share of a whole as a percentage with one decimal; one that would be rounded to nothing is said to be below."""
    if part and part / whole < 0.0005:
        return Markdown("below 0.1%")
    return Markdown(f"{part / whole:.1%}")


def plain(value: Any) -> str:
    """A setting as one would type it, unrounded."""
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _epoch(epoch: float) -> Markdown:
    """An epoch to two decimals at most, as the documents write it."""
    return Markdown(round(epoch, 2))
