"""mixup: each row of a batch and its target mixed with another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.axes import Mix, TrainingContext
from balancing.components.decorators import mixer
from balancing.components.mixers.drawing import beta, mixed
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


@mixer(
    label="mixup",
    reference="Zhang et al., ICLR 2018",
    prior_effect="kept",
    alpha=FloatRange(0.05, 1.0, default=0.2, log=True, minimum=0.01, maximum=10.0),
)
def mixup(context: TrainingContext, *, alpha: float) -> Mix:
    """Each row and its target mixed with those of another row of the batch.

    lambda x_i + (1 - lambda) x_j, targets alike, lambda ~ Beta(alpha, alpha), drawn for each row, as the paper's
    equation has it (its code, and torchvision's, draw one a batch). Partners are a permutation of the batch, so class
    frequencies stay. Answers become less sure, so calibrate them.

    Args:
        alpha: near 0 most rows stay almost whole; at 1 every share is equally likely.
    """

    def mix(
        x: torch.Tensor,
        partner: torch.Tensor,
        targets: torch.Tensor,
        partner_targets: torch.Tensor,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        share = beta(generator, alpha, alpha, len(x))
        return mixed(x, partner, share), mixed(targets, partner_targets, share)

    return mix
