"""The README's first table: each documented model beside one of ours, and in plain words what to know about it."""

from statistics import mean

from benchmarks import recipes_page
from benchmarks.architectures_result import RESULT, ArchitecturesResult, times_as_fast
from benchmarks.report_parts import left_table
from docs.parts import ROOT
from emohub.card import MeasuredResult, results_rows
from emohub.card.markdown import Markdown, escape, show
from emohub.metrics import wilson_interval
from emohub.recipe import Documented, Recipe, list_recipes, load_recipe

OURS = {
    "bert-base-cased-emotion": ("minilm-emotion",),
    "bert-emotion": ("minilm-tweet-emotion",),
    "bert-tiny-emotion": ("tiny-emotion", "minilm-emotion"),
    "distilbert-emotion": ("minilm-emotion",),
    "sst2-distilbert-5e": ("minilm-sst2",),
}
"""What stands beside each documented model: the first of these that has records."""
MEASURED_AS = {"accuracy": "accuracy", "f1_unstated_average": "macro_f1", "loss": "log_loss"}
"""The figure that is held against a reported one; the first that a document reports is taken."""
NAMES = {
    "accuracy": "accuracy",
    "f1_unstated_average": "F1",
    "loss": "loss",
    "macro_f1": "macro F1",
    "log_loss": "loss",
}
HEADER = (
    *("Documented model", "Parameters", "It reports", "Ours", "Parameters", "Size"),
    *("We measured, with 95% interval", "Times as fast"),
)


def documented_table() -> str:
    """The table, and under it what makes figures of a row differ beside the models themselves."""
    measured = {result.name: result for result in results_rows(ROOT / "cards").measured}
    speeds = ArchitecturesResult.load(RESULT) if RESULT.is_file() else None
    fresh = {kept.name: kept.stages[-1].exported.parameters for kept in recipes_page.read()}
    rows, notes = [], []
    for recipe in map(load_recipe, list_recipes()):
        documented = recipe.documented
        ours = next((measured[name] for name in OURS.get(recipe.name, ()) if name in measured), None)
        if documented is None or ours is None:
            continue
        rows.append(table_row(recipe, documented, ours, fresh.get(f"{recipe.name}-fresh"), speeds))
        notes.append(Markdown(f"- **{escape(documented.name)}**: {' '.join(remarks(recipe, documented, ours))}"))
    table = left_table(HEADER, rows)
    return "\n\n".join([table, *([speed_remark(speeds)] if speeds else []), "\n".join(notes)])


def table_row(
    recipe: Recipe,
    documented: Documented,
    ours: MeasuredResult,
    parameters: int | None,
    speeds: ArchitecturesResult | None,
) -> tuple[object, ...]:
    """A documented model, and ours beside it."""
    reported = reported_figure(documented)
    metric = MEASURED_AS[reported]
    value: float = getattr(documented.headline, reported)
    return (
        Markdown(f"[{show(documented.name)}](cards/{recipe.name}/README.md)"),
        millions(parameters or documented.parameters),
        Markdown(f"{NAMES[reported]} {show(value)}"),
        Markdown(f"[{show(ours.name)}](cards/{ours.name}/README.md)"),
        millions(ours.parameters),
        Markdown(f"{ours.size_bytes / 1e6:.1f} MB"),
        Markdown(f"{NAMES[metric]} {show(ours.metrics[metric])}, {ours.split}"),
        faster(recipe.base_model, ours.name, speeds),
    )


def reported_figure(documented: Documented) -> str:
    """The headline figure that says most: accuracy before F1 before the loss."""
    return next(name for name in MEASURED_AS if getattr(documented.headline, name) is not None)


def millions(parameters: int | None) -> Markdown | None:
    """A number of weights; None stays what it is."""
    return None if parameters is None else Markdown(f"{parameters / 1e6:.1f}M")


def faster(base_model: str, ours: str, speeds: ArchitecturesResult | None) -> Markdown | None:
    """How many times as many texts a second ours answers as the documented architecture; None where unmeasured."""
    own, other = (speeds and speeds.find(name) for name in (ours, base_model))
    if own is None or other is None:
        return None
    found = times_as_fast(own, other)
    return Markdown(f"{found.median:.1f} ({found.low:.1f} to {found.high:.1f})")


def speed_remark(speeds: ArchitecturesResult) -> str:
    """What the last column is."""
    documented, ours = (
        mean(each.tokens_per_text for each in speeds.contenders if each.kind == kind) for kind in ("documented", "ours")
    )
    return (
        "*Times as fast*: how many texts ours answers while the documented architecture, at full size with fresh "
        f"weights, answers one. Both went through the same engine (`{speeds.engine}`) in one run, on {speeds.texts:,} "
        f"texts of {speeds.corpus} and {speeds.threads} threads of {escape(speeds.environment.processor)}; the median "
        f"of {len(speeds.contenders[0].seconds)} rounds, and their range. A text has "
        f"{ours:.1f} tokens for ours and {documented:.1f} for those, whose tokenizers were made from that corpus."
    )


def remarks(recipe: Recipe, documented: Documented, ours: MeasuredResult) -> list[str]:
    """What a reader must know before the two figures of a row are compared, for somebody who is new to this."""
    return [_rows_remark(recipe, documented, ours), *_figure_remarks(documented), *_best_row_remark(documented)]


def _rows_remark(recipe: Recipe, documented: Documented, ours: MeasuredResult) -> str:
    here = f"ours is of the {ours.rows:,} texts of the {ours.split} split, which no choice was made on"
    count = documented.evaluated_rows
    fitting = [name for name, split in recipe.corpus.splits.items() if count is not None and split.rows == count]
    if count is None:
        return f"its document does not say on which texts its figure was computed; {here}."
    if fitting:
        return (
            f"its figure fits {count:,} texts, as many as the {' and the '.join(fitting)} split "
            f"{'have' if len(fitting) > 1 else 'has'}, and it does not say which; {here}."
        )
    known = ", ".join(f"{split.rows:,} in {name}" for name, split in recipe.corpus.splits.items() if split.rows)
    return f"its figure fits {count:,} texts, which no split of the corpus has ({known}){_chance(documented)}; {here}."


def _chance(documented: Documented) -> str:
    """What so few texts leave open."""
    rows, accuracy = documented.evaluated_rows, documented.headline.accuracy
    if rows is None or accuracy is None:
        return ""
    low, high = wilson_interval(round(accuracy * rows), rows)
    return f": with so few, chance alone leaves everything from {low:.3f} to {high:.3f} open (95% Wilson interval)"


def _figure_remarks(documented: Documented) -> list[str]:
    reported = reported_figure(documented)
    if reported == "f1_unstated_average":
        return [
            "Its F1 is a mean over the labels, and whether each label counts alike (macro) or each text (weighted) is "
            "not said; in ours each label counts alike."
        ]
    if reported == "loss":
        return [
            "It reports no accuracy. The loss says how surprised a model is by the right label, in nats: the lower the "
            "better."
        ]
    return []


def _best_row_remark(documented: Documented) -> list[str]:
    accuracies = [row.accuracy for row in documented.results if row.accuracy is not None]
    headline = documented.headline.accuracy
    if headline is None or not accuracies or max(accuracies) <= headline:
        return []
    return [
        f"The best row of its table has {show(max(accuracies))}; a row that is picked because it is best on some texts "
        "looks better on those than on new ones."
    ]
