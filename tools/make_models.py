"""Train and measure again, from their recipes, the models that ship: ``make models``.

    python -m tools.make_models --data-dir DATA --base-model DIR
    python -m tools.make_models --data-dir DATA --base-model DIR --dry-run
    python -m tools.make_models tiny-emotion --data-dir DATA

It says first how long that takes. Each model is trained in ``runs/NAME`` by one thread, measured there on the test
split, described and asked the suite of robustness; then ``models/NAME`` and ``cards/NAME`` are replaced, each whole or
not at all, and the model is held against its card. What a model starts or learns from is made before it, and the
threshold of a cascade is chosen again after both of its models. The same command goes on where it was stopped. At the
end it says what came out otherwise than it was.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from emohub import layout
from emohub.card import write_card
from emohub.cascade import make_cascade
from emohub.describe import describe
from emohub.errors import EmohubError, RecordError, TrainingError
from emohub.evaluate import evaluate
from emohub.inference import find_checkpoint
from emohub.layout import (
    CASCADE_FILE,
    CHECKPOINT_FOLDER,
    DESCRIPTION_FILE,
    EVAL_FILE,
    PREDICTIONS_FILE,
    ROBUSTNESS_FILE,
    RUN_FILE,
    VERIFY_FILE,
)
from emohub.recipe import Corpus, list_recipes, load_corpus, load_recipe
from emohub.record import DescriptionRecord, EvalRecord, ModelIdentity, RobustnessRecord, RunRecord
from emohub.record.cascade import CascadeRecord
from emohub.robustness import measure_robustness
from emohub.train import Progress, train
from emohub.train.stage import recorded_recipe
from emohub.verify import verify
from tools.model_plan import Planned, announcement, parents, plan, teachers
from tools.same_records import differences, different_files, differing

MEASURED = (RUN_FILE, EVAL_FILE, PREDICTIONS_FILE, DESCRIPTION_FILE, ROBUSTNESS_FILE)
"""Files of a run that go to ``cards/``."""


@dataclass(frozen=True)
class Sources:
    """Where base models and texts come from; the Hub where it is None."""

    base_model: str | None = None
    """What stands in for a base model that is not made here."""
    data_dir: Path | None = None
    max_steps: int | None = None
    """Optimizer steps after which each training ends; None as the recipes say."""
    resamples: int = 9999
    """Of the bootstrap behind the intervals."""


def make(planned: Sequence[Planned], sources: Sources, say: Callable[[str], None] = print) -> dict[str, list[str]]:
    """Make every model of a plan.

    Returns:
        For each that ships what came out otherwise than it was: files, and keys of records; nothing else but time and
        machine differs. One that was not there before has no entry.

    Raises:
        StoppedError: SIGTERM or Ctrl-C; the same call goes on.
        EmohubError: something cannot be trained, measured or written, or a figure of a card does not hold.
    """
    made = {each.recipe.name for each in planned}
    changed = {}
    for each in planned:
        train_model(each, sources, made, say)
        if not each.ships:
            continue
        measure(each, sources, say)
        found = install(each)
        if found is not None:
            changed[each.recipe.name] = found
        hold_to_card(each, sources)
        say(f"{each.recipe.name}: in models/ and cards/")
    corpora = {each.recipe.corpus.name: each.recipe.corpus for each in planned}
    return changed | renew_cascades({each.recipe.name for each in planned if each.ships}, corpora, sources, say)


def train_model(planned: Planned, sources: Sources, made: set[str], say: Callable[[str], None]) -> RunRecord:
    """The run of a model: trained now, gone on with, or found finished.

    Raises:
        TrainingError: its folder holds a run of other settings or of another base model.
        EmohubError: as :func:`emohub.train.train`.
    """
    recipe = planned.recipe
    # What is made here is found by its name: in models/, where it was just put, or in runs/.
    base_model = None if parents(recipe)[0] in made | layout.shipped_models().keys() else sources.base_model
    if (planned.run / RUN_FILE).is_file():
        record = RunRecord.load(planned.run / RUN_FILE)
        expected = recorded_recipe(recipe, record.recipe["base_model"]).digest
        start = record.previous.base_model if record.previous else record.base_model
        used = [start, *(each.model for each in record.distillation.teachers)] if record.distillation else [start]
        given = [base_model or recipe.base_model, *teachers(recipe)]
        others = [name for name, model in zip(given, used, strict=True) if _is_another(name, model)]
        if (record.recipe_digest, record.max_steps) != (expected, sources.max_steps) or others:
            raise TrainingError(f"{planned.run} holds a run of other settings", "move it away, or delete it")
        return record
    with one_thread():
        return train(
            recipe,
            base_model=base_model,
            data_dir=sources.data_dir,
            output_dir=planned.run,
            max_steps=sources.max_steps,
            on_progress=lambda progress: _tell(recipe.name, progress, say),
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread meanwhile: the order of a sum, and so the last bits of the weights, depends on how many
    there are, and models shall come out the same on machines with more cores or fewer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_another(name: str, used: ModelIdentity) -> bool:
    """Whether a model that lies here has other weights than were used; of one on the Hub the recipe says which."""
    return layout.find_model(name) is not None and find_checkpoint(name).fingerprint != used.fingerprint


def _tell(name: str, progress: Progress, say: Callable[[str], None]) -> None:
    if progress.row is not None:
        say(
            f"{name}, {progress.stage}: step {progress.step:,} of {progress.total_steps:,}, "
            f"validation loss {progress.row.validation_loss:.4f}"
        )


def measure(planned: Planned, sources: Sources, say: Callable[[str], None]) -> None:
    """Evaluate a run's model on test, describe it and ask the suite of robustness, unless these weights were already.

    Raises:
        EmohubError: as :func:`emohub.evaluate.evaluate` and its like.
    """
    run, corpus = planned.run, planned.recipe.corpus
    fingerprint = RunRecord.load(run / RUN_FILE).exported.fingerprint
    if not _is_of(EvalRecord, run / EVAL_FILE, fingerprint):
        say(f"{planned.recipe.name}: evaluating on test")
        evaluate(run, corpus, "test", data_dir=sources.data_dir, output_dir=run, resamples=sources.resamples)
    if not _is_of(DescriptionRecord, run / DESCRIPTION_FILE, fingerprint):
        say(f"{planned.recipe.name}: describing")
        describe(run, corpus=corpus, data_dir=sources.data_dir, output_dir=run)
    if not _is_of(RobustnessRecord, run / ROBUSTNESS_FILE, fingerprint):
        say(f"{planned.recipe.name}: asking the suite of robustness")
        measure_robustness(run, corpus, data_dir=sources.data_dir, output_dir=run, resamples=sources.resamples)


def _is_of(kind: type[EvalRecord | DescriptionRecord | RobustnessRecord], path: Path, fingerprint: str) -> bool:
    try:
        return path.is_file() and kind.load(path).model.fingerprint == fingerprint
    except RecordError:
        return False  # damaged, or of another version: to be made again


def install(planned: Planned) -> list[str] | None:
    """Put a run's model and records into ``models/`` and ``cards/``; what a person wrote into the card stays.

    Returns:
        What differs from what was there; None where nothing was.

    Raises:
        EmohubError: the card cannot be written.
    """
    root, name = layout.project_root(), planned.recipe.name
    models, cards = root / "models" / name, root / "cards" / name
    was_there = (models / layout.CONFIG_FILE).is_file() and (cards / RUN_FILE).is_file()
    with new_folder(cards) as card, new_folder(models) as model:
        shutil.copytree(planned.run / CHECKPOINT_FOLDER, model)
        changed = different_files(models, model)
        if not changed:
            shutil.copytree(models, model, dirs_exist_ok=True)  # with files for other engines, made of the same weights
        if cards.is_dir():
            shutil.copytree(cards, card)
        card.mkdir(exist_ok=True)
        (card / VERIFY_FILE).unlink(missing_ok=True)
        for file in MEASURED:
            shutil.copyfile(planned.run / file, card / file)
        write_card(card)
        if not was_there:
            return None
        before = {file for file in differences(cards, card) if file != VERIFY_FILE}  # that is made anew behind it
        return [*changed, *sorted(before)]


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder of that name to fill, which takes the place of ``path`` at the end; after an error nothing changes."""
    place = path.parent / f".making-{path.name}"
    shutil.rmtree(place, ignore_errors=True)  # of a process that was killed
    place.mkdir(parents=True)
    try:
        yield place / path.name
        if path.exists():
            path.rename(place / ".before")  # no model has such a name
        (place / path.name).rename(path)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def hold_to_card(planned: Planned, sources: Sources) -> None:
    """Measure the model in ``models/`` again and keep in ``verify.json`` that its card's figures hold.

    Raises:
        RecordError: one of them does not.
        EmohubError: as :func:`emohub.verify.verify`.
    """
    name = planned.recipe.name
    found = verify(name, corpus=planned.recipe.corpus, data_dir=sources.data_dir, resamples=sources.resamples)
    found.record().save(layout.project_root() / "cards" / name / VERIFY_FILE)
    if not found.holds:
        raise RecordError(f"figures of cards/{name} do not hold", f"see `emohub verify {name}`")


def renew_cascades(
    made: set[str], corpora: Mapping[str, Corpus], sources: Sources, say: Callable[[str], None]
) -> dict[str, list[str]]:
    """Choose again the threshold of each cascade in ``models/`` that one of the models in ``made`` belongs to.

    Returns:
        What its record says otherwise than before.

    Raises:
        EmohubError: as :func:`emohub.cascade.make_cascade`.
    """
    changed = {}
    for name, folder in layout.shipped_cascades().items():
        before = CascadeRecord.load(folder / CASCADE_FILE)
        small, large = before.small.model.id, before.large.model.id
        if not made & {small, large}:
            continue
        after = make_cascade(
            small,
            large,
            corpora.get(before.corpus) or load_corpus(before.corpus),
            data_dir=sources.data_dir,
            output_dir=folder,
            margin=before.margin,
            resamples=sources.resamples,
        )
        changed[name] = [
            f"{CASCADE_FILE}: {key}" for key in differing(before.model_dump(mode="json"), after.model_dump(mode="json"))
        ]
        say(f"{name}: its threshold is {after.chosen.threshold:.4f}")
    return changed


def outcome(changed: Mapping[str, Sequence[str]], most: int = 8) -> list[str]:
    """What came out otherwise, a line for each model."""
    return [
        f"{name}: as it was, byte for byte but for time and machine"
        if not found
        else f"{name}: differs in {len(found)} places: {', '.join(found[:most])}{', …' if len(found) > most else ''}"
        for name, found in changed.items()
    ]


def main() -> None:
    """Make the models that are named, or all that ship and have a recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="RECIPE", help="all that ship when none is named")
    parser.add_argument("--data-dir", type=Path, help="folder with the corpora as parquet files, instead of the Hub")
    parser.add_argument("--base-model", help="folder of the pretrained model, instead of the Hub")
    parser.add_argument("--dry-run", action="store_true", help="say what would be made, and make nothing")
    given = parser.parse_args()
    try:
        declared = {name: load_recipe(name) for name in list_recipes()}
        names = given.models or [name for name in layout.shipped_models() if name in declared]
        planned = plan([load_recipe(name) for name in names], declared)
        print("\n".join(announcement(planned)), flush=True)
        if not given.dry_run:
            sources = Sources(given.base_model, given.data_dir)
            changed = make(planned, sources, lambda line: print(line, flush=True))
            print("\n".join(outcome(changed)))
    except EmohubError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
