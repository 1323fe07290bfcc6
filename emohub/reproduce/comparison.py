"""Documented figures beside measured ones: intervals of their differences, verdicts, and what stands between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from emohub.errors import UsageError
from emohub.metrics import newcombe_interval, wilson_interval
from emohub.recipe import Recipe
from emohub.recipe.declaration import Declaration, Positive, Sha256, Text
from emohub.recipe.documented import Documented, DocumentedMetrics, DocumentedNote
from emohub.record import EvalRecord, Finite, HistoryRow, ModelIdentity, Record, RunRecord, SplitIdentity

RULE = (
    "An accuracy whose number of documented rows is known or inferred is judged by Newcombe's 95% interval of the "
    "difference of two independent shares (hybrid score, 1998): it agrees when the interval holds zero. Any other "
    "figure is taken as exact and only placed inside or outside our own 95% interval (Wilson's for an accuracy of a "
    "history row, else the percentile bootstrap). The intervals speak of the rows that were evaluated, not of another "
    "seed or other versions. Where document and run evaluated the same rows, Newcombe's is wider than it need be; of "
    "twenty figures that agree in truth, one is expected to fall outside."
)
"""How a verdict comes about."""

Verdict = Literal[
    "agrees",
    "differs (higher)",
    "differs (lower)",
    "inside our interval",
    "outside our interval (higher)",
    "outside our interval (lower)",
    "cannot be judged",
]
Split = Literal["validation", "test"]

_LIBRARIES = {
    "Transformers": "transformers",
    "PyTorch": "torch",
    "Datasets": "datasets",
    "Tokenizers": "tokenizers",
}
"""What a record calls the libraries that documents name."""


class ComparedFigure(Declaration):
    """One documented figure beside the one measured here."""

    documented_at: Text
    """``headline``, ``first loss`` or ``step N``."""
    measured_at: Text
    """Which weights were measured: ``exported, step N``, ``last, step N`` or ``step N``."""
    figure: Text
    """Name of the documented figure."""
    measured_as: Text
    """Name of ours; for an average that the document does not state, the one that the recipe takes for it."""
    documented: Finite
    measured: Finite
    difference: Finite
    """Measured less documented: above zero, ours is higher."""
    interval: tuple[Finite, Finite] | None
    """95% interval of the difference; None where nothing gives one."""
    method: Literal["newcombe", "own interval"] | None
    """Where the interval comes from: both samples, or ours alone with the documented figure taken as exact."""
    verdict: Verdict
    reason: Text | None
    """Why it cannot be judged; None where it can."""


class Reproduction(Record):
    """What a document reports and what was measured here, figure by figure."""

    kind: ClassVar[str] = "reproduction"

    recipe: Text
    documented_name: Text
    documented_base_model: Text
    base_model: ModelIdentity
    """What the first stage started from."""
    run_id: Text
    weights: Sha256
    """SHA-256 of the exported weights."""
    split: Split
    """Split that the exported weights were measured on; the rows of the history are always of validation."""
    data: SplitIdentity
    """The rows of that split."""
    documented_rows: Positive | None
    """Rows that the documented figures were computed on, as inferred; None when it is not known."""
    rule: Text = RULE
    figures: tuple[ComparedFigure, ...]
    caveats: tuple[Text, ...]
    """How this run differs from the documented one, so far as the records show it."""
    notes: tuple[DocumentedNote, ...]
    """What the recipe says about the document; the inferred ones are this project's conclusions."""


@dataclass(frozen=True)
class Measured:
    """Figures of one set of weights on one split."""

    at: str
    rows: int
    values: dict[str, float | None]
    intervals: Mapping[str, tuple[float, float]]
    """95% intervals of some of the values."""


def compare(recipe: Recipe, runs: Sequence[RunRecord], evaluation: EvalRecord) -> Reproduction:
    """Hold the records of a run (its stages in order) and of its export's evaluation against the document.

    Raises:
        UsageError: the recipe documents no figures.
    """
    documented, run = recipe.documented, runs[-1]
    if documented is None or evaluation.split == "train":
        raise UsageError("there is nothing to compare", "give a documented recipe and the validation or test split")
    ended = [f"--max-steps ended the {stage.stage} stage" for stage in runs if stage.stopped == "max_steps"]
    return Reproduction(
        recipe=recipe.name,
        documented_name=documented.name,
        documented_base_model=documented.base_model,
        base_model=runs[0].base_model,
        run_id=run.run_id,
        weights=run.exported.fingerprint,
        split=evaluation.split,
        data=evaluation.data,
        documented_rows=documented.evaluated_rows,
        figures=tuple(
            _compare_figure(at, figure, value, measured, recipe, ended[0] if ended else None)
            for at, figures, measured in _pairs(documented, run, evaluation)
            for figure, value in figures.items()
        ),
        caveats=tuple(_caveats(recipe, documented, runs, evaluation)),
        notes=documented.notes,
    )


def judge(
    documented: float, measured: float, rows: int, documented_rows: int | None, own: tuple[float, float] | None
) -> tuple[tuple[float, float] | None, Literal["newcombe", "own interval"] | None, Verdict]:
    """Interval of the difference (measured less documented), where it comes from, and the verdict; see :data:`RULE`.

    ``documented_rows`` is given for an accuracy whose number of documented rows is known, and ``own`` is our 95%
    interval of the measured value where there is one.
    """
    if documented_rows is not None:
        right, documented_right = round(measured * rows), round(documented * documented_rows)
        low, high = newcombe_interval(right, rows, documented_right, documented_rows)
        verdict: Verdict = "differs (higher)" if low > 0 else "differs (lower)" if high < 0 else "agrees"
        return (low, high), "newcombe", verdict
    if own is not None:
        low, high = own[0] - documented, own[1] - documented
        weaker: Verdict = (
            "outside our interval (higher)"
            if low > 0
            else "outside our interval (lower)"
            if high < 0
            else "inside our interval"
        )
        return (low, high), "own interval", weaker
    return None, None, "cannot be judged"


def _compare_figure(
    at: str, figure: str, documented: float, measured: Measured, recipe: Recipe, stopped: str | None
) -> ComparedFigure:
    name = _measured_name(figure, recipe)
    value = measured.values[name]
    assert recipe.documented is not None
    assert value is not None
    rows = recipe.documented.evaluated_rows if figure == "accuracy" else None
    interval, method, verdict = judge(documented, value, measured.rows, rows, measured.intervals.get(name))
    reason = stopped
    if stopped is not None:
        verdict = "cannot be judged"
    elif verdict == "cannot be judged":
        reason = (
            "a mean over training steps has no rows to draw an interval from"
            if name == "training_loss"
            else "only the exported weights were measured with intervals"
        )
    return ComparedFigure(
        documented_at=at,
        measured_at=measured.at,
        figure=figure,
        measured_as=name,
        documented=documented,
        measured=value,
        difference=value - documented,
        interval=interval,
        method=method,
        verdict=verdict,
        reason=reason,
    )


def _measured_name(figure: str, recipe: Recipe) -> str:
    """What this project calls a documented figure; an average that is not stated is the recipe's."""
    kind, _, unstated = figure.partition("_unstated_")
    if not unstated:
        return figure
    return next((name for name in recipe.evaluation.metrics if name.endswith(f"_{kind}")), f"macro_{kind}")


def _pairs(
    documented: Documented, run: RunRecord, evaluation: EvalRecord
) -> Iterator[tuple[str, dict[str, float], Measured]]:
    """What is held against what: where a document has figures, those figures, and the measurement for them."""
    rows = {row.step: row for row in run.history}
    headline = _figures(documented.headline)
    yield "headline", headline, _of_evaluation(evaluation, run)
    last = run.history[-1]
    # A headline repeats the last row. Where our run ended elsewhere, its own last evaluation is the like of that one.
    ends_elsewhere = not documented.results or documented.results[-1].step not in rows
    if documented.headline_row != "best" and ends_elsewhere and last.step != run.exported.step:
        yield "headline", headline, _of_row(last, run, evaluation, "last, ")
    if documented.loss_first is not None:
        yield "first loss", {"loss": documented.loss_first}, _of_row(run.history[0], run, evaluation)
    for result in documented.results:
        if result.step in rows:
            yield f"step {result.step}", _figures(result), _of_row(rows[result.step], run, evaluation)


def _figures(reported: DocumentedMetrics) -> dict[str, float]:
    values = reported.model_dump(exclude={"epoch", "step"}, exclude_none=True)
    order = ("training_loss", "loss", "accuracy")
    return {name: values[name] for name in (*order, *(name for name in values if name not in order)) if name in values}


def _of_evaluation(evaluation: EvalRecord, run: RunRecord) -> Measured:
    metrics = {**evaluation.metrics, "loss": evaluation.metrics["log_loss"]}
    return Measured(
        at=f"exported, step {run.exported.step}",
        rows=evaluation.data.rows,
        values={name: interval.value for name, interval in metrics.items()},
        intervals={name: (interval.low, interval.high) for name, interval in metrics.items()},
    )


def _of_row(row: HistoryRow, run: RunRecord, evaluation: EvalRecord, prefix: str = "") -> Measured:
    """A row of the history; where it is the exported one, the evaluation of the export lends its intervals."""
    rows = run.data["validation"].rows
    if row.step == run.exported.step and evaluation.split == "validation":
        intervals = _of_evaluation(evaluation, run).intervals
    else:
        intervals = {"accuracy": wilson_interval(round(row.metrics["accuracy"] * rows), rows)}
    values = {"training_loss": row.training_loss, "loss": row.validation_loss, **row.metrics}
    return Measured(f"{prefix}step {row.step}", rows, values, intervals)


def _caveats(
    recipe: Recipe, documented: Documented, runs: Sequence[RunRecord], evaluation: EvalRecord
) -> Iterator[str]:
    first, run = runs[0], runs[-1]
    if first.base_model.id != recipe.base_model:
        yield (
            f"The base model was {first.base_model.id}, not {recipe.base_model}: another base model, so a difference "
            "says nothing about the recipe."
        )
    texts = first.recipe["adaptation"]["corpus"] if first.stage == "masked_lm" else None
    if texts is not None and recipe.adaptation is not None and texts["name"] != recipe.adaptation.corpus.name:
        yield (
            f"The masked-LM stage read other texts ({first.data['train'].source}) than those that the recipe names "
            f"({recipe.adaptation.corpus.name})."
        )
    for stage in runs:
        if stage.stopped == "max_steps":
            yield (
                f"--max-steps ended the {stage.stage} stage at step {stage.steps_run}, with the schedule made for "
                "that many: no figure can be judged."
            )
    if run.overrides:
        settings = ", ".join(f"{key} = {value}" for key, value in run.overrides.items())
        yield f"Settings were replaced: {settings}."
    rows = run.data["train"].rows
    if documented.train_rows not in (None, rows):
        yield f"Trained on {rows:,} rows, the document on {documented.train_rows:,}."
    if evaluation.split == "test":
        yield "The export was measured on the test split, documented figures on the evaluation split of training."
    if documented.headline_row == "last" and run.exported.step != documented.results[-1].step:
        yield (
            f"The documented headline repeats its last row, step {documented.results[-1].step}; exported here was step "
            f"{run.exported.step} ({run.exported.rule}), and a figure that chose its checkpoint is optimistic."
        )
    steps = {row.step for row in run.history}
    absent = [str(row.step) for row in documented.results if row.step not in steps]
    if absent:
        yield f"This run has no evaluation at the documented step{'s' * (len(absent) > 1)} {', '.join(absent)}."
    versions = [
        f"{name} {version} (here {run.environment.packages.get(_LIBRARIES.get(name, name)) or 'not recorded'})"
        for name, version in documented.frameworks.items()
        if version
    ]
    yield f"Documented versions: {', '.join(versions) or 'not stated'}."
