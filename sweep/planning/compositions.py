"""What of a sweep's compositions is refused or doubtful on its data: said before anything trains."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from balancing.components.axes import TrainingContext, TrainingData
from balancing.components.conflicts import conflicts
from balancing.components.doubts import double_correction, doubts, planned_counts
from balancing.components.ranges import Choice, Interval, Range
from balancing.components.techniques import Technique, training_of
from balancing.errors import UserError
from sweep.config.size import n_draws
from sweep.config.values import decision_parameters
from sweep.planning.space import shared_grid, technique_parameters

if TYPE_CHECKING:
    from sweep.config.config import Config

# Axes that change neither how much of the prior is taken out nor what the others do.
_APART = {"sampler", "augmentation", "optimizer"}
_MOST_CORNERS = 256
# A schedule is looked at with made-up counts: what trains in its stages does not depend on them.
_EXAMPLE = TrainingContext(np.array([90, 10]), 10, split_counts=np.array([90, 10]))


def check_compositions(config: Config, data: TrainingData) -> list[str]:
    """Warnings about techniques, a sentence each; nothing is built that takes long.

    Args:
        data: the training rows.
    Raises:
        UserError: a technique corrects the class prior twice with parameters that it will get, and that was not asked
            for.
    """
    found = _left_behind(config.space.left_behind)
    for technique in map(config.technique, config.space.techniques):
        found += [conflict.sentence for conflict in conflicts(technique) if not conflict.refused]
        if config.train.optimizer != "sgd" and any(part.name == "tau_norm" for part in technique.parts):
            found.append(
                f"technique '{technique.name}': tau-normalisation relies on weight norms that grow with a class's "
                f"images, which {config.train.optimizer} need not leave (Menon et al., ICLR 2021); take "
                "train.optimizer=sgd, or threshold"
            )
        found += _of_linear_heads(config, technique)
        if {part.axis for part in technique.parts} <= _APART:
            continue
        doubtful: list[str] = []
        known: dict[tuple[Any, ...], np.ndarray | None] = {}
        for own, epochs, batch_size in _configurations(config, technique):
            context = _context(technique, data, own, epochs, batch_size, known)
            if context is None:
                continue
            twice = double_correction(technique, context, own)
            if twice is not None and not config.space.allow_double_correction:
                raise UserError(str(twice))
            doubtful = doubtful or doubts(technique, context, own)
        found += doubtful
    return found


def _left_behind(why: Mapping[str, str]) -> list[str]:
    """One sentence for the techniques that groups do not stand for behind a frozen network; none where there are none.

    Args:
        why: technique -> the reason.
    """
    if not why:
        return []
    names: dict[str, list[str]] = {}
    for name, reason in why.items():
        names.setdefault(reason, []).append(name)
    said = "; ".join(f"{', '.join(some)} ({reason})" for reason, some in names.items())
    return [f"Techniques left out, since the network is frozen: {said}."]


def _of_linear_heads(config: Config, technique: Technique) -> list[str]:
    """Whether all that a stage has trained goes when the next begins: of a head alone, renewed."""
    if not config.network.frozen or config.train.hidden:
        return []
    stages = technique.schedule(_EXAMPLE)
    if not any(stage.phase.new_head for stage in stages[1:]):
        return []
    schedule = technique.part("schedule")
    assert schedule is not None
    return [
        f"technique '{technique.name}': behind a frozen network {schedule.label} starts a linear head anew, and of the "
        "stage before nothing is left; with a hidden layer (--hidden 128) there would be"
    ]


def _context(
    technique: Technique,
    data: TrainingData,
    own: Mapping[str, Any],
    epochs: int,
    batch_size: int,
    known: dict[tuple[Any, ...], np.ndarray | None],
) -> TrainingContext | None:
    """What the technique would be told; None where that is known only once its plan is made."""
    sampler = technique.part("sampler")
    key = tuple(technique.own(sampler, own).values()) if sampler else ()
    if key not in known:
        known[key] = planned_counts(technique, data, own)
    counts = known[key]
    split = data.class_counts
    return None if counts is None else TrainingContext(counts, epochs, split_counts=split, batch_size=batch_size)


def _configurations(config: Config, technique: Technique) -> Iterator[tuple[dict[str, Any], int, int]]:
    """The technique's own parameters in each draw, with the fewest epochs and the smallest batch of that draw.

    A search that draws as it goes has no draws yet: the ends of its ranges stand for them, since what is taken out of
    the prior grows or falls with each parameter.
    """
    trained = training_of(technique)
    if config.sweep.search == "optuna":
        chosen: Iterator[tuple[int, dict[str, Any]]] = ((0, own) for own in _corners(config, trained))
    else:
        chosen = ((draw, technique_parameters(config, trained.name, draw)) for draw in range(n_draws(config)))
    for draw, of_trained in chosen:
        grid = shared_grid(config, draw)
        own = of_trained if technique == trained else _decided(config, technique, trained, of_trained)
        yield own, min(int(cell["epochs"]) for cell in grid), min(int(cell["batch_size"]) for cell in grid)


def _decided(config: Config, technique: Technique, trained: Technique, of_trained: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a technique that decides anew: its trials' and its decision's own."""
    decision = technique.part("decision")
    assert decision is not None
    own = [(part.name, trained.own(part, of_trained)) for part in trained.parts]
    own.append((decision.name, decision_parameters(technique, config.space.parameters)))
    return technique.complete(
        {f"{part}.{k}" if len(own) > 1 else k: value for part, values in own for k, value in values.items()}
    )


def _corners(config: Config, technique: Technique) -> Iterator[dict[str, Any]]:
    wanted = config.space.parameters.get(technique.name, {})
    values = {
        key: _ends(spec, wanted.get(key), searched=config.space.search_parameters)
        for key, spec in technique.parameters.items()
    }
    for corner in itertools.islice(itertools.product(*values.values()), _MOST_CORNERS):
        yield technique.complete(dict(zip(values, corner, strict=True)))


def _ends(spec: Range, wanted: Any, *, searched: bool) -> list[Any]:
    if isinstance(wanted, Interval):
        return [type(spec.default)(wanted.low), type(spec.default)(wanted.high)]
    if wanted is not None:
        return wanted if isinstance(wanted, list) else [wanted]
    if not searched:
        return [spec.default]
    return list(spec.options) if isinstance(spec, Choice) else [spec.low, spec.high]
