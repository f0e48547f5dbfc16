"""An epoch of training steps."""

from __future__ import annotations

import torch

from sweep.runs.spec import TrialSpec
from sweep.training.batches import training_batches
from sweep.training.method import Method
from sweep.training.network import ResNet18
from sweep.training.step import training_step


def train_epoch(
    network: ResNet18,
    optimizer: torch.optim.Optimizer,
    pixels: torch.Tensor,
    method: Method,
    spec: TrialSpec,
    epoch: int,
    device: torch.device,
) -> tuple[float, int]:
    """A step for each batch of an epoch.

    Args:
        network: on the device; what of it the method trains changes.
        pixels: (N, H, W) or (N, H, W, 3) uint8, on the device or in main memory.
        epoch: from 1.
    Returns:
        (mean training loss, images seen). The loss is read once, at the end: no wait for the device before.
    """
    network.train_parts(method.trained(epoch))
    loss = method.loss(epoch)
    total: torch.Tensor | float = 0.0
    seen = 0
    for images, targets in training_batches(pixels, method, spec, epoch, device):
        mean = training_step(network, optimizer, (images, targets), loss, spec.precision)
        total = total + mean * len(images)
        seen += len(images)
    return float(total) / max(seen, 1), seen
