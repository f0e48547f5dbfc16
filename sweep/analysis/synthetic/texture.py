"""How sharp images are, and what a small classifier sees of them."""

from __future__ import annotations

import numpy as np

from balancing.data.pixels.pooling import pooled

_SIDE = 8


def grey(images: np.ndarray) -> np.ndarray:
    """(N, H, W) or (N, H, W, 3), any real dtype -> (N, H, W) float32; colours are averaged."""
    wide = images.astype(np.float32)
    return wide.mean(axis=-1) if wide.ndim == 4 else wide


def laplacian(images: np.ndarray) -> np.ndarray:
    """The 3 x 3 Laplacian (4 in the middle, -1 at each side) where it fits.

    Args:
        images: (N, H, W) float, H and W at least 3.
    Returns:
        (N, H - 2, W - 2), grey levels.
    """
    middle = images[:, 1:-1, 1:-1]
    return 4 * middle - images[:, :-2, 1:-1] - images[:, 2:, 1:-1] - images[:, 1:-1, :-2] - images[:, 1:-1, 2:]


def sharpness(images: np.ndarray) -> np.ndarray:
    """Variance of the Laplacian of each image; higher is sharper.

    It is a convex function of the image: a mixture is at most as sharp as the same mixture of its parents' values.

    Args:
        images: (N, H, W) or (N, H, W, 3), 0..255.
    Returns:
        (N,) float64, squared grey levels.
    Reference: Pech-Pacheco et al., ICPR 2000.
    """
    return laplacian(grey(images)).var(axis=(1, 2), dtype=np.float64)


def features(images: np.ndarray) -> np.ndarray:
    """What the small classifier sees: a coarse picture, and how fine detail is distributed at two scales.

    Args:
        images: (N, H, W) or (N, H, W, 3), 0..255, at least 8 pixels a side.
    Returns:
        (N, F) float64: means of 8 x 8 fields, then of the Laplacian of the image, and of the image at half its size:
        logarithms of its variance, of its mean magnitude and of three quantiles of its magnitude.
    """
    wide = grey(images)
    columns = [pooled(wide, _SIDE).reshape(len(wide), -1)]
    for scale in (wide, pooled(wide, wide.shape[1] // 2).astype(np.float32)):
        detail = laplacian(scale).reshape(len(wide), -1)
        size = np.abs(detail)
        few = np.stack([detail.var(axis=1), size.mean(axis=1), *np.quantile(size, (0.5, 0.9, 0.99), axis=1)], axis=1)
        columns.append(np.log1p(few))
    return np.concatenate(columns, axis=1)
