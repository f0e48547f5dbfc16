"""The head of a one-class network: how far from a centre an image lies."""

from __future__ import annotations

import torch
from torch import nn


class Distances(nn.Linear):
    """(B, F) features -> (B, 2) float32 by the squared distance d^2 of their linear image from a centre.

    In training -d^2 / 2 of the class that trains and d^2 / 2 of the far one; in evaluation mode log(d^2 / d0^2) in
    place of d^2, which ranks the same, and whose softmax d^2 / (d^2 + d0^2) tells near images apart as well as far
    ones. Computed in float32.

    Attributes:
        centre: (D,) float32; set before training, and kept with the weights.
        start: () float32 > 0, d0^2: the mean of d^2 over the rows that train, before training.
        far: () int64, the class whose images do not train.
    Reference: Ruff et al., ICML 2018, whose networks for CIFAR-10 have D = 128.
    """

    centre: torch.Tensor
    start: torch.Tensor
    far: torch.Tensor

    def __init__(self, n_features: int, n_dimensions: int = 128):
        super().__init__(n_features, n_dimensions, bias=False)
        self.register_buffer("centre", torch.zeros(n_dimensions))
        self.register_buffer("start", torch.ones(()))
        self.register_buffer("far", torch.ones((), dtype=torch.int64))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        distance = (self.image(features) - self.centre).square().sum(dim=1)
        if not self.training:
            distance = (distance / self.start).clamp(min=torch.finfo(torch.float32).tiny).log()
        return distance[:, None] / 2 * torch.where(torch.arange(2, device=features.device) == self.far, 1.0, -1.0)

    def image(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F) -> (B, D) float32."""
        with torch.autocast(features.device.type, enabled=False):
            return nn.functional.linear(features.float(), self.weight.float())
