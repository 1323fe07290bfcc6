"""The report's part on training: speed, and the same loss."""

from benchmarks.inference_result import Spread
from benchmarks.report_parts import Aim, anchored, bullets, number, slug, spread
from benchmarks.same_loss_result import REFERENCE, SameLossResult, Way, judge
from benchmarks.training_result import (
    PRECISIONS,
    Contender,
    Measured,
    Precision,
    Size,
    TrainingResult,
    operations,
    ratios,
)
from emohub.card.markdown import Markdown, escape, signed, table

NAMES: dict[Contender, str] = {
    "trainer": "Trainer, dynamic padding",
    "trainer_128": "Trainer, padded to 128",
    "accelerate": "Accelerate loop",
    "ours": "emohub",
    "products": "matrix products alone",
}
PEERS: tuple[Contender, ...] = ("trainer", "trainer_128", "accelerate")
AIMS: tuple[tuple[str, Precision, Contender, Precision, float], ...] = (
    *(("bert-tiny", "fp32", "trainer", "fp32", 1.9), ("minilm", "fp32", "trainer", "fp32", 2.4)),
    *(("distilbert", "fp32", "trainer", "fp32", 2.9), ("bert-tiny", "bf16", "trainer", "bf16", 1.5)),
    *(("minilm", "bf16", "trainer", "bf16", 2.3), ("distilbert", "bf16", "trainer", "bf16", 2.4)),
    *(("bert-tiny", "bf16", "trainer", "fp32", 2.2), ("minilm", "bf16", "trainer", "fp32", 5.0)),
    *(("distilbert", "bf16", "trainer", "fp32", 7.8), ("minilm", "fp32", "trainer_128", "fp32", 7.4)),
    ("minilm", "bf16", "trainer_128", "fp32", 15.0),
)
"""Size, emohub's precision, whom it is held against, in which precision, and how many times as fast it shall be: what a
prototype reached on two cores of a processor."""
HOW = """\
Every contender trains the same model from the same fresh weights on the same texts of emotion's train split, in the
same order, in batches of {batch}, with the model's own dropout. Each is a process of its own that is kept alive and
asked for some steps in turn, in every other round in the opposite order; the first steps are not counted, and neither
are loading, saving and evaluating. Memory holds one precision at a time, so a ratio across precisions is one of rounds
that were minutes apart. The Trainer and the Accelerate loop have their defaults, and the batches of the loop
are padded dynamically; emohub is `emohub.train` with its clipping and its watch. A figure is the median over {rounds}
rounds, and a ratio that of the ratios of each round, with the lowest and the highest in brackets. Tokens are those of
the texts, without padding. The share of the matrix products is how much of the time a contender would need if it did
nothing but the products of the encoder's linear layers on those tokens, forward and backward, each by `torch.mm` in
that precision, which is measured in the same rounds; padding, attention, the optimizer and all the rest lower it."""


def speed(result: TrainingResult) -> list[str]:
    """How it was measured, and a table for each size."""
    parts = [HOW.format(batch=result.batch_size, rounds=result.rounds)]
    for size in result.sizes:
        parts += [f"### {escape(size.name)}", facts(result, size), size_table(result, size)]
    return parts


def facts(result: TrainingResult, size: Size) -> str:
    """How large the model is, and how much padding its batches have."""
    tokens = sum(size.tokens)
    texts = result.rounds * size.steps * result.batch_size
    rates = [
        f"{rate / 1e9:,.0f} GFLOP/s in {precision}"
        for precision in PRECISIONS
        if (rate := result.product_rate(size.name, precision)) is not None
    ]
    return (
        f"{size.parameters:,} parameters; steps a round: {size.steps}; {texts:,} texts of {tokens / texts:.1f} tokens "
        f"on average. Padded to the longest of its batch, {sum(size.dynamic_positions) / tokens:.2f} positions are "
        f"computed for each token; padded to {result.max_length}, {result.max_length * texts / tokens:.2f}. The "
        f"products take {operations(size) / 1e6:,.1f} MFLOP a token"
        + (f", and ran at {' and '.join(rates)}." if rates else ".")
    )


def size_table(result: TrainingResult, size: Size) -> Markdown:
    """Every contender at one size."""
    device = any(each.device_megabytes is not None for each in result.measured)
    header = (
        *("", "", "Texts/s", "Tokens/s", "Of the products", "Times the Trainer", "Times the Trainer's fp32"),
        "Peak memory (MB)",
        *(("On the GPU (MB)",) if device else ()),
    )
    rows = []
    for each in (each for each in result.measured if each.size == size.name):
        share = result.product_share(each)
        cells = (
            NAMES[each.contender],
            each.precision,
            number(result.samples_per_second(each), 1),
            number(result.tokens_per_second(each)),
            None if share is None else Markdown(f"{share:.1%}"),
            against(result, each, "trainer", each.precision),
            against(result, each, "trainer", "fp32"),
            number(each.peak_megabytes),
            *((number(each.device_megabytes),) if device else ()),
        )
        rows.append(anchored(row_name(result, each.size, each.contender, each.precision), cells))
    return table(header, rows)


def row_name(result: TrainingResult, size: str, contender: Contender, precision: Precision) -> str:
    """The anchor of a contender's row."""
    area = "train" if result.environment.device == "cpu" else "train-gpu"
    return slug(area, size, contender, precision)


def against(result: TrainingResult, own: Measured, contender: Contender, precision: Precision) -> Markdown | None:
    """How many times as fast as a peer; None for the peer itself, and for products, which train nothing."""
    other = result.find(own.size, contender, precision)
    if other is None or other is own or own.contender == "products":
        return None
    return spread(Spread.of(ratios(own, other)))


def aims(result: TrainingResult) -> list[Aim]:
    """What was aimed at, of what was measured on a processor."""
    found = []
    for size, precision, peer, peer_precision, wanted in AIMS:
        own, other = result.find(size, "ours", precision), result.find(size, peer, peer_precision)
        if own is None or other is None:
            continue
        times = Spread.of(ratios(own, other))
        held = f"{NAMES[peer]}, in {peer_precision}"
        what = Markdown(f"{escape(size)} in {precision}: at least {wanted:g} times as fast as {held}")
        anchor = slug("aim", size, precision, peer, peer_precision)
        found.append(Aim(anchor, "Training", what, spread(times), times.median >= wanted))
    return found


def losses(result: TrainingResult) -> list[Markdown]:
    """Where a peer trains faster than emohub, or in less memory."""
    said = []
    place = "" if result.environment.device == "cpu" else f" on {escape(result.environment.device)}"
    for own in (each for each in result.measured if each.contender == "ours"):
        for peer in PEERS:
            other = result.find(own.size, peer, own.precision)
            if other is None:
                continue
            where = f"Training {escape(own.size)} in {own.precision}{place}: {NAMES[peer]}"
            times = Spread.of(ratios(other, own))
            if times.median > 1:
                said.append(Markdown(f"{where} is {spread(times)} times as fast as emohub."))
            for memory in ("peak_megabytes", "device_megabytes"):
                mine, theirs = getattr(own, memory), getattr(other, memory)
                if mine is not None and mine > theirs:
                    on = "" if memory == "peak_megabytes" else " on the GPU"
                    said.append(Markdown(f"{where} takes {theirs:,.0f} MB{on}, and emohub {mine:,.0f}."))
    return said


# The same loss

SAME_LOSS_RULE = """\
A recipe was trained in each of three ways, each from the same seeds. **The rule:** a way ends where padding ends when
the mean over its seeds differs from that of the padded runs by no more than those runs differ among themselves (highest
less lowest). Beside the difference stands its standard error (Welch), which with few seeds is rough itself. A
base model whose name ends in `-fresh` has the architecture of that name at full size and fresh weights
(`fresh_base.py`)."""
SAME_LOSS = """\
{recipe} from {base}: {steps:,} steps ({epochs:g} epochs of {rows:,} texts), at the end of which the schedule ends, from
the seeds {seeds}; the figures are those of {validation:,} validation texts after the last step."""


def same_loss(result: SameLossResult, name: str) -> list[str]:
    """What the runs ended with, and the verdicts; ``name`` begins the names of its rows."""
    introduction = SAME_LOSS.format(
        recipe=escape(result.recipe),
        base=escape(result.base_model.id),
        steps=result.steps,
        epochs=result.epochs,
        rows=result.rows,
        validation=result.validation_rows,
        seeds=", ".join(map(str, result.seeds)),
    )
    header = (
        *("", "Figure", *(f"Seed {seed}" for seed in result.seeds), "Mean", "Difference", "Standard error"),
        *("Spread of the padded runs", "Within it"),
    )
    rows = [row for way in ways(result) for row in way_rows(result, way, name)]
    speeds = [
        Markdown(
            f"{way}: {', '.join(f'{run.samples_per_second:,.1f}' for run in result.of(way))} texts/s, "
            f"{', '.join(f'{run.minutes:,.1f}' for run in result.of(way))} minutes."
        )
        for way in ways(result)
    ]
    return [introduction, table(header, rows), "What each run took, on whatever else the machine did:", bullets(speeds)]


def ways(result: SameLossResult) -> list[Way]:
    """The ways that were trained, in their order."""
    return list(dict.fromkeys(run.way for run in result.runs))


def figures(result: SameLossResult, way: Way) -> dict[str, list[float]]:
    """The two figures of each seed."""
    runs = result.of(way)
    return {
        "validation loss": [run.validation_loss for run in runs],
        result.metric: [run.metric for run in runs],
    }


def way_rows(result: SameLossResult, way: Way, begin: str) -> list[tuple[object, ...]]:
    """A row for each figure of a way."""
    rows = []
    for name, values in figures(result, way).items():
        verdict = judge(values, figures(result, REFERENCE)[name])
        compared: tuple[object, ...] = (None, None, number(verdict.spread, 4), None)
        if way != REFERENCE:
            within = Markdown("yes" if verdict.same else "**no**")
            compared = (signed(verdict.difference), number(verdict.error, 4), number(verdict.spread, 4), within)
        cells = (way, name, *(number(value, 4) for value in values), number(sum(values) / len(values), 4), *compared)
        rows.append(anchored(slug(begin, way, name), cells))
    return rows


def same_loss_aims(result: SameLossResult, begin: str) -> list[Aim]:
    """That neither packing nor bf16 costs anything that the seeds do not cost."""
    found = []
    for way in (way for way in ways(result) if way != REFERENCE):
        for name, values in figures(result, way).items():
            verdict = judge(values, figures(result, REFERENCE)[name])
            base = escape(result.base_model.id.rpartition("/")[2])
            what = Markdown(f"{base}, {way}: {escape(name)} within the spread of the padded runs, {verdict.spread:.4f}")
            anchor = slug("aim", begin, way, name)
            found.append(Aim(anchor, "Same loss", what, signed(verdict.difference), verdict.same))
    return found
