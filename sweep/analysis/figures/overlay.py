"""A class activation map over its image, as pixels."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps

COLOURS = "inferno"


def opacity(heat: np.ndarray) -> np.ndarray:
    """How much of the image a map hides: (H, W) float in [0, 1] -> the same shape, 0.2..0.6."""
    return 0.2 + 0.4 * heat


def over(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The image with a map over it, in the colours of the report's other maps.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        heat: (H, W) float in [0, 1].
    Returns:
        (H, W, 3) uint8.
    """
    image = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    colours = colormaps[COLOURS](np.asarray(heat, np.float64))[..., :3] * 255
    covered = opacity(np.asarray(heat, np.float64))[..., None]
    return np.rint(image * (1 - covered) + colours * covered).astype(np.uint8)
