"""What Optuna proposes: the only file that imports it."""

from collections.abc import Iterator

from optuna import Trial as Proposal
from optuna import create_study, logging
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial

from emohub.recipe import Recipe, Search
from emohub.tune.ranges import PRUNED_FROM_EVALUATION, PRUNED_FROM_TRIAL, extremes, own_settings
from emohub.tune.record import Trial, TuneRecord

_DIGITS = 4
"""Significant digits of a proposed number: more would only make recipes hard to read."""


def next_trial(record: TuneRecord, recipe: Recipe) -> tuple[Trial, Proposal]:
    """The trial that was interrupted, or a new one; and its counterpart in Optuna."""
    logging.set_verbosity(logging.WARNING)
    number = len(record.ended)
    distributions = {key: _distribution(recipe, key, search) for key, search in record.search.items()}
    pruner = NopPruner()
    if not record.pruning.startswith("none"):
        pruner = MedianPruner(n_startup_trials=PRUNED_FROM_TRIAL, n_warmup_steps=PRUNED_FROM_EVALUATION)
    study = create_study(
        direction=record.direction,
        sampler=TPESampler(seed=(1_000_003 * record.seed + number) % 2**32),
        pruner=pruner,
    )
    for ended in record.ended:
        study.add_trial(
            create_trial(
                # Optuna forgets a failed trial; a pruned one without figures is to it the worst of all.
                state=TrialState.COMPLETE if ended.state == "finished" else TrialState.PRUNED,
                value=ended.value,
                params=ended.parameters,
                distributions=distributions,
                intermediate_values={} if ended.state == "failed" else dict(_numbered(ended)),
            )
        )
    interrupted = next((trial for trial in record.trials if trial.state == "running"), None)
    if interrupted is not None:
        study.enqueue_trial(interrupted.parameters)
    elif number == 0 and (own := own_settings(recipe, record.search)):
        study.enqueue_trial(own)
    proposal = study.ask(distributions)
    if interrupted is not None:
        for evaluation, value in _numbered(interrupted):
            proposal.report(value, evaluation)
        return interrupted, proposal
    parameters = {key: _rounded(value, record.search[key]) for key, value in proposal.params.items()}
    return Trial(number=number, state="running", parameters=parameters), proposal


def _numbered(trial: Trial) -> Iterator[tuple[int, float]]:
    """The figures by the number of their evaluation, from 1."""
    return enumerate((figure.value for figure in trial.figures), start=1)


def _distribution(recipe: Recipe, key: str, search: Search) -> BaseDistribution:
    if search.choices:
        return CategoricalDistribution(search.choices)
    low, high = extremes(recipe, key, search)
    kind = IntDistribution if isinstance(low, int) else FloatDistribution
    return kind(low, high, log=search.log)


def _rounded(value: bool | int | float | str, search: Search) -> bool | int | float | str:
    """A drawn number with few digits, inside its range."""
    if search.low is None or search.high is None or not isinstance(value, float):
        return value
    return min(max(float(f"{value:.{_DIGITS}g}"), search.low), search.high)
