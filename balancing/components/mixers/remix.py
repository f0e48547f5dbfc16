"""ReMix: mixup whose targets favour the rarer of two classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.axes import Mix, TrainingContext
from balancing.components.decorators import mixer
from balancing.components.mixers.drawing import beta, counts_of, mixed
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


@mixer(
    label="ReMix",
    reference="Chou et al., ECCV Workshops 2020",
    alpha=FloatRange(0.2, 1.0, default=1.0, log=True, minimum=0.01, maximum=10.0),
    kappa=FloatRange(1.5, 6.0, default=3.0, log=True, minimum=1.1, maximum=1000.0),
    tau=FloatRange(0.3, 0.7, default=0.5, minimum=0.0, maximum=1.0),
)
def remix(context: TrainingContext, *, alpha: float, kappa: float, tau: float) -> Mix:
    """Rows mixed as in mixup, but a target goes to the much rarer of two classes whole.

    Pixels: lambda x_i + (1 - lambda) x_j, lambda ~ Beta(alpha, alpha) for each row. Targets: the partner's alone where
    n_i / n_j >= kappa and lambda < tau; the row's own alone where n_i / n_j <= 1 / kappa and 1 - lambda < tau; else as
    the pixels. Where no class is kappa times as frequent as another it is mixup.

    Args:
        alpha: as in ``mixup``.
        kappa: from which ratio of class counts on, of the rows that train.
        tau: up to which share of the pixels the commoner class is left out of the target.
    """

    def mix(
        x: torch.Tensor,
        partner: torch.Tensor,
        targets: torch.Tensor,
        partner_targets: torch.Tensor,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        share = beta(generator, alpha, alpha, len(x)).to(targets)
        ratio = counts_of(targets, context.class_counts) / counts_of(partner_targets, context.class_counts)
        of_target = torch.where((ratio >= kappa) & (share < tau), 0.0, share)
        of_target = torch.where((ratio <= 1 / kappa) & (1 - share < tau), 1.0, of_target)
        return mixed(x, partner, share), mixed(targets, partner_targets, of_target)

    return mix
