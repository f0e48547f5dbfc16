"""Batches of logits and targets for tests of losses."""

from __future__ import annotations

import torch

from tests.balancing.components.losses.recorded import ORACLES


def drawn(n_classes: int = 3, rows: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, C) logits that want gradients, and (B,) labels of which each class has some."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(rows, n_classes, generator=generator)
    return logits.requires_grad_(), torch.arange(rows) % n_classes


def mixed(n_classes: int = 3, rows: int = 32) -> torch.Tensor:
    """(B, C) targets with a share of every class."""
    return torch.rand(rows, n_classes, generator=torch.Generator().manual_seed(1)).softmax(dim=1)


def recorded_rows() -> tuple[torch.Tensor, torch.Tensor]:
    """(7, 3) logits and one-hot targets of which other libraries' losses were recorded."""
    rows = ORACLES["rows"]
    return torch.tensor(rows["logits"]), torch.eye(3)[torch.tensor(rows["labels"])]
