"""One pass of all images through a frozen body."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sweep.runs.network_name import NetworkName
from sweep.runs.spec import TrialSpec
from sweep.training.network import new_model, to_device
from sweep.training.networks.base import Network, State
from sweep.training.predict import features_of

_BLOCK = 256  # images between two words of how far it is


def body_of(spec: TrialSpec, start: State) -> Network:
    """A frozen trial's body with its weights, in evaluation mode, on the CPU; its head means nothing.

    Args:
        spec: of a frozen network.
        start: the body's weights.
    """
    name = NetworkName.parse(spec.network)
    return new_model(1, 0, start, stem=spec.stem, architecture=name.architecture).eval()


def extract(
    body: Network,
    pixels: torch.Tensor,
    spec: TrialSpec,
    device: torch.device,
    done: Callable[[int], None] = lambda images: None,
) -> np.ndarray:
    """What a body makes of images, without augmentation.

    Args:
        body: as ``body_of`` gives it.
        pixels: (N, H, W) or (N, H, W, 3) uint8, on the device or in main memory.
        spec: says how pixels are normalised, and the precision.
        done: is told how many more images were seen.
    Returns:
        (N, D) float32.
    """
    body = to_device(body, spec, device)
    parts = []
    for start in range(0, len(pixels), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(pixels)))
        parts.append(features_of(body, pixels, rows, spec, device).cpu().numpy())
        done(len(rows))
    return np.concatenate(parts)
