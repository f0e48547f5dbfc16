"""Random under- and over-sampling: plans that are lists of real rows.

Draws and row order are those of imbalanced-learn's RandomUnderSampler and RandomOverSampler.
"""

from __future__ import annotations

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.samplers.targets import SAMPLING_STRATEGY, most_rows, rows_to_add


@sampler(
    label="Undersampling",
    colour="#0072b2",
    reference="Japkowicz & Stephen, Intelligent Data Analysis 6(5), 2002",
    sampling_strategy=SAMPLING_STRATEGY,
)
def undersampling(data: TrainingData, random_state: int, *, sampling_strategy: float) -> TrainingPlan:
    """Larger classes lose random images until none exceeds the smallest (divided by sampling_strategy).

    Args:
        data: T training rows of any number of classes, each with an image.
        random_state: 0..2**32-1.
        sampling_strategy: in (0, 1]; the smallest class over the largest afterwards.
    Returns:
        At most T rows, none twice, class by class.
    """
    rng = np.random.RandomState(random_state)
    labels, counts = data.train_labels, data.class_counts
    ceiling = most_rows(counts, sampling_strategy)
    smallest = int(np.argmin(counts))
    kept = []
    for label in range(data.n_classes):
        positions = np.flatnonzero(labels == label)
        # A class exactly at the ceiling is drawn whole, which only orders it anew: so does imbalanced-learn.
        if label != smallest and counts[label] >= ceiling:
            positions = positions[rng.choice(len(positions), size=ceiling, replace=False)]
        kept.append(positions)
    chosen = np.concatenate(kept)
    return TrainingPlan.of_rows(data.rows[chosen], labels[chosen])


@sampler(
    label="Oversampling",
    colour="#e69f00",
    reference="Japkowicz & Stephen, Intelligent Data Analysis 6(5), 2002",
    sampling_strategy=SAMPLING_STRATEGY,
)
def oversampling(data: TrainingData, random_state: int, *, sampling_strategy: float) -> TrainingPlan:
    """Smaller classes repeat random images until they reach the largest (times sampling_strategy).

    Args:
        data: T training rows of any number of classes, each with an image.
        random_state: 0..2**32-1.
        sampling_strategy: in (0, 1]; a smaller class over the largest afterwards.
    Returns:
        The T rows in their order, then the repeats class by class.
    """
    rng = np.random.RandomState(random_state)
    labels = data.train_labels
    chosen = [np.arange(len(labels))]
    for label, n_new in enumerate(rows_to_add(data.class_counts, sampling_strategy)):
        if n_new:
            chosen.append(rng.choice(np.flatnonzero(labels == label), size=n_new, replace=True))
    every = np.concatenate(chosen)
    return TrainingPlan.of_rows(data.rows[every], labels[every])
