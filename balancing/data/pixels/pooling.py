"""Small pictures of images: means over a grid of fields."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def pooled(images: np.ndarray, side: int, to_whole: Callable[[np.ndarray], np.ndarray] = np.round) -> np.ndarray:
    """Means over a grid of fields as equal as whole pixels allow.

    Args:
        images: (N, H, W) or (N, H, W, C), any real dtype.
        side: fields a side; a side shorter than that keeps its pixels.
        to_whole: which pixel an edge between two fields falls on.
    Returns:
        (N, min(H, side), min(W, side)) or the same with C, float64.
    """
    found = images
    for axis in (1, 2):
        edges = field_edges(images.shape[axis], side, to_whole)
        sums = np.add.reduceat(found, edges[:-1], axis=axis, dtype=np.float64)
        found = sums / np.diff(edges).reshape([-1 if a == axis else 1 for a in range(images.ndim)])
    return found


def field_edges(size: int, side: int, to_whole: Callable[[np.ndarray], np.ndarray] = np.round) -> np.ndarray:
    """(F + 1,) int64: where the fields of ``pooled`` begin, and the last ends."""
    return to_whole(np.linspace(0, size, min(side, size) + 1)).astype(int)
