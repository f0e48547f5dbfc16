"""Asymmetric loss: wrong classes that are held to be improbable count less than the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.losses.terms import over_targets, unlikely
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


@loss(
    label="Asymmetric (ASL)",
    reference="Ridnik et al., ICCV 2021",
    gamma_pos=FloatRange(0.0, 2.0, default=0.0, maximum=5.0),
    gamma_neg=FloatRange(0.0, 6.0, default=4.0, maximum=10.0),
    smoothing=FloatRange(0.05, 0.2, default=0.1, minimum=0.0, maximum=0.5),
)
def asymmetric(context: TrainingContext, *, gamma_pos: float, gamma_neg: float, smoothing: float) -> Loss:
    """Cross-entropy with smoothed labels, focused apart on the right class and on the wrong ones.

    The form for one label an image. Wrong classes have a share of the target by the smoothing alone, so gamma_neg
    does nothing without it. It looks at no class counts.

    Args:
        gamma_pos: the right class's cross-entropy is multiplied by (1 - p)^gamma_pos of its probability p.
        gamma_neg: a wrong class's by p^gamma_neg; both 0 give cross-entropy with smoothed labels.
        smoothing: the share of each target that is spread over all classes.
    """
    spread = smoothing / context.n_classes

    def focused(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(B, C) logits, (B, C) targets -> (B,); of mixed targets the losses of their classes, mixed."""
        log_p = logits.log_softmax(dim=1)
        right = log_p * unlikely(log_p, gamma_pos)
        wrong = log_p * (gamma_neg * log_p).exp()
        return -(1 - smoothing + spread) * over_targets(right, targets) - spread * ((1 - targets) * wrong).sum(dim=1)

    return focused
