"""Cross-entropy with soft targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def cross_entropy(logits_BC: torch.Tensor, targets_BC: torch.Tensor) -> torch.Tensor:
    """Minus the mean log-probability of each image's classes, weighted by its targets.

    Bit for bit torch's cross-entropy with whole labels where the targets are one-hot: its gradients too.

    Args:
        logits_BC: (B, C) float.
        targets_BC: (B, C) float, rows in [0, 1] that sum to 1.
    Returns:
        (B,) in nats, >= 0; a class without a share of the target counts nothing, however improbable.
    """
    import torch  # takes seconds, and whoever lists components needs none of it

    shares = targets_BC * logits_BC.log_softmax(dim=1)
    return -torch.where(targets_BC > 0, shares, 0.0).sum(dim=1)
