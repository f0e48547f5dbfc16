"""Label-distribution-aware margins: rare classes must be answered with more to spare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.losses.terms import PerClass, counts_to_weigh, different_images, over_targets
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


class MarginEntropy:
    """Cross-entropy of scaled cosines, of which the target's is lowered by a margin first.

    Args:
        margins: (C,) >= 0, in units of the cosine.
        scale: s > 0; softmax(s * cosines) are the probabilities, with which an answer is given.
    """

    def __init__(self, margins: np.ndarray, scale: float):
        self.margins = PerClass(margins)
        self.scale = scale

    def __call__(self, cosines: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Of mixed targets each class has its own margin, and the losses are mixed.

        Args:
            cosines: (B, C) in [-1, 1].
            targets: (B, C), rows sum to 1.
        Returns:
            (B,) in nats; takes room for B x C x C numbers.
        """
        import torch

        # [b, y, j]: the logit of class j, if y were the class of row b.
        margins = torch.diag(self.margins.like(cosines))
        lowered = self.scale * (cosines[:, None, :] - margins)
        own = self.scale * (cosines - self.margins.like(cosines))
        return over_targets(lowered.logsumexp(dim=2) - own, targets)


@loss(
    label="LDAM",
    reference="Cao et al., NeurIPS 2019",
    head="cosine",
    max_margin=FloatRange(0.1, 0.8, default=0.5, minimum=0.0, maximum=1.0),
    scale=FloatRange(8.0, 64.0, default=30.0, log=True, minimum=1.0, maximum=128.0),
)
def ldam(context: TrainingContext, *, max_margin: float, scale: float) -> Loss:
    """Cross-entropy of cosines, with a margin that a class must be ahead by, the larger the rarer it is.

    Args:
        context: margins go by how many different images of a class train, so repeating them widens no margin.
        max_margin: of the rarest class, in units of the cosine; a class of n images has n^-1/4 in proportion.
        scale: s, by which cosines are multiplied: their probabilities are softmax(s * cosines).
    """
    return MarginEntropy(margins_of(different_images(context), max_margin), scale)


def margins_of(images: np.ndarray, max_margin: float) -> np.ndarray:
    """(C,) float64 in proportion to n^-1/4, the largest max_margin; from (C,) images of each class, >= 1."""
    counts = counts_to_weigh(images)
    found: np.ndarray = max_margin * (counts / counts.min()) ** -0.25
    return found
