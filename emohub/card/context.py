"""From records to what the template shows: plain values, tables as header and rows, sentences where facts decide."""

from typing import Any

from emohub.card.citations import citations, known_base_model
from emohub.card.described import balance, described_context
from emohub.card.front_matter import dump, front_matter, hub_base_model, masked_lm_front_matter
from emohub.card.limits import doubtful, kind_of_texts, mean_confidence, overconfidence, strongest_confusion, weakest
from emohub.card.markdown import show
from emohub.card.records import MaskedLMRecords, Records, RunRecords
from emohub.card.reported import reported_context
from emohub.card.robustness import robustness_context, weak_spots
from emohub.card.tables import (
    all_columns,
    calibration_table,
    confusion_table,
    export_table,
    history_table,
    machine_table,
    metrics_table,
    onnx_table,
    per_label_table,
    settings_tables,
    splits_table,
    teachers_table,
    temperature_table,
)
from emohub.layout import CALIBRATION_FILE, CONFUSION_MATRIX_FILE, LEARNING_CURVES_FILE, ONNX_FILES
from emohub.pictures import in_words, shown_metrics
from emohub.recipe import Declaration, Recipe, TextSource
from emohub.record import ENGLISH_EXAMPLES, Energy, EvalRecord, ExportRecord, Finding, RunRecord


def card_context(
    records: Records, export: ExportRecord | None = None, *, name: str, model: str, repo_id: str | None
) -> dict[str, Any]:
    """Everything that ``model_card.md.jinja`` shows.

    ``name`` is the model's name, ``model`` the Hub id (then it is ``repo_id`` too) or folder that the usage examples
    load.
    """
    run, evaluation, recipe, described = records.run, records.evaluation, records.recipe, records.description
    corpus, parts = recipe.corpus, (recipe.training, recipe.evaluation, recipe.export, *_of_distillation(recipe))
    answers = described.answers if described else ()
    chosen, every = settings_tables(records, (recipe, ("max_length",)), *((part, _plain_keys(part)) for part in parts))
    columns = recipe.evaluation.metrics
    splits = {**run.data, evaluation.split: evaluation.data}
    return {
        **_run_context(records, (recipe.corpus, *recipe.unlabelled), columns, name=name, model=model, repo_id=repo_id),
        "front_matter": dump(front_matter(records, name)),
        "corpus": corpus,
        "unit": "texts",
        "evaluation": evaluation,
        "accuracy": evaluation.metrics["accuracy"],
        "macro_f1": evaluation.metrics["macro_f1"],
        "evaluation_rate": f"{evaluation.texts_per_second:,.0f}",
        "level": f"{evaluation.intervals.level:.0%}",
        "example": answers[0].text if answers else ENGLISH_EXAMPLES[0] if corpus.language == ("en",) else "…",
        "metrics": metrics_table(evaluation),
        "per_label": per_label_table(evaluation),
        "confusion": confusion_table(evaluation),
        "confusion_file": CONFUSION_MATRIX_FILE,
        "confusion_alt": _confusion_alt(evaluation),
        "calibration": calibration_table(evaluation),
        "calibration_file": CALIBRATION_FILE,
        "calibration_alt": _calibration_alt(evaluation),
        "temperature": temperature_table(run, evaluation),
        "mean_confidence": mean_confidence(evaluation),
        "chosen_settings": chosen,
        "settings": every,
        "splits": splits,
        "data": splits_table(splits, cut=True),
        "teachers": None if run.distillation is None else teachers_table(run, run.distillation),
        "made_texts": _made_texts(run),
        "unlabelled": recipe.unlabelled,
        "onnx": None if export is None else _onnx(export),
        "described": None if described is None else described_context(described),
        "robustness": None if records.robustness is None else robustness_context(records.robustness),
        "weak_spots": weak_spots(records.robustness),
        "balance": balance(described),
        "kind_of_texts": kind_of_texts(corpus, described),
        "weakest": weakest(evaluation),
        "confused": strongest_confusion(evaluation),
        "doubtful": doubtful(evaluation),
        "overconfidence": overconfidence(evaluation),
        "unseen": [result.label for result in evaluation.per_label if result.support == 0],
        "reported": reported_context(records),
    }


def _of_distillation(recipe: Recipe) -> tuple[Declaration, ...]:
    """The parts of a recipe that say how teachers were learned from."""
    asked = recipe.distillation
    return () if asked is None else tuple(part for part in (asked, asked.student, asked.augmentation) if part)


def _made_texts(run: RunRecord) -> int:
    """How many of the texts that were learned from were made of those of the training split."""
    learned = run.distillation
    return 0 if learned is None else learned.texts - learned.unlabelled - run.data["train"].rows


def _plain_keys(part: Declaration) -> list[str]:
    """The keys whose values are no tables, nor lists of them."""
    values = {key: getattr(part, key) for key in type(part).model_fields}
    return [key for key, value in values.items() if not isinstance(value, Declaration) and key != "unlabelled"]


def _onnx(export: ExportRecord) -> dict[str, Any]:
    """What a card says of the ONNX files beside the weights."""
    small = export.file(ONNX_FILES["onnx-int8"]) is not None
    return {
        "files": onnx_table(export),
        "texts": export.texts,
        "source": export.source,
        "engine": "onnx-int8" if small else "onnx",
        "dtype": "q8" if small else "fp32",
    }


def masked_lm_context(records: MaskedLMRecords, *, name: str, model: str, repo_id: str | None) -> dict[str, Any]:
    """Everything that ``masked_lm_card.md.jinja`` shows; the arguments are those of :func:`card_context`."""
    run, adaptation = records.run, records.adaptation
    corpus, parts = adaptation.corpus, (adaptation.training, adaptation.evaluation)
    chosen, every = settings_tables(
        records,
        (adaptation, ("max_length", "mlm_probability")),
        *((part, type(part).model_fields) for part in parts),
    )
    return {
        **_run_context(records, (corpus,), ("perplexity",), name=name, model=model, repo_id=repo_id),
        "front_matter": dump(masked_lm_front_matter(records, name)),
        "corpus": corpus,
        "unit": "blocks",
        "adaptation": adaptation,
        "held_out": run.data["validation"],
        "example": ("This was a ", " day.") if corpus.language == ("en",) else ("… ", " …"),
        "share": f"{corpus.validation_share * 100:.3g}%",
        "hidden": f"{adaptation.mlm_probability * 100:.3g}%",
        "chosen_settings": chosen,
        "settings": every,
        "data": splits_table(run.data, cut=False, what="Part", rows="Texts"),
    }


def _run_context(
    records: RunRecords,
    corpora: tuple[TextSource, ...],
    columns: tuple[str, ...],
    *,
    name: str,
    model: str,
    repo_id: str | None,
) -> dict[str, Any]:
    """What the card of every stage shows of its run, which read the texts of ``corpora``."""
    run = records.run
    union = all_columns(records, columns)
    return {
        "name": name,
        "model": model,
        "published": repo_id is not None,
        "recipe": records.recipe,
        "run": run,
        "exported": run.exported,
        "megabytes": f"{run.exported.size_bytes / 1e6:.1f}",
        "seconds": f"{run.training_seconds:,.1f}",
        "rate": f"{run.samples_per_second:,.1f}",
        "base_model": hub_base_model(records),
        "known_base": known_base_model(records),
        "history": history_table(records, columns),
        "full_history": history_table(records, union) if len(union) > len(columns) else None,
        "curves": _curves(records),
        "curves_file": LEARNING_CURVES_FILE,
        "losses": _losses(records),
        "findings": [_finding(finding) for finding in run.findings],
        "padding": f"{run.padding_share:.1%}" if run.padding_share else None,
        "export_cost": export_table(records),
        "machine": machine_table(records),
        "energy": None if run.energy is None else _energy(run.energy),
        "citations": list(citations(records, name, repo_id, *corpora)),
    }


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


def _confusion_alt(evaluation: EvalRecord) -> str:
    """What the picture of the confusion matrix shows."""
    right = [f"{r.label} {show(r.recall.value)}" for r in evaluation.per_label if r.support]
    return f"Confusion matrix; share of each label's rows that is recognised: {', '.join(right)}."


def _calibration_alt(evaluation: EvalRecord) -> str:
    """What the picture of the calibration shows."""
    error = show(evaluation.metrics["expected_calibration_error"].value)
    return f"Accuracy at each confidence, over {evaluation.data.rows:,} texts; expected calibration error {error}."


def _finding(finding: Finding) -> str:
    """A finding as a sentence, with the step at which it was made."""
    when = "" if finding.step is None else f"Step {finding.step:,}: "
    return f"{when}{finding.sentence}"


def _energy(energy: Energy) -> dict[str, str | None]:
    """Energy and emissions to three significant digits, in watt-hours and grams, which small runs are counted in."""
    grams = None if energy.kg_co2e is None else f"{_significant(energy.kg_co2e * 1e3)} g"
    return {
        "watt_hours": f"{_significant(energy.kilowatt_hours * 1e3)} Wh",
        "emissions": grams,
        "country": energy.country,
        "method": energy.method.rstrip(". "),
        "codecarbon": energy.codecarbon,
    }


def _significant(value: float) -> str:
    """A figure to three significant digits."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"
