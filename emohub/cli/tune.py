"""``emohub tune``: search for better settings of a recipe, on validation alone."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from emohub.cli.app import app, messages, output
from emohub.cli.options import BaseModel, DataDir, Format, RecipeName, Settings, Texts
from emohub.cli.progress import progress
from emohub.cli.tables import results_table
from emohub.cli.train import parse_settings
from emohub.errors import RecipeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from emohub.recipe import Recipe, Search
    from emohub.train import Progress
    from emohub.tune import Trial, TuneRecord


@app.command()
def tune(
    recipe: RecipeName,
    trials: Annotated[int, typer.Option(min=1, help="Trials in all, those of earlier sittings included.")] = 20,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="MINUTES", help="Begin no further trial after so many minutes.")
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUES",
            help="What to try, instead of the recipe's [search]: KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=A,B,C; "
            "may be repeated.",
        ),
    ] = None,
    base_model: BaseModel = None,
    data_dir: DataDir = None,
    texts: Texts = None,
    output_dir: Annotated[
        Path | None, typer.Option(help="Folder of the search, new or to go on with; runs/tune-RECIPE when not given.")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Optimizer steps of each trial; the schedule is made for them.")
    ] = None,
    settings: Settings = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the proposals; training has the recipe's.")] = 0,
    prune: Annotated[bool, typer.Option(help="Stop a trial early when it stays behind the others.")] = True,
    format_: Format = "table",
) -> None:
    """Train with settings that Optuna proposes, and keep those with the best validation figure.

    Started again, it goes on where it was stopped or killed. The folder gets `tune.json`, a run folder for each trial,
    and `best.toml`, the recipe with the best settings. The test split is not read.

    Example: `emohub tune minilm-sst2-teacher-1 --trials 20 --data-dir data`

    Example: `emohub tune minilm-sst2-teacher-1 --search learning_rate=1e-5:1e-3:log --search dropout=0.0,0.1,0.2`
    """
    from emohub.recipe import list_corpora, load_recipe

    ranges = parse_search(search or [])
    overrides = parse_settings(settings or [])
    declared = load_recipe(recipe)

    from emohub.layout import project_root
    from emohub.tune import BEST_RECIPE_FILE
    from emohub.tune import tune as run

    folder = output_dir or project_root() / "runs" / f"tune-{declared.name}"
    with progress() as report:
        record = run(
            declared,
            trials=trials,
            timeout=timeout,
            search=ranges,
            base_model=base_model,
            data_dir=data_dir,
            texts=texts or (),
            output_dir=folder,
            max_steps=max_steps,
            overrides=overrides,
            seed=seed,
            prune=prune,
            on_progress=partial(_report, report),
            on_trial=_tell,
        )
    if format_ == "json":
        typer.echo(record.model_dump_json(indent=2))
        return
    _show(record, declared)
    if record.best is not None:
        output.print(f"Wrote {folder / BEST_RECIPE_FILE}", highlight=False, markup=False, soft_wrap=True)
        corpus = declared.corpus.name if declared.corpus.name in list_corpora() else recipe
        output.print(
            f"Next: emohub evaluate {folder / record.best.folder} --corpus {corpus} --split test",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def parse_search(given: list[str]) -> dict[str, "Search"]:
    """``key=low:high``, ``key=low:high:log`` and ``key=a,b,c`` as ranges and choices.

    Raises:
        UsageError: one of them is none of these.
    """
    from emohub.recipe import Search

    ranges = {}
    for each in given:
        key, equals, text = (part.strip() for part in each.partition("="))
        if not key or not equals or not text:
            raise UsageError(f"--search {each!r} is no KEY=VALUES", "write --search learning_rate=1e-5:1e-3:log")
        try:
            ranges[key] = Search.from_values(_search_values(text), f"--search {each}")
        except (RecipeError, ValueError):
            raise UsageError(
                f"--search {each!r} holds neither LOW:HIGH with LOW below HIGH, nor choices",
                "write for example --search learning_rate=1e-5:1e-3:log, or --search num_train_epochs=2,3,4",
            ) from None
    return ranges


def _search_values(text: str) -> dict[str, object]:
    low, colon, rest = text.partition(":")
    if not colon:
        choices = [each.strip() for each in text.split(",")]
        return {"choices": [parse_settings([f"choice={each}"])["choice"] for each in choices]}
    high, colon, scale = rest.partition(":")
    if colon and scale != "log":
        raise ValueError(scale)
    return {"low": float(low), "high": float(high), "log": scale == "log"}


def _report(report: "Callable[[str, int, int], None]", trial: "Trial", progress: "Progress") -> None:
    report(f"Trial {trial.number}", progress.step, progress.total_steps)


def _tell(trial: "Trial") -> None:
    """One line for a trial that has ended."""
    settings = ", ".join(f"{key}={value}" for key, value in trial.parameters.items())
    result = f"{trial.value:.4f}" if trial.value is not None else f"{trial.state}: {trial.reason}"
    messages.print(f"Trial {trial.number}: {settings} · {result}", highlight=False, markup=False, soft_wrap=True)


def _show(record: "TuneRecord", recipe: "Recipe") -> None:
    """The trials, best first, and how to read them."""
    keys = list(record.search)
    metric = record.metric.replace("_", "\n")
    table = results_table(
        f"{recipe.name}: validation", [], ["trial", metric, *(key.replace("_", "\n") for key in keys)]
    )
    finished = [trial for trial in record.ended if trial.value is not None]
    finished.sort(key=lambda trial: trial.value or 0.0, reverse=record.direction == "maximize")
    for trial in finished + [trial for trial in record.ended if trial.value is None]:
        value = trial.state if trial.value is None else f"{trial.value:.4f}"
        cells = [str(trial.number), value, *(escape(str(trial.parameters[key])) for key in keys)]
        table.add_row(*cells, style="bold" if trial == record.best else "")
    output.print(table)
    output.print(f"Pruning: {record.pruning}.", highlight=False, markup=False)
    output.print(f"Note: {record.caveat}.", highlight=False, markup=False)
