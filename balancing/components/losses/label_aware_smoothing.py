"""Label-aware smoothing: labels of frequent classes, of which networks are too sure, are smoothed more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.losses.terms import PerClass, counts_to_weigh, different_images, over_targets
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


@loss(
    label="Label-aware smoothing",
    reference="Zhong et al., CVPR 2021",
    smooth_head=FloatRange(0.1, 0.4, default=0.3, minimum=0.0, maximum=0.9),
    smooth_tail=FloatRange(0.0, 0.1, default=0.0, maximum=0.9),
)
def label_aware_smoothing(context: TrainingContext, *, smooth_head: float, smooth_tail: float) -> Loss:
    """Cross-entropy with labels smoothed by how frequent their class is.

    As the authors' code has it, and torch's ``label_smoothing``, the smoothed share is spread over all classes, the
    right one too; the paper spreads it over the others.

    Args:
        context: classes go by how many different images train, so a balanced second stage smooths as the first.
        smooth_head: share of the most frequent class's labels that is spread; of every class's, where all are equal.
        smooth_tail: of the rarest class's; between them it rises as a quarter of a sine, the paper's concave form.
    """
    of_classes = PerClass(smoothing_of(different_images(context), smooth_head, smooth_tail))

    def smoothed(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(B, C) logits, (B, C) targets -> (B,); of mixed targets the losses of their classes, mixed."""
        losses = -logits.log_softmax(dim=1)
        share = of_classes.like(losses)
        return over_targets((1 - share) * losses + share * losses.mean(dim=1, keepdim=True), targets)

    return smoothed


def smoothing_of(images: np.ndarray, head: float, tail: float) -> np.ndarray:
    """The share of each class's labels that is spread: tail + (head - tail) sin(pi/2 (n - n_min) / (n_max - n_min)).

    Args:
        images: (C,) of each class, >= 1.
        head, tail: in [0, 1).
    Returns:
        (C,) float64.
    """
    counts = counts_to_weigh(images)
    span = counts.max() - counts.min()
    position = (counts - counts.min()) / span if span else np.ones(len(counts))
    found: np.ndarray = tail + (head - tail) * np.sin(np.pi / 2 * position)
    return found
