"""What is searched: ranges held against the recipe before time is spent on a trial."""

from collections.abc import Mapping
from typing import Any

from emohub.errors import RecipeError, UsageError
from emohub.recipe import Recipe, Search
from emohub.tune.record import Parameters

PRUNED_FROM_TRIAL = 5
"""Trials that must be finished before one is compared with their median."""
PRUNED_FROM_EVALUATION = 2
"""Evaluations after which a trial may be stopped: one alone says little about where it will end."""
_SCHEDULE = {
    "eval_steps",
    "eval_strategy",
    "gradient_accumulation_steps",
    "lr_scheduler_type",
    "num_train_epochs",
    "per_device_train_batch_size",
    "warmup_steps",
}
"""Settings that move an evaluation to another point of the schedule."""


def check_ranges(recipe: Recipe, search: Mapping[str, Search], fixed: Mapping[str, Any]) -> None:
    """Try every choice and both ends of every range on the recipe, before time is spent on a trial."""
    if not search:
        raise UsageError(
            f"the recipe {recipe.name} declares no [search]",
            "say what to try, for example --search learning_rate=1e-5:1e-3:log",
        )
    for key, values in search.items():
        if key in fixed:
            raise UsageError(f"{key} is both fixed with --set and searched", "leave one of them out")
        for value in extremes(recipe, key, values):
            changed = recipe.with_overrides({key: value})
            if changed.evaluation.metric_for_best_model != recipe.evaluation.metric_for_best_model:
                raise UsageError(f"{key} decides what trials are judged by", "fix it with --set instead")


def extremes(recipe: Recipe, key: str, search: Search) -> tuple[bool | int | float | str, ...]:
    """The choices, or the lowest and the highest value: integers where the setting takes nothing else."""
    if search.low is None or search.high is None:
        return search.choices
    ends = (search.low, search.high)
    if not all(end.is_integer() for end in ends):
        return ends
    try:
        recipe.with_overrides({key: ends[0]})
    except RecipeError:
        return tuple(map(int, ends))
    return ends


def own_settings(recipe: Recipe, search: Mapping[str, Search]) -> Parameters | None:
    """What the recipe itself says, if all of it lies within the ranges."""
    own = {key: recipe.setting(key) for key in search}
    return own if all(_holds(search[key], value) for key, value in own.items()) else None


def _holds(search: Search, value: Any) -> bool:
    if search.low is None or search.high is None:
        return value in search.choices
    return isinstance(value, int | float) and search.low <= value <= search.high


def pruning_rule(search: Mapping[str, Search], *, wanted: bool) -> str:
    """Whether trials can be held against each other before they end, in words."""
    moved = sorted(key for key in search if key.rpartition(".")[2] in _SCHEDULE)
    if not wanted:
        return "none: switched off"
    if moved:
        return f"none: {', '.join(moved)} moves evaluations to another point of the schedule"
    return (
        f"after {PRUNED_FROM_TRIAL} finished trials, one is stopped from its evaluation {PRUNED_FROM_EVALUATION} on "
        "when its best figure so far is worse than their median at the same evaluation; it might have caught up"
    )
