"""Checks by counting: rows, batches, steps and epochs."""

import re
from collections.abc import Iterator

from emohub.card.claims.arithmetic import Range, batches_per_epoch, fewest_rows, is_share_of, rows_of
from emohub.card.claims.claims import Claims, Figure
from emohub.card.claims.corpora import known_corpora
from emohub.card.claims.rules import found
from emohub.card.findings import Finding
from emohub.metrics import wilson_interval
from emohub.recipe import Corpus

_EARLY = 0.9
"""Rows that end before this share of the configured epochs end early; the last evaluation may lie before the end."""


def training_rows(claims: Claims) -> Iterator[Finding]:
    """Steps, epochs and batches against each other, and against the texts that an epoch goes over."""
    factors = [_whole(claims, name) for name in ("train_batch_size", "gradient_accumulation_steps", "num_devices")]
    batch, accumulation, devices = factors[0], factors[1] or 1, factors[2] or 1
    total = _whole(claims, "total_train_batch_size")
    if batch and total and total != batch * accumulation * devices:
        if factors[2] is None and total % (batch * accumulation) == 0:
            devices = total // (batch * accumulation)  # several devices, whose number is not stated
        else:
            message = (
                f"total_train_batch_size is {total}, but {batch} x {accumulation} x {devices} (batch, accumulation, "
                f"devices) is {batch * accumulation * devices}."
            )
            line = claims.hyperparameters["total_train_batch_size"].line
            yield found("batch-size-contradicts", "hyperparameters", message, line)
            return
    if claims.joins_texts or (total is None and factors[2] is None and "distributed_type" in claims.hyperparameters):
        return  # a row is no text, or the number of devices is not stated
    batches = batches_per_epoch(claims.rows, accumulation)
    if batches is None:
        return
    line = claims.rows[0].line
    if batches.low > batches.high:
        message = "The rows' epochs and steps leave no number of steps per epoch that fits them all."
        yield found("steps-contradict-epochs", "results", message, line)
    elif batch:
        yield from _rows_of_train(claims, batches, batch * devices, accumulation, line)


def _rows_of_train(
    claims: Claims, batches: Range, batch: int, accumulation: int, line: int | None
) -> Iterator[Finding]:
    possible = rows_of(batches, batch)
    counted = f"{batches.whole} {'steps' if accumulation == 1 else 'batches'} per epoch x {batch} texts"
    stated = claims.taught_texts or claims.split_rows.get("train")
    if stated is not None:
        rows = _number(stated.text)
        # One batch more: the last, smaller one may have been dropped.
        if rows not in Range(possible.low, possible.high + batch - 1):
            what = "training rows" if claims.taught_texts is None else "texts that teachers answered"
            message = f"{counted} are {possible.whole} rows, and {rows:,} {what} are stated."
            yield found("steps-contradict-rows", "results", message, line)
        return
    named = [corpus for corpus in known_corpora() if corpus.name in claims.corpora]
    candidates = known_corpora() if claims.datasets == () else named
    fits = [c for c in candidates if (count := _train_rows(c)) is not None and count in possible]
    if named and not fits:
        others = " or ".join(f"{_train_rows(corpus):,} of {corpus.name}" for corpus in named if _train_rows(corpus))
        message = f"{counted} are {possible.whole} rows, while the split train has {others}: other data was used."
        yield found("steps-contradict-dataset", "results", message, line)
        return
    which = _fitting(claims, fits, batch, named)
    whole = which and batches.low == batches.high
    product = f"{batches.high * batch:,.0f}" if whole else possible.whole
    message = f"The number of training rows is not stated; {counted} are {product} rows{which}."
    yield found("train-rows-unstated", "results", message, line)


def _fitting(claims: Claims, fits: list[Corpus], batch: int, named: list[Corpus]) -> str:
    """Which training split fits the inferred rows, and what that makes of the configured epochs."""
    if len(fits) != 1:
        return ""
    (corpus,) = fits
    rows = _train_rows(corpus) or 0
    steps = -(-rows // batch)
    epochs = _whole(claims, "num_epochs")
    which = (
        f", which agrees with the {rows:,} rows of the split train of {corpus.name}"
        if named
        else f"; of the known datasets only the split train of {corpus.name} ({rows:,} rows, {corpus.title}) fits, "
        f"with {steps:,} steps per epoch"
    )
    return which + (f" and {steps * epochs:,} steps in {epochs} epochs" if epochs and not named else "")


def evaluated_rows(claims: Claims) -> Iterator[Finding]:
    """Accuracies are shares of whole rows: of the stated ones, or of a number that can be inferred."""
    accuracies = [figure for figure in claims.figures if figure.metric == "accuracy" and 0 <= figure.value <= 1]
    if not accuracies:
        return
    of_rows = [f for row in claims.rows for f in row.figures if f.metric == "accuracy"]
    of_headline = [figure for figure in claims.headline if figure.metric == "accuracy"]
    headline_split = claims.headline_split.text if claims.headline_split else None
    for figures, split in ((of_headline, headline_split), (of_rows, "validation")):
        stated = _stated_rows(claims, split)
        wrong = [figure for figure in figures if stated and not any(is_share_of(figure, rows) for rows in stated)]
        if wrong:
            multiples = " or ".join(f"1/{rows:,}" for rows in stated)
            message = (
                f"Accuracy {wrong[0].shown} is no multiple of {multiples}, the stated number of evaluated rows: no "
                "number of right answers gives it."
            )
            yield found("accuracy-not-possible", "results", message, wrong[0].line)
    if not _stated_rows(claims, None):
        yield from _inferred_rows(claims, accuracies, of_headline or accuracies[-1:])


def _inferred_rows(claims: Claims, accuracies: list[Figure], headline: list[Figure]) -> Iterator[Finding]:
    decimals = max(figure.decimals for figure in accuracies)
    accuracies = [figure.at_least(decimals) for figure in accuracies]
    rows = fewest_rows(accuracies)
    if rows is None:
        if claims.whole and claims.classifier:
            message = "On how many rows the figures were measured is not stated, so nobody can tell how sure they are."
            yield found("evaluated-rows-unstated", "results", message, headline[0].line)
        return
    right = round(headline[0].value * rows)
    low, high = wilson_interval(right, rows)
    different = len({figure.value for figure in accuracies})
    many = "the accuracy is a multiple" if different == 1 else f"all {different} different accuracies are multiples"
    message = (
        f"The number of evaluated rows is not stated; {many} of 1/{rows:,} and of no larger fraction, so {rows:,} "
        f"rows were evaluated (or a multiple of that){_known_splits(claims, rows)}: {headline[0].shown} is {right:,} "
        f"of {rows:,}, whose 95% Wilson interval is {low:.3f} to {high:.3f}."
    )
    yield found("evaluated-rows-unstated", "results", message, headline[0].line)


def _known_splits(claims: Claims, rows: int) -> str:
    """How the inferred rows compare with the splits of the dataset, when it is known or can be inferred."""
    named = [corpus for corpus in known_corpora() if corpus.name in claims.corpora]
    for corpus in named:
        counts = {name: split.rows for name, split in corpus.splits.items() if name != "train" and split.rows}
        same = [name for name, count in counts.items() if count == rows]
        if same:
            return f", as many as the split {' or '.join(same)} of {corpus.name} has"
        if counts:
            others = " and ".join(f"{count:,} of {name}" for name, count in counts.items())
            return f", not the {others} that {corpus.name} has"
    return ""


def epochs(claims: Claims) -> Iterator[Finding]:
    """The rows end where the configured epochs end, or the card says why not."""
    configured = _whole(claims, "num_epochs")
    last = claims.rows[-1] if claims.rows else None
    if not configured or last is None or last.epoch is None or "training_steps" in claims.hyperparameters:
        return
    reached, line = last.epoch.value, last.line
    if reached > configured + 0.01:
        message = f"The rows reach epoch {last.epoch.shown}, but {configured} epochs were configured."
        yield found("epochs-exceeded", "results", message, line)
    elif reached < configured * _EARLY and configured - reached >= 1 and claims.early_stop is None:
        if claims.rows_left_out:
            return
        message = (
            f"{configured} epochs were configured and the rows end at epoch {last.epoch.shown.removesuffix('.0')}, "
            f"without a word on why{_patience(claims)}{_schedule(claims, reached / configured)}."
        )
        yield found("epochs-not-reached", "results", message, line)


def _patience(claims: Claims) -> str:
    """For how many evaluations in a row no metric had been better when training ended."""
    waits = {}
    for name in dict.fromkeys(figure.name for row in claims.rows for figure in row.figures):
        values = [figure.value for row in claims.rows if (figure := row.figure(name)) is not None]
        best = min(values) if name == "loss" else max(values)
        waits[name] = len(values) - 1 - values.index(best)
    waits = {name: wait for name, wait in waits.items() if wait}
    if not waits:
        return ""
    scores = {name: wait for name, wait in waits.items() if name != "loss"} or waits
    parts = [
        f"{wait} evaluation{'s' if wait > 1 else ''} in a row without a better {name}" for name, wait in scores.items()
    ]
    patience = max(scores.values())
    return f"; the rows end after {' and '.join(parts)}, which fits early stopping with a patience of {patience}"


def _schedule(claims: Claims, share: float) -> str:
    """What an unstated schedule can have been."""
    if "lr_scheduler_type" in claims.hyperparameters:
        return ""
    return f"; the schedule is not stated, and a linear one would have decayed by no more than {share:.0%} by then"


def _stated_rows(claims: Claims, split: str | None) -> list[int]:
    """The stated rows of a split; where they are not, those of every split but train."""
    stated = {name: _number(text.text) for name, text in claims.split_rows.items() if name != "train"}
    named = [stated[name] for name in (split, "evaluation") if name in stated]
    return [rows for rows in (named or stated.values()) if rows]


def _train_rows(corpus: Corpus) -> int | None:
    split = corpus.splits.get("train")
    return split.rows if split else None


def _whole(claims: Claims, name: str) -> int | None:
    stated = claims.hyperparameters.get(name)
    return (
        int(stated.text.replace(",", "").removesuffix(".0"))
        if stated and re.fullmatch(r"[\d,]+(?:\.0)?", stated.text)
        else None
    )


def _number(text: str) -> int:
    return int(text.replace(",", ""))
