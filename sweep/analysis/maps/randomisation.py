"""Do the maps change when the weights are random?"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from sweep.training.networks.torchvision import TorchvisionNetwork


def randomised(model: nn.Module, seed: int) -> nn.Module:
    """A copy of the network with fresh random weights, as before any training.

    Convolutions are drawn as ResNet's are (He et al., ICCV 2015), batch normalisation forgets its statistics, every
    other layer starts as PyTorch starts it; bodies of torchvision's other networks start as torchvision starts them.
    """
    fresh = copy.deepcopy(model).cpu()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for layer in fresh.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif hasattr(layer, "reset_parameters"):
                layer.reset_parameters()  # type: ignore[operator]
        for layer in fresh.modules():
            if isinstance(layer, TorchvisionNetwork):
                layer.renew_body()
    return fresh.to(next(model.parameters()).device).eval()


def rank_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each pair of maps.

    Args:
        first, second: (N, H, W) float.
    Returns:
        (N,) float64; NaN where one of the two has one value alone.
    """
    from scipy.stats import rankdata

    found = np.full(len(first), np.nan)
    for i, pair in enumerate(zip(first, second, strict=True)):
        a, b = (rankdata(heat) - (heat.size + 1) / 2 for heat in pair)
        size = np.sqrt((a @ a) * (b @ b))
        if size > 0:
            found[i] = (a @ b) / size
    return found
