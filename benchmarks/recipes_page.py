"""Write ``benchmarks/recipes.md`` from the records in ``benchmarks/recipes/``."""

from dataclasses import dataclass
from pathlib import Path

from emohub.card.markdown import Markdown, code, escape, show, signed, table
from emohub.layout import MASKED_LM_FOLDER, RUN_FILE
from emohub.recipe import list_recipes, load_recipe
from emohub.record import ModelIdentity, RunRecord
from emohub.reproduce import REPRODUCTION_FILE, ComparedFigure, Reproduction

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER / "recipes.md"
RECORDS = FOLDER / "recipes"

INTRODUCTION = """\
# Documented recipes on one machine

Written by `python -m benchmarks.report` from the records in `recipes/`, which `python -m benchmarks.recipes` keeps; a
test holds this page to them. Every figure was measured on a validation split. The documented base models could not be
had on the machine, so nothing here reproduces a documented model: it shows that each documented recipe runs from end
to end, what it costs, and how the comparison of `emohub reproduce` reads."""
FRESH = """\
## The documented architectures at full size, from fresh weights

The base has the documented architecture and size, random weights, and a vocabulary made from the corpus
(`benchmarks/fresh_base.py`). `--max-steps` ended each stage: **no accuracy is claimed**, and no figure is judged."""
WHOLE = """\
## Whole recipes, from another base model

Every step that the recipe asks for. The base model is not the documented one, so a difference says nothing about the
recipe."""
HEADER = (
    *("Recipe", "Stage", "Base model", "Parameters", "Rows a step", "Steps"),
    *("Training loss", "Validation loss", "Perplexity", "Rows/s", "Minutes"),
)


@dataclass(frozen=True)
class Kept:
    """The records of one run: its stages in order, and the comparison."""

    name: str
    stages: tuple[RunRecord, ...]
    reproduction: Reproduction

    @property
    def whole(self) -> bool:
        """Whether every stage ran as long as its recipe says."""
        return all(stage.stopped != "max_steps" for stage in self.stages)


def base_name(model: ModelIdentity) -> str:
    """The Hub id of a local copy whose weights a built-in recipe names by their SHA-256; else the folder's name."""
    recipes = (load_recipe(name) for name in list_recipes())
    known = {recipe.base_model_sha256: recipe.base_model for recipe in recipes if recipe.base_model_sha256}
    return known.get(model.fingerprint, model.id)


def read(records: Path = RECORDS) -> list[Kept]:
    """All runs whose records are kept, by name."""
    kept = []
    for path in sorted(records.glob(f"*/{REPRODUCTION_FILE}")):
        files = (path.parent / MASKED_LM_FOLDER / RUN_FILE, path.parent / RUN_FILE)
        stages = tuple(RunRecord.load(file) for file in files if file.is_file())
        kept.append(Kept(path.parent.name, stages, Reproduction.load(path)))
    return kept


def render(kept: list[Kept]) -> str:
    """The whole page."""
    fresh = [each for each in kept if not each.whole]
    whole = [each for each in kept if each.whole]
    parts = [INTRODUCTION, machines(kept)]
    if fresh:
        parts += [FRESH, runs_table(fresh)]
    if whole:
        parts += [WHOLE, runs_table(whole), *(part for each in whole for part in comparison(each))]
        parts += ["### Rule", escape(whole[0].reproduction.rule)]
    return "\n\n".join(parts) + "\n"


def machines(kept: list[Kept]) -> str:
    """What the runs ran on, one line each."""
    lines = {
        f"- {stage.environment.processor}, {stage.environment.cpu_count} cores, {stage.environment.device}; "
        f"torch {stage.environment.packages['torch']}, transformers {stage.environment.packages['transformers']}"
        for each in kept
        for stage in each.stages
    }
    return "\n".join(["Machine and versions:", "", *sorted(lines)])


def runs_table(kept: list[Kept]) -> Markdown:
    """What each stage was and what it cost; the losses are those of its last evaluation."""
    return table(HEADER, [stage_row(stage) for each in kept for stage in each.stages])


def stage_row(stage: RunRecord) -> tuple[object, ...]:
    """The cells of one stage."""
    last = stage.history[-1]
    return (
        stage.recipe["name"],
        stage.stage,
        base_name(stage.base_model) if stage.previous is None else "the stage before",
        stage.exported.parameters,
        stage.effective_batch_size,
        stage.steps_run,
        last.training_loss,
        last.validation_loss,
        None if stage.stage != "masked_lm" else Markdown(f"{last.metrics['perplexity']:,.1f}"),
        Markdown(f"{stage.samples_per_second:,.1f}"),
        Markdown(f"{stage.training_seconds / 60:.1f}"),
    )


def comparison(kept: Kept) -> list[str]:
    """A run's own section: every documented figure beside the measured one, and how the run differs."""
    found = kept.reproduction
    header = ("Documented at", "Measured at", "Figure", "Documented", "Measured", "Difference", "Interval", "Verdict")
    return [
        f"### {show(found.recipe)} from {show(base_name(found.base_model))}",
        f"Held against the document of {escape(found.documented_name)}, on {found.data.rows:,} rows of {found.split}:",
        table(header, [figure_row(figure) for figure in found.figures]),
        "\n".join(f"- {escape(caveat)}" for caveat in found.caveats),
    ]


def figure_row(figure: ComparedFigure) -> tuple[object, ...]:
    """The cells of one figure."""
    interval = figure.interval and Markdown(f"{signed(figure.interval[0])} to {signed(figure.interval[1])}")
    return (
        figure.documented_at,
        figure.measured_at,
        code(figure.measured_as),
        figure.documented,
        figure.measured,
        signed(figure.difference),
        interval,
        figure.verdict,
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(render(read()), encoding="utf-8")
