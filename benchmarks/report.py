"""Write the report and the pages beside it from what was measured: ``python -m benchmarks.report``.

With ``--records FOLDER`` the report of other records (those of ``make bench``, say) is written into their folder.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import demo_page, recipes_page, report_inference, report_training
from benchmarks.cold_start_result import ColdStartResult
from benchmarks.inference_result import InferenceResult
from benchmarks.report_parts import Aim, Source, aims_table, bullets, not_measured, sources_table
from benchmarks.report_pictures import (
    INFERENCE_PICTURE,
    TRAINING_PICTURE,
    Panel,
    alternative,
    draw,
    inference_panels,
    training_panels,
)
from benchmarks.same_loss_result import SameLossResult
from benchmarks.training_result import TrainingResult
from emohub.card.markdown import Markdown, escape
from emohub.errors import EmohubError
from emohub.record import Environment

FOLDER = Path(__file__).resolve().parent
PAGE = "README.md"
TRAINING, TRAINING_GPU = "train_throughput.json", "train_throughput_gpu.json"
INFERENCE, COLD_START, LOAD = "inference.json", "cold_start.json", "demo_load.json"
SAME_LOSS = "same_loss*.json"
"""One for each base model."""

INTRODUCTION = """\
# Benchmarks

Written by `python -m benchmarks.report` from the records beside it; a test holds this page to them. Everything was
measured through the code that ships, beside what people would use instead, on a machine that did nothing else; how busy
it was before stands with each record. Figures of speed depend on the machine: `make bench` measures a short form on
yours in under ten minutes, and `make bench-all` the whole.

- [recipes.md](recipes.md): the documented recipes, run here, and held against their documents.
- [demo_load.md](demo_load.md): the page under load.
- [quality.md](quality.md): what the models reach, and what was tried to make them better."""
SHORT_FORM = """\
# Benchmarks, a short form

Written by `python -m benchmarks.report`. Few rounds on whatever else the machine does: for a look, and not to be
quoted."""
NO_LOSS = "None was found in what was measured."


@dataclass(frozen=True)
class Records:
    """What was measured; None where it was not."""

    training: TrainingResult | None
    training_gpu: TrainingResult | None
    same_loss: dict[str, SameLossResult]
    """By the name of the file."""
    inference: InferenceResult | None
    cold_start: ColdStartResult | None
    load: dict[str, Any] | None
    recipes: tuple[recipes_page.Kept, ...]

    @property
    def short(self) -> bool:
        """Whether they are those of a short form."""
        return any(each is not None and each.short for each in (self.training, self.inference))

    @property
    def sources(self) -> list[Source]:
        """What each was measured on."""
        named = {
            TRAINING: self.training,
            TRAINING_GPU: self.training_gpu,
            INFERENCE: self.inference,
            COLD_START: self.cold_start,
        }
        found = [
            Source(file, record.environment, record.created, record.load_before)
            for file, record in named.items()
            if record is not None
        ]
        found += [Source(file, each.environment, each.created, None) for file, each in self.same_loss.items()]
        if self.load is not None:
            environment = Environment.from_values(self.load["environment"], LOAD)
            found.append(Source(LOAD, environment, self.load.get("created"), self.load["load_before"]))
        for kept in self.recipes:
            last = kept.stages[-1]
            found.append(Source(f"recipes/{kept.name}/run.json", last.environment, last.created, None))
        return found


def read(folder: Path = FOLDER) -> Records:
    """All records of a folder.

    Raises:
        RecordError: one is damaged, or of another version.
    """

    def load(kind: Any, name: str) -> Any:
        return kind.load(folder / name) if (folder / name).is_file() else None

    page = folder / LOAD
    return Records(
        training=load(TrainingResult, TRAINING),
        training_gpu=load(TrainingResult, TRAINING_GPU),
        same_loss={path.name: SameLossResult.load(path) for path in sorted(folder.glob(SAME_LOSS))},
        inference=load(InferenceResult, INFERENCE),
        cold_start=load(ColdStartResult, COLD_START),
        load=json.loads(page.read_text(encoding="utf-8")) if page.is_file() else None,
        recipes=tuple(recipes_page.read(folder / "recipes")),
    )


def render(records: Records) -> str:
    """The whole report."""
    parts: list[str] = [
        SHORT_FORM if records.short else INTRODUCTION,
        *("## What was aimed at", aims_table(aims(records))),
        *("## Where it loses", bullets(losses(records)) or NO_LOSS),
        *("## What it was measured on", sources_table(records.sources)),
        *("## Training", *training(records.training)),
        *("## Training on a GPU", *training_gpu(records.training_gpu)),
        *("## The same loss", *same_loss(records.same_loss)),
        *("## Inference", *inference(records.inference)),
        *("## Starting", *starting(records.cold_start)),
        *("## The page under load", load(records.load)),
    ]
    if records.recipes:
        parts += ["## The documented recipes", recipes(records.recipes)]
    return "\n\n".join(parts) + "\n"


def aims(records: Records) -> list[Aim]:
    """Everything that was aimed at."""
    found: list[Aim] = []
    if records.training is not None:
        found += report_training.aims(records.training)
    for file, result in records.same_loss.items():
        found += report_training.same_loss_aims(result, Path(file).stem)
    if records.inference is not None:
        found += report_inference.aims(records.inference)
    if records.load is not None:
        found += [
            Aim(f"aim-page-{number}", "Page under load", escape(aim.what), escape(aim.found), aim.met)
            for number, aim in enumerate(demo_page.aims(records.load), start=1)
        ]
    return found


def losses(records: Records) -> list[Markdown]:
    """Everything in which something else is better."""
    found = [Markdown(f"Missed: {aim.area}, {aim.what}; found {aim.found}.") for aim in aims(records) if not aim.met]
    for each in (records.training, records.training_gpu):
        found += report_training.losses(each) if each is not None else []
    found += report_inference.losses(records.inference) if records.inference is not None else []
    if records.load is not None:
        found += [Markdown(f"The page: {sentence}.") for sentence in demo_page.losses(records.load)]
    return found


def training(result: TrainingResult | None) -> list[str]:
    """Training on a processor."""
    if result is None:
        return [not_measured("Training speed has", "python -m benchmarks.train_throughput")]
    panels = training_panels(result)
    shown = [picture(panels, TRAINING_PICTURE)] if panels else []
    return [*shown, *report_training.speed(result)]


def training_gpu(result: TrainingResult | None) -> list[str]:
    """Training on a GPU."""
    if result is None:
        return [
            "No GPU was at hand: training on one was not measured. Where there is one, `python -m "
            f"benchmarks.train_throughput --output benchmarks/{TRAINING_GPU}` measures it."
        ]
    return report_training.speed(result)


def same_loss(results: dict[str, SameLossResult]) -> list[str]:
    """Whether training without padding and in bf16 ends where padding in fp32 does."""
    if not results:
        return [not_measured("This has", "python -m benchmarks.same_loss")]
    shown = [report_training.same_loss(result, Path(file).stem) for file, result in results.items()]
    return [report_training.SAME_LOSS_RULE, *(part for parts in shown for part in parts)]


def inference(result: InferenceResult | None) -> list[str]:
    """Engines and peers."""
    if result is None:
        return [not_measured("The engines have", "python -m benchmarks.inference")]
    return [picture(inference_panels(result), INFERENCE_PICTURE), *report_inference.engines(result)]


def starting(result: ColdStartResult | None) -> list[str]:
    """What it takes to start."""
    if result is None:
        return [not_measured("This has", "python -m benchmarks.cold_start")]
    return report_inference.starts(result)


def load(result: dict[str, Any] | None) -> str:
    """The page under load, in short."""
    if result is None:
        return not_measured("The page has", "python -m benchmarks.demo_load")
    return demo_page.burst_table(demo_page.bursts_of(result)) + "\n\n" + demo_page.READING


def recipes(kept: tuple[recipes_page.Kept, ...]) -> str:
    """The documented recipes, in short."""
    whole = sum(each.whole for each in kept)
    return (
        f"{len(kept)} runs of documented recipes are kept, {whole} of them whole; the documented base models could not "
        "be had, so none reproduces a document. [recipes.md](recipes.md) has their losses, speed and verdicts."
    )


def picture(panels: list[Panel], name: str) -> str:
    """A picture with its words."""
    return f"![{escape(alternative(panels))}]({name})"


def write(folder: Path) -> None:
    """Write the report and its pictures into a folder of records, and for our own also the pages beside it.

    Raises:
        RecordError: a record is damaged, or a picture cannot be written.
    """
    records = read(folder)
    if records.training is not None and (panels := training_panels(records.training)):
        draw(panels, folder / TRAINING_PICTURE)
    if records.inference is not None:
        draw(inference_panels(records.inference), folder / INFERENCE_PICTURE)
    (folder / PAGE).write_text(render(records), encoding="utf-8")
    if folder == FOLDER:
        recipes_page.main()
        demo_page.main()


def main() -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=FOLDER, help="folder of the records")
    given = parser.parse_args()
    try:
        write(given.records.resolve())
    except EmohubError as error:
        sys.exit(str(error))
    print(f"{given.records / PAGE} is written")


if __name__ == "__main__":
    main()
