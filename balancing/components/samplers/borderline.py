"""Borderline-SMOTE: SMOTE that starts from the images of a small class that lie among other classes.

Draws and row order are those of imbalanced-learn's BorderlineSMOTE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import Choice, IntRange
from balancing.components.samplers.smote import K_NEIGHBORS, check_class_sizes, draw_mixtures
from balancing.components.samplers.targets import SAMPLING_STRATEGY, rows_to_add
from balancing.errors import UserError


def _check(
    counts: Mapping[str, int], *, k_neighbors: int, m_neighbors: int, kind: int, sampling_strategy: float
) -> None:
    check_class_sizes("borderline_smote", counts, k_neighbors, sampling_strategy)
    n_images = sum(counts.values())
    if n_images <= m_neighbors and rows_to_add(np.array(list(counts.values())), sampling_strategy).any():
        raise UserError(
            f"there are {n_images} training images, but borderline_smote with m_neighbors={m_neighbors} needs at "
            f"least {m_neighbors + 1}; lower borderline_smote.m_neighbors to {n_images - 1} or choose oversampling"
        )


@sampler(
    label="Borderline-SMOTE",
    colour="#cc79a7",
    reference="Han, Wang & Mao, ICIC 2005",
    check=_check,
    prior_effect="unknown",
    mixes=True,
    k_neighbors=K_NEIGHBORS,
    m_neighbors=IntRange(5, 15, default=10, minimum=1, maximum=1000),
    kind=Choice((1, 2), default=1),
    sampling_strategy=SAMPLING_STRATEGY,
)
def borderline_smote(
    data: TrainingData, random_state: int, *, k_neighbors: int, m_neighbors: int, kind: int, sampling_strategy: float
) -> TrainingPlan:
    """Smaller classes grow by mixtures that start from images with many neighbours of other classes.

    An image is in danger where at least half, but not all, of its m nearest neighbours belong to other classes. Kind 1
    mixes it with one of its k nearest neighbours in its class; kind 2 with one of its k nearest of any class, going at
    most half the way to another class's. A class without an image in danger gets no new rows.

    Args:
        data: T training rows, more than ``m_neighbors``; each class to grow has more than ``k_neighbors`` of them.
        random_state: 0..2**32-1; each class starts anew from it.
        k_neighbors: how many neighbours an image may be mixed with.
        m_neighbors: how many neighbours decide whether it is in danger.
        kind: 1 or 2, the paper's two algorithms.
        sampling_strategy: in (0, 1]; a smaller class over the largest afterwards.
    Returns:
        The T rows in their order, then the synthetic ones class by class.
    """
    labels = data.train_labels
    parts = [TrainingPlan.of_rows(data.rows, labels)]
    for label, n_new in enumerate(rows_to_add(data.class_counts, sampling_strategy)):
        if not n_new:
            continue
        members = data.rows[labels == label]
        # One search serves both questions: who is in danger, and whom to mix with.
        if kind == 1:
            nearest, partners = data.nearest_in_both(members, m_neighbors, k_neighbors)
        else:
            nearest = data.nearest(members, data.rows, max(m_neighbors, k_neighbors))
            partners = nearest[:, :k_neighbors]
        n_foreign = (data.labels[nearest[:, :m_neighbors]] != label).sum(axis=1)
        in_danger = (n_foreign >= m_neighbors / 2) & (n_foreign < m_neighbors)
        if not in_danger.any():
            continue
        mixtures = draw_mixtures(members[in_danger], partners[in_danger], label, int(n_new), random_state)
        if kind == 2:
            mixtures = _stay_near(mixtures, data.labels[mixtures.mate] != label, random_state)
        parts.append(mixtures)
    return TrainingPlan.joined(parts)


def _stay_near(mixtures: TrainingPlan, foreign: np.ndarray, random_state: int) -> TrainingPlan:
    """The mixtures with the weight of ``foreign`` mates, (M,) bool, multiplied by a draw from [0, 0.5)."""
    # A fresh generator with the same seed, as imbalanced-learn takes one.
    factors = np.random.RandomState(random_state).uniform(0.0, 0.5, size=int(foreign.sum()))
    weight = mixtures.weight.copy()
    weight[foreign] *= factors
    return replace(mixtures, weight=weight)
