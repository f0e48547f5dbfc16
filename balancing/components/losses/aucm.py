"""AUC margin loss: ranks positives above negatives, by a margin, as a game of three numbers against the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.losses.terms import counts_to_weigh
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


@loss(
    label="AUC margin (AUCM)",
    reference="Yuan et al., ICCV 2021",
    binary=True,
    gives="scores",
    margin=FloatRange(0.6, 1.0, default=1.0, minimum=0.1, maximum=1.0),
)
def aucm(context: TrainingContext, *, margin: float) -> Loss:
    """The area under the ROC curve by a squared margin loss; answers rank, and are no probabilities.

    With h the score of a row, a sigmoid of the difference of its two logits, the network and two numbers a and b
    minimise, and a third number alpha >= 0 maximises

        E[(h - a)^2 | positive] + E[(h - b)^2 | negative]
            + 2 alpha (margin + E[h | negative] - E[h | positive]) - alpha^2

    The expectations are taken over all rows of the plan: a row counts by one over its class's share there. So a row's
    loss does not depend on its batch, and a batch of one class does no harm; batches with both make smaller noise,
    and a balanced plan gives them. Best with ``pesg``, and from a network that cross-entropy has trained before.

    Args:
        context: the class counts of the plan that trains; ``positive``, or class 1 where it is not said.
        margin: in (0, 1], by which positives' scores should be above negatives'.
    Raises:
        ValueError: there are not two classes.
    """
    import torch
    from torch import nn

    if context.n_classes != 2:
        raise ValueError(f"AUCM ranks two classes, but there are {context.n_classes}")
    counts = counts_to_weigh(context.class_counts)
    positive = 1 if context.positive is None else context.positive
    share = float(counts[positive] / counts.sum())

    class Aucm(nn.Module):
        """``a``, ``b`` and ``alpha`` are () float32; alpha's gradient is turned round, so that every optimiser's step
        down is alpha's step up.
        """

        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Parameter(torch.zeros(()))
            self.b = nn.Parameter(torch.zeros(()))
            self.alpha = nn.Parameter(torch.zeros(()))
            self.alpha.ascends = True  # type: ignore[attr-defined]

        def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            """(B, 2) logits, (B, 2) targets -> (B,), which may be below 0; first takes alpha back to >= 0."""
            with torch.no_grad():
                self.alpha.clamp_(min=0)
            alpha = 2 * self.alpha.detach() - self.alpha
            h = (logits[:, positive] - logits[:, 1 - positive]).sigmoid()
            is_positive, is_negative = targets[:, positive] / share, targets[:, 1 - positive] / (1 - share)
            near = is_positive * (h - self.a) ** 2 + is_negative * (h - self.b) ** 2
            return near + 2 * alpha * (margin + (is_negative - is_positive) * h) - alpha**2

    return Aucm()
