"""Balanced-MixUp: rows mixed with partners from classes that are drawn equally often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from balancing.components.axes import Partnered, TrainingContext
from balancing.components.decorators import mixer
from balancing.components.ledger import log_frequencies
from balancing.components.mixers.drawing import beta, mixed
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


def toward_balance(context: TrainingContext, *, alpha: float) -> np.ndarray:
    """(C,) float64: log of the mean target over the rows' class frequencies, of which a share is equal for all."""
    own = log_frequencies(context.class_counts)
    share = alpha / (1 + alpha)
    found: np.ndarray = np.log((1 - share) * np.exp(own) + share / len(own)) - own
    return found


@mixer(
    label="Balanced-MixUp",
    reference="Galdran, Carneiro & González Ballester, MICCAI 2021",
    prior_effect=toward_balance,
    alpha=FloatRange(0.1, 0.3, default=0.2, minimum=0.01, maximum=10.0),
)
def balanced_mixup(context: TrainingContext, *, alpha: float) -> Partnered:
    """Each row mixed with a partner from a class drawn with equal chances, mostly with a small share of it.

    (1 - lambda) x + lambda x_balanced, targets alike, lambda ~ Beta(alpha, 1), of mean alpha / (1 + alpha), drawn for
    each row (the authors' code draws one a batch). The class frequencies that training sees are those of the mean
    target, between the rows' own and equal ones.

    Args:
        alpha: the larger, the more of the balanced partner.
    """

    def mix(
        x: torch.Tensor,
        partner: torch.Tensor,
        targets: torch.Tensor,
        partner_targets: torch.Tensor,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        own = 1 - beta(generator, alpha, 1.0, len(x))
        return mixed(x, partner, own), mixed(targets, partner_targets, own)

    return Partnered(mix, power=0.0)
