"""Cross-entropy weighted by class: rare classes count more."""

from __future__ import annotations

import numpy as np

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.losses.terms import counts_to_weigh, mean_one, weighted_entropy
from balancing.components.ranges import FloatRange


def log_weights(context: TrainingContext, *, power: float) -> np.ndarray:
    """(C,) natural logarithms of the weights: what they add to the class frequencies that answers carry."""
    found: np.ndarray = np.log(weights_of(context.class_counts, power))
    return found


@loss(
    label="Class weights",
    reference="King & Zeng, Political Analysis 9(2), 2001",
    prior_effect=log_weights,
    colour="#56b4e9",
    power=FloatRange(0.0, 1.0, default=1.0),
)
def class_weights(context: TrainingContext, *, power: float) -> Loss:
    """Cross-entropy in which a class weighs by how rare it is in the rows that train.

    Args:
        context: the class counts of the plan that trains, so what a sampler has balanced is not balanced again.
        power: r in [0, 1]; a class of n rows weighs in proportion to n^-r: 0 is cross-entropy, 1 gives each class the
            same weight in all.
    """
    return weighted_entropy(weights_of(context.class_counts, power))


def weights_of(class_counts: np.ndarray, power: float) -> np.ndarray:
    """Weights in proportion to n^-power, scaled to mean 1 over the rows, so that the learning rate keeps its sense.

    Args:
        class_counts: (C,) int64, >= 1.
        power: >= 0.
    Returns:
        (C,) float64; exactly 1 where all counts are equal.
    Raises:
        ValueError: a class has no row.
    """
    counts = counts_to_weigh(class_counts)
    return mean_one((counts / counts.max()) ** -power, counts)
