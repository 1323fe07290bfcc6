"""What ``make models`` will make, in which order, and how long that takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from emohub import layout
from emohub.errors import UsageError
from emohub.layout import DESCRIPTION_FILE, EVAL_FILE, ROBUSTNESS_FILE, RUN_FILE
from emohub.recipe import Recipe
from emohub.record import DescriptionRecord, EvalRecord, RobustnessRecord, RunRecord, current_environment

TEACHERS = Path("benchmarks") / "quality" / "teachers"
"""Where in a project the records of models lie that do not ship and that others learned from, each in a folder of its
name."""


@dataclass(frozen=True)
class Planned:
    """One model that will be made."""

    recipe: Recipe
    ships: bool
    """Whether it goes to ``models/`` and ``cards/``; what others only learn from stays in its run folder."""
    training_seconds: float | None
    """As its record states; None where there is none."""
    measuring_seconds: float | None
    machine: str | None
    """Where it took that long."""
    unknown: str | None = None
    """What of it no record says the time of."""

    @property
    def run(self) -> Path:
        """Its run folder."""
        return layout.project_root() / "runs" / self.recipe.name

    @property
    def trained(self) -> bool:
        """Whether its run is finished, so that only the measuring is left."""
        return (self.run / RUN_FILE).is_file()

    @property
    def seconds(self) -> float | None:
        """Of all that is known to be left to do; None where nothing is known."""
        if self.training_seconds is None:
            return None
        return (0 if self.trained else self.training_seconds) + (self.measuring_seconds or 0)


def parents(recipe: Recipe) -> tuple[str, ...]:
    """What a recipe starts or learns from, by name."""
    return tuple(name.removeprefix("models/") for name in (recipe.base_model, *teachers(recipe)))


def teachers(recipe: Recipe) -> tuple[str, ...]:
    """Whom a recipe learns from, as it names them."""
    return recipe.distillation.teachers if recipe.distillation else ()


def ordered(recipes: Sequence[Recipe], declared: Mapping[str, Recipe]) -> list[Recipe]:
    """The recipes, and those of ``declared`` that they need and that lie in no ``models/``, each after what it needs.

    Raises:
        UsageError: two need each other.
    """
    known = {**declared, **{recipe.name: recipe for recipe in recipes}}
    asked, shipped = {recipe.name for recipe in recipes}, layout.shipped_models()
    needs: dict[str, list[str]] = {}
    waiting = sorted(asked)
    while waiting:
        name = waiting.pop()
        needs[name] = [
            each for each in parents(known[name]) if each in known and (each in asked or each not in shipped)
        ]
        waiting += [each for each in needs[name] if each not in needs]
    try:
        return [known[name] for name in TopologicalSorter(dict(sorted(needs.items()))).static_order()]
    except CycleError as error:
        raise UsageError(f"{' and '.join(error.args[1])} need each other", "correct their recipes") from None


def plan(recipes: Sequence[Recipe], declared: Mapping[str, Recipe]) -> list[Planned]:
    """What is made, in order, and how long that took when it was done last.

    Raises:
        UsageError: two recipes need each other.
        RecordError: a record is damaged.
    """
    asked = {recipe.name for recipe in recipes}
    return [_planned(recipe, recipe.name in asked) for recipe in ordered(recipes, declared)]


def _planned(recipe: Recipe, ships: bool) -> Planned:
    root = layout.project_root()
    folders = (root / "cards" / recipe.name, root / TEACHERS / recipe.name, root / "runs" / recipe.name)
    records = next((folder for folder in folders if (folder / RUN_FILE).is_file()), None)
    if records is None:
        return Planned(recipe, ships, None, None, None, recipe.name)
    run = RunRecord.load(records / RUN_FILE)
    stages = [run, *(RunRecord.load(path) for path in records.glob(f"*/{RUN_FILE}"))]
    training = sum(stage.training_seconds for stage in stages)
    machine = f"{run.environment.processor}, {run.environment.cpu_count} cores"
    measuring = measuring_seconds(records) if ships else 0.0
    unknown = None
    if measuring is None:
        unknown = f"measuring {recipe.name}"
    elif ships and not (records / ROBUSTNESS_FILE).is_file():
        unknown = f"the suite of {recipe.name}"
    return Planned(recipe, ships, training, measuring, machine, unknown)


def measuring_seconds(records: Path) -> float | None:
    """How long evaluating, verifying, describing and the suite take as the records say; None where they do not."""
    if not (records / EVAL_FILE).is_file() or not (records / DESCRIPTION_FILE).is_file():
        return None
    evaluation = EvalRecord.load(records / EVAL_FILE)
    description = DescriptionRecord.load(records / DESCRIPTION_FILE)
    speed, rows = description.speed, description.splits["validation"].data.rows
    asked = rows + suite_texts(records / ROBUSTNESS_FILE)
    return 2 * evaluation.seconds + asked / speed.texts_per_second + speed.texts * speed.median_ms / 1000


def suite_texts(path: Path) -> int:
    """Texts that the suite of robustness asked; 0 where there is no record of it."""
    if not path.is_file():
        return 0
    record = RobustnessRecord.load(path)
    return record.texts + sum(each.texts for each in (*record.tests, *record.probes, *record.unfamiliar))


def announcement(planned: Sequence[Planned]) -> list[str]:
    """What will be made and how long it takes, in lines."""
    lines = [f"{len(planned)} {'model' if len(planned) == 1 else 'models'}, in this order:"]
    for number, each in enumerate(planned, start=1):
        lines.append(f"  {number}. {each.recipe.name}: {_duration_of(each)}{_state_of(each)}")
    here = current_environment("cpu")
    known = sum(each.seconds or 0 for each in planned)
    lines.append(
        f"What is left takes about {duration(known)}, as the records say; loading models and drawing cards come on "
        f"top. This machine: {here.processor}, {here.cpu_count} cores."
    )
    unknown = [each.unknown for each in planned if each.unknown is not None]
    if unknown:
        lines.append(f"No record says how long this takes, which comes on top: {', '.join(unknown)}.")
    return lines


def _duration_of(planned: Planned) -> str:
    if planned.training_seconds is None:
        return "never made before, so how long it takes is not known"
    measuring = "" if planned.measuring_seconds is None else f", measuring {duration(planned.measuring_seconds)}"
    return f"training {duration(planned.training_seconds)}{measuring} (on {planned.machine})"


def _state_of(planned: Planned) -> str:
    if planned.trained:
        return f"; trained already in runs/{planned.run.name}, and not again"
    return "; goes on" if (planned.run / layout.RESUME_FOLDER).is_dir() else ""


def duration(seconds: float) -> str:
    """Seconds in words, to the minute from one minute on."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
