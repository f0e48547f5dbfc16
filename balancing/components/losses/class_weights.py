"""Cross-entropy weighted by class: rare classes count more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


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
    weights = weights_of(context.class_counts, power)

    def weighted(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """-sum_c w_c t_c log softmax(logits)_c of each row: (B, C) logits, (B, C) targets -> (B,)."""
        import torch  # takes seconds, and whoever lists components needs none of it

        shares = targets * logits.log_softmax(dim=1)
        weighed = torch.as_tensor(weights, dtype=shares.dtype, device=shares.device) * shares
        return -torch.where(targets > 0, weighed, 0.0).sum(dim=1)

    return weighted


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
    counts = np.asarray(class_counts, dtype=np.float64)
    if not (counts >= 1).all():
        raise ValueError(f"every class needs rows to be weighted, but the counts are {class_counts.tolist()}")
    relative = (counts / counts.max()) ** -power
    found: np.ndarray = relative * (counts.sum() / (counts * relative).sum())
    return found
