"""The report's part on inference: engines beside ``pipeline``, and what it takes to start."""

from benchmarks.cold_start_result import ColdStartResult
from benchmarks.inference_result import (
    BASELINE,
    Contender,
    InferenceResult,
    Spread,
    latency_ms,
    latency_ratio,
    throughput,
    throughput_ratio,
)
from benchmarks.inference_result import aims as reached
from benchmarks.report_parts import Aim, anchored, bullets, number, slug, spread
from emohub.card.markdown import Markdown, code, escape, table, words

KINDS = {"engine": "emohub", "peer": "peer", "not kept": "tried, not kept"}
HOW = """\
The model is {model}. Each contender is a process of its own that is kept alive and asked in turn, {rounds} rounds, for
the same texts in the same order: single texts one after the other, and the {texts:,} texts of emotion's test split at
once ({tokens:.1f} tokens on average; their labels are not read). Once, each gets {many:,} texts ({unique:,} different
ones), or, where it says so, the first of them. A figure is the median over the rounds and a ratio that of the ratios of
each round, with the lowest and the highest in brackets; p50 and p99 are over all single texts. Accuracy, agreement and
the largest difference of a probability are those of the {validation:,} labelled texts of validation, held against
{baseline} as it comes. A cold start runs from the start of a new process until it has printed one answer and ended. An
engine whose labels agree in less than 98% is wrong, and its speed counts for nothing. `auto` chose {default} here."""


def engines(result: InferenceResult) -> list[str]:
    """How it was measured, who was asked, and two tables."""
    how = HOW.format(
        model=escape(result.model.id),
        rounds=max(len(each.rounds) for each in result.contenders),
        texts=result.test_texts,
        tokens=result.test_tokens,
        many=result.many_texts,
        unique=result.many_unique,
        validation=result.validation_texts,
        baseline=code(BASELINE),
        default=code(result.default),
    )
    who = [Markdown(f"{name(each)} ({KINDS[each.kind]}): {escape(each.how)}") for each in result.contenders]
    who += [Markdown(f"{code(each.name)} was not measured: {escape(each.reason)}") for each in result.missing]
    parts = [how, bullets(who), "### Speed", speed_table(result), "### What it costs", cost_table(result)]
    wrong = [each for each in result.contenders if each.wrong]
    return [*parts, f"Wrong, so that their speed counts for nothing: {words(map(name, wrong))}."] if wrong else parts


def name(contender: Contender) -> Markdown:
    """A contender's name."""
    return code(contender.name)


def speed_table(result: InferenceResult) -> Markdown:
    """Throughput and latency."""
    header = (
        *("", "", f"Texts/s of {result.test_texts:,}", f"Times `{BASELINE}`", "One text, p50 (ms)", "p99 (ms)"),
        *(f"p50 of `{BASELINE}`'s", f"Texts/s of {result.many_texts:,}"),
    )
    rows = []
    for each in result.contenders:
        is_baseline = each.name == BASELINE
        share = "" if each.many.texts == result.many_texts else f" (the first {each.many.texts:,})"
        cells = (
            each.name,
            KINDS[each.kind],
            spread(throughput(each), 0),
            None if is_baseline else spread(throughput_ratio(result, each)),
            number(each.percentile_ms(0.5), 2),
            number(each.percentile_ms(0.99), 2),
            None if is_baseline else spread(latency_ratio(result, each)),
            Markdown(f"{each.many.rate:,.0f}{share}"),
        )
        rows.append(anchored(slug("inference", each.name), cells))
    return table([Markdown(cell) for cell in header], rows)


def cost_table(result: InferenceResult) -> Markdown:
    """What each contender answers, and what it takes beside time."""
    header = (
        *("", "Accuracy", "Agreement", "Largest difference", "Weights (MB)", "Cold start (s)"),
        *("Memory after one text (MB)", "after the rounds", "after the long input"),
    )
    rows = []
    for each in result.contenders:
        cells = (
            each.name,
            Markdown(f"{each.validation.accuracy:.4f}"),
            Markdown(f"{each.validation.agreement:.2%}"),
            Markdown(f"{each.validation.difference:.1e}"),
            number(each.file_bytes / 1e6, 1),
            spread(Spread.of(each.cold_start)) if each.cold_start else None,
            number(each.memory.first_answer),
            number(each.memory.rounds),
            number(each.memory.many),
        )
        rows.append(anchored(slug("inference-cost", each.name), cells))
    return table(header, rows)


def aims(result: InferenceResult) -> list[Aim]:
    """What was aimed at."""
    return [
        Aim(
            slug("aim-inference", aim.engine, str(number_of)),
            "Inference",
            Markdown(f"{code(aim.engine)}: {aim.what}, {escape(aim.wanted)}"),
            spread(aim.found, 3) if aim.found.low < aim.found.high else Markdown(f"{aim.found.median:.3f}"),
            aim.met,
        )
        for number_of, aim in enumerate(reached(result), start=1)
    ]


def losses(result: InferenceResult) -> list[Markdown]:
    """Where what is no engine of emohub is better than the default engine, or than the fastest."""
    own = {each.name: each for each in (result.contender(result.default), result.fastest) if each is not None}
    others = [each for each in result.contenders if each.kind != "engine" and not each.wrong]
    return [said for mine in own.values() for other in others for said in lost(mine, other)]


def lost(mine: Contender, other: Contender) -> list[Markdown]:
    """In what ``other`` is better."""
    said = []
    more = throughput(other).median / throughput(mine).median
    if more > 1:
        said.append(f"answers {more:.2f} times as many texts a second")
    if (quick := latency_ms(other).median) < (slow := latency_ms(mine).median):
        said.append(f"answers one text in {quick:.2f} ms instead of {slow:.2f}")
    if other.many.rate > mine.many.rate:
        said.append(f"answers {other.many.rate:,.0f} texts/s of a long input instead of {mine.many.rate:,.0f}")
    if other.validation.accuracy > mine.validation.accuracy:
        said.append(f"has an accuracy of {other.validation.accuracy:.4f} instead of {mine.validation.accuracy:.4f}")
    if other.cold_start and mine.cold_start:
        other_start, own_start = (Spread.of(each.cold_start).median for each in (other, mine))
        if other_start < own_start:
            said.append(f"starts in {other_start:.2f} s instead of {own_start:.2f}")
    if other.memory.rounds < mine.memory.rounds:  # not `many`: a slow contender has only a share of the long input
        held, own = other.memory.rounds, mine.memory.rounds
        said.append(f"holds {held:,.0f} MB at the most over the rounds instead of {own:,.0f}")
    if other.file_bytes < mine.file_bytes:
        said.append(f"reads {other.file_bytes / 1e6:,.1f} MB of weights instead of {mine.file_bytes / 1e6:,.1f}")
    return [Markdown(f"{name(other)} {what}, beside {name(mine)}.") for what in said]


# Starting

COLD_START = """\
Wall time of a new process, with everything read before; then the imports of one start more under `-X importtime`, which
takes a share of its own. What a package costs is the time of its own modules."""


def starts(result: ColdStartResult) -> list[str]:
    """What each command costs to start, and the packages that take longest."""
    rows = [
        anchored(
            slug("start", each.command),
            (
                code(each.command),
                escape(each.until),
                spread(Spread.of(each.seconds)),
                number(each.import_ms),
                number(each.modules),
                Markdown(", ".join(f"{code(library.name)} {library.ms:,.0f}" for library in each.slowest)),
            ),
        )
        for each in result.starts
    ]
    header = ("Command", "Until", "Seconds", "Imports (ms)", "Modules", "Slowest packages (ms)")
    lines = table(header, rows).split("\n")
    lines[1] = "| --- | --- | ---: | ---: | ---: | --- |"
    return [COLD_START, "\n".join(lines)]
