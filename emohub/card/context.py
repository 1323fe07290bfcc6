"""From records to what the template shows: plain values, tables as header and rows, sentences where facts decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emohub.card.front_matter import (
    HUB_METRICS,
    dump,
    front_matter,
    hub_base_model,
    masked_lm_front_matter,
)
from emohub.card.markdown import Markdown, signed
from emohub.card.records import MaskedLMRecords, Records, RunRecords
from emohub.layout import LEARNING_CURVES_FILE
from emohub.pictures import in_words, shown_metrics
from emohub.recipe import Declaration, Documented
from emohub.recipe.documented import DocumentedMetrics, DocumentedRow
from emohub.record import ENGLISH_EXAMPLES, EvalRecord, Finding, LabelResult

TITLES = {name: title for name, (_, title, _) in HUB_METRICS.items()} | {
    "log_loss": "Log loss (nats)",
    "expected_calibration_error": "Expected calibration error",
    "loss": "Loss",
    "perplexity": "Perplexity",
}
"""Names of metrics for people."""

DOCUMENTED_TITLES = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "precision_unstated_average": "Precision (average not stated)",
    "recall_unstated_average": "Recall (average not stated)",
    "f1_unstated_average": "F1 (average not stated)",
}
"""Names of reported metrics for people."""


@dataclass(frozen=True)
class Table:
    """A table of plain values; the template formats them."""

    header: list[str]
    rows: list[list[Any]]
    bold_row: int | None = None


def card_context(records: Records, *, name: str, model: str, published: bool) -> dict[str, Any]:
    """Everything that ``model_card.md.jinja`` shows.

    ``name`` is the model's name, ``model`` the Hub id (``published``) or folder that the usage examples load.
    """
    run, evaluation, recipe = records.run, records.evaluation, records.recipe
    corpus = recipe.corpus
    return {
        **_run_context(records, name=name, model=model, published=published),
        "front_matter": dump(front_matter(records, name)),
        "corpus": corpus,
        "unit": "texts",
        "evaluation": evaluation,
        "accuracy": evaluation.metrics["accuracy"],
        "macro_f1": evaluation.metrics["macro_f1"],
        "evaluation_rate": f"{evaluation.texts_per_second:,.0f}",
        "level": f"{evaluation.intervals.level:.0%}",
        "example": ENGLISH_EXAMPLES[0] if corpus.language == ("en",) else "…",
        "history": history_table(records, recipe.evaluation.metrics),
        "metrics": Table(
            ["Metric", "Value"],
            [[TITLES.get(metric, metric), value] for metric, value in _ordered(evaluation.metrics).items()],
        ),
        "per_label": Table(
            ["Label", "Precision", "Recall", "F1", "Support", "Predicted"],
            [[r.label, r.precision, r.recall, r.f1, r.support, r.predicted] for r in evaluation.per_label],
        ),
        "confusion": Table(
            ["True label", *(f"{label} predicted" for label in evaluation.labels)],
            [[label, *row] for label, row in zip(evaluation.labels, evaluation.confusion_matrix, strict=True)],
        ),
        "calibration": Table(
            ["Confidence above", "up to", "Texts", "Mean confidence", "Accuracy"],
            [[b.lower, b.upper, b.count, b.confidence, b.accuracy] for b in evaluation.calibration if b.count],
        ),
        "mean_confidence": _mean_confidence(evaluation),
        "hyperparameters": hyperparameters_table(
            records, {"max_length": recipe.max_length}, recipe.training, recipe.evaluation, recipe.export
        ),
        "data": Table(
            ["Split", "Rows", "Repeated texts", "Cut texts", "Source"],
            [
                [split, data.rows, data.duplicates, data.truncated, data.source]
                for split, data in {**run.data, evaluation.split: evaluation.data}.items()
            ],
        ),
        "weakest": _weakest(evaluation),
        "unseen": [result.label for result in evaluation.per_label if result.support == 0],
        "documented": None if recipe.documented is None else documented_context(recipe.documented),
    }


def masked_lm_context(records: MaskedLMRecords, *, name: str, model: str, published: bool) -> dict[str, Any]:
    """Everything that ``masked_lm_card.md.jinja`` shows; the arguments are those of :func:`card_context`."""
    run, adaptation = records.run, records.adaptation
    settings = {"max_length": adaptation.max_length, "mlm_probability": adaptation.mlm_probability}
    return {
        **_run_context(records, name=name, model=model, published=published),
        "front_matter": dump(masked_lm_front_matter(records, name)),
        "corpus": adaptation.corpus,
        "unit": "blocks",
        "adaptation": adaptation,
        "held_out": run.data["validation"],
        "example": ("This was a ", " day.") if adaptation.corpus.language == ("en",) else ("… ", " …"),
        "share": f"{adaptation.corpus.validation_share * 100:.3g}%",
        "hidden": f"{adaptation.mlm_probability * 100:.3g}%",
        "history": history_table(records, ("perplexity",)),
        "hyperparameters": hyperparameters_table(records, settings, adaptation.training, adaptation.evaluation),
        "data": Table(
            ["Part", "Texts", "Repeated texts", "Source"],
            [[part, data.rows, data.duplicates, data.source] for part, data in run.data.items()],
        ),
    }


def _run_context(records: RunRecords, *, name: str, model: str, published: bool) -> dict[str, Any]:
    """What the card of every stage shows of its run."""
    run = records.run
    return {
        "name": name,
        "model": model,
        "published": published,
        "recipe": records.recipe,
        "run": run,
        "exported": run.exported,
        "megabytes": f"{run.exported.size_bytes / 1e6:.1f}",
        "seconds": f"{run.training_seconds:,.1f}",
        "rate": f"{run.samples_per_second:,.1f}",
        "base_model": hub_base_model(records),
        "curves": _curves(records),
        "curves_file": LEARNING_CURVES_FILE,
        "losses": _losses(records),
        "findings": [_finding(finding) for finding in run.findings],
        "padding": f"{run.padding_share:.1%}" if run.padding_share else None,
        "export_cost": _export_cost(records),
        "machine": _machine(records),
    }


def documented_context(documented: Documented) -> dict[str, Any]:
    """What the partial for reported results shows."""
    reported = documented.headline.model_dump(exclude_none=True)
    columns = [name for name in DOCUMENTED_TITLES if name != "loss" and _any_has(documented.results, name)]
    hyperparameters = documented.hyperparameters.model_dump()
    return {
        "source": documented,
        "headline": Table(
            ["Metric", "Reported"], [[DOCUMENTED_TITLES[key], Markdown(value)] for key, value in reported.items()]
        ),
        "results": Table(
            ["Training loss", "Epoch", "Step", "Validation loss", *(DOCUMENTED_TITLES[name] for name in columns)],
            [
                # As reported: four decimals would claim digits that the document does not give.
                [None if value is None else Markdown(value) for value in _documented_row(row, columns)]
                for row in documented.results
            ],
        ),
        "hyperparameters": Table(
            ["Hyperparameter", "Reported"],
            [[key, "not stated" if value is None else _plain(value)] for key, value in hyperparameters.items()],
        ),
        "frameworks": Table(
            ["Library", "Version"],
            [[library, version or "not stated"] for library, version in documented.frameworks.items()],
        ),
        "stated": [note.text for note in documented.notes if not note.inferred],
        "inferred": [note.text for note in documented.notes if note.inferred],
    }


def history_table(records: RunRecords, columns: Sequence[str]) -> Table:
    """The evaluations during training, in the shape of the documents' results tables; the exported row is bold.

    ``columns`` are the metrics beside the losses.
    """
    rows = [
        [row.training_loss, _epoch(row.epoch), row.step, row.validation_loss, *(row.metrics.get(c) for c in columns)]
        for row in records.run.history
    ]
    header = ["Training loss", "Epoch", "Step", "Validation loss", *(TITLES[name] for name in columns)]
    return Table(header, rows, bold_row=records.run.history.index(records.exported_row))


def hyperparameters_table(records: RunRecords, values: dict[str, Any], *sections: Declaration) -> Table:
    """``values`` and every setting of the recipe's ``sections``; those that were set for this run are marked."""
    adapts = records.run.stage == "masked_lm"
    changed = {key.rpartition(".")[2] for key in records.run.overrides if key.startswith("adaptation.") == adapts}
    for section in sections:
        values = values | {key: getattr(section, key) for key in type(section).model_fields}
    return Table(
        ["Setting", "Value", "Origin"],
        [[key, _plain(value), "set for this run" if key in changed else "recipe"] for key, value in values.items()],
    )


def _losses(records: RunRecords) -> dict[str, Any]:
    """Where the validation loss was lowest, and the end: if it rose between them as training loss fell, overfitting."""
    history = records.run.history
    lowest, last = min(history, key=lambda row: row.validation_loss), history[-1]
    before, after = lowest.training_loss, last.training_loss
    overfitted = before is not None and after is not None and after < before
    return {"lowest": lowest, "last": last, "exported": records.exported_row, "overfitted": overfitted}


def _curves(records: RunRecords) -> str:
    """What the picture of the learning curves shows, for those who cannot see it."""
    run = records.run
    curves = ["training loss", "validation loss", *map(in_words, shown_metrics(run))]
    return f"Learning curves over {run.steps_run:,} steps: {', '.join(curves)}; step {run.exported.step:,} is marked."


def _finding(finding: Finding) -> str:
    """A finding as a sentence, with the step at which it was made."""
    when = "" if finding.step is None else f"Step {finding.step:,}: "
    return f"{when}{finding.sentence}"


def _export_cost(records: RunRecords) -> Table:
    """Validation figures of the trained weights and of the exported files, and what lies between them."""
    exported = records.run.exported
    names = [name for name in ("loss", "perplexity", *HUB_METRICS) if name in exported.validation]
    rows = []
    for name in names:
        before, after = exported.validation_before_export.get(name), exported.validation[name]
        rows.append([TITLES[name], before, after, None if before is None else signed(after - before)])
    return Table(["Metric", "Trained weights (float32)", f"Exported files ({exported.dtype})", "Difference"], rows)


def _machine(records: RunRecords) -> Table:
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


def _weakest(evaluation: EvalRecord) -> dict[str, Any] | None:
    """The label with the lowest F1 among those that the split has rows of, and what it is most often taken for."""
    seen = [result for result in evaluation.per_label if result.support]
    if not seen:
        return None
    weakest: LabelResult = min(seen, key=lambda result: result.f1.value)
    index = evaluation.labels.index(weakest.label)
    row = evaluation.confusion_matrix[index]
    wrong = {label: row[other] for other, label in enumerate(evaluation.labels) if other != index}
    taken_for = max(wrong, key=lambda label: wrong[label])
    return {"result": weakest, "taken_for": taken_for, "times": wrong[taken_for]}


def _mean_confidence(evaluation: EvalRecord) -> float | None:
    """Mean highest probability over the split, from the calibration bins."""
    bins = [(part.count, part.confidence) for part in evaluation.calibration if part.confidence is not None]
    count = sum(n for n, _ in bins)
    return sum(n * confidence for n, confidence in bins) / count if count else None


def _ordered(metrics: dict[str, Any]) -> dict[str, Any]:
    """Metrics in the order of :data:`TITLES`, then any others as they come."""
    return {name: metrics[name] for name in TITLES if name in metrics} | metrics


def _documented_row(row: DocumentedRow, columns: list[str]) -> list[float | int | None]:
    return [row.training_loss, row.epoch, row.step, row.loss, *(getattr(row, name) for name in columns)]


def _any_has(rows: tuple[DocumentedMetrics, ...], name: str) -> bool:
    return any(getattr(row, name) is not None for row in rows)


def _epoch(epoch: float) -> Markdown:
    """An epoch to two decimals at most, as the documents write it."""
    return Markdown(round(epoch, 2))


def _plain(value: Any) -> str:
    """A setting as one would type it, unrounded."""
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
