"""Rows whose label is probably wrong, by confident learning (Northcutt et al. 2021) on predictions out of sample.

A model that was trained on a row has learned its label, right or wrong, so it cannot judge it. The rows of the training
split are therefore judged by cross-validation: each by a model of the same recipe that was trained without it.
"""

import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emohub import layout
from emohub.data import (
    LabelledTexts,
    Table,
    fingerprint,
    load_run_split,
    read_predictions,
    text_key,
    write_predictions,
    write_table,
)
from emohub.errors import DataError, ModelError, TrainingError, UsageError
from emohub.inference import Classifier, find_checkpoint
from emohub.labels import label_columns
from emohub.recipe import Corpus, Recipe
from emohub.recipe.corpus import SplitName
from emohub.record import RunRecord, check_writable
from emohub.train import train

Report = Callable[[str, int, int], None]
"""Receives what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Suspect:
    """A row whose label the predictions speak against."""

    row: int
    """Number in the split, from 1."""
    text: str
    label: str
    """The label that it has."""
    suggested_label: str
    """The most probable label."""
    self_confidence: float
    """Probability of the label that it has."""
    normalized_margin: float
    """How far that is above the most probable other label, from 0 to 1; below 0.5 the other one is more probable."""
    probabilities: tuple[float, ...]
    """In the order of the corpus' labels."""


@dataclass(frozen=True)
class Suspects:
    """What was found in one split."""

    corpus: str
    split: str
    rows: int
    labels: tuple[str, ...]
    basis: str
    """Which predictions the rows were judged by, in words."""
    ranked: tuple[Suspect, ...]
    """The most suspicious row first."""

    @property
    def table(self) -> Table:
        """One row for each suspect, in their order."""
        columns: dict[str, list[Any]] = {"rank": list(range(1, len(self.ranked) + 1))}
        for name in ("row", "text", "label", "suggested_label", "self_confidence", "normalized_margin"):
            columns[name] = [getattr(suspect, name) for suspect in self.ranked]
        for index, label in enumerate(self.labels):
            columns[f"probability_{label}"] = [suspect.probabilities[index] for suspect in self.ranked]
        return Table(columns)

    def save(self, path: Path) -> None:
        """Write the table as CSV, JSONL or parquet, as the extension says.

        Raises:
            UsageError: the extension is none of these.
            RecordError: the folder cannot be written.
        """
        write_table(path, self.table)


def find_suspects(
    run: str,
    *,
    split: SplitName = "train",
    corpus: Corpus | None = None,
    folds: int = 5,
    base_model: str | None = None,
    data_dir: Path | None = None,
    work_dir: Path | None = None,
    max_steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    on_progress: Report | None = None,
) -> Suspects:
    """Rank the rows of a split that are probably mislabelled.

    Rows for training are judged by ``folds`` models, each trained as the run was, but without the rows that it judges;
    the run's own validation split picks their checkpoints. Rows of the other splits are judged by the run's own model.
    A call that was killed goes on from ``work_dir`` when it is made again.

    Args:
        run: a run folder, or a model's name under ``cards/``.
        split: whose rows are judged.
        corpus: the run's corpus, where it consists of files, which a record does not locate.
        folds: parts that the rows are divided into.
        base_model: Hub id or folder of the run's base model, where its record does not lead to it.
        data_dir: folder with the corpus as parquet files, instead of the Hub.
        work_dir: where the folds are trained; ``runs/suspects-RUN_ID`` when None.
        max_steps: optimizer steps of each fold, instead of the run's.
        overrides: recipe keys to replace in the folds.
        on_progress: told where the work is.

    Raises:
        UsageError: there is no such run, cleanlab is not installed, or there are fewer texts than folds.
        DataError: the rows are not the run's, or a label has too few of them.
        ModelError, TrainingError: the base model is another, ``work_dir`` holds other folds, or training failed.
    """
    _check_cleanlab()
    records = layout.find_records(run)
    if records is None:
        raise UsageError(f"there is no run {run!r}", "give a run folder, or a name under cards/")
    record = RunRecord.load(records / layout.RUN_FILE)
    if record.stage == "masked_lm":
        raise UsageError(f"{run} is a run of the stage {record.stage}, which has no labels", "give the run after it")
    if record.stage == "distillation" and split == "train":
        raise UsageError(
            f"{run} learned from teachers, which have seen the rows that no fold may see",
            "ask for the suspects of another run on that corpus, or give --split validation",
        )
    recipe = Recipe.from_values(record.recipe, str(records / layout.RUN_FILE))
    recipe = recipe.model_copy(update={"corpus": corpus or recipe.corpus})
    data = load_run_split(recipe.corpus, split, record, data_dir=data_dir)
    if split == "train":
        folder = work_dir or layout.project_root() / "runs" / f"suspects-{record.run_id}"
        steps = max_steps or record.max_steps
        start = _base_model(recipe, record, records, base_model)
        again = recipe.model_copy(update={"adaptation": None, "documented": None, "search": {}})
        plan = _Folds(again.with_overrides(dict(overrides or {})), record, start, steps, folder, on_progress)
        probabilities = plan.probabilities(
            data, load_run_split(recipe.corpus, "validation", record, data_dir=data_dir), folds
        )
        basis = f"models that were trained without the row that they judge ({folds} folds, the run's recipe)"
    else:
        probabilities = _own_predictions(run, record, recipe.corpus, data, on_progress)
        chosen = ", and its checkpoint was chosen on these rows" if split == "validation" else ""
        basis = f"the run's own model, which was not trained on these rows{chosen}"
    ranked = tuple(
        Suspect(
            row=int(row) + 1,
            text=data.texts[row],
            label=recipe.corpus.labels[data.labels[row]],
            suggested_label=recipe.corpus.labels[int(probabilities[row].argmax())],
            self_confidence=_decimal(confidence),
            normalized_margin=_decimal(margin),
            probabilities=tuple(map(_decimal, probabilities[row])),
        )
        for row, confidence, margin in rank(data.labels, probabilities)
    )
    return Suspects(recipe.corpus.name, split, data.rows, recipe.corpus.labels, basis, ranked)


def rank(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> list[tuple[int, float, float]]:
    """Row index, self-confidence and normalised margin of the rows that confident learning finds mislabelled.

    The lowest self-confidence comes first. How many rows of a label are taken for another is estimated from the
    confident joint, and the rows with the largest margin for the other label are chosen (cleanlab's
    ``prune_by_noise_rate``).
    """
    from cleanlab.filter import find_label_issues  # noqa: PLC0415  # cleanlab is optional
    from cleanlab.rank import get_label_quality_scores  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "May not flag all label issues")  # of a label that no row carries
        # In one process: a second would load the libraries again, and fork beside torch's threads.
        found = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    confidence, margin = (
        get_label_quality_scores(labels, probabilities, method=method)
        for method in ("self_confidence", "normalized_margin")
    )
    return [(int(row), float(confidence[row]), float(margin[row])) for row in found]


def assign_folds(texts: Sequence[str], labels: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row, from 0: every label is spread evenly, and equal texts are in one fold.

    Texts that differ in case or white space alone count as equal: a model that saw one has seen the other.

    Raises:
        UsageError: there are fewer texts than folds.
        DataError: all rows of a label are in one fold, so that a model trained without them does not know it.
    """
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        groups.setdefault(text_key(text), []).append(row)
    if len(groups) < folds:
        raise UsageError(f"{len(groups)} different texts cannot make {folds} folds", "give fewer --folds")
    shuffled = [list(groups.values())[index] for index in np.random.default_rng(seed).permutation(len(groups))]
    assigned = np.empty(len(texts), np.int64)
    for number, group in enumerate(sorted(shuffled, key=lambda rows: int(labels[rows[0]]))):
        assigned[group] = number % folds
    for label in np.unique(labels):
        if len(np.unique(assigned[labels == label])) < 2:
            raise DataError(
                f"the label with id {label} has too few different texts to leave some out in training",
                "add texts with this label, or leave it out",
            )
    return assigned


class _Folds:
    """Cross-validation: the recipe, what it starts from, and where the folds lie."""

    def __init__(
        self,
        recipe: Recipe,
        run: RunRecord,
        base_model: str | None,
        max_steps: int | None,
        folder: Path,
        report: Report | None,
    ) -> None:
        self.recipe, self.run, self.base_model, self.max_steps = recipe, run, base_model, max_steps
        self.folder, self.report = folder, report

    def probabilities(self, data: LabelledTexts, validation: LabelledTexts, folds: int) -> NDArray[np.float32]:
        """Out-of-sample probabilities of shape ``(n_texts, n_labels)``."""
        assigned = assign_folds(data.texts, data.labels, folds, self.run.seed)
        check_writable(self.folder)
        probabilities = np.empty((data.rows, len(self.recipe.corpus.labels)), np.float32)
        for fold in range(folds):
            held_out, kept = (np.flatnonzero(chosen) for chosen in (assigned == fold, assigned != fold))
            name = f"fold-{fold + 1}"
            corpus = self._corpus(f"{name}-of-{folds}", self.folder / "data" / name, data, validation, kept)
            folder = self.folder / name
            self._train(folder, corpus, fold, folds, fingerprint([data.texts[row] for row in kept], data.labels[kept]))
            path = folder / layout.PREDICTIONS_FILE
            if not path.is_file():
                classifier = Classifier.from_pretrained(folder, engine="torch")
                judged = classifier.predict_proba([data.texts[row] for row in held_out])
                write_predictions(path, held_out, data.labels[held_out], judged.argmax(axis=1), judged, corpus.labels)
                shutil.rmtree(folder / layout.CHECKPOINT_FOLDER)  # it has served
            probabilities[held_out] = read_predictions(path).probabilities
        return probabilities

    def _corpus(
        self, fold: str, folder: Path, data: LabelledTexts, validation: LabelledTexts, kept: NDArray[np.int64]
    ) -> Corpus:
        """The corpus of a fold: files with the rows to train on, and the run's own validation rows.

        It has a name of its own, so that no list of runs ranks a fold among the runs on the whole corpus.
        """
        corpus = self.recipe.corpus
        for name, source, rows in (("train", data, kept), ("validation", validation, np.arange(validation.rows))):
            columns = {
                corpus.text_column: [source.texts[row] for row in rows],
                corpus.label_column: source.labels[rows].tolist(),
            }
            write_table(folder / f"{name}.parquet", Table(columns))
        splits = {name: {"file": f"{name}.parquet"} for name in ("train", "validation")}
        own = {"name": f"{corpus.name}-{fold}", "splits": splits, "base_folder": str(folder.resolve())}
        return Corpus.from_values(corpus.model_dump(mode="json") | own, f"{fold} of {corpus.name}")

    def _train(self, folder: Path, corpus: Corpus, fold: int, folds: int, rows: str) -> None:
        """Train a fold, go on with it, or find that it is trained."""
        recipe = self.recipe.model_copy(update={"corpus": corpus})

        def report(step: int, total_steps: int) -> None:
            if self.report is not None:
                self.report(f"Fold {fold + 1} of {folds}", step, total_steps)

        if (folder / layout.RUN_FILE).is_file():
            run = RunRecord.load(folder / layout.RUN_FILE)
        else:
            run = train(
                recipe,
                base_model=self.base_model,
                output_dir=folder,
                max_steps=self.max_steps,
                on_progress=lambda progress: report(progress.step, progress.total_steps),
            )
        asked = (recipe.model_copy(update={"base_model": run.base_model.id}).digest, rows, self.max_steps)
        if (run.recipe_digest, run.data["train"].fingerprint, run.max_steps) != asked:
            raise TrainingError(f"{folder} was trained for something else", "name another --work-dir, or delete it")


def _check_cleanlab() -> None:
    try:
        metadata.version("cleanlab")
    except metadata.PackageNotFoundError:
        raise UsageError(
            "emohub data suspects needs cleanlab, which is not installed", "pip install 'emohub[suspects]'"
        ) from None


def _base_model(recipe: Recipe, run: RunRecord, records: Path, given: str | None) -> str | None:
    """What the folds start from: the weights that the run started from; None when the recipe leads to them."""
    first_stage = records / layout.MASKED_LM_FOLDER
    if given is None and run.previous is not None and first_stage.is_dir():
        given = str(first_stage)
    try:
        found = find_checkpoint(given or recipe.base_model, revision=None if given else recipe.base_model_revision)
    except ModelError as error:
        raise ModelError(error.cause, "give the base model of the run with --base-model") from None
    if found.fingerprint != run.base_model.fingerprint:
        raise ModelError(
            f"{given or recipe.base_model} is not what the run started from ({run.base_model.id})",
            "give the base model of the run with --base-model",
        )
    return given


def _own_predictions(
    model: str, run: RunRecord, corpus: Corpus, data: LabelledTexts, report: Report | None
) -> NDArray[np.float32]:
    """What the run's own model says about rows that it was not trained on."""
    classifier = Classifier.from_pretrained(model, engine="torch")
    if classifier.fingerprint != run.exported.fingerprint:
        raise ModelError(f"the weights of {model} are not those that its run exported", "give the folder of the run")
    columns = label_columns(classifier.labels, corpus.labels, classifier.id)

    def progress(done: int) -> None:
        if report is not None:
            report("Classifying", done, data.rows)

    return classifier.predict_proba(data.texts, on_progress=progress)[:, columns]


def _decimal(value: float | np.float32) -> float:
    """Through the shortest decimal that is this float32: a wider type would show digits that are not there."""
    return float(str(np.float32(value)))
