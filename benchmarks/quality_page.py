"""Write ``benchmarks/quality.md`` from the trials and the records in ``cards/``: ``python -m benchmarks.quality_page``.

Aims are held against the test split, which each released model was measured on once; techniques are judged on
validation alone.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from benchmarks.asked import ROOT
from benchmarks.report_parts import anchored, left_table, number, slug
from benchmarks.trial_verdicts import RULE, Comparison, compare
from benchmarks.trials import Trial, read
from emohub.card import MeasuredResult, results_rows
from emohub.card.markdown import Markdown, code, escape, show, signed, table
from emohub.errors import EmohubError
from emohub.recipe import load_recipe

PAGE = ROOT / "benchmarks" / "quality.md"
DOCUMENTED_TINY = "bert-tiny-emotion"
"""The documented model that the small one for emotion shall be better than."""

INTRODUCTION = """\
# The quality of the models

Written by `python -m benchmarks.quality_page` from `quality/trials.jsonl` and from the records in `cards/`; a test
holds this page to them. Every choice was made on the validation split, or by cross-validation on the training split.
The test split was read once for each model that is released, and only the aims below speak of it."""
NO_TRIALS = (
    "There is none yet. `python -m benchmarks.trials RUN --technique NAME` adds what a finished run measured on "
    "validation."
)


@dataclass(frozen=True)
class Aim:
    """What a released model shall reach on the test split, or in size."""

    model: str
    figure: str
    """A metric of its evaluation, or ``megabytes``."""
    wanted: float
    why: str

    @property
    def is_limit(self) -> bool:
        """Whether less is better."""
        return self.figure == MEGABYTES


MEGABYTES = "megabytes"


def aims() -> tuple[Aim, ...]:
    """Everything that was aimed at; what others report is read from where it is declared."""
    documented = load_recipe(DOCUMENTED_TINY).documented
    assert documented is not None
    assert documented.headline.accuracy is not None
    best = max(row.accuracy for row in documented.results if row.accuracy is not None)
    return (
        Aim("minilm-emotion", "accuracy", 0.938, "above what plain fine-tuning gave"),
        Aim("minilm-tweet-emotion", "macro_f1", 0.793, "BERTweet-base on the TweetEval leaderboard"),
        Aim("minilm-sst2", "accuracy", 0.905, "above what plain fine-tuning gave"),
        Aim("tiny-emotion", "accuracy", documented.headline.accuracy, "the documented bert-tiny's headline"),
        Aim("tiny-emotion", "accuracy", best, "the best row of its table"),
        Aim("tiny-emotion", "accuracy", 0.925, "a stretch"),
        Aim("tiny-emotion", MEGABYTES, 9.0, "all files of the model together"),
    )


def render(trials: Sequence[Trial], measured: Mapping[str, MeasuredResult], sizes: Mapping[str, int]) -> str:
    """The whole page.

    ``sizes`` are bytes on disk, by the name of a model.

    Raises:
        RecordError: trials contradict each other.
    """
    parts: list[str] = [
        INTRODUCTION,
        *("## What was aimed at", aims_table(measured, sizes)),
        *("## What was tried", RULE if trials else NO_TRIALS),
    ]
    for recipe in dict.fromkeys(trial.recipe for trial in trials):
        parts += recipe_parts(recipe, [trial for trial in trials if trial.recipe == recipe])
    return "\n\n".join(parts) + "\n"


def aims_table(measured: Mapping[str, MeasuredResult], sizes: Mapping[str, int]) -> Markdown:
    """Each aim, what the records say, and by how much it was missed."""
    header = ("Model", "Aim", "Because", "Found on test, with its 95% interval", "")
    rows = []
    for place, aim in enumerate(aims(), start=1):
        found, verdict = held_against(aim, measured, sizes)
        wanted = f"at most {aim.wanted:g} MB" if aim.is_limit else f"{show(aim.figure)} {aim.wanted:g} or more"
        cells = (aim.model, Markdown(wanted), aim.why, found, verdict)
        rows.append(anchored(slug("aim", "quality", str(place)), cells))
    return left_table(header, rows)


def held_against(
    aim: Aim, measured: Mapping[str, MeasuredResult], sizes: Mapping[str, int]
) -> tuple[Markdown, Markdown]:
    """What was found for an aim, and whether that reaches it."""
    if aim.model not in measured:
        return show(None), Markdown("not released yet")
    if aim.is_limit:
        megabytes = sizes[aim.model] / 1e6
        found, missing = Markdown(f"{megabytes:.2f} MB"), megabytes - aim.wanted
        missed = f"{missing:.2f} MB"
    else:
        interval = measured[aim.model].metrics[aim.figure]
        found, missing = show(interval), aim.wanted - interval.value
        missed = f"{missing:.4f}"
    return found, Markdown("reached" if missing <= 0 else f"**missed by {missed}**")


def recipe_parts(recipe: str, trials: Sequence[Trial]) -> list[str]:
    """One model's section: baselines, techniques, and every trial."""
    ways = [
        [trial for trial in trials if trial.technique == name] for name in dict.fromkeys(t.technique for t in trials)
    ]
    baselines = [way for way in ways if way[0].against is None]
    others = [(way, compare(way, trials)) for way in ways if way[0].against is not None]
    parts: list[str] = [f"### {escape(recipe)}"]
    if baselines:
        parts.append(baselines_table(baselines))
    if others:
        parts.append(techniques_table(recipe, others))
    return [*parts, f"Every trial for {escape(recipe)}:", trials_table(trials)]


def baselines_table(ways: Sequence[Sequence[Trial]]) -> Markdown:
    """What others are held against, with the spread of its seeds."""
    header = ("Baseline", "Settings", "Split, metric", "Seeds", "Mean", "Standard deviation", "Lowest", "Highest")
    rows = []
    for way in ways:
        figures = [trial.figure for trial in way]
        deviation = stdev(figures) if len(figures) > 1 else None
        measured = f"{way[0].split}, {way[0].metric}"
        rows.append(
            (
                way[0].technique,
                settings(way[0]),
                measured,
                len(way),
                mean(figures),
                deviation,
                min(figures),
                max(figures),
            )
        )
    return left_settings(table(header, rows))


def techniques_table(recipe: str, ways: Sequence[tuple[Sequence[Trial], Comparison | None]]) -> Markdown:
    """Each technique, and what came of it."""
    header = ("Technique", "Settings", "Against", "Seeds", "Mean", "Difference", "95% interval", "Time", "Verdict")
    rows = []
    for way, found in ways:
        first = way[0]
        cells: tuple[object, ...] = (Markdown(escape(first.technique)), settings(first), first.against)
        if found is None:
            rows.append((*cells, 0, mean(trial.figure for trial in way), None, None, None, Markdown("no common seed")))
            continue
        interval = found.interval and Markdown(f"{signed(found.interval[0])} to {signed(found.interval[1])}")
        cost = None if found.cost is None else Markdown(f"× {found.cost:.2f}")
        row = (
            *cells,
            len(found.own),
            mean(trial.figure for trial in found.own),
            signed(mean(found.differences)),
            interval,
            cost,
            Markdown(f"**{found.verdict}**" if found.verdict == "kept" else found.verdict),
        )
        rows.append(anchored(slug("trial", recipe, first.technique), row))
    return left_settings(table(header, rows))


def left_settings(made: str) -> Markdown:
    """A table whose first two columns, names and code, are set to the left."""
    lines = made.split("\n")
    lines[1] = "| --- | --- |" + lines[1].split("|", 3)[3]
    return Markdown("\n".join(lines))


def trials_table(trials: Sequence[Trial]) -> Markdown:
    """Every trial, as it was recorded."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.metrics))
    header = ("Date", "Commit", "Technique", "Seed", "Split", *names, "Minutes", "Note")
    rows = [
        (
            trial.date,
            trial.commit and trial.commit[:12] + ("-dirty" if trial.commit.endswith("-dirty") else ""),
            trial.technique,
            trial.seed,
            trial.split,
            *(trial.metrics.get(name) for name in names),
            number(trial.seconds / 60, 1),
            trial.note or "",
        )
        for trial in trials
    ]
    return table(header, rows)


def settings(trial: Trial) -> Markdown:
    """What differs from the recipe, as ``--set`` takes it."""
    return Markdown(" ".join(code(f"{key}={json.dumps(value)}") for key, value in trial.settings.items())) or show(None)


def sizes_of(models: Path) -> dict[str, int]:
    """Bytes of each model's own files; those for other engines lie in folders and do not count."""
    return {
        folder.name: sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
        for folder in sorted(models.iterdir())
        if folder.is_dir()
    }


def current() -> str:
    """The page, as the trials and records are now.

    Raises:
        RecordError: one of them is damaged, or they contradict each other.
    """
    measured = {result.name: result for result in results_rows(ROOT / "cards").measured}
    return render(read(), measured, sizes_of(ROOT / "models"))


def main() -> None:
    """Write the page."""
    try:
        PAGE.write_text(current(), encoding="utf-8")
    except EmohubError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
