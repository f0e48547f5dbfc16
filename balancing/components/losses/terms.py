"""What losses are made of: values of classes as tensors, weights, and sums over soft targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from balancing.components.axes import Loss, TrainingContext

if TYPE_CHECKING:
    import torch


class PerClass:
    """A value of each class, as a tensor like the one it meets; it is moved to a device once, not in each step.

    Args:
        values: (C,) float.
    """

    def __init__(self, values: np.ndarray):
        self.values = np.asarray(values, dtype=np.float64)
        self._kept: torch.Tensor | None = None

    def like(self, other: torch.Tensor) -> torch.Tensor:
        """(C,) of the other's dtype, on its device."""
        import torch  # takes seconds, and whoever lists components needs none of it

        kept = self._kept
        if kept is None or kept.dtype != other.dtype or kept.device != other.device:
            kept = self._kept = torch.as_tensor(self.values, dtype=other.dtype, device=other.device)
        return kept


def over_targets(losses: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """sum_c t_c L_c of each row; a class without a share of the target counts nothing, were its loss infinite.

    Args:
        losses: (B, C), what each class would cost if it were the row's.
        targets: (B, C), rows in [0, 1] that sum to 1.
    Returns:
        (B,).
    """
    import torch

    return torch.where(targets > 0, targets * losses, 0.0).sum(dim=1)


def unlikely(log_probabilities: torch.Tensor, power: float) -> torch.Tensor:
    """(1 - p)^power from log p, any shape; its gradient too is finite at p = 1, for any power >= 0."""
    import torch

    rest = -torch.expm1(log_probabilities)
    return rest.clamp_min(torch.finfo(rest.dtype).eps) ** power


def weighted_entropy(weights: np.ndarray) -> Loss:
    """Cross-entropy in which each class has a weight, (C,) > 0; weights of exactly 1 change no bit."""
    of_classes = PerClass(weights)

    def weighted(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """-sum_c w_c t_c log softmax(logits)_c of each row: (B, C) logits, (B, C) targets -> (B,)."""
        import torch

        shares = targets * logits.log_softmax(dim=1)
        return -torch.where(targets > 0, of_classes.like(shares) * shares, 0.0).sum(dim=1)

    return weighted


def mean_one(relative: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
    """Weights scaled to mean 1 over the rows, so that the learning rate keeps its sense.

    Args:
        relative: (C,) float64 > 0.
        class_counts: (C,) > 0.
    Returns:
        (C,) float64; exactly 1 where all relative ones are 1.
    """
    counts = np.asarray(class_counts, dtype=np.float64)
    found: np.ndarray = relative * (counts.sum() / (counts * relative).sum())
    return found


def counts_to_weigh(class_counts: np.ndarray) -> np.ndarray:
    """The counts, (C,) float64; raises ValueError where a class has no row."""
    counts = np.asarray(class_counts, dtype=np.float64)
    if not (counts >= 1).all():
        raise ValueError(f"every class needs rows to be weighted, but the counts are {class_counts.tolist()}")
    return counts


def different_images(context: TrainingContext) -> np.ndarray:
    """(C,): how many different images of each class train, for what depends on those and not on the class's share.

    A plan that has no more rows of any class than the split has images (as undersampling makes it) repeats none; of
    any other plan it is the split's images that are repeated or mixed.
    """
    rows, images = context.class_counts, context.split_counts
    return rows if images is None or (rows <= images).all() else images
