"""Search for better settings: trials that Optuna proposes, each a run of its own, judged on validation alone.

``tune.json`` in the output folder is the whole study. It is written, whole or not at all, whenever a trial begins, is
measured or ends. Optuna's own study is built from it for each trial, in memory, with a seed that depends on the
trial's number: a search that was killed goes on with the trial that it was at, and then proposes what it would have
proposed.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from emohub import layout
from emohub.errors import DivergedError, RecipeError, TrainingError, UsageError
from emohub.inference import find_checkpoint
from emohub.recipe import Recipe, Search
from emohub.recipe.toml import recipe_toml
from emohub.record import HistoryRow, ModelIdentity, RunRecord, check_writable, write_atomically
from emohub.train import Progress, train
from emohub.tune.ranges import check_ranges, pruning_rule
from emohub.tune.record import Figure, Trial, TuneRecord

if TYPE_CHECKING:
    from optuna import Trial as Proposal

TUNE_FILE = "tune.json"
BEST_RECIPE_FILE = "best.toml"


def tune(
    recipe: Recipe,
    *,
    trials: int = 20,
    timeout: float | None = None,
    search: Mapping[str, Search] | None = None,
    base_model: str | None = None,
    data_dir: Path | None = None,
    texts: Sequence[Path] = (),
    output_dir: Path | None = None,
    max_steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    seed: int = 0,
    prune: bool = True,
    on_progress: Callable[[Trial, Progress], None] | None = None,
    on_trial: Callable[[Trial], None] | None = None,
) -> TuneRecord:
    """Try settings until ``trials`` have ended, or go on with the search that ``output_dir`` holds.

    Leaves ``tune.json``, a run folder ``trial-0000`` and so on for each trial that was not pruned, and ``best.toml``:
    the recipe with the best settings.

    Args:
        recipe: what to train; its ``metric_for_best_model`` is what is judged.
        trials: number of trials, those of earlier sittings included.
        timeout: minutes after which no further trial begins.
        search: ranges by setting; they replace the recipe's ``[search]``.
        base_model: Hub id or folder to start from instead of the recipe's.
        data_dir: folder with the corpus as parquet files, instead of the Hub.
        texts: text files or tables for the masked-LM stage, instead of its corpus.
        output_dir: ``runs/tune-RECIPE`` when None.
        max_steps: optimizer steps of each trial, with the schedule made for that many.
        overrides: settings that are the same in all trials.
        seed: of the proposals; the training seed is the recipe's.
        prune: stop a trial early when its figures stay below the median of the others.
        on_progress: called after every optimizer step.
        on_trial: called when a trial has ended.

    Raises:
        UsageError: there is nothing to search, a range does not fit its setting, or Optuna is not installed.
        TrainingError: ``output_dir`` holds another search, or no trial could be finished.
        DataError, ModelError, RecipeError, RecordError: an input cannot be used, or the folder not be written.
    """
    fixed = dict(overrides or {})
    asked = recipe.with_overrides(fixed)
    ranges = dict(search or recipe.search)
    metric = asked.evaluation.metric_for_best_model
    check_ranges(asked, ranges, fixed)
    start = None if "base_model" in ranges else _base_model(asked, base_model)
    plan = TuneRecord(
        recipe_name=asked.name,
        recipe_digest=asked.digest,
        overrides=fixed,
        max_steps=max_steps,
        base_model=start,
        search=ranges,
        metric=metric,
        direction="minimize" if metric == "loss" else "maximize",
        seed=seed,
        sampler=f"Optuna {_optuna_version()}, tree-structured Parzen estimator",
        pruning=pruning_rule(ranges, wanted=prune),
    )
    folder = output_dir or layout.project_root() / "runs" / f"tune-{asked.name}"
    record = _begin_or_go_on(folder, plan)
    from emohub.tune.proposal import next_trial  # noqa: PLC0415  # Optuna is optional

    deadline = None if timeout is None else time.monotonic() + 60 * timeout
    while len(record.ended) < trials and (deadline is None or time.monotonic() < deadline):
        trial, proposal = next_trial(record, asked)
        record = _keep(record, trial, folder)
        _reuse_first_stage(record, asked, folder, trial)

        watch = _TrialWatch(record, trial, folder, proposal, on_progress)
        try:
            run = _run_of(folder / trial.folder) or train(
                asked,
                base_model=base_model,
                data_dir=data_dir,
                texts=texts,
                output_dir=folder / trial.folder,
                max_steps=max_steps,
                overrides=trial.parameters,
                on_progress=watch.update,
            )
            record, trial = _check_data(watch.record, run), _finished(watch.trial, run, metric)
        except _PrunedError as stopped:
            record, trial = watch.record, _ended(watch.trial, "pruned", str(stopped))
        except (DivergedError, RecipeError) as error:
            record, trial = watch.record, _ended(watch.trial, "failed", error.cause)
        record = _keep(record, trial, folder)
        if trial.state != "finished":
            shutil.rmtree(folder / trial.folder, ignore_errors=True)
        if record.best == trial:
            _write_best(record, asked, base_model, folder)
        if on_trial is not None:
            on_trial(trial)
    if record.best is None and record.ended:
        reasons = "; ".join(dict.fromkeys(trial.reason or "" for trial in record.ended))
        raise TrainingError(f"no trial of {folder} could be finished ({reasons})", "search other ranges")
    return record


def _optuna_version() -> str:
    try:
        return metadata.version("optuna")
    except metadata.PackageNotFoundError:
        raise UsageError("emohub tune needs Optuna, which is not installed", "pip install 'emohub[tune]'") from None


def _base_model(recipe: Recipe, given: str | None) -> ModelIdentity:
    revision = None if given else recipe.base_model_revision
    return find_checkpoint(given or recipe.base_model, revision=revision).identity


def _begin_or_go_on(folder: Path, plan: TuneRecord) -> TuneRecord:
    """The study that the folder holds, if it is the one that is asked for; else a new one in an empty folder."""
    path = folder / TUNE_FILE
    if path.is_file():
        begun = TuneRecord.load(path)
        keys = set(TuneRecord.model_fields) - {"data", "trials"}
        differing = sorted(key for key in keys if getattr(begun, key) != getattr(plan, key))
        if differing:
            raise TrainingError(
                f"{folder} holds a search with another {', another '.join(differing)}",
                "give what it was begun with, or name another --output-dir",
            )
        return begun
    check_writable(folder)
    if folder.exists() and not all(each.name.startswith(".") for each in folder.iterdir()):
        raise TrainingError(f"{folder} is not empty and holds no search", "name another --output-dir")
    return plan


class _PrunedError(Exception):
    """Raised out of the training loop to end a trial; its text says why."""


class _TrialWatch:
    """What happens while a trial trains: its figures are kept, and it is stopped when it falls behind."""

    def __init__(
        self,
        record: TuneRecord,
        trial: Trial,
        folder: Path,
        proposal: "Proposal",
        on_progress: Callable[[Trial, Progress], None] | None,
    ) -> None:
        self.record, self.trial = record, trial
        self._folder, self._proposal, self._on_progress = folder, proposal, on_progress

    def update(self, progress: Progress) -> None:
        """Take in what a step brought."""
        if self._on_progress is not None:
            self._on_progress(self.trial, progress)
        row = progress.row
        if (
            row is None
            or progress.stage == "masked_lm"
            or any(figure.step == row.step for figure in self.trial.figures)
        ):
            return  # a run that goes on from a checkpoint may measure again what it had measured
        figure = Figure(step=row.step, value=_figure(row, self.record.metric))
        self.trial = self.trial.model_copy(update={"figures": (*self.trial.figures, figure)})
        self.record = _keep(self.record, self.trial, self._folder)
        self._proposal.report(figure.value, len(self.trial.figures))
        if progress.step < progress.total_steps and self._proposal.should_prune():
            raise _PrunedError(f"at step {row.step} its {self.record.metric} was worse than the median of the others")


def _figure(row: HistoryRow, metric: str) -> float:
    return row.validation_loss if metric == "loss" else row.metrics[metric]


def _run_of(folder: Path) -> RunRecord | None:
    """The run of a trial that was killed between its end and the study's notice of it."""
    path = folder / layout.RUN_FILE
    return RunRecord.load(path) if path.is_file() else None


def _finished(trial: Trial, run: RunRecord, metric: str) -> Trial:
    figures = tuple(Figure(step=row.step, value=_figure(row, metric)) for row in run.history)
    changes = {"state": "finished", "value": run.exported.validation[metric], "figures": figures}
    return trial.model_copy(update=changes)


def _ended(trial: Trial, state: Literal["pruned", "failed"], reason: str) -> Trial:
    return trial.model_copy(update={"state": state, "reason": reason})


def _check_data(record: TuneRecord, run: RunRecord) -> TuneRecord:
    """The record with the fingerprints of the rows; other rows than before make a comparison worthless."""
    data = {split: identity.fingerprint for split, identity in run.data.items()}
    if record.data not in (None, data):
        raise TrainingError(
            "the rows are not those of the earlier trials", "give the --data-dir of before, or another --output-dir"
        )
    return record.model_copy(update={"data": data})


def _keep(record: TuneRecord, trial: Trial, folder: Path) -> TuneRecord:
    """The record with ``trial`` as it stands now, saved."""
    record = record.model_copy(update={"trials": (*record.trials[: trial.number], trial)})
    record.save(folder / TUNE_FILE)
    return record


def _reuse_first_stage(record: TuneRecord, recipe: Recipe, folder: Path, trial: Trial) -> None:
    """Copy the masked-language-model stage of an earlier trial, when nothing that is searched touches it."""
    touched = any(key == "base_model" or key.startswith("adaptation.") for key in record.search)
    stages = sorted(folder.glob(f"trial-*/{layout.MASKED_LM_FOLDER}/{layout.RUN_FILE}"))
    own = folder / trial.folder / layout.MASKED_LM_FOLDER
    if recipe.adaptation is None or touched or not stages or own.exists():
        return
    unfinished = folder / f".{layout.MASKED_LM_FOLDER}"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(stages[0].parent, unfinished)
    own.parent.mkdir(exist_ok=True)
    unfinished.rename(own)


def _write_best(record: TuneRecord, recipe: Recipe, base_model: str | None, folder: Path) -> None:
    """``best.toml``: the recipe with the settings of the best trial so far."""
    assert record.best is not None
    start = record.best.parameters.get("base_model", base_model)
    best = recipe.with_overrides(record.best.parameters)
    changes: dict[str, Any] = {
        "name": f"{recipe.name}-tuned",
        "summary": f"{recipe.summary.rstrip('.')}; settings found by a search of {len(record.ended)} trials.",
        "documented": None,
    }
    if start is not None:
        found = str(Path(str(start)).resolve()) if Path(str(start)).is_dir() else start
        changes |= {"base_model": found, "base_model_revision": None, "base_model_sha256": None}
    text = recipe_toml(best.model_copy(update=changes))
    write_atomically(folder / BEST_RECIPE_FILE, lambda temporary: temporary.write_text(text, encoding="utf-8"))
