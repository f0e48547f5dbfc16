"""The centre of a one-class network: where the images that train lie before training, and whether all fall onto it."""

from __future__ import annotations

import numpy as np
import torch

from balancing.components.plans import TrainingPlan
from sweep.runs.predictions import Predictions
from sweep.runs.spec import TrialSpec
from sweep.training.hardware import memory_format
from sweep.training.inputs import network_input
from sweep.training.network import Network
from sweep.training.networks.distances import Distances
from sweep.training.step import autocast, kept_statistics

# A coordinate of the centre nearer to 0 is moved there: a network reaches 0 by weights of 0 alone.
LEAST = 0.1
# Validation logits are logarithms of squared distances: distances that differ by less than 0.01 % are one.
_ALIKE = 1e-4


def set_centre(
    network: Network, pixels: torch.Tensor, plan: TrainingPlan, spec: TrialSpec, device: torch.device
) -> None:
    """Sets the centre of a network with the head ``Distances``.

    The mean image of the plan's rows under the network as it trains: batch norm takes the batch's statistics, and keeps
    none. Coordinates nearer to 0 than 0.1 go to 0.1 of their sign.

    Args:
        network: on the device, before training.
        pixels: (N, H, W) or (N, H, W, 3) uint8.
        plan: real images of one class.
    Reference: Ruff et al., ICML 2018, section 3.3; 0.1 as in their code.
    """
    head = network.fc
    assert isinstance(head, Distances)
    with torch.no_grad():
        found = _images_of(network, head, pixels, plan.base, spec, device)
        centre = found.mean(dim=0)
        centre = torch.where(centre.abs() < LEAST, torch.where(centre < 0, -LEAST, LEAST), centre)
        head.centre.copy_(centre)
        head.start.copy_((found - centre).square().sum(dim=1).mean())
        head.far.fill_(1 - int(plan.labels[0]))


def _images_of(
    network: Network,
    head: Distances,
    pixels: torch.Tensor,
    rows: np.ndarray,
    spec: TrialSpec,
    device: torch.device,
) -> torch.Tensor:
    """(n, D) float32: where the head sends rows of pixels; a last batch of one row is left away, as in training."""
    found, layout = [], memory_format(spec.image_size, spec.precision, device)
    network.train()
    with kept_statistics(network), autocast(device, spec.precision):
        for start in range(0, len(rows), spec.batch_size):
            part = torch.from_numpy(rows[start : start + spec.batch_size]).to(pixels.device)
            if len(part) > 1:
                images = network_input(pixels[part].to(device), spec)
                images = images.contiguous(memory_format=layout) if images.ndim == 4 else images
                found.append(head.image(network.features(images)))
    return torch.cat(found)


def has_collapsed(validation: Predictions) -> bool:
    """Whether all logits of a network with the head ``Distances`` say one distance from the centre."""
    assert validation.logits is not None
    return bool(np.ptp(validation.logits[:, 1] - validation.logits[:, 0]) < _ALIKE)
