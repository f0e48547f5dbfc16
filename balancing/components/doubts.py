"""What of a technique depends on the data: a prior that is corrected twice, and compositions without effect on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balancing.components.axes import TrainingContext, TrainingData
from balancing.components.ledger import Ledger, removed, shift_of
from balancing.components.registry import COMPONENTS
from balancing.components.technique import Technique

# T, and log class frequencies, may exceed what they should be by what rounding of class counts does.
_ROUNDING = 0.02
_FEW_EPOCHS = 5


def planned_counts(technique: Technique, data: TrainingData, parameters: Mapping[str, Any]) -> np.ndarray | None:
    """Class counts of the rows that a technique's sampler trains, (C,) int64, without a search for neighbours.

    Args:
        data: the training rows.
        parameters: the technique's own, complete.
    Returns:
        None where they are known only once the plan is made.
    """
    sampler = technique.part("sampler")
    if sampler is None:
        return data.class_counts
    if sampler.prior_effect == "unknown":
        return None
    own = technique.own(sampler, parameters)
    if not sampler.mixes:
        return technique.build(data, 0, **parameters).class_counts(data.n_classes)
    if sampler.follows != "exactly" or "sampling_strategy" not in own:
        return None
    # It has as many rows of each class as repeating them gives: a law of samplers.
    repeats = COMPONENTS.get("oversampling")
    assert repeats is not None
    plan = repeats.build(data, 0, sampling_strategy=own["sampling_strategy"])
    found: np.ndarray = plan.class_counts(data.n_classes)
    return found


@dataclass(frozen=True)
class DoubleCorrection:
    """A technique that takes out more of the class prior than there is.

    Args:
        technique: its name.
        removed: T, above 1.
    """

    technique: str
    removed: float

    def __str__(self) -> str:
        return (
            f"technique '{self.technique}' takes out {self.removed:.2f} times the class prior, so it is corrected "
            "twice; leave a component out or weaken it, or ask for it with --allow-double-correction"
        )


def double_correction(
    technique: Technique, context: TrainingContext, parameters: Mapping[str, Any]
) -> DoubleCorrection | None:
    """What a technique corrects too much by design; None where it does not, or there is no closed form.

    Args:
        context: with ``split_counts``, and the class counts of the technique's plan.
        parameters: the technique's own.
    """
    found: Ledger = technique.ledger(context, **parameters)
    total = found.removed if found.masses is None else removed(found.split, found.masses)
    if total is None or total <= 1 + _ROUNDING:
        return None
    # Of classes that are nearly alike a row more or less is many times the prior.
    by_a_row = max(_ROUNDING, 1 / float(context.class_counts.min()))
    return DoubleCorrection(technique.name, total) if (total - 1) * np.ptp(found.split) > by_a_row else None


def doubts(technique: Technique, context: TrainingContext, parameters: Mapping[str, Any]) -> list[str]:
    """What makes a technique pointless on such data; a sentence each.

    Args:
        context: with ``split_counts``, and the class counts of the technique's plan.
        parameters: the technique's own, complete.
    """
    return [f"technique '{technique.name}': {why}" for why in _of_data(technique, context, parameters)]


def _of_data(technique: Technique, context: TrainingContext, parameters: Mapping[str, Any]) -> Iterator[str]:
    assert context.split_counts is not None
    own = {part.name: technique.own(part, parameters) for part in technique.parts}
    counts, loss = context.split_counts, technique.part("loss")
    ratio = context.class_counts.max() / context.class_counts.min()
    if "remix" in own and ratio < own["remix"]["kappa"]:
        yield (
            f"the largest class is {ratio:.1f} times the smallest, below ReMix's kappa of {own['remix']['kappa']:g}, "
            "so it never differs from mixup"
        )
    for name in own.keys() & {"drw", "drs"}:
        if context.epochs < _FEW_EPOCHS:
            late = context.epochs * (1 - own[name]["start"])
            yield f"of {context.epochs} epochs the balance comes in the last {late:.1f} alone"
    if "progressive" in own and context.epochs == 1:
        yield "in 1 epoch there is nothing to progress, so classes are balanced from the start"
    last = technique.schedule(context, **parameters)[-1].phase
    if loss is not None and last.sampled and last.power is None and technique.part("sampler") is not None:
        shifts = [
            shift_of(loss.prior_effect, replace(context, class_counts=seen), own[loss.name])
            for seen in (context.class_counts, counts)
        ]
        spans = [np.inf if shift is None else float(np.ptp(shift)) for shift in shifts]
        if spans[0] < _ROUNDING < spans[1] < np.inf:
            sampler = technique.part("sampler")
            assert sampler is not None
            yield (
                f"rows of {sampler.label} have classes alike, so {loss.label} finds nothing left to correct; a smaller "
                "sampling_strategy leaves it something"
            )
    smallest = counts.min() / counts.sum() * context.batch_size
    if loss is not None and (loss.batchwise or loss.name == "aucm") and ratio > 1 + _ROUNDING and smallest < 1:
        yield (
            f"a batch of {context.batch_size} has {smallest:.1f} images of the smallest class on average, and most "
            f"say nothing of it to {loss.label}, a loss of the batch as a whole; take larger batches, or oversampling"
        )
    if "posthoc_logit_adjustment" in own and technique.trained_as:
        trained = technique.trained_ledger(context, **parameters).removed
        if trained is not None and abs(1 - trained) < _ROUNDING:
            yield "its answers carry no class frequencies any more, so post-hoc logit adjustment changes nothing"
