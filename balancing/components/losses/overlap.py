"""Losses of a batch as a whole: soft forms of the F score and of Tversky's index, averaged over classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.axes import Loss, TrainingContext
from balancing.components.decorators import loss
from balancing.components.ranges import FloatRange

if TYPE_CHECKING:
    import torch


@loss(
    label="Soft F-beta",
    reference="Bénédict et al., TMLR 2022",
    batchwise=True,
    beta=FloatRange(0.5, 2.0, default=1.0, log=True, minimum=0.1, maximum=10.0),
)
def soft_f_beta(context: TrainingContext, *, beta: float) -> Loss:
    """One minus the batch's F score with probabilities for decisions, averaged over classes.

    A class that a batch lacks is left out of its average, so large batches are better. It is not proper: probabilities
    are no calibrated ones.

    Args:
        beta: recall counts beta^2 times as much as precision; 1 is F1, and Dice's.
    """
    missed = beta**2 / (1 + beta**2)
    return overlap_loss(1 - missed, missed)


@loss(
    label="Tversky",
    reference="Salehi et al., MLMI 2017",
    batchwise=True,
    alpha=FloatRange(0.3, 0.7, default=0.3, minimum=0.05, maximum=0.95),
)
def tversky(context: TrainingContext, *, alpha: float) -> Loss:
    """One minus the batch's Tversky index with probabilities for decisions, averaged over classes.

    Args:
        alpha: what false positives weigh; false negatives weigh 1 - alpha. 1/2 is ``soft_f_beta`` with beta = 1.
    """
    return overlap_loss(alpha, 1 - alpha)


def overlap_loss(false_positives: float, false_negatives: float) -> Loss:
    """1 - TP / (TP + a FP + b FN) of sums over the batch, averaged over the classes that it has.

    Args:
        false_positives, false_negatives: a and b, > 0.
    """

    def overlap(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(B, C) logits, (B, C) targets -> (B,): the batch's loss in [0, 1], the same for each row."""
        import torch

        p = logits.softmax(dim=1)
        of_class = targets.sum(dim=0)
        hit = (targets * p).sum(dim=0)
        wrong = ((1 - targets) * p).sum(dim=0)
        there = of_class > 0
        # Of a class that is there the sum is above 0, whatever the network answers.
        size = torch.where(there, hit + false_positives * wrong + false_negatives * (of_class - hit), 1.0)
        lost = torch.where(there, 1 - hit / size, 0.0).sum() / there.sum()
        return lost.expand(len(logits))

    return overlap
