"""The features of the training images, for stages in which a head alone trains on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from sweep.training.predict import features_of

if TYPE_CHECKING:
    from sweep.runs.spec import TrialSpec
    from sweep.training.network import Network


@dataclass(frozen=True)
class Head:
    """One head of an ensemble, with what trains it."""

    linear: nn.Linear
    optimizer: torch.optim.Optimizer


class Features:
    """What a body makes of the training images, as they stand: made once, when a stage on features begins.

    They follow from the body alone, which such a stage leaves as it is; so a trial that goes on within the stage makes
    them anew, and none is kept on disk.

    Attributes:
        version: another number whenever they are made or cleared, so that what follows from them can be kept by it.
        vectors: (N, F) float32, a row for each image of the set; those of other than training images are 0.
        device_rows: the same on the device.
        heads: those of an ensemble that train on them; empty where there is none, or none yet.
    """

    def __init__(self) -> None:
        self.version = 0
        self.clear()

    @property
    def there(self) -> bool:
        return self.vectors is not None

    def clear(self) -> None:
        """As if none had been made."""
        self.version += 1
        self.vectors: np.ndarray | None = None
        self.device_rows = torch.zeros(0)
        self.heads: list[Head] = []

    def make(
        self, network: Network, pixels: torch.Tensor, rows: np.ndarray, spec: TrialSpec, device: torch.device
    ) -> None:
        """Makes those of some rows, in evaluation mode and without augmentation.

        Args:
            network: on the device; left in evaluation mode.
            pixels: (N, H, W) or (N, H, W, 3) uint8, on the device or in main memory.
            rows: (T,) int64, the training rows.
        """
        self.clear()  # before others take their room
        found = features_of(network, pixels, rows, spec, device).cpu().numpy()
        vectors = np.zeros((len(pixels), found.shape[1]), dtype=np.float32)
        vectors[rows] = found
        self.take(vectors, device)

    def take(self, vectors: np.ndarray, device: torch.device) -> None:
        """Takes (N, F) float32 for what the body makes of the images."""
        self.clear()
        self.vectors, self.device_rows = vectors, torch.from_numpy(vectors).to(device)
