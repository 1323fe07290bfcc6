"""Checks of scores by what they are: their range, F1's bounds, and the averages that are the accuracy."""

from collections.abc import Iterator, Sequence

from emohub.card.claims.arithmetic import f1_bounds, is_share_of, weighted_f1_bounds
from emohub.card.claims.claims import LEAST_PERCENTAGE, SCORES, Claims, Figure
from emohub.card.claims.corpora import known_corpora
from emohub.card.claims.rules import found
from emohub.card.findings import Finding

_AVERAGED = {"precision": "precision", "recall": "recall", "f1": "F1"}
_ROUNDING = 1e-9
_TELLING = 0.02
"""Precision and recall that are closer have a harmonic mean that any average of F1 may meet."""
_NEAR = 0.01
"""Distance from the accuracy within which weighted F1 usually lies."""


def ranges(claims: Claims) -> Iterator[Finding]:
    """Every figure lies where its metric can lie, and one of the body that is per cent says so."""
    indexed = [figure for result in claims.index for figure in result.figures]
    for figure in (*claims.figures, *indexed):
        if figure.value < 0 or (figure.metric in SCORES and figure.value > 1):
            least = "0 to 1" if figure.metric in SCORES else "0 upwards"
            message = f"{figure.name} is {figure.shown}, and can only be from {least}."
            yield found("out-of-range", figure.name, message, figure.line)
        elif figure in indexed:
            continue  # the Hub shows what stands there, and cards have it both ways
        elif figure.metric in SCORES and not figure.shown.endswith("%") and float(figure.shown) >= LEAST_PERCENTAGE:
            message = f"{figure.name} {figure.shown} must be per cent, and does not say so."
            yield found("percentage-unmarked", figure.name, message, figure.line)


def bounds(claims: Claims) -> Iterator[Finding]:
    """F1, precision, recall and accuracy of one evaluation are possible together."""
    for group in _evaluations(claims):
        by_name = {(figure.metric, figure.average): figure for figure in group}
        accuracy = by_name.get(("accuracy", None))
        for (metric, average), figure in by_name.items():
            precision, recall = by_name.get(("precision", average)), by_name.get(("recall", average))
            if metric == "f1" and precision and recall:
                low, high = _widened(figure)
                possible = f1_bounds(precision, recall, average)
                if high < possible.low - _ROUNDING or low > possible.high + _ROUNDING:
                    message = (
                        f"{figure.name} {figure.shown} is impossible with precision {precision.shown} and recall "
                        f"{recall.shown} of the same average, which leave {possible.low:.4f} to {possible.high:.4f}."
                    )
                    yield found("f1-impossible", figure.name, message, figure.line)
            if accuracy is None:
                continue
            if average == "micro" or (metric, average) == ("recall", "weighted"):
                if not figure.agrees(accuracy):
                    message = (
                        f"{figure.name} is {figure.shown} and accuracy {accuracy.shown}; with one label for each text "
                        "they are the same number."
                    )
                    yield found("recall-contradicts-accuracy", figure.name, message, figure.line)
            elif (metric, average) == ("f1", "weighted"):
                low, high = _widened(figure)
                possible = weighted_f1_bounds(accuracy)
                if high < possible.low - _ROUNDING or low > possible.high + _ROUNDING:
                    message = (
                        f"{figure.name} {figure.shown} is impossible with accuracy {accuracy.shown}, which leaves "
                        f"{possible.low:.4f} to {possible.high:.4f}."
                    )
                    yield found("f1-impossible", figure.name, message, figure.line)


def averages(claims: Claims) -> Iterator[Finding]:
    """Scores over more than two labels say how they were averaged."""
    groups = _evaluations(claims)
    unstated = [f for group in groups for f in group if f.metric in _AVERAGED and f.average is None]
    if not unstated or claims.binary or claims.average is not None or _of_one_label(groups):
        return
    present = {figure.metric for figure in unstated}
    *most, last = [name for metric, name in _AVERAGED.items() if metric in present]
    names = f"{', '.join(most)} and {last}" if most else last
    message = (
        f"Whether {names} {'is' if len(present) == 1 else 'are'} averaged over the labels as macro or weighted is not "
        f"stated, and the two can differ widely{_hint(groups)}{_no_weighted_recall(claims, unstated)}."
    )
    yield found("average-unstated", "results", message, unstated[0].line)


def _of_one_label(groups: list[tuple[Figure, ...]]) -> bool:
    """Whether F1 is the harmonic mean of precision and recall everywhere: it is so of one label, hardly of a mean."""
    unstated = [{figure.metric: figure for figure in group if figure.average is None} for group in groups]
    triples = [group for group in unstated if _AVERAGED.keys() <= group.keys()]
    telling = [g for g in triples if abs(g["precision"].value - g["recall"].value) > _TELLING]
    return bool(telling) and all(
        possible.low - half <= group["f1"].value <= possible.high + half
        for group in triples
        for possible, half in [(f1_bounds(group["precision"], group["recall"], "binary"), group["f1"].half)]
    )


def _hint(groups: list[tuple[Figure, ...]]) -> str:
    """What the figures themselves say of the average: a weighted recall is the accuracy, a weighted F1 lies near it."""
    unstated = [{figure.metric: figure for figure in group if figure.average is None} for group in groups]
    recalls = [(group["accuracy"], group["recall"]) for group in unstated if {"accuracy", "recall"} <= group.keys()]
    if recalls and all(accuracy.agrees(recall) for accuracy, recall in recalls):
        return "; recall is the accuracy everywhere, as weighted and micro averages are"
    gaps = [
        abs(group["accuracy"].value - group["f1"].value) for group in unstated if {"accuracy", "f1"} <= group.keys()
    ]
    if not gaps:
        return ""
    middle = sorted(gaps)[len(gaps) // 2]
    usual = ", as weighted averages usually do" if middle < _NEAR else ""
    return f"; F1 lies {middle:.4f} from the accuracy in the median{usual}"


def _no_weighted_recall(claims: Claims, unstated: Sequence[Figure]) -> str:
    """That a recall cannot be weighted: it would be an accuracy, so a share of whole rows."""
    recalls = [figure for figure in unstated if figure.metric == "recall"]
    corpora = [corpus for corpus in known_corpora() if claims.corpora == (corpus.name,)]
    if not recalls or not corpora or any(figure.metric == "accuracy" for figure in claims.figures):
        return ""
    rows = [split.rows for name, split in corpora[0].splits.items() if name != "train" and split.rows]
    recall = recalls[0]
    if not rows or any(is_share_of(recall, count) for count in rows):
        return ""
    multiples = " or ".join(f"1/{count:,}" for count in rows)
    return (
        f"; recall {recall.shown} is no multiple of {multiples}, the rows of {corpora[0].name}, so it is not weighted "
        "there, because a weighted recall is the accuracy"
    )


def _evaluations(claims: Claims) -> list[tuple[Figure, ...]]:
    """Figures that belong to one evaluation each."""
    groups = [claims.headline, *(row.figures for row in claims.rows), *(result.figures for result in claims.index)]
    return [group for group in groups if group]


def _widened(figure: Figure) -> tuple[float, float]:
    return figure.value - figure.half, figure.value + figure.half
