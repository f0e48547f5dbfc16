"""Deep SVDD: images of one class are drawn towards a point, and what lies far from it is of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss

if TYPE_CHECKING:
    import torch


@loss(
    label="Deep SVDD",
    reference="Ruff et al., ICML 2018",
    binary=True,
    gives="scores",
    head="distance",
    one_class=True,
)
def deep_svdd(context: TrainingContext) -> Loss:
    """One-class: trains on the commonest class alone, and scores images by their distance from its centre.

    The mean over the rows of ||phi(x) - c||^2, the one-class objective (eq. 4); weight decay is the sweep's. The centre
    c is the mean of phi over these rows with the network as it begins, away from 0 in each of its coordinates. No bias
    trains that could send every image to c: phi is a linear map without bias of the network's features, whose batch
    norm has weight 1 and bias 0 throughout. Images of the rare class train nothing; on validation they choose the best
    epoch, by AUROC. Answers are scores that rank, log(d^2 / d0^2) with d0^2 the mean at the start.

    Args:
        context: of two classes.
    Raises:
        ValueError: there are not two classes.
    """
    if context.n_classes != 2:
        raise ValueError(f"Deep SVDD tells one class from another, but there are {context.n_classes}")

    def squared_distance(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(B, 2) logits that differ by the squared distance, whichever class is the far one -> (B,)."""
        return (logits[:, 1] - logits[:, 0]).abs()

    return squared_distance
