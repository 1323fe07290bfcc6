"""Training speed: emohub's trainer beside what people would use instead, on the same texts in the same order.

    python -m benchmarks.train_throughput --data-dir DATA
    python -m benchmarks.train_throughput --data-dir DATA --sizes minilm --contenders trainer ours --output FILE

The contenders are the Trainer of transformers with dynamic padding and padded to 128, a plain Accelerate loop, and
``emohub.train``; each in fp32 and in bf16, in a process of its own that is kept alive and asked for some steps in turn.
What was measured goes to ``benchmarks/train_throughput.json``, and ``python -m benchmarks.report`` writes the page.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from benchmarks.asked import ROOT, Asked, ProcessFailedError
from benchmarks.fresh_base import build
from benchmarks.train_contenders import Job, linear_shapes
from benchmarks.training_result import (
    CONTENDERS,
    PRECISIONS,
    RESULT,
    Contender,
    Measured,
    Precision,
    Size,
    TrainingResult,
    ratios,
)
from emohub.data import load_split
from emohub.errors import EmohubError
from emohub.recipe import load_recipe
from emohub.record import current_environment, utc_now
from emohub.train.batches import epoch_order

RECIPE = "distilbert-emotion"
"""Batches of 64, and the base model's own dropout, as the Trainer has it."""
BASES = {
    "bert-tiny": "prajjwal1/bert-tiny",
    "minilm": "sentence-transformers/all-MiniLM-L6-v2",
    "distilbert": "distilbert/distilbert-base-uncased",
    "bert-base": "google-bert/bert-base-cased",
}
SIZES = ("bert-tiny", "minilm", "distilbert")
"""What is measured unless other sizes are asked for."""
STEPS = {"bert-tiny": 6, "minilm": 1, "distilbert": 1, "bert-base": 1}
"""Optimizer steps of a round on a processor: some seconds of the slowest contender."""
GPU_STEPS = 30
"""Optimizer steps of a round on a GPU, at any size."""
SHORT_SIZES = ("bert-tiny", "minilm")
SHORT_STEPS = {"bert-tiny": 4, "minilm": 1}
ROUNDS, SHORT_ROUNDS = 5, 3
BATCH_SIZE = 64
MAX_LENGTH = 128
"""Tokens; texts are cut to it, and one contender pads to it."""


class Texts:
    """The texts of the recipe's train split, in the order in which every contender trains on them."""

    def __init__(self, data_dir: Path | None) -> None:
        recipe = load_recipe(RECIPE)
        split = load_split(recipe.corpus, "train", data_dir=data_dir)
        order = epoch_order(split.rows, recipe.training.seed, 0)
        self.data_dir, self.all = data_dir, split.texts
        self.labels = len(recipe.corpus.labels)
        self.ordered = [split.texts[row] for row in order]
        self.ordered_labels = [int(split.labels[row]) for row in order]

    def write(self, rows: int, file: Path) -> Path:
        """The first ``rows`` of them for the peers."""
        content = {"text": self.ordered[:rows], "labels": self.ordered_labels[:rows]}
        file.write_text(json.dumps(content), encoding="utf-8")
        return file

    def step_lengths(self, base: Path, steps: int) -> list[list[int]]:
        """Tokens of each text of each step."""
        if (steps + 1) * BATCH_SIZE > len(self.ordered):
            sys.exit(f"{steps} steps need {(steps + 1) * BATCH_SIZE:,} texts, and there are {len(self.ordered):,}")
        encoded = AutoTokenizer.from_pretrained(base)(
            self.ordered[: steps * BATCH_SIZE], truncation=True, max_length=MAX_LENGTH
        )
        lengths = [len(ids) for ids in encoded["input_ids"]]
        return [lengths[step * BATCH_SIZE : (step + 1) * BATCH_SIZE] for step in range(steps)]


def measure_size(
    name: str,
    texts: Texts,
    contenders: Sequence[Contender],
    precisions: Sequence[Precision],
    rounds: int,
    steps: int,
    folder: Path,
) -> tuple[Size, list[Measured]]:
    """Every contender at one size, one precision after the other, round by round; every other round the other way."""
    base = build(BASES[name], texts.all, folder / name)
    lengths = texts.step_lengths(base, (1 + rounds) * steps)  # as many to warm up as in a round
    size = describe(name, base, texts.labels, lengths, steps)
    rows = texts.write((len(lengths) + 1) * BATCH_SIZE, folder / name / "rows.json")
    seconds: dict[tuple[Contender, Precision], list[float]] = {}
    last: dict[tuple[Contender, Precision], dict[str, float | None]] = {}
    for precision in precisions:  # one after the other: at the largest size memory holds the contenders of one alone
        with ExitStack() as stack:
            asked: dict[tuple[Contender, Precision], Asked] = {}
            for contender in contenders:
                output = folder / name / f"{contender}-{precision}"
                job = Job(
                    contender=contender,
                    precision=precision,
                    base=str(base),
                    rows=str(rows),
                    tokens=tuple(map(sum, lengths)),
                    warm_up=steps,
                    batch_size=BATCH_SIZE,
                    max_length=MAX_LENGTH,
                    recipe=RECIPE,
                    data_dir=None if texts.data_dir is None else str(texts.data_dir.resolve()),
                    output=str(output),
                )
                process = Asked("benchmarks.train_contenders", [json.dumps(asdict(job))], output.with_suffix(".log"))
                asked[contender, precision] = stack.enter_context(process)
            for each in asked.values():
                each.hear()
            for number in range(rounds):
                for who in list(asked)[:: 1 if number % 2 == 0 else -1]:
                    last[who] = asked[who].ask(steps)
                    seconds.setdefault(who, []).append(round(float(last[who]["seconds"] or 0), 5))
    return size, [
        Measured.from_values(
            {
                **last[contender, precision],
                "size": name,
                "contender": contender,
                "precision": precision,
                "seconds": times,
            },
            name,
        )
        for (contender, precision), times in seconds.items()
    ]


def describe(name: str, base: Path, labels: int, lengths: list[list[int]], steps: int) -> Size:
    """The model, and the texts of the rounds after the warm-up."""
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels)
    rounds = [lengths[start : start + steps] for start in range(steps, len(lengths), steps)]
    return Size(
        name=name,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        linear_weights=sum(outputs * inputs for outputs, inputs in linear_shapes(model)),
        steps=steps,
        tokens=tuple(sum(map(sum, batches)) for batches in rounds),
        dynamic_positions=tuple(sum(len(batch) * max(batch) for batch in batches) for batches in rounds),
    )


def show(result: TrainingResult, size: str) -> None:
    """Print what was measured at one size."""
    print(f"{size}: {'':22} texts/s  tokens/s  of the products    MB  times the Trainer (lowest to highest)")
    for each in (each for each in result.measured if each.size == size):
        base = result.find(size, "trainer", each.precision)
        share = result.product_share(each)
        against = ratios(each, base) if base is not None else []
        print(
            f"  {each.contender:12} {each.precision:5} {result.samples_per_second(each):14,.1f} "
            f"{result.tokens_per_second(each):9,.0f} "
            + (f"{share:16.1%} " if share is not None else f"{'–':>16} ")
            + f"{each.peak_megabytes:5,.0f} "
            + (f"  {median(against):.2f} ({min(against):.2f} to {max(against):.2f})" if against else ""),
            flush=True,
        )


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="folder with the corpora as parquet files, instead of the Hub")
    parser.add_argument("--sizes", nargs="+", choices=BASES, help=f"models; {', '.join(SIZES)} when not given")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--rounds", type=int, help=f"how often each is asked; {ROUNDS} when not given")
    parser.add_argument("--steps", type=int, help="optimizer steps of a round, instead of the size's own")
    parser.add_argument("--short", action="store_true", help="two sizes, few rounds: under four minutes on two cores")
    parser.add_argument("--output", type=Path, default=RESULT, help="where it is kept")
    given = parser.parse_args()
    if given.short and given.output == RESULT:
        parser.error("--short needs an --output of its own: what it measures is no record")
    load = os.getloadavg()[0]
    gpu = torch.cuda.is_available()
    environment = current_environment(torch.cuda.get_device_name() if gpu else "cpu")
    names = given.sizes or (SHORT_SIZES if given.short else SIZES)
    rounds = given.rounds or (SHORT_ROUNDS if given.short else ROUNDS)
    result = TrainingResult(
        created=utc_now(),
        environment=environment,
        load_before=round(load, 2),
        short=given.short,
        batch_size=BATCH_SIZE,
        max_length=MAX_LENGTH,
        rounds=rounds,
        sizes=(),
        measured=(),
    )
    transformers_logging.set_verbosity_error()  # a fresh head is what is wanted
    transformers_logging.disable_progress_bar()
    given.output.parent.mkdir(parents=True, exist_ok=True)
    try:
        texts = Texts(given.data_dir)
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                steps = given.steps or (GPU_STEPS if gpu else (SHORT_STEPS if given.short else STEPS).get(name, 1))
                size, measured = measure_size(
                    name, texts, given.contenders, given.precisions, rounds, steps, Path(folder)
                )
                result = result.model_copy(
                    update={"sizes": (*result.sizes, size), "measured": (*result.measured, *measured)}
                )
                show(result, name)
                result.save(given.output)  # what is measured is kept, whatever comes of the next size
    except (EmohubError, ProcessFailedError) as error:
        sys.exit(str(error))
    shown = given.output.relative_to(ROOT) if given.output.is_relative_to(ROOT) else given.output
    print(f"{shown} is written; `python -m benchmarks.report` makes the page")


if __name__ == "__main__":
    main()
