"""Where distances are measured: images by their exact pixels, or vectors that stand for them."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from balancing.components.neighbours.products import paired_products, products, signed, squared_norms

# Images or vectors that are held at a time.
_BLOCK_BYTES = 64 * 2**20
_LARGEST_BLOCK = 2048
# Pairs that are read at a time: so few that they are still in the processor's cache when they are multiplied.
_PAIRS = 32


class Space(Protocol):
    """Dot products of rows of an image set, from which all distances follow. The origin is the space's own choice."""

    def products(self, rows_a: np.ndarray, rows_b: np.ndarray) -> torch.Tensor:
        """(A, B) float64 of (A,) and (B,) int64 rows."""

    def squared_norms(self, rows: np.ndarray) -> torch.Tensor:
        """(A,) float64 of (A,) int64 rows."""

    def squared_gaps(self, rows_a: np.ndarray, rows_b: np.ndarray) -> torch.Tensor:
        """(A,) float64: squared distances of (A,) int64 rows from the (A,) int64 rows at the same places."""


class PixelSpace:
    """Images by their pixels: products are whole numbers, so nothing is rounded.

    Args:
        pixels: (N, ...) uint8; only rows that are asked for are read, a block at a time.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self._block = max(1, min(_LARGEST_BLOCK, _BLOCK_BYTES // max(1, int(np.prod(pixels.shape[1:])))))

    def products(self, rows_a: np.ndarray, rows_b: np.ndarray) -> torch.Tensor:
        found = torch.empty(len(rows_a), len(rows_b), dtype=torch.float64)
        for i in range(0, len(rows_a), self._block):
            images_AF = self._read(rows_a[i : i + self._block])
            for j in range(0, len(rows_b), self._block):
                images_BF = self._read(rows_b[j : j + self._block])
                found[i : i + self._block, j : j + self._block] = products(images_AF, images_BF)
        return found

    def squared_norms(self, rows: np.ndarray) -> torch.Tensor:
        parts = [squared_norms(self._read(rows[i : i + self._block])) for i in range(0, len(rows), self._block)]
        return torch.cat(parts).double() if parts else torch.empty(0, dtype=torch.float64)

    def squared_gaps(self, rows_a: np.ndarray, rows_b: np.ndarray) -> torch.Tensor:
        rows, where = np.unique(np.concatenate([rows_a, rows_b]), return_inverse=True)
        norms = self.squared_norms(rows)[torch.from_numpy(where)]
        step = min(self._block, _PAIRS)
        blocks = [slice(i, i + step) for i in range(0, len(rows_a), step)]
        parts = [paired_products(self._read(rows_a[some]), self._read(rows_b[some])) for some in blocks]
        products_A = torch.cat(parts).double() if parts else torch.empty(0, dtype=torch.float64)
        return norms[: len(rows_a)] + norms[len(rows_a) :] - 2 * products_A

    def _read(self, rows: np.ndarray) -> torch.Tensor:
        return signed(torch.from_numpy(self.pixels[rows].reshape(len(rows), -1)))


class VectorSpace:
    """Vectors that stand for images, such as a network's features.

    Args:
        vectors: (N, D) floating point; only ``rows`` are read, and held as float64.
        rows: (T,) int64; their mean is the origin, so that what all have in common costs no digits.
    """

    def __init__(self, vectors: np.ndarray, rows: np.ndarray) -> None:
        self.vectors, self.rows = vectors, rows

    def products(self, rows_a: np.ndarray, rows_b: np.ndarray) -> torch.Tensor:
        return self._read(rows_a) @ self._read(rows_b).T

    def squared_norms(self, rows: np.ndarray) -> torch.Tensor:
        return self._read(rows).square().sum(dim=1)

    def squared_gaps(self, rows_a: np.ndarray, rows_b: np.ndarray) -> torch.Tensor:
        return (self._read(rows_a) - self._read(rows_b)).square().sum(dim=1)

    @cached_property
    def _centred(self) -> tuple[np.ndarray, torch.Tensor]:
        """(T,) int64, the rows in order; and (T, D) float64, their vectors from the origin, once for all searches."""
        ordered = np.sort(self.rows)
        found = self.vectors[ordered].astype(np.float64)
        return ordered, torch.from_numpy(found - self.vectors[self.rows].mean(axis=0, dtype=np.float64))

    def _read(self, rows: np.ndarray) -> torch.Tensor:
        ordered, vectors_TD = self._centred
        return vectors_TD[torch.from_numpy(np.searchsorted(ordered, rows))]
