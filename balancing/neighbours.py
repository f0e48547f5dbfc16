"""Exact nearest neighbours among images, by blocks, on the CPU or a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# Shifted pixels lie in -128..127, so every partial sum over 1024 products is a whole number of at most
# 1024 * 2**14 = 2**24, which float32 holds exactly in whatever order it is summed.
_FEATURES_PER_PRODUCT = 1024
_SHIFT = 128
_EXCLUDED = torch.iinfo(torch.int64).max


def nearest_neighbours(
    pixels: np.ndarray,
    queries: np.ndarray,
    pool: np.ndarray,
    k: int,
    *,
    device: torch.device | str | None = None,
    block: int = 1024,
) -> np.ndarray:
    """For each query image the k nearest other images of the pool, by Euclidean distance of their pixels.

    Exact: squared distances |a|^2 + |b|^2 - 2ab are whole numbers, the products taken in float32 over so few features
    at a time that nothing is rounded, and summed in float64. Equal distances are ordered by place in ``pool``, so the
    result depends neither on ``block`` nor on the device or the number of threads. Images equal in all channels may be
    given with one: their order is the same.

    A query is left out of its own neighbours by its row. (scikit-learn and imbalanced-learn drop the nearest instead,
    which is the query or an identical image. Between the two of a class a mixture is the same either way, for their
    pixels are.)

    Args:
        pixels: (N, ...) uint8; only the rows in ``queries`` and ``pool`` are read, a block at a time.
        queries: (Q,) int64, rows of ``pixels``.
        pool: (P,) int64, rows of ``pixels``, none twice; may contain queries.
        k: in 1..P, or 1..P-1 where a query is in the pool.
        device: where to compute; the CPU by default.
        block: images of each side held at a time: about 2 * block * pixels-per-image bytes and 32 * block**2 more.
    Returns:
        (Q, k) int64, rows of ``pixels``, nearest first.
    Raises:
        ValueError: pixels are not uint8, a row is twice in the pool, k does not fit it, or block < 1.
    """
    # Copies, since torch wants writable arrays.
    queries, pool = np.array(queries, dtype=np.int64), np.array(pool, dtype=np.int64)
    if pixels.dtype != np.uint8:
        raise ValueError(f"pixels must be uint8, but are {pixels.dtype}")
    if len(np.unique(pool)) != len(pool):
        raise ValueError("a row is more than once in the pool; give each row once")
    others = len(pool) - int(np.isin(queries, pool).any())
    if not 1 <= k <= others:
        raise ValueError(f"k must lie in 1..{others}, the other images of the pool, but is {k}")
    if block < 1:
        raise ValueError(f"block must be at least 1, but is {block}")

    nearest = np.empty((len(queries), k), dtype=np.int64)
    with torch.inference_mode(), _full_float32():
        for start in range(0, len(queries), block):
            places = _nearest_places(pixels, queries[start : start + block], pool, k, device, block)
            nearest[start : start + block] = pool[places]
    return nearest


def _nearest_places(
    pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray, k: int, device: torch.device | str | None, block: int
) -> np.ndarray:
    """(Q, k) places in the pool, for so few queries that they fit in memory."""
    images_QF = _flat(pixels, queries, device)
    query_rows = torch.from_numpy(queries).to(images_QF.device)
    best = torch.full((len(queries), k), _EXCLUDED, device=images_QF.device)
    for start in range(0, len(pool), block):
        rows = pool[start : start + block]
        distances_QP = _squared_distances(images_QF, _flat(pixels, rows, device))
        # Distance first, place second, in one whole number: ties have one order everywhere.
        places = torch.arange(start, start + len(rows), device=images_QF.device)
        keys = distances_QP.to(torch.int64).mul_(len(pool)).add_(places)
        keys.masked_fill_(query_rows[:, None] == torch.from_numpy(rows).to(images_QF.device), _EXCLUDED)
        best = torch.cat([best, keys], dim=1).topk(k, dim=1, largest=False, sorted=True).values
    return best.remainder_(len(pool)).cpu().numpy()


def _flat(pixels: np.ndarray, rows: np.ndarray, device: torch.device | str | None) -> torch.Tensor:
    return torch.from_numpy(pixels[rows].reshape(len(rows), -1)).to(device or "cpu")


def _squared_distances(images_QF: torch.Tensor, images_PF: torch.Tensor) -> torch.Tensor:
    """(Q, P) float64 whole numbers, from uint8 images."""
    distances = torch.zeros(len(images_QF), len(images_PF), dtype=torch.float64, device=images_QF.device)
    for start in range(0, images_QF.shape[1], _FEATURES_PER_PRODUCT):
        part_QF = images_QF[:, start : start + _FEATURES_PER_PRODUCT].float().sub_(_SHIFT)
        part_PF = images_PF[:, start : start + _FEATURES_PER_PRODUCT].float().sub_(_SHIFT)
        distances.sub_(part_QF @ part_PF.T, alpha=2)
        distances.add_(part_QF.square_().sum(dim=1).double()[:, None])
        distances.add_(part_PF.square_().sum(dim=1).double())
    return distances


@contextmanager
def _full_float32() -> Iterator[None]:
    """Float32 products as such, whatever the process allows its network (TF32, bfloat16, autocast)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
