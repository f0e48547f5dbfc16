"""How large a sweep will be, told from its configuration alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from balancing.components.ranges import Interval
from balancing.components.techniques import get_technique, training_of
from sweep.hyperparameters import HYPERPARAMETERS

if TYPE_CHECKING:
    from sweep.config.config import Config


# Confirming seeds before the first look at the answers.
FEWEST_SEEDS = 3


def trained(config: Config) -> list[str]:
    """The techniques whose trials a sweep needs, in order: those asked for, but for what only decides anew."""
    return list(dict.fromkeys(training_of(get_technique(name)).name for name in config.space.techniques))


def decided(config: Config) -> list[str]:
    """The techniques without trials of their own: they decide anew on those of another."""
    return [name for name in config.space.techniques if get_technique(name).trained_as]


def n_draws(config: Config) -> int:
    """How many draws each technique gets: ``space.trials``, or 1 where nothing is drawn."""
    shared = any(isinstance(getattr(config.space, h.name), Interval) for h in HYPERPARAMETERS)
    own = any(
        isinstance(value, Interval | list) for values in config.space.parameters.values() for value in values.values()
    )
    searched = config.space.search_parameters and any(get_technique(t).parameters for t in trained(config))
    return config.space.trials if shared or own or searched else 1


def n_trials(config: Config) -> int:
    """How many trials a sweep has at most, without making them; equal ones (see ``trial_specs``) are counted twice."""
    lists = [len(values) for h in HYPERPARAMETERS if isinstance(values := getattr(config.space, h.name), list)]
    crossed = 1 if config.sweep.search == "optuna" else math.prod(lists)
    draws = config.space.trials if config.sweep.search == "optuna" else n_draws(config)
    exploring = 0 if config.space.confirm and draws * crossed == 1 else draws * crossed * config.space.seeds
    return len(trained(config)) * (exploring + config.space.confirm) * n_runs(config)


def n_runs(config: Config) -> int:
    """How many runs a sweep makes one after the other: one, or one a fold and repeat."""
    return max(1, config.data.folds) * config.data.repeats


def span(values: float | list[float] | Interval) -> tuple[float, float]:
    """The smallest and largest value a hyperparameter can take."""
    if isinstance(values, list):
        return min(values), max(values)
    if isinstance(values, int | float):
        return values, values
    return values.low, values.high
