"""UniMix: rows mixed with partners from rare classes, by shares that favour the rarer of the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.axes import Partnered, TrainingContext
from balancing.components.decorators import mixer
from balancing.components.mixers.drawing import beta, counts_of, mixed
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


@mixer(
    label="UniMix",
    reference="Xu, Chai & Yuan, NeurIPS 2021",
    alpha=FloatRange(0.2, 1.0, default=0.8, log=True, minimum=0.01, maximum=10.0),
    tau=FloatRange(-1.0, -0.5, default=-1.0, minimum=-3.0, maximum=1.0),
)
def unimix(context: TrainingContext, *, alpha: float, tau: float) -> Partnered:
    """Each row mixed with a partner that is likelier of a rare class, with more of the rarer of the two.

    lambda x_i + (1 - lambda) x_j, targets alike, lambda = (Beta(alpha, alpha) + n_j / (n_i + n_j)) mod 1, drawn for
    each row; partners are drawn with class masses in proportion to n^tau. The paper's other half, Bayias, is a loss: a
    logit-adjusted or balanced-softmax loss beside this mixer. The authors' code draws partners from the batch and gives
    each image the weight n^tau, so its classes are drawn in proportion to n^(1 + tau): its tau of -1 is 0 here.

    Args:
        alpha: below 1 shares lie near n_j / (n_i + n_j); at 1 every share is equally likely.
        tau: -1 draws a class in proportion to 1 / n, 0 all classes alike, 1 the rows as they are.
    """

    def mix(
        x: torch.Tensor,
        partner: torch.Tensor,
        targets: torch.Tensor,
        partner_targets: torch.Tensor,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        of_row, of_partner = (counts_of(each, context.class_counts) for each in (targets, partner_targets))
        share = (beta(generator, alpha, alpha, len(x)).to(targets) + of_partner / (of_row + of_partner)) % 1
        return mixed(x, partner, share), mixed(targets, partner_targets, share)

    return Partnered(mix, power=tau)
