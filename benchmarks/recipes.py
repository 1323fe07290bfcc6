"""Run documented recipes on this machine and keep their records in ``benchmarks/recipes/``, without the weights.

From the documented architecture at full size with fresh weights, for a bounded number of steps::

    python -m benchmarks.recipes --max-steps 60 --data-dir DATA --texts DATA/sst2/train.parquet

Whole, from another base model::

    python -m benchmarks.recipes bert-emotion --base-model DIR --name minilm --data-dir DATA

A run that was stopped goes on when the same command is given again. Afterwards ``python -m benchmarks.report``
writes the pages.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fresh_base import ARCHITECTURES, build
from emohub.data import load_split
from emohub.errors import EmohubError
from emohub.layout import EVAL_FILE, MASKED_LM_FOLDER, RUN_FILE
from emohub.recipe import Recipe, list_recipes, load_recipe
from emohub.reproduce import EVALUATION_FOLDER, REPRODUCTION_FILE, reproduce

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / "benchmarks" / "recipes"
RUNS = ROOT / "runs" / "benchmarks"
"""Where the runs lie with their weights; ignored by git."""
KEPT = {
    RUN_FILE: RUN_FILE,
    f"{MASKED_LM_FOLDER}/{RUN_FILE}": f"{MASKED_LM_FOLDER}/{RUN_FILE}",
    f"{EVALUATION_FOLDER}/validation/{EVAL_FILE}": EVAL_FILE,
    REPRODUCTION_FILE: REPRODUCTION_FILE,
}
"""Files of a run that are kept, and where."""


def documented_recipes() -> tuple[str, ...]:
    """Names of the recipes that document somebody else's figures."""
    return tuple(name for name in list_recipes() if load_recipe(name).documented is not None)


def run(
    recipe: Recipe,
    *,
    name: str,
    base_model: str | None,
    data_dir: Path | None,
    texts: Sequence[Path] = (),
    max_steps: int | None = None,
    runs: Path = RUNS,
    records: Path = RECORDS,
) -> Path:
    """Reproduce ``recipe`` from ``base_model``, or from fresh weights when None; the folder of its kept records."""
    base = base_model or str(fresh_base(recipe, data_dir, runs))
    folder = runs / f"{recipe.name}-{name}"
    reproduce(
        recipe,
        base_model=base,
        data_dir=data_dir,
        texts=texts,
        output_dir=folder,
        max_steps=max_steps,
        on_progress=lambda progress: print(
            f"{recipe.name}, {progress.stage}: step {progress.step}, loss {progress.loss:.4f}"
        ),
    )
    kept = records / folder.name
    for source, target in KEPT.items():
        if (folder / source).is_file():
            (kept / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / source, kept / target)
    return kept


def fresh_base(recipe: Recipe, data_dir: Path | None, runs: Path = RUNS) -> Path:
    """The documented architecture of ``recipe`` with fresh weights, made once for each corpus."""
    folder = runs / "bases" / f"fresh-{ARCHITECTURES[recipe.base_model].name}-{recipe.corpus.name}"
    if not (folder / "tokenizer.json").is_file():
        build(recipe.base_model, load_split(recipe.corpus, "train", data_dir=data_dir).texts, folder)
    return folder


def main() -> None:
    """Run the recipes that are named, or all documented ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="all documented ones when none is named")
    parser.add_argument("--base-model", help="Hub id or folder; fresh weights when not given")
    parser.add_argument("--name", default="fresh", help="what the records are called after: RECIPE-NAME")
    parser.add_argument("--data-dir", type=Path, help="folder with the corpora as parquet files, instead of the Hub")
    parser.add_argument("--texts", type=Path, nargs="+", default=(), help="plain texts of a masked-LM stage")
    parser.add_argument("--max-steps", type=int, help="stop each stage after so many optimizer steps")
    given = parser.parse_args()
    if (given.base_model is None) != (given.name == "fresh"):
        parser.error("--base-model and a --name for it go together")
    if (given.base_model is None) != (given.max_steps is not None):
        parser.error("fresh weights need --max-steps, and a --base-model runs whole recipes, without it")
    for name in given.recipes or documented_recipes():
        try:
            kept = run(
                load_recipe(name),
                name=given.name,
                base_model=given.base_model,
                data_dir=given.data_dir,
                texts=given.texts if load_recipe(name).adaptation else (),
                max_steps=given.max_steps,
            )
        except EmohubError as error:
            sys.exit(f"{name}: {error}")
        print(f"{name}: records in {kept.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
