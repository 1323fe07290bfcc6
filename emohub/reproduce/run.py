"""Train a documented recipe, or take the run that is there; measure it, and write ``reproduction.json``."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emohub import inference, layout
from emohub.errors import ModelError, RecordError, UsageError
from emohub.evaluate import evaluate
from emohub.recipe import Recipe
from emohub.record import EvalRecord, RunRecord
from emohub.reproduce.comparison import Reproduction, Split, compare
from emohub.train import Progress, train

REPRODUCTION_FILE = "reproduction.json"
"""File in the run folder with the comparison."""
EVALUATION_FOLDER = "reproduction"
"""Folder in the run folder that holds one evaluation a split, apart from the run's own on the test split."""


def reproduce(
    recipe: Recipe,
    *,
    base_model: str | None = None,
    data_dir: Path | None = None,
    texts: Sequence[Path] = (),
    output_dir: Path | None = None,
    max_steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    split: Split = "validation",
    on_progress: Callable[[Progress], None] | None = None,
    on_evaluation: Callable[[int, int], None] | None = None,
) -> Reproduction:
    """Train as the recipe says, measure the export on ``split``, and compare with the document; all of it is kept.

    ``output_dir`` is the run folder (``runs/<recipe>-reproduction`` when None): a finished run in it is taken as it is,
    an unfinished one goes on. The test split is read only with ``split="test"``. The other arguments are those of
    :func:`emohub.train.train`; ``on_evaluation`` receives the texts done and all texts.

    Raises:
        UsageError: the recipe documents nothing, or the folder holds a finished run of another kind.
        ModelError: the documented base model is not within reach and no other was given.
        EmohubError: as training and evaluation raise them.
    """
    if recipe.documented is None:
        raise UsageError(
            f"the recipe {recipe.name} documents no figures that could be reproduced",
            "name a documented recipe (`emohub recipes` lists them), or train with `emohub train`",
        )
    folder = output_dir or layout.project_root() / "runs" / f"{recipe.name}-reproduction"
    overrides = dict(overrides or {})
    run = _finished_run(folder, recipe, base_model, max_steps, overrides)
    if run is None:
        if base_model is None and "base_model" not in overrides:
            _require_documented_base(recipe)
        run = train(
            recipe,
            base_model=base_model,
            data_dir=data_dir,
            texts=texts,
            output_dir=folder,
            max_steps=max_steps,
            overrides=overrides,
            on_progress=on_progress,
        )
    evaluation = _evaluation(folder, recipe, run, split, data_dir, on_evaluation)
    runs = (*_earlier_stages(folder, run), run)
    reproduction = compare(recipe, runs, evaluation)
    reproduction.save(folder / REPRODUCTION_FILE)
    return reproduction


def _finished_run(
    folder: Path, recipe: Recipe, base_model: str | None, max_steps: int | None, overrides: dict[str, Any]
) -> RunRecord | None:
    """The finished run in ``folder`` when it is what was asked for, None when there is no finished one."""
    path = folder / layout.RUN_FILE
    if not path.is_file():
        return None
    run = RunRecord.load(path)
    asked = recipe.with_overrides(overrides)
    made = Recipe.from_values(run.recipe, str(path))
    # Which base model and which rows were used is compared by fingerprint, and shown; their names are not.
    named = {name: getattr(asked, name) for name in ("base_model", "corpus")}
    if made.adaptation is not None and asked.adaptation is not None:
        named["adaptation"] = made.adaptation.model_copy(update={"corpus": asked.adaptation.corpus})
    if made.model_copy(update=named).digest != asked.digest or run.max_steps != max_steps:
        raise UsageError(
            f"{folder} holds a finished run of other settings (max_steps {run.max_steps}, overrides {run.overrides})",
            "name another folder with --output-dir, or repeat those settings",
        )
    if base_model is not None:
        used = (*_earlier_stages(folder, run), run)[0].base_model
        if inference.find_checkpoint(base_model).fingerprint != used.fingerprint:
            raise UsageError(
                f"{folder} holds a finished run from {used.id}, whose weights are not those of {base_model}",
                "name another folder with --output-dir, or leave --base-model out",
            )
    return run


def _earlier_stages(folder: Path, run: RunRecord) -> tuple[RunRecord, ...]:
    """The record of the stage that ``run`` started from, when the recipe has one."""
    return () if run.previous is None else (RunRecord.load(folder / run.previous.stage / layout.RUN_FILE),)


def _require_documented_base(recipe: Recipe) -> None:
    try:
        inference.find_checkpoint(recipe.base_model, revision=recipe.base_model_revision)
    except ModelError as error:
        raise ModelError(
            f"the documented base model of {recipe.name} is not within reach: {error.cause}",
            "give another with --base-model FOLDER_OR_ID (a difference then says nothing about the recipe), "
            "or try again with a network",
        ) from None


def _evaluation(
    folder: Path,
    recipe: Recipe,
    run: RunRecord,
    split: Split,
    data_dir: Path | None,
    on_progress: Callable[[int, int], None] | None,
) -> EvalRecord:
    """The evaluation of the exported weights on ``split``: the one that is there already, or a new one."""
    output_dir = folder / EVALUATION_FOLDER / split
    try:
        earlier = EvalRecord.load(output_dir / layout.EVAL_FILE)
    except RecordError:  # none yet, or damaged: to be made again
        earlier = None
    if earlier is not None and earlier.model.fingerprint == run.exported.fingerprint:
        return earlier
    return evaluate(
        folder / layout.CHECKPOINT_FOLDER,
        recipe.corpus,
        split,
        data_dir=data_dir,
        output_dir=output_dir,
        on_progress=on_progress,
    )
