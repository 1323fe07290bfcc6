"""Checks of the results: headline, rows, model-index and what is said of them."""

from collections.abc import Iterator

from emohub.card.claims.claims import SCORES, Change, Claims, Figure, Indexed, Row
from emohub.card.claims.corpora import known_corpora
from emohub.card.claims.rules import found
from emohub.card.findings import Finding

_RISE = 0.1
"""A last validation loss this much above the lowest one, as a share of it, is no wavering."""
_STEADY_RISE = 0.02
"""Nor is this much, when the loss rose at the last evaluations in a row."""


def headline_and_rows(claims: Claims) -> Iterator[Finding]:
    """The headline repeats the best row, or at least one of the rows, where both are of the same split."""
    same_split = claims.headline_split is None or claims.headline_split.text in ("evaluation", "validation")
    if not claims.rows or not same_split or claims.exported is not None:
        return
    shared = [figure for figure in claims.headline if any(row.figure(figure.name) for row in claims.rows)]
    if not shared:
        return
    line = shared[0].line
    repeated = [row for row in claims.rows if all(_has(row, figure) for figure in shared)]
    best = _best_rows(claims.rows)
    scores = [name for name in best if name != "loss"] or list(best)
    if not repeated:
        if not claims.rows_left_out:
            yield found("headline-in-no-row", "headline", f"{_shown(shared)} stands in no row of the results.", line)
    elif not any(best[name] in repeated for name in scores):
        row = repeated[-1]
        which = "the last row" if row is claims.rows[-1] else "a row that is neither the best nor the last"
        others = "; ".join(f"by {name} it is {_place(best[name])} ({_value(best[name], name)})" for name in best)
        message = (
            f"The headline ({_shown(shared)}) repeats {which}, {_place(row)}, which is not the best one: {others}. "
            "Either a weaker checkpoint was published, or the figures are not those of the published one."
        )
        yield found("headline-not-best", "headline", message, line)


def index_and_headline(claims: Claims) -> Iterator[Finding]:
    """The headline gives one of the values that the model-index has of a metric, as far as both can be of one split."""
    indexed = [figure for result in claims.index if _can_be_same_rows(result, claims) for figure in result.figures]
    for figure in claims.headline:
        same = [other for other in indexed if other.metric == figure.metric]
        if figure.average is not None:
            same = [other for other in same if other.average in (figure.average, None)]
        if same and not any(figure.agrees(other) for other in same):
            message = (
                f"The headline gives {figure.name} {figure.shown}, the model-index {same[0].shown} "
                f"on line {same[0].line}; readers and leaderboards see different figures."
            )
            yield found("index-contradicts-headline", "headline", message, figure.line)
    if claims.empty_index is not None:
        message = "It holds an empty list of results, so that the Hub shows none of the card's figures."
        yield found("results-empty", "model-index", message, claims.empty_index.line)


def _can_be_same_rows(result: Indexed, claims: Claims) -> bool:
    """Whether the split that a result names can be that of the headline; ``evaluation`` can be any but train."""
    split = result.split.text if result.split else None
    named = claims.headline_split.text if claims.headline_split else None
    if named is None or split not in ("train", "validation", "test"):
        return True
    return split == named or (named == "evaluation" and split != "train")


def directions(claims: Claims) -> Iterator[Finding]:
    """What is said to fall falls, what is said to rise rises, and what is said to improve improves."""
    for change in claims.changes:
        first, last = change.first, change.last
        rises = last.value > first.value
        better = rises == (first.metric in SCORES)
        true = {"fell": not rises, "rose": rises, "improved": better}[change.said]
        if first.value != last.value and not true:
            said = {"fell": "a decrease", "rose": "an increase", "improved": "an improvement"}[change.said]
            went = "rose" if rises else "fell"
            message = (
                f"The {change.subject} {went} by {abs(last.value - first.value):.4g}, from {first.shown} to "
                f"{last.shown}, while the text calls it {said}{_overfitting(change, claims) if rises else ''}."
            )
            yield found("loss-direction", "body", message, change.line)


def overfitting(claims: Claims) -> Iterator[Finding]:
    """A validation loss that ends well above its lowest value, and the card doesn't speak of it."""
    losses = [(row, figure) for row in claims.rows if (figure := row.figure("loss")) is not None]
    if len(losses) < 2 or claims.overfitting is not None:
        return
    lowest, least = min(losses, key=lambda pair: pair[1].value)
    last, end = losses[-1]
    values = [figure.value for _, figure in losses]
    rising = next((i for i in range(1, len(values)) if values[-i] <= values[-i - 1]), len(values)) - 1
    if end.value < least.value * (1 + (_RISE if rising < 2 else _STEADY_RISE)):
        return
    before, after = lowest.training_loss, last.training_loss
    if before is not None and after is not None and after.value >= before.value:
        return  # both rise: something else went wrong, and the rows show it
    falls = f" while the training loss fell from {before.shown} to {after.shown}" if before and after else ""
    message = (
        f"The validation loss rose from {least.shown} ({_place(lowest)}) to {end.shown} ({_place(last)}){falls}, "
        "a sign of overfitting that the text does not mention."
    )
    yield found("overfitting-unmentioned", "results", message, end.line)


def evaluated_on_train(claims: Claims) -> Iterator[Finding]:
    """Figures of the training split say nothing about new texts."""
    splits = [(result.split, "model-index") for result in claims.index]
    for split, key in [*splits, (claims.headline_split, "headline")]:
        if split is not None and split.text == "train":
            message = (
                "The figures are said to be of the split train, which the model learned from: either they say nothing "
                "about new texts, or the split is named wrongly."
            )
            yield found("evaluated-on-train", key, message, split.line)


def no_score(claims: Claims) -> Iterator[Finding]:
    """A classifier with a loss and nothing else."""
    figures = [*claims.figures, *(figure for result in claims.index for figure in result.figures)]
    if claims.classifier and figures and not claims.other_metrics and all(f.metric == "loss" for f in figures):
        message = (
            "The loss is the only figure of this classifier; without accuracy or F1 nobody can tell how often it is "
            "right, and losses of other models are not comparable."
        )
        yield found("no-score", "results", message, figures[0].line)


def _best_rows(rows: tuple[Row, ...]) -> dict[str, Row]:
    """The best row, the earlier on a tie, by each metric that the rows have."""
    names = dict.fromkeys(figure.name for row in rows for figure in row.figures)
    best = {}
    for name in (*(name for name in names if name != "loss"), *(["loss"] if "loss" in names else [])):
        having = [(row, figure.value) for row in rows if (figure := row.figure(name)) is not None]
        choose = min if name == "loss" else max
        best[name] = choose(having, key=lambda pair: pair[1])[0]
    return best


def _has(row: Row, figure: Figure) -> bool:
    other = row.figure(figure.name)
    return other is None or other.agrees(figure)


def _overfitting(change: Change, claims: Claims) -> str:
    """What a rising loss means, when it is not that of training."""
    if change.first.metric != "loss" or "train" in change.subject:
        return ""
    rows = [
        f", here on the {split.rows:,} training rows of {corpus.name}"
        for corpus in known_corpora()
        if claims.corpora == (corpus.name,) and (split := corpus.splits.get("train")) and split.rows
    ]
    return f"; a loss on held-out rows that rises as training goes on is overfitting{''.join(rows)}"


def _place(row: Row) -> str:
    return row.place


def _value(row: Row, name: str) -> str:
    figure = row.figure(name)
    return "" if figure is None else figure.shown


def _shown(figures: list[Figure]) -> str:
    return ", ".join(f"{figure.name} {figure.shown}" for figure in figures)
