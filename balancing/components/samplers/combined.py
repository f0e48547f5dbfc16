"""SMOTE, and then cleaning of all classes, synthetic rows included.

Draws, which rows go, and the order of the rest are as in imbalanced-learn. Distances of mixtures follow from their
parents' (see ``balancing.components.neighbours.mixtures``): none is made.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.samplers.cleaning import KIND_SEL, N_NEIGHBORS
from balancing.components.samplers.neighbourhood import agree, check_rows, refuse_empty
from balancing.components.samplers.smote import K_NEIGHBORS, check_class_sizes, smote
from balancing.components.samplers.targets import SAMPLING_STRATEGY


def _nearest(data: TrainingData, plan: TrainingPlan, k: int) -> np.ndarray:
    """(M, k) int64: for each row of SMOTE's plan the places of the nearest others in it."""
    # Here, since torch takes seconds to import.
    from balancing.components.neighbours.mixtures import nearest_rows

    return nearest_rows(data.space, plan, data.nearest(data.rows, data.rows, k))


def _part(name: str, data: TrainingData, plan: TrainingPlan, kept: np.ndarray) -> TrainingPlan:
    """The rows of a plan at (K,) int64 places; raises UserError where a class has none of them."""
    found = TrainingPlan(plan.base[kept], plan.mate[kept], plan.weight[kept], plan.labels[kept])
    refuse_empty(name, data, found.class_counts(data.n_classes))
    return found


def _check_tomek(counts: Mapping[str, int], *, k_neighbors: int, sampling_strategy: float) -> None:
    check_class_sizes("smote_tomek", counts, k_neighbors, sampling_strategy)
    check_rows("smote_tomek", counts, "n_neighbors", 1)


@sampler(
    label="SMOTE-Tomek",
    reference="Batista, Bazzan & Monard, WOB 2003",
    check=_check_tomek,
    prior_effect="unknown",
    mixes=True,
    refuses="while building",
    follows="loosely",
    k_neighbors=K_NEIGHBORS,
    sampling_strategy=SAMPLING_STRATEGY,
)
def smote_tomek(data: TrainingData, random_state: int, *, k_neighbors: int, sampling_strategy: float) -> TrainingPlan:
    """SMOTE, after which all pairs of two classes that are each other's nearest go (Tomek links).

    Args:
        data, random_state, k_neighbors, sampling_strategy: as of ``smote``.
    Returns:
        Training rows and then synthetic ones, in SMOTE's order.
    """
    plan = smote(data, random_state, k_neighbors=k_neighbors, sampling_strategy=sampling_strategy)
    nearest = _nearest(data, plan, 1)[:, 0]
    linked = (nearest[nearest] == np.arange(len(plan))) & (plan.labels[nearest] != plan.labels)
    return _part("smote_tomek", data, plan, np.flatnonzero(~linked))


def _check_enn(
    counts: Mapping[str, int], *, k_neighbors: int, sampling_strategy: float, n_neighbors: int, kind_sel: str
) -> None:
    check_class_sizes("smote_enn", counts, k_neighbors, sampling_strategy)
    check_rows("smote_enn", counts, "n_neighbors", n_neighbors)


@sampler(
    label="SMOTE-ENN",
    reference="Batista, Prati & Monard, ACM SIGKDD Explorations 6(1), 2004",
    check=_check_enn,
    prior_effect="unknown",
    mixes=True,
    refuses="while building",
    follows="loosely",
    k_neighbors=K_NEIGHBORS,
    sampling_strategy=SAMPLING_STRATEGY,
    n_neighbors=N_NEIGHBORS,
    kind_sel=KIND_SEL,
)
def smote_enn(
    data: TrainingData,
    random_state: int,
    *,
    k_neighbors: int,
    sampling_strategy: float,
    n_neighbors: int,
    kind_sel: str,
) -> TrainingPlan:
    """SMOTE, after which all rows go whose nearest neighbours are not of their class.

    Args:
        data, random_state, k_neighbors, sampling_strategy: as of ``smote``.
        n_neighbors, kind_sel: as of ``enn``; here they apply to every class.
    Returns:
        Training and synthetic rows, class by class.
    """
    plan = smote(data, random_state, k_neighbors=k_neighbors, sampling_strategy=sampling_strategy)
    stays = agree(plan.labels, plan.labels[_nearest(data, plan, n_neighbors)], kind_sel)
    kept = np.flatnonzero(stays)
    return _part("smote_enn", data, plan, kept[np.argsort(plan.labels[kept], kind="stable")])
