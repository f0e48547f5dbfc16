"""Heads of a network that are more than a linear one: cosines, and a linear head with a factor for each class."""

from __future__ import annotations

import torch
from torch import nn


class Cosines(nn.Linear):
    """(B, F) features -> (B, C) float32, the cosine of each with each class's weights; computed in float32.

    Reference: Wang et al., CVPR 2018.
    """

    def __init__(self, n_features: int, n_classes: int):
        super().__init__(n_features, n_classes, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 tells cosines apart by 0.004
            unit = nn.functional.normalize(features.float(), dim=1)
            return nn.functional.linear(unit, nn.functional.normalize(self.weight.float(), dim=1))


class Scaled(nn.Linear):
    """(B, F) features -> (B, C): a linear head whose classes' weights and biases are multiplied by a factor each.

    What it computes is bit for bit what the linear head computes that has these products.

    Args:
        linear: whose weights and biases it takes over.
    Reference: Kang et al., ICLR 2020 (learnable weight scaling), as its code has it, where biases are scaled too.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__(linear.in_features, linear.out_features)
        self.weight, self.bias = linear.weight, linear.bias
        self.scales = nn.Parameter(torch.ones(linear.out_features))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if hasattr(self, "scales"):  # not yet, when it is made
            nn.init.ones_(self.scales)

    def products(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(C, F) weights and (C,) biases, multiplied."""
        return self.scales[:, None] * self.weight, self.scales * self.bias

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(features, *self.products())
