"""Cross-entropy: the loss where no component says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """-sum_c t_c log softmax(logits)_c of each row.

    Args:
        logits: (B, C) floating point.
        targets: (B, C) floating point, rows sum to 1.
    Returns:
        (B,) float32, or float64 where the logits are.
    """
    import torch  # takes seconds, and whoever lists components needs none of it

    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return torch.nn.functional.cross_entropy(logits, targets.to(logits.dtype), reduction="none")
