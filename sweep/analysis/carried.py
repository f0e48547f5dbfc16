"""The prior ledger of a trial: what its technique is designed to do to the class prior, from its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from balancing.components.axes import TrainingContext, TrainingData
from balancing.components.doubts import planned_counts
from balancing.components.ledger import Ledger
from balancing.components.technique import Technique
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.runs.spec import TrialSpec


def trial_ledger(
    name: str,
    spec: TrialSpec,
    split_counts: Sequence[int],
    plan_counts: Sequence[int] | None = None,
    own: Mapping[str, Any] | None = None,
) -> Ledger | None:
    """The ledger of a technique on one trial.

    Args:
        name: of the trial's technique, or of one that decides anew on it.
        spec: of the trial.
        split_counts: (C,) images of each class in the training split.
        plan_counts: (C,) rows of each class in the plan that trained, as recorded; None where that is not on record.
        own: the decision's own parameters, by their bare names; at their defaults where they are missing.
    Returns:
        None where the technique is not known here, a class has no training image, or the plan's class counts are
        neither on record nor follow from the split's alone.
    """
    try:
        technique, trained = _as_trained(name, spec), _as_trained(spec.technique, spec)
        parameters = _parameters(technique, trained, spec.parameters, own or {})
        split = np.array(split_counts, dtype=np.int64)
        if not len(split) or split.min() < 1:
            return None
        plan = np.array(plan_counts, dtype=np.int64) if plan_counts is not None else _plan_counts(trained, spec, split)
        if trained.one_class:  # what does not train has no frequency; answers are scores, so none is asked for
            plan = split
        if plan is None or plan.shape != split.shape or plan.min() < 1:
            return None
        context = TrainingContext(plan, spec.epochs, spec.strength, split, spec.positive, spec.batch_size)
        return technique.ledger(context, **parameters)
    except UserError:  # a technique, or a parameter, that this version or this machine does not have
        return None


def _as_trained(name: str, spec: TrialSpec) -> Technique:
    found = get_technique(name)
    return found.behind_frozen() if spec.frozen else found


def _parameters(
    technique: Technique, trained: Technique, of_trial: Mapping[str, Any], own: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters of both, as the technique itself names them."""
    decision = technique.part("decision")
    if decision is None:
        return dict(of_trial)
    alone = trained.parts[0].name if len(trained.parts) == 1 else ""
    found = {f"{alone}.{key}" if alone else key: value for key, value in of_trial.items()}
    before = f"{decision.name}." if trained.parts else ""
    return found | {f"{before}{key}": value for key, value in own.items()}


def _plan_counts(technique: Technique, spec: TrialSpec, split: np.ndarray) -> np.ndarray | None:
    """(C,) int64 where they follow from the split's counts alone: of no sampler, and of ``sampling_strategy``."""
    sampler = technique.part("sampler")
    if sampler is None:
        return split
    follows = sampler.origin.own and sampler.follows == "exactly" and "sampling_strategy" in sampler.parameters
    if not follows:
        return None
    labels = np.repeat(np.arange(len(split)), split)
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 1, 1), dtype=np.uint8)
    data = TrainingData(pixels, labels, np.arange(len(labels)), len(split))
    return planned_counts(technique, data, technique.complete(spec.parameters))
