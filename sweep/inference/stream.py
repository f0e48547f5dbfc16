"""Images through a network in batches: some are decoded on all cores while the network works on others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from balancing.data.pixels.decoding import decode_all
from sweep.inference.deployed import Deployed
from sweep.training.hardware import ahead, evaluation_batch, memory_format


@dataclass(frozen=True)
class Batch:
    """Some images in a row, and what the network says of them.

    Args:
        first: the place of the first among all.
        errors: (B,) why each could not be read; "" where it was.
        pixels: of the n that were read: (S, S) or (S, S, 3) uint8.
        read: (n,) int64, their places in the batch.
        logits: (n, C) float64.
        features: (n, F) float32, before the head.
    """

    first: int
    errors: tuple[str, ...]
    pixels: tuple[np.ndarray, ...]
    read: np.ndarray
    logits: np.ndarray
    features: np.ndarray


def best_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Stream:
    """A deployed network on its device, ready for images.

    Args:
        found: what answers.
        device: the best by default.
        batch: images at once; by default what training evaluates by.
    """

    def __init__(self, found: Deployed, device: torch.device | None = None, batch: int | None = None):
        self.device = device or best_device()
        self.layout = memory_format(found.image_size, "float32", self.device)
        self.model = found.model.to(self.device).to(memory_format=self.layout)
        self.batch = batch or evaluation_batch(found.image_size, self.device)
        self._found = found

    def pixels(self, given: np.ndarray | Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """(n, C) float64 logits and (n, F) float32 features of n images' uint8 pixels, in one batch.

        Args:
            given: (S, S) and (S, S, 3) may be among each other.
        """
        if not len(given):
            return np.zeros((0, len(self._found.class_names))), np.zeros((0, 0), np.float32)
        with torch.inference_mode():
            features, logits = self.model.both(self._input_of(given))
        return logits.double().cpu().numpy(), features.float().cpu().numpy()

    def features(self, given: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """The (n, F) features alone, of n >= 1 images: the first network sees them, and none besides."""
        with torch.inference_mode():
            found: np.ndarray = self.model.features(self._input_of(given)).float().cpu().numpy()
        return found

    def _input_of(self, given: np.ndarray | Sequence[np.ndarray]) -> torch.Tensor:
        grey = all(image.ndim == 2 for image in given)
        whole = np.stack([image if grey or image.ndim == 3 else np.stack([image] * 3, axis=2) for image in given])
        return self._found.input_of(whole, self.device).contiguous(memory_format=self.layout)

    def files(self, paths: Sequence[Path]) -> Iterator[Batch]:
        """Image files, in order, a few batches of them in memory at a time."""
        decoded = decode_all(paths, self._found.reading.manner)

        def draw() -> tuple[list[str], list[np.ndarray]]:
            images = [self._found.reading.fitting(image) for image in islice(decoded, self.batch)]
            errors = [image if isinstance(image, str) else "" for image in images]
            return errors, [image.pixels for image in images if not isinstance(image, str)]

        jobs: list[Callable[[], tuple[list[str], list[np.ndarray]]]] = [draw] * -(-len(paths) // self.batch)
        first = 0
        try:
            for errors, pixels in ahead(jobs):
                logits, features = self.pixels(pixels)
                read = np.array([place for place, error in enumerate(errors) if not error], dtype=np.int64)
                yield Batch(first, tuple(errors), tuple(pixels), read, logits, features)
                first += len(errors)
        finally:
            decoded.close()
