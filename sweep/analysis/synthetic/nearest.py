"""How near an image lies to the nearest of many: exact search."""

from __future__ import annotations

import numpy as np

from balancing.data.pixels.pooling import field_edges, pooled

# Fields a side of the pictures that the search for the nearest looks at first, and images read at a time.
_COARSE = 16
_AT_ONCE = 256


class Pool:
    """Images among which the nearest are looked for: exactly, but most are ruled out by their coarse pictures.

    The mean of a field differs between two images by at most the root mean square of its pixels' differences, so
    coarse pictures are never farther apart than the images.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8.
        rows: (P,) int64, rows of ``pixels``, none twice.
    """

    def __init__(self, pixels: np.ndarray, rows: np.ndarray):
        self.pixels, self.rows = pixels, np.asarray(rows, dtype=np.int64)
        parts = range(0, len(self.rows), _AT_ONCE)
        self._coarse = np.concatenate([_coarse(pixels[self.rows[start : start + _AT_ONCE]]) for start in parts])

    def nearest(self, queries: np.ndarray, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Distance of each query to the nearest image of the pool.

        Args:
            queries: (Q, ...) images, 0..255, any real dtype.
            own: (Q,) int64, a row that a query may not be matched with (itself); None: all may.
        Returns:
            ((Q,) float64 root mean square differences in grey levels, NaN where nothing is left; (Q,) int64 nearest
            rows, -1 there).
        """
        distances, rows = np.full(len(queries), np.nan), np.full(len(queries), -1, dtype=np.int64)
        for place, query in enumerate(queries):
            least = np.sqrt(((self._coarse - _coarse(query[None])) ** 2).sum(axis=1))
            if own is not None:
                least[self.rows == own[place]] = np.inf
            found = self._search(query.astype(np.float32), least)
            if found is not None:
                distances[place], rows[place] = found
        return distances, rows

    def _search(self, query: np.ndarray, least: np.ndarray) -> tuple[float, int] | None:
        """The nearest, looked at in the order of ``least``, (P,) the distances that it has at least."""
        best: tuple[float, int] | None = None
        few = 8
        order = np.argsort(least, kind="stable")
        for start in range(0, len(order), few):
            places = order[start : start + few]
            if not np.isfinite(least[places[0]]) or (best is not None and least[places[0]] > best[0] + 1e-3):
                break
            rows = self.rows[places[np.isfinite(least[places])]]
            gaps = (self.pixels[rows] - query).reshape(len(rows), -1)
            found = np.sqrt(np.einsum("rf,rf->r", gaps, gaps) / gaps.shape[1])
            nearest = int(found.argmin())
            if best is None or found[nearest] < best[0]:
                best = float(found[nearest]), int(rows[nearest])
        return best


def _coarse(images: np.ndarray) -> np.ndarray:
    """(N, F) float32 whose Euclidean distances are at most the images' root mean square differences."""
    sizes = [np.diff(field_edges(size, _COARSE)) for size in images.shape[1:3]]
    share = np.sqrt(np.outer(*sizes) / np.prod(images.shape[1:]))
    means = pooled(images, _COARSE)
    scaled = means * (share[..., None] if means.ndim == 4 else share)
    return scaled.reshape(len(images), -1).astype(np.float32)
