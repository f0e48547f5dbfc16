"""Focal loss: rows that are answered well already count less; with and without class weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.losses.class_weights import weights_of
from balancing.components.losses.effective_number import ONE_MINUS_BETA, effective_weights
from balancing.components.losses.terms import PerClass, over_targets, unlikely
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


def _focal_shift(context: TrainingContext, *, gamma: float, alpha: float) -> np.ndarray | None:
    """(C,) log weights where gamma is 0; else None: focal loss is not proper, and no closed form is known."""
    found: np.ndarray = np.log(weights_of(context.class_counts, alpha))
    return found if gamma == 0 else None


def _cb_focal_shift(context: TrainingContext, *, gamma: float, one_minus_beta: float) -> np.ndarray | None:
    """(C,) log weights where gamma is 0; else None."""
    found: np.ndarray = np.log(effective_weights(context.class_counts, one_minus_beta))
    return found if gamma == 0 else None


@loss(
    label="Focal",
    reference="Lin et al., ICCV 2017",
    prior_effect=_focal_shift,
    gamma=FloatRange(0.0, 5.0, default=2.0),
    alpha=FloatRange(0.0, 1.0, default=0.0),
)
def focal(context: TrainingContext, *, gamma: float, alpha: float) -> Loss:
    """Cross-entropy in which a row counts less the surer the network is of its class already.

    Of the softmax over all classes, where Lin et al. have a sigmoid each. Its answers are less sure than calibrated
    ones.

    Args:
        context: the class counts of the plan that trains.
        gamma: >= 0; a row's cross-entropy is multiplied by (1 - p)^gamma of its class's probability p. 0 is
            cross-entropy, with class weights if alpha says so.
        alpha: r in [0, 1]; a class of n rows weighs in proportion to n^-r besides: 0 weighs none.
    """
    return focal_entropy(gamma, weights_of(context.class_counts, alpha))


@loss(
    label="Class-balanced focal",
    reference="Cui et al., CVPR 2019",
    prior_effect=_cb_focal_shift,
    gamma=FloatRange(0.5, 2.0, default=1.0, minimum=0.0, maximum=5.0),
    one_minus_beta=ONE_MINUS_BETA,
)
def cb_focal(context: TrainingContext, *, gamma: float, one_minus_beta: float) -> Loss:
    """Focal loss in which a class weighs by its effective number of images.

    Args:
        context: the class counts of the plan that trains.
        gamma: as of ``focal``; 0 is ``effective_number``.
        one_minus_beta: as of ``effective_number``.
    """
    return focal_entropy(gamma, effective_weights(context.class_counts, one_minus_beta))


def focal_entropy(gamma: float, weights: np.ndarray) -> Loss:
    """The focal loss of soft targets with class weights.

    Args:
        gamma: >= 0; 0 is weighted cross-entropy, bit for bit.
        weights: (C,) > 0.
    """
    of_classes = PerClass(weights)

    def focused(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """-sum_c w_c t_c (1 - p_c)^gamma log p_c of each row: (B, C) logits, (B, C) targets -> (B,)."""
        log_p = logits.log_softmax(dim=1)
        losses = -log_p if gamma == 0 else -log_p * unlikely(log_p, gamma)
        return over_targets(of_classes.like(losses) * losses, targets)

    return focused
