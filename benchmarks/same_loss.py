"""Whether training without padding, and in bf16, ends where training with padding in fp32 ends.

    python -m benchmarks.same_loss --base-model DIR --data-dir DATA

A recipe is trained with padding in fp32, without it in fp32 and without it in bf16, each from several seeds. Each is a
run of ``emohub.train`` in a folder under ``runs/``, so the same command goes on where it was stopped, and a finished
run is not repeated. The figures go to ``benchmarks/same_loss.json``; those of another base model beside it, with
``--output benchmarks/same_loss_NAME.json``.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.asked import ROOT
from benchmarks.same_loss_result import RESULT, SameLossResult, Trained, Way
from emohub.errors import EmohubError, TrainingError
from emohub.layout import RUN_FILE
from emohub.recipe import Recipe, load_recipe
from emohub.record import RunRecord
from emohub.train import Progress, train

RUNS = ROOT / "runs" / "benchmarks" / "same-loss"
"""Where the runs lie with their weights; ignored by git."""
WAYS: dict[Way, dict[str, Any]] = {
    "padded fp32": {"packing": False, "mixed_precision": "no"},
    "packed fp32": {"packing": True, "mixed_precision": "no"},
    "packed bf16": {"packing": True, "mixed_precision": "bf16"},
}
"""The recipe keys that tell them apart."""
SEEDS = (42, 43, 44)


def run(
    recipe: Recipe,
    way: Way,
    seed: int,
    *,
    base_model: str,
    data_dir: Path | None,
    max_steps: int | None = None,
    runs: Path,
) -> RunRecord:
    """One run: trained now, gone on with, or found finished.

    Raises:
        TrainingError: the folder holds a run of other settings, or the trainer did not batch the texts in that way.
        EmohubError: the run cannot be made; see :func:`emohub.train.train`.
    """
    folder = runs / f"{recipe.name}-{way.replace(' ', '-')}-{seed}"
    overrides = {"seed": seed, **WAYS[way]}
    if (folder / RUN_FILE).is_file():
        record = RunRecord.load(folder / RUN_FILE)
        if (record.overrides, record.max_steps) != (overrides, max_steps):
            raise TrainingError(f"{folder} holds a run of other settings", "delete it, or give them again")
    else:
        record = train(
            recipe,
            base_model=base_model,
            data_dir=data_dir,
            output_dir=folder,
            overrides=overrides,
            max_steps=max_steps,
            on_progress=lambda progress: tell(f"{way}, seed {seed}", progress),
        )
    if record.batching != way.split()[0]:
        raise TrainingError(f"{folder} was trained on {record.batching} batches", "take a model that can be packed")
    return record


def tell(name: str, progress: Progress) -> None:
    """Print how far a run is, after every evaluation."""
    if progress.row is not None:
        print(
            f"{name}: step {progress.step:,} of {progress.total_steps:,}, validation loss "
            f"{progress.row.validation_loss:.4f}, {progress.samples_per_second:.1f} texts/s",
            flush=True,
        )


def result(records: dict[tuple[Way, int], RunRecord]) -> SameLossResult:
    """What the finished runs ended with.

    Raises:
        TrainingError: they did not start from the same weights and texts.
    """
    last = max(records.values(), key=lambda record: record.created)
    if len({(each.base_model.fingerprint, each.data["train"].fingerprint) for each in records.values()}) > 1:
        raise TrainingError("the runs started from other weights, or trained on other texts", f"delete {RUNS}")
    metric = last.recipe["evaluation"]["metric_for_best_model"]
    return SameLossResult(
        created=last.created,
        environment=last.environment,
        recipe=last.recipe["name"],
        base_model=last.base_model,
        metric=metric,
        steps=last.total_steps,
        epochs=last.history[-1].epoch,
        rows=last.data["train"].rows,
        validation_rows=last.data["validation"].rows,
        seeds=tuple(sorted({seed for _, seed in records})),
        runs=tuple(trained(way, record, metric) for (way, _), record in records.items()),
    )


def trained(way: Way, record: RunRecord, metric: str) -> Trained:
    """What one run ended with: its last evaluation, which no choice of a checkpoint has flattered."""
    row = record.history[-1]
    return Trained(
        way=way,
        seed=record.seed,
        run_id=record.run_id,
        git_commit=record.environment.git_commit,
        validation_loss=row.validation_loss,
        metric=row.validation_loss if metric == "loss" else row.metrics[metric],
        samples_per_second=record.samples_per_second,
        minutes=record.training_seconds / 60,
    )


def main() -> None:
    """Train what is not trained yet, seed by seed, and keep what the runs ended with."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-model", required=True, help="Hub id or folder of the pretrained model")
    parser.add_argument("--data-dir", type=Path, help="folder with the corpora as parquet files, instead of the Hub")
    parser.add_argument("--recipe", default="minilm-emotion-teacher-1")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--max-steps", type=int, help="end each run, and its schedule, after so many steps")
    parser.add_argument("--output", type=Path, default=RESULT, help="where the figures are kept")
    given = parser.parse_args()
    if len(set(given.seeds)) < 2:
        parser.error("a spread needs two --seeds or more")
    records: dict[tuple[Way, int], RunRecord] = {}
    try:
        for seed in dict.fromkeys(given.seeds):
            for way in WAYS:
                records[way, seed] = run(
                    load_recipe(given.recipe),
                    way,
                    seed,
                    base_model=given.base_model,
                    data_dir=given.data_dir,
                    max_steps=given.max_steps,
                    runs=RUNS / given.output.stem,
                )
        result(records).save(given.output)
    except EmohubError as error:
        sys.exit(str(error))
    print(f"{given.output.name} is written; `python -m benchmarks.report` makes the page")


if __name__ == "__main__":
    main()
