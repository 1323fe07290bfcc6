"""What has been trained: the runs of a folder, best first, and what two runs differ in."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from emohub import layout
from emohub.errors import EmohubError, UsageError
from emohub.recipe import Declaration, Recipe, Stage
from emohub.recipe.declaration import one_of
from emohub.recipe.recipe import MetricName
from emohub.record import EvalRecord, RunRecord

SORTABLE = (*get_args(MetricName), "loss", "perplexity")
"""Validation figures that runs can be sorted by."""
LOWER_IS_BETTER = ("loss", "perplexity")
DESCRIPTIONS = frozenset({"summary", "documented", "search", "title", "terms", "citation", "flaws", "base_folder"})
"""Keys of a recipe that a run does not depend on; runs are not held against each other by them."""

Section = Literal["recipe", "overrides", "base model", "data", "environment", "course", "results"]


class FinishedRun(Declaration):
    """A run that has its record."""

    name: str
    """Its folder, relative to the one that was listed."""
    run_id: str
    created: str
    recipe: str
    stage: Stage
    corpus: str
    base_model: str
    overrides: dict[str, Any]
    chosen_by: str
    """The validation figure that chose the exported checkpoint."""
    validation: dict[str, float]
    """Figures of the exported files."""
    test: dict[str, float] | None
    """Figures of the same files on the test split; None where they were not measured."""
    exported_step: int
    steps_run: int
    total_steps: int
    stopped: Literal["finished", "early", "max_steps"]
    training_seconds: float
    findings: int
    """How many things the run noticed."""


class UnfinishedRun(Declaration):
    """A run that training can go on with."""

    name: str
    step: int | None
    """Optimizer step of its newest checkpoint; None before the first."""
    run_id: str | None = None
    """None, like the values below, where the folder does not tell it."""
    recipe: str | None = None
    stage: Stage | None = None
    corpus: str | None = None


class RunsOfCorpus(Declaration):
    """The finished runs of one corpus, best first."""

    corpus: str
    sorted_by: str
    """The validation figure that decides the order; the earlier run wins a tie, runs without it come last."""
    runs: tuple[FinishedRun, ...]


class Runs(Declaration):
    """Everything below one folder."""

    finished: tuple[RunsOfCorpus, ...]
    unfinished: tuple[UnfinishedRun, ...]
    unreadable: tuple[str, ...]
    """What is wrong with records that cannot be read, one sentence each."""


class Difference(Declaration):
    """A value that is not the same in two runs."""

    section: Section
    key: str
    first: Any
    second: Any
    """None on either side: it is not there, or not set."""
    change: float | None
    """Second minus first, for numbers."""


class RunDifferences(Declaration):
    """What two runs differ in; what they share is not there."""

    first: str
    second: str
    differences: tuple[Difference, ...]


def list_runs(folder: Path, *, corpus: str | None = None, sort_by: str | None = None) -> Runs:
    """The runs below ``folder``, those of each corpus best first by a validation figure of the exported files.

    ``corpus`` keeps one corpus. ``sort_by`` is one of :data:`SORTABLE`; without it the order goes by what chose the
    runs' checkpoints, and by macro F1 where that was not the same for all of a corpus. A test figure never decides.

    Raises:
        UsageError: ``sort_by`` is no such figure.
    """
    if sort_by is not None and sort_by not in SORTABLE:
        raise UsageError(f"there is no figure {sort_by!r} to sort by", one_of(SORTABLE, sort_by))
    finished, unreadable = [], []
    for path in sorted(folder.rglob(layout.RUN_FILE)):
        try:
            finished.append(_finished(path.parent, _name(path.parent, folder)))
        except EmohubError as error:
            unreadable.append(error.cause)
    groups: dict[str, list[FinishedRun]] = {}
    for run in finished:
        groups.setdefault(run.corpus, []).append(run)
    kept = [name for name in sorted(groups) if corpus in (None, name)]
    unfinished = [run for run in _unfinished(folder) if corpus in (None, run.corpus)]
    return Runs(
        finished=tuple(_best_first(name, groups[name], sort_by) for name in kept),
        unfinished=tuple(unfinished),
        unreadable=tuple(unreadable),
    )


def diff_runs(first: str, second: str) -> RunDifferences:
    """What two finished runs differ in; each is a run folder, a name under ``runs/``, or one under ``cards/``.

    Raises:
        UsageError: there is no such run.
        RecordError: a record is damaged.
    """
    before, after = _described(first), _described(second)
    differences = [
        Difference(section=section, key=key, first=one, second=other, change=_change(one, other))
        for section in get_args(Section)
        for key in dict.fromkeys([*before[section], *after[section]])
        if (one := before[section].get(key)) != (other := after[section].get(key))
    ]
    return RunDifferences(first=first, second=second, differences=tuple(differences))


def _finished(folder: Path, name: str) -> FinishedRun:
    record, test = RunRecord.load(folder / layout.RUN_FILE), _measured(folder, "test")
    recipe = Recipe.from_values(record.recipe, f"the recipe in {folder / layout.RUN_FILE}")
    return FinishedRun(
        name=name,
        run_id=record.run_id,
        created=record.created,
        recipe=recipe.name,
        stage=record.stage,
        corpus=_corpus(recipe, record.stage),
        base_model=record.base_model.id,
        overrides=record.overrides,
        chosen_by="perplexity" if record.stage == "masked_lm" else recipe.evaluation.metric_for_best_model,
        validation=record.exported.validation,
        test=test or None,
        exported_step=record.exported.step,
        steps_run=record.steps_run,
        total_steps=record.total_steps,
        stopped=record.stopped,
        training_seconds=record.training_seconds,
        findings=len(record.findings),
    )


def _unfinished(folder: Path) -> Iterator[UnfinishedRun]:
    """Runs that were begun and have no record yet."""
    for started in sorted(folder.rglob(f"{layout.RESUME_FOLDER}/{layout.STARTED_FILE}")):
        run = started.parent.parent
        if not (run / layout.RUN_FILE).is_file():
            steps = [
                path.name.removeprefix(layout.STEP_PREFIX) for path in started.parent.glob(f"{layout.STEP_PREFIX}*")
            ]
            newest = max((int(step) for step in steps if step.isdecimal()), default=None)
            yield UnfinishedRun(name=_name(run, folder), step=newest, **_begun(started))


def _begun(started: Path) -> dict[str, Any]:
    """What an unfinished run is of; nothing where that is not legible, for training then begins anew."""
    try:
        begun = json.loads(started.read_text(encoding="utf-8"))
        recipe, stage = Recipe.from_values(begun["recipe"], str(started)), begun["stage"]
        if stage in recipe.stages:
            return {
                "run_id": str(begun["run_id"]),
                "recipe": recipe.name,
                "stage": stage,
                "corpus": _corpus(recipe, stage),
            }
    except (EmohubError, OSError, ValueError, LookupError, TypeError):
        pass
    return {}


def _best_first(corpus: str, runs: list[FinishedRun], sort_by: str | None) -> RunsOfCorpus:
    chosen_by = {run.chosen_by for run in runs}
    figure = sort_by or (chosen_by.pop() if len(chosen_by) == 1 else "macro_f1")

    def rank(run: FinishedRun) -> tuple[bool, float, str]:
        value = run.validation.get(figure, 0.0)
        return figure not in run.validation, value if figure in LOWER_IS_BETTER else -value, run.created

    return RunsOfCorpus(corpus=corpus, sorted_by=figure, runs=tuple(sorted(runs, key=rank)))


def _described(name: str) -> dict[str, dict[str, Any]]:
    """Everything that two runs may differ in, by section and dotted key."""
    folder = layout.find_records(name)
    if folder is None:
        raise UsageError(f"there is no finished run {name!r}", "give a run folder, or a name that `emohub runs` lists")
    record = RunRecord.load(folder / layout.RUN_FILE)
    values = record.model_dump(mode="json")
    course = (
        *("stage", "previous", "max_steps", "batching", "effective_batch_size", "smaller_batches", "total_steps"),
        *("warmup_steps", "steps_run", "stopped", "sittings", "training_seconds", "samples_per_second"),
        *("padding_share", "findings"),
    )
    exported = ("step", "epoch", "rule", "dtype", "size_bytes", "fingerprint")
    sections: dict[Section, Mapping[str, Any]] = {
        "recipe": values["recipe"],
        "overrides": values["overrides"],
        "base model": values["base_model"],
        "data": values["data"],
        "environment": values["environment"],
        "course": {key: values[key] for key in course},
        "results": {
            "exported": {key: values["exported"][key] for key in exported},
            "validation": values["exported"]["validation"],
            "test": _measured(folder, "test"),
        },
    }
    return {section: dict(_flat(content)) for section, content in sections.items()}


def _measured(folder: Path, split: str) -> dict[str, float]:
    """The figures of the evaluation beside a run, where it is of that split and of what the run exported; else none."""
    if not (folder / layout.EVAL_FILE).is_file():
        return {}
    evaluation = EvalRecord.load(folder / layout.EVAL_FILE)
    exported = RunRecord.load(folder / layout.RUN_FILE).exported
    if evaluation.split != split or evaluation.model.fingerprint != exported.fingerprint:
        return {}
    return {("loss" if name == "log_loss" else name): each.value for name, each in evaluation.metrics.items()}


def _corpus(recipe: Recipe, stage: Stage) -> str:
    """The name of the corpus that a stage trains on."""
    return recipe.adaptation.corpus.name if stage == "masked_lm" and recipe.adaptation else recipe.corpus.name


def _flat(values: Mapping[str, Any], path: str = "") -> Iterable[tuple[str, Any]]:
    """Nested values by dotted key, without descriptions."""
    for key, value in values.items():
        if key in DESCRIPTIONS:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _change(first: Any, second: Any) -> float | None:
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (first, second))
    return float(second - first) if numbers else None


def _name(run: Path, folder: Path) -> str:
    """A run's folder below ``folder``, or its own name when it is that folder."""
    return run.relative_to(folder).as_posix() if run != folder else run.resolve().name
