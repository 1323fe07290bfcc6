"""What was tried to make the models better: one line of ``benchmarks/quality/trials.jsonl`` for each run.

    python -m benchmarks.trials runs/R-DROP-42 runs/R-DROP-43 --technique "R-Drop" --against baseline
    python -m benchmarks.trials runs/PLAIN-42 runs/PLAIN-43 --technique baseline

reads what finished runs measured on validation and adds it. What is no run of ``emohub train`` (a soup, an ensemble) is
added with :func:`add`. ``python -m benchmarks.quality_page`` writes the page.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from emohub.errors import EmohubError, RecipeError, RecordError
from emohub.layout import RUN_FILE
from emohub.recipe.declaration import Declaration, NotNegativeFloat, Text
from emohub.record import RunRecord, write_atomically
from emohub.record.base import Finite

TRIALS = Path(__file__).resolve().parent / "quality" / "trials.jsonl"


class Trial(Declaration):
    """One way to train one model, from one seed."""

    date: Text
    """UTC, ISO 8601, when it ended."""
    commit: Text | None
    """Commit that it ran at, with ``-dirty`` when tracked files were changed; None where that is not known."""
    recipe: Text
    """The model that it was meant for."""
    technique: Text
    """What was done, by a name that means the same settings in every trial of the recipe."""
    against: Text | None
    """The technique of the same recipe that it shall be better than; None for a baseline."""
    settings: dict[str, Any]
    """What differs from the recipe, the seed left out."""
    seed: int
    split: Literal["validation", "cross-validation"]
    """What was measured on: the validation split, or folds of the training split. Never the test split."""
    metric: Text
    """Which of the metrics decides."""
    metrics: dict[str, Finite]
    seconds: NotNegativeFloat
    """Wall time of the training; 0 where nothing was trained."""
    note: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Trial":
        if self.metric not in self.metrics:
            raise ValueError(f"the deciding metric {self.metric} is not among the metrics")
        if self.against == self.technique:
            raise ValueError("a technique cannot be better than itself")
        return self

    @property
    def figure(self) -> float:
        """The value that decides."""
        return self.metrics[self.metric]


def read(path: Path = TRIALS) -> tuple[Trial, ...]:
    """All trials, in the order that they were added; none where there is no file.

    Raises:
        RecordError: a line is damaged, stands twice, or contradicts another.
    """
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines()
    return checked(_parse(line, f"{path.name}, line {number}") for number, line in enumerate(lines, start=1))


def _parse(line: str, place: str) -> Trial:
    try:
        return Trial.from_values(json.loads(line), place)
    except ValueError as error:
        raise RecordError(f"{place} is not JSON ({error})", "mend the line") from None
    except RecipeError as error:
        raise RecordError(error.cause, "mend the line") from None


def checked(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """The trials, when no two contradict each other.

    Raises:
        RecordError: one stands twice, or those of one technique are not of one kind.
    """
    found = tuple(trials)
    seen: dict[tuple[object, ...], Trial] = {}
    kinds: dict[tuple[str, str], tuple[object, ...]] = {}
    for trial in found:
        name = f"{trial.technique} of {trial.recipe}"
        if (trial.recipe, trial.technique, trial.seed) in seen:
            raise RecordError(f"the trial {name} with seed {trial.seed} stands twice", "keep one of them")
        seen[trial.recipe, trial.technique, trial.seed] = trial
        kind = (trial.settings, trial.split, trial.metric, trial.against)
        if kinds.setdefault((trial.recipe, trial.technique), kind) != kind:
            raise RecordError(
                f"the trials of {name} differ in settings, split, metric or baseline", "give each way its own name"
            )
    return found


def add(trials: Sequence[Trial], path: Path = TRIALS) -> None:
    """Write further trials behind those that are there; all of them or none.

    Raises:
        RecordError: they contradict each other or earlier ones, or the file cannot be written.
    """
    every = checked([*read(path), *trials])
    text = "".join(f"{trial.model_dump_json()}\n" for trial in every)
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def trial_of(run: RunRecord, technique: str, against: str | None, note: str | None = None) -> Trial:
    """What a run measured on validation, on the files that it exported."""
    return Trial(
        date=run.created,
        commit=run.environment.git_commit,
        recipe=run.recipe["name"],
        technique=technique,
        against=against,
        settings=without_seed(run.overrides),
        seed=run.seed,
        split="validation",
        metric=run.recipe["evaluation"]["metric_for_best_model"],
        metrics=run.exported.validation,
        seconds=run.training_seconds,
        note=note,
    )


def without_seed(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that trials of several seeds have in common."""
    return {key: value for key, value in overrides.items() if key.rpartition(".")[2] != "seed"}


def main() -> None:
    """Add finished runs as trials of one technique."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders with a run.json")
    parser.add_argument("--technique", required=True, help="what was done, in a few words")
    parser.add_argument("--against", help="the technique that it shall be better than; a baseline without it")
    parser.add_argument("--note", help="what else there is to know")
    given = parser.parse_args()
    try:
        found = [
            trial_of(RunRecord.load(run / RUN_FILE), given.technique, given.against, given.note) for run in given.runs
        ]
        add(found, TRIALS)
    except EmohubError as error:
        sys.exit(str(error))
    print(f"{len(found)} trials added; `python -m benchmarks.quality_page` writes the page")


if __name__ == "__main__":
    main()
