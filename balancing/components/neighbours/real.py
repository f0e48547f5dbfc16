"""Nearest and farthest rows by distances that are no whole numbers, with ties settled by place."""

from __future__ import annotations

import math

import numpy as np
import torch

from balancing.components.neighbours.spaces import Space

# Distances held at a time, in float64 and as keys.
_AT_ONCE = 2**21
# Digits of a squared distance that count, in bits; float64's sums may round the last eight or so of its 53, and rows
# that are equally far must be equally far.
_BITS = 44
EXCLUDED = torch.iinfo(torch.int64).max


def scale_of(largest_norm: float, n_places: int) -> float:
    """What squared distances are multiplied by, so that they and a place fit one whole number.

    Args:
        largest_norm: the largest squared norm; no squared distance exceeds four of it.
        n_places: how many rows there are to choose from.
    """
    bits = min(_BITS, 62 - max(1, n_places).bit_length())
    return 2.0 ** (bits - math.ceil(math.log2(4 * largest_norm + 1e-300)))


def to_keys(squared: torch.Tensor, scale: float, places: torch.Tensor) -> torch.Tensor:
    """(Q, P) int64: distance first, place second, from (Q, P) float64 squared distances, which are overwritten."""
    found = squared.clamp_(min=0).mul_(scale).round_().to(torch.int64)
    return found.mul_(len(places)).add_(places)


def squared_distances(
    space: Space, rows_a: np.ndarray, rows_b: np.ndarray, norms_b: torch.Tensor | None = None
) -> torch.Tensor:
    """(A, B) float64 of (A,) and (B,) int64 rows; ``norms_b`` as the space gives them, where known."""
    norms_b = space.squared_norms(rows_b) if norms_b is None else norms_b
    found = space.products(rows_a, rows_b).mul_(-2)
    return found.add_(space.squared_norms(rows_a)[:, None]).add_(norms_b).clamp_(min=0)


def nearest_real(space: Space, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray:
    """As `balancing.components.neighbours.search.nearest_neighbours`, in any space.

    Args:
        queries: (Q,) int64, rows.
        pool: (P,) int64, rows, none twice; may contain queries, which are not their own neighbours.
        k: in 1..P, or 1..P-1 where a query is in the pool.
    Returns:
        (Q, k) int64, rows, nearest first; of equal distances the earlier place in the pool.
    Raises:
        ValueError: k does not fit the pool.
    """
    largest = len(pool) - int(np.isin(queries, pool).any())
    if not 1 <= k <= largest:
        raise ValueError(f"k must lie in 1..{largest}, the other rows of the pool, but is {k}")
    norms, asked_norms = space.squared_norms(pool), space.squared_norms(queries)
    largest_norm = max(float(norms.max()), float(asked_norms.max())) if len(queries) else 1.0
    scale, places = scale_of(largest_norm, len(pool)), torch.arange(len(pool))
    own = torch.from_numpy(np.array(pool))  # may be read-only
    found = []
    step = max(1, _AT_ONCE // len(pool))
    for first in range(0, len(queries), step):
        asked = queries[first : first + step]
        squared = space.products(asked, pool).mul_(-2).add_(asked_norms[first : first + step, None]).add_(norms)
        keys = to_keys(squared, scale, places)
        keys[torch.from_numpy(np.array(asked))[:, None] == own] = EXCLUDED
        best = keys.topk(k, dim=1, largest=False, sorted=True).values
        found.append(pool[best.remainder(len(pool)).numpy()])
    return np.concatenate(found) if found else np.empty((0, k), dtype=np.int64)


def extreme_distances(space: Space, queries: np.ndarray, pool: np.ndarray, k: int, *, farthest: bool) -> np.ndarray:
    """How far the k nearest, or the k farthest, rows of the pool are from each query.

    Args:
        queries, pool: (Q,) and (P,) int64, rows, of which none is in both.
        k: in 1..P.
    Returns:
        (Q, k) float64, Euclidean distances, the nearest first.
    """
    norms = space.squared_norms(pool)
    step = max(1, _AT_ONCE // len(pool))
    found = [np.empty((0, k))]
    for first in range(0, len(queries), step):
        squared = squared_distances(space, queries[first : first + step], pool, norms)
        few = squared.topk(k, dim=1, largest=farthest, sorted=True).values
        found.append((few.flip(1) if farthest else few).sqrt().numpy())
    return np.concatenate(found)
