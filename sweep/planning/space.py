"""From configuration to the list of trials: paired draws, equal budgets. Pure Python, no Ray.

Every technique gets the same draws of the shared hyperparameters and the same seeds; a draw depends on the base seed,
its number, the parameter's axis and name, never on the technique, so adding a technique or a parameter moves no other
draw, and techniques that share a parameter share its draws.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from balancing.components.ranges import FloatRange, Interval, IntRange
from balancing.components.techniques import get_technique
from balancing.metrics import RANKING, can_tell
from sweep.config.size import n_draws, trained
from sweep.hyperparameters import HYPERPARAMETERS, Hyperparameter
from sweep.runs.network_name import USUAL
from sweep.runs.spec import TrialSpec

if TYPE_CHECKING:
    from sweep.config.config import Config


# Pixels a side below which ImageNet's stem, which makes one field of 4 x 4 pixels at once, leaves little to look at.
SMALL_BELOW = 64


def draw_value(shared: Hyperparameter, values: Any, rng: np.random.Generator) -> Any:
    """One value of a shared hyperparameter: drawn from an interval, else as given."""
    if not isinstance(values, Interval):
        return values
    if shared.kind is int:
        return IntRange(int(values.low), int(values.high), int(values.low)).draw(rng)
    return FloatRange(values.low, values.high, values.low, log=values.log).draw(rng)


def draw_rng(seed: int, draw: int, name: str) -> np.random.Generator:
    """The random generator of one parameter in one draw; the same for every technique."""
    return np.random.default_rng([seed, draw, zlib.crc32(name.encode())])


def shared_grid(config: Config, draw: int) -> list[dict[str, Any]]:
    """The shared hyperparameters of one draw: lists are crossed, intervals drawn.

    Returns:
        One dict per grid cell with each hyperparameter's value by its name; ``strength`` is the dial.
    """
    axes: list[list[Any]] = []
    for shared in HYPERPARAMETERS:
        values = getattr(config.space, shared.name)
        if isinstance(values, list):
            axes.append(values)
        else:
            axes.append([draw_value(shared, values, draw_rng(config.space.seed, draw, shared.name))])
    names = [shared.name for shared in HYPERPARAMETERS]
    return [dict(zip(names, cell, strict=True)) for cell in itertools.product(*axes)]


def technique_parameters(config: Config, name: str, draw: int) -> dict[str, Any]:
    """One technique's own parameters in one draw, complete and checked."""
    technique = get_technique(name)
    wanted = config.space.parameters.get(technique.name, {})
    chosen: dict[str, Any] = {}
    for parameter, spec in technique.parameters.items():
        rng = draw_rng(config.space.seed, draw, technique.draw_key(parameter))
        value = wanted.get(parameter)
        if value is None and config.space.search_parameters:
            chosen[parameter] = spec.draw(rng)
        elif isinstance(value, list):
            chosen[parameter] = value[int(rng.integers(len(value)))]
        elif isinstance(value, Interval) and isinstance(spec, IntRange):
            chosen[parameter] = IntRange(int(value.low), int(value.high), int(value.low)).draw(rng)
        elif isinstance(value, Interval):
            chosen[parameter] = FloatRange(value.low, value.high, value.low, log=value.log).draw(rng)
        elif value is not None:
            chosen[parameter] = value
    return technique.complete(chosen)


def trial_specs(config: Config, **fixed: Any) -> list[TrialSpec]:
    """Every trial of a sweep, in the order in which they are to run.

    All techniques of one draw and seed stand together, so an interrupted sweep is a fair smaller one. Draws with more
    epochs come first: few slots are then left waiting for a long trial at the end. Trials that would be equal (the
    baseline keeps strength 0 whatever the dial) appear once. A technique that only decides anew has no trials but those
    of the technique that it decides on.

    Args:
        config: validated.
        fixed: what is known only when the data is: ``data``, ``split``, ``positive``, ``weights``,
            ``precision``.
    Returns:
        Specs with distinct trial ids.
    """
    specs: dict[str, TrialSpec] = {}
    names = trained(config)
    for draw in range(n_draws(config)):
        grid = shared_grid(config, draw)
        for seed_index in range(config.space.seeds):
            for cell, name in itertools.product(grid, names):
                spec = make_spec(config, name, cell, technique_parameters(config, name, draw), seed_index, draw, fixed)
                specs.setdefault(spec.trial_id, spec)
    found = list(specs.values())
    if config.sweep.scheduler == "asha":
        # It judges configurations by their earlier seeds, and lets the first comers through: those shall be short.
        return sorted(found, key=lambda spec: (spec.seed_index, spec.epochs))
    longest: dict[int, int] = {}
    for spec in found:
        longest[spec.draw] = max(spec.epochs, longest.get(spec.draw, 0))
    return sorted(found, key=lambda spec: -longest[spec.draw])


def exploring_seeds(config: Config) -> int:
    """How many seeds each configuration is explored with; 0 where there is nothing to explore."""
    return 0 if config.space.confirm and not explores(config) else config.space.seeds


def explores(config: Config) -> bool:
    """Whether some technique has more than one configuration, of which one is to be chosen."""
    if config.sweep.search != "grid":
        return True
    if n_draws(config) * len(shared_grid(config, 0)) == 1:
        return False
    one_seed = config.model_copy(update={"space": config.space.model_copy(update={"seeds": 1})})
    names = [spec.technique for spec in trial_specs(one_seed)]
    return len(names) > len(set(names))


def make_spec(
    config: Config,
    technique: str,
    shared: Mapping[str, Any],
    parameters: Mapping[str, Any],
    seed_index: int,
    draw: int,
    fixed: Mapping[str, Any],
) -> TrialSpec:
    """The spec of one technique at one point of the space.

    A technique whose answers are scores has no decisions before a threshold is fitted, and to fit one in each epoch on
    the images that then judge it would flatter it: its epochs and configurations are chosen by how it ranks.
    """
    known = get_technique(technique)
    values: dict[str, Any] = {h.name: h.kind(shared[h.name]) for h in HYPERPARAMETERS}
    asked = config.train
    train: dict[str, Any] = {
        "weights": asked.weights,
        "precision": asked.precision,
        "mean": asked.mean,
        "std": asked.std,
    }
    train = {**train, "stem": stem_of(config, fixed.get("weights", asked.weights)), **fixed}
    return TrialSpec(
        technique=known.name,
        parameters=dict(parameters),
        seed=config.space.seed + seed_index,
        image_size=config.data.image_size,
        metric=config.sweep.metric if can_tell(known.gives, config.sweep.metric) else RANKING,
        draw=draw,
        seed_index=seed_index,
        components=known.components,
        budget=config.space.budget,
        **{**values, "strength": float(known.strength(values["strength"]))},
        optimizer=config.train.optimizer,
        lr_schedule=config.train.lr_schedule,
        warmup=config.train.warmup,
        keep_from=config.train.keep_from,
        network=config.train.network,
        hidden=config.train.hidden if config.network.frozen else 0,
        views=config.train.views if config.network.frozen else 0,
        **train,
    )


def stem_of(config: Config, weights: str) -> str:
    """How the network of a trial begins; ``auto`` is ``small`` for small images where nothing is pretrained."""
    if config.train.stem != "auto":
        return config.train.stem
    if config.network.frozen or config.network.architecture != USUAL:
        return "imagenet"
    return "small" if config.data.image_size < SMALL_BELOW and weights == "none" else "imagenet"
