"""What mixers share: shares drawn from a beta distribution, and rows mixed by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def beta(generator: torch.Generator, a: float, b: float, size: int) -> torch.Tensor:
    """(size,) float64 in [0, 1], each drawn from Beta(a, b), a and b > 0.

    torch draws none from a generator that is handed in, so one number of it seeds numpy's.
    """
    import torch  # takes seconds, and whoever lists components needs none of it

    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    return torch.from_numpy(np.random.default_rng(seed).beta(a, b, size))


def mixed(own: torch.Tensor, partner: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """share * own + (1 - share) * partner; a row whose partner equals it stays as it is, to the last bit.

    Args:
        own, partner: (B, ...) floating point.
        share: (B,) in [0, 1], of each row's own; any device.
    """
    import torch

    weight = (1 - share).to(own).view(-1, *[1] * (own.dim() - 1))
    return torch.lerp(own, partner, weight)


def counts_of(targets: torch.Tensor, class_counts: np.ndarray) -> torch.Tensor:
    """(B,), like the targets: how many rows that train are of each row's class; the mean, where it has several.

    Args:
        targets: (B, C), rows sum to 1.
        class_counts: (C,).
    """
    import torch

    return (targets * torch.as_tensor(np.asarray(class_counts), dtype=targets.dtype, device=targets.device)).sum(dim=1)
