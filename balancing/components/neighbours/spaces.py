"""Where distances are measured: images by their exact pixels, or vectors that stand for them."""

from __future__ import annotations

import hashlib
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
# All products of the rows of a space of vectors, where they are held.
_PRODUCTS_BYTES = 256 * 2**20


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

    Held are the rows' vectors as float64, T x D x 8 bytes; besides at most 64 MiB of them at a time; and, once as many
    products were asked for as would fill a quarter of it, all T x T products where they fit 256 MiB (T up to 5,792).

    Args:
        vectors: (N, D) floating point; only ``rows`` are read.
        rows: (T,) int64, none twice; their mean is the origin, so that what all have in common costs no digits.
    """

    def __init__(self, vectors: np.ndarray, rows: np.ndarray) -> None:
        self.vectors, self.rows = vectors, rows
        self._asked = 0

    @cached_property
    def fingerprint(self) -> str:
        """Of the rows' vectors and of which rows they are: equal where all distances are."""
        ordered = np.sort(self.rows)
        found = hashlib.sha256(repr((str(self.vectors.dtype), len(ordered), *self.vectors.shape[1:])).encode())
        found.update(ordered.astype("<i8").tobytes())
        for first in range(0, len(ordered), _LARGEST_BLOCK):
            some = self.vectors[ordered[first : first + _LARGEST_BLOCK]]
            found.update(np.ascontiguousarray(some, dtype=some.dtype.newbyteorder("<")).data)
        return found.hexdigest()

    @property
    def holds_products(self) -> bool:
        """Whether all products of its rows fit the memory that they may take."""
        return 8 * len(self.rows) ** 2 <= _PRODUCTS_BYTES

    def products(self, rows_a: np.ndarray, rows_b: np.ndarray) -> torch.Tensor:
        places_a, places_b = self._places(rows_a), self._places(rows_b)
        everything = len(self.rows) ** 2
        self._asked = min(self._asked + len(rows_a) * len(rows_b), everything)
        if self.holds_products and 4 * self._asked >= everything:
            return self._products_TT[places_a[:, None], places_b]
        vectors_TD = self._centred[1]
        step = self._block
        found = torch.empty(len(rows_a), len(rows_b), dtype=torch.float64)
        for i in range(0, len(rows_a), step):
            some_AD = vectors_TD[places_a[i : i + step]]
            for j in range(0, len(rows_b), step):
                found[i : i + step, j : j + step] = some_AD @ vectors_TD[places_b[j : j + step]].T
        return found

    def squared_norms(self, rows: np.ndarray) -> torch.Tensor:
        return self._norms[self._places(rows)]

    def squared_gaps(self, rows_a: np.ndarray, rows_b: np.ndarray) -> torch.Tensor:
        vectors_TD, step = self._centred[1], self._block
        places_a, places_b = self._places(rows_a), self._places(rows_b)
        blocks = [slice(i, i + step) for i in range(0, len(rows_a), step)]
        parts = [(vectors_TD[places_a[some]] - vectors_TD[places_b[some]]).square().sum(dim=1) for some in blocks]
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64)

    @cached_property
    def _centred(self) -> tuple[np.ndarray, torch.Tensor]:
        """(T,) int64, the rows in order; and (T, D) float64, their vectors from the origin, once for all searches."""
        ordered = np.sort(self.rows)
        found = self.vectors[ordered].astype(np.float64)
        found -= self.vectors[self.rows].mean(axis=0, dtype=np.float64)
        return ordered, torch.from_numpy(found)

    @cached_property
    def _block(self) -> int:
        """How many rows are multiplied at a time."""
        return max(1, min(_LARGEST_BLOCK, _BLOCK_BYTES // 2 // (8 * max(1, self._centred[1].shape[1]))))

    @cached_property
    def _norms(self) -> torch.Tensor:
        vectors_TD, step = self._centred[1], self._block
        return torch.cat([vectors_TD[i : i + step].square().sum(dim=1) for i in range(0, len(self.rows), step)])

    @cached_property
    def _products_TT(self) -> torch.Tensor:
        """(T, T) float64, each pair multiplied once."""
        vectors_TD, step = self._centred[1], self._block
        found = torch.empty(len(self.rows), len(self.rows), dtype=torch.float64)
        for i in range(0, len(self.rows), step):
            found[i : i + step, i:] = vectors_TD[i : i + step] @ vectors_TD[i:].T
            found[i + step :, i : i + step] = found[i : i + step, i + step :].T
        return found

    def _places(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.searchsorted(self._centred[0], rows))


_last: list[VectorSpace] = []


def vector_space(vectors: np.ndarray, rows: np.ndarray) -> VectorSpace:
    """The space of these vectors: the one that was asked for last, where it has the same rows and vectors.

    So the trials of a process that share vectors also share what was made of them. Vectors are not written to.
    """
    if _last:
        known = _last[0]
        if known.vectors is vectors and (known.rows is rows or np.array_equal(known.rows, rows)):
            return known
    found = VectorSpace(vectors, rows)
    if _last and _last[0].fingerprint == found.fingerprint:
        known = _last[0]
        known.vectors, known.rows = vectors, rows
        return known
    _last[:] = [found]
    return found
