"""Cross-entropy weighted by the effective number of images of each class."""

from __future__ import annotations

import numpy as np

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.losses.terms import counts_to_weigh, mean_one, weighted_entropy
from balancing.components.ranges import FloatRange

# Drawn in the logarithm of 1 - beta, since beta = .9, .99, .999 and .9999 are what is tried.
ONE_MINUS_BETA = FloatRange(1e-4, 1e-1, default=1e-4, log=True, minimum=1e-8, maximum=0.9)


def log_effective(context: TrainingContext, *, one_minus_beta: float) -> np.ndarray:
    """(C,) natural logarithms of the weights: what they add to the class frequencies that answers carry."""
    found: np.ndarray = np.log(effective_weights(context.class_counts, one_minus_beta))
    return found


@loss(
    label="Effective number",
    reference="Cui et al., CVPR 2019",
    prior_effect=log_effective,
    one_minus_beta=ONE_MINUS_BETA,
)
def effective_number(context: TrainingContext, *, one_minus_beta: float) -> Loss:
    """Cross-entropy in which a class weighs by its effective number of images, of which each new one adds less.

    Args:
        context: the class counts of the plan that trains, so what a sampler has balanced is not balanced again.
        one_minus_beta: 1 - beta in [1e-8, 0.9]; a class of n rows weighs in proportion to (1 - beta) / (1 - beta^n).
            What it does depends on n (1 - beta): far below 1 the weights are n^-1 as of class weights, far above 1 all
            are the same. The default, beta = 0.9999, does something up to some 20,000 rows a class; beta = 0.9 does
            nothing from 50 on.
    """
    return weighted_entropy(effective_weights(context.class_counts, one_minus_beta))


def effective_weights(class_counts: np.ndarray, one_minus_beta: float) -> np.ndarray:
    """Weights in proportion to 1 / (1 - beta^n), scaled to mean 1 over the rows as class weights are.

    Args:
        class_counts: (C,) int64, >= 1.
        one_minus_beta: in (0, 1).
    Returns:
        (C,) float64; exactly 1 where all counts are equal.
    Raises:
        ValueError: a class has no row.
    """
    counts = counts_to_weigh(class_counts)
    # 1 - beta^n, without loss where beta is nearly 1.
    effective = -np.expm1(counts * np.log1p(-one_minus_beta))
    return mean_one(effective.max() / effective, counts)
