"""What a trial sees: the images with their split, and what the network gets of stored pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from balancing.components.neighbours.store import NeighbourStore
from sweep.runs.spec import TrialSpec
from sweep.training.vectors import Vectors

# A number, or one for each of three channels.
Channels = float | Sequence[float]


@dataclass(frozen=True)
class SplitImages:
    """What a trial sees of an image set.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8; may be memory-mapped or read-only.
        labels: (N,) int64.
        class_names: (C,).
        train, validation, test: (n,) int64, disjoint rows.
        neighbours: where nearest neighbours are kept between trials; None searches in each.
        gpu_share: the part of a GPU that the trial was given, where it has one.
        vectors: what a frozen body made of the images; None where none is frozen.
    """

    pixels: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    neighbours: NeighbourStore | None = None
    gpu_share: float = 1.0
    vectors: Vectors | None = None

    def part(self, name: str) -> np.ndarray:
        """Rows of ``train``, ``validation`` or ``test``."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def stored(self, spec: TrialSpec) -> np.ndarray:
        """What the trial's network takes, as stored: pixels; behind a frozen body (R, D) float32, R >= N.

        The first N rows are those of the images. Once the trial's method is made, those follow that its plans name
        besides: views and mixtures; see ``frozen.rows``.
        """
        if not spec.frozen:
            return self.pixels
        assert self.vectors is not None
        own = self.vectors.kept.get(spec.trial_id)
        return self.vectors.rows if own is None else own.rows


def network_input(stored: torch.Tensor, spec: TrialSpec) -> torch.Tensor:
    """Stored pixels or vectors as a network takes them: see ``to_input``; (B, D) vectors are taken as they are."""
    return stored.float() if stored.ndim == 2 else to_input(stored, spec.mean, spec.std)


def to_input(pixels: torch.Tensor, mean: Channels, std: Channels) -> torch.Tensor:
    """What the network sees of stored pixels.

    Args:
        pixels: (B, H, W) or (B, H, W, 3), uint8 or float, in 0..255.
        mean, std: of pixels in [0, 1]: a number, or one for each of three channels.
    Returns:
        (B, 3, H, W) float32, (pixels / 255 - mean) / std; grey is repeated.
    """
    return normalise(channels_first(pixels), mean, std)


def channels_first(pixels: torch.Tensor) -> torch.Tensor:
    """(B, H, W) or (B, H, W, 3) -> (B, 1, H, W) or (B, 3, H, W) float32, same scale."""
    pixels = pixels.float()
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)


def normalise(images_BCHW: torch.Tensor, mean: Channels, std: Channels) -> torch.Tensor:
    """(B, 1, H, W) or (B, 3, H, W) in 0..255 -> (B, 3, H, W), (pixels / 255 - mean) / std; grey is repeated."""
    if not isinstance(mean, float | int) or not isinstance(std, float | int):
        by_channel = [
            given if isinstance(given, float | int) else _channels(given, images_BCHW) for given in (mean, std)
        ]
        scaled = (images_BCHW - 255.0 * by_channel[0]) / (255.0 * by_channel[1])
    else:
        scaled = (images_BCHW - 255.0 * mean) / (255.0 * std)
    return scaled.expand(-1, 3, -1, -1) if scaled.shape[1] == 1 else scaled


def _channels(given: Sequence[float], images: torch.Tensor) -> torch.Tensor:
    return images.new_tensor(given).view(-1, 1, 1)
