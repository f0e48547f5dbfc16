"""Exact nearest neighbours among images, by blocks, on the CPU or a GPU."""

from __future__ import annotations

import numpy as np
import torch

from balancing.components.neighbours.products import products, signed, squared_norms

_EXCLUDED = torch.iinfo(torch.int64).max
# The queries are held while the pool passes by in pieces, so that 50,000 images of 224 x 224 are read few times.
_BLOCK_BYTES = 256 * 2**20
# Large enough for products and topk to be fast, small enough for most pairs of common rows to be met once.
_PIECE_BYTES = 24 * 2**20
_LARGEST_PIECE = 2048
# Distances held at a time. Beyond 32 MB the C library asks the system for fresh pages each time, which is slow.
_KEYS = 2**21


def nearest_neighbours(
    pixels: np.ndarray,
    queries: np.ndarray,
    pool: np.ndarray,
    k: int,
    *,
    device: torch.device | str | None = None,
    block: int | None = None,
) -> np.ndarray:
    """For each query image the k nearest other images of the pool, by Euclidean distance of their pixels.

    Exact: squared distances are whole numbers, from products in which nothing is rounded (see ``products``). Equal
    distances are ordered by place in ``pool``, so the result depends neither on ``block`` nor on the device or the
    number of threads. Images equal in all channels may be given with one: their order is the same.

    A query is left out of its own neighbours by its row.

    Args:
        pixels: (N, ...) uint8; only the rows in ``queries`` and ``pool`` are read, a block at a time.
        queries: (Q,) int64, rows of ``pixels``.
        pool: (P,) int64, rows of ``pixels``, none twice; may contain queries.
        k: in 1..P, or 1..P-1 where a query is in the pool.
        device: where to compute; the CPU by default.
        block: query images held at a time, with no more of the pool; by default so many of both that they take at
            most 280 MiB, or one image each, and 2**21 distances at a time.
    Returns:
        (Q, k) int64, rows of ``pixels``, nearest first.
    Raises:
        ValueError: pixels are not uint8, a row is twice in the pool, k does not fit it, or block < 1.
        IndexError: a row is not one of ``pixels``.
    """
    search = _Search(pixels, queries, pool, device, block)
    search.require(k, search.n_available)
    return search.nearest(search.run(k, k)[0])


def nearest_in_both(
    pixels: np.ndarray,
    queries: np.ndarray,
    pool: np.ndarray,
    k_pool: int,
    k_queries: int,
    *,
    device: torch.device | str | None = None,
    block: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """For each query its nearest in the pool, and its nearest among the queries, from one set of distances.

    Equal to ``nearest_neighbours(pixels, queries, pool, k_pool)`` and
    ``nearest_neighbours(pixels, queries, queries, k_queries)``.

    Args:
        pixels, pool, device, block: as there.
        queries: (Q,) int64, a part of the pool, in the pool's order.
        k_pool: in 1..P-1.
        k_queries: in 1..Q-1.
    Returns:
        (Q, k_pool) and (Q, k_queries) int64, rows of ``pixels``, nearest first.
    Raises:
        ValueError: as there, or the queries are not a part of the pool in its order.
        IndexError: a row is not one of ``pixels``.
    """
    search = _Search(pixels, queries, pool, device, block)
    # Their order settles ties among them; it has to be one order.
    if not np.array_equal(search.pool[np.isin(search.pool, search.queries)], search.queries):
        raise ValueError("the queries must be a part of the pool, in its order")
    search.require(k_pool, search.n_available)
    search.require(k_queries, len(search.queries) - 1)
    in_pool, among_queries = search.run(max(k_pool, k_queries), k_pool)
    return search.nearest(in_pool), search.nearest(among_queries[:, :k_queries])


def n_others(queries: np.ndarray, pool: np.ndarray) -> int:
    """The largest k for these rows: the pool's images, but for the query where one is in the pool."""
    return len(pool) - int(np.isin(queries, pool).any())


class _Search:
    """One search: queries by blocks, and for each block the pool by pieces.

    Rows that are in both, here called common, come first on either side, so each pair of them is multiplied once and
    serves both.

    A neighbour is one whole number, (|p|^2 - 2qp) * P + its place in the pool: distance first (but for the query's own
    |q|^2, which changes no order), place second, so ties have one order everywhere.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        queries: np.ndarray,
        pool: np.ndarray,
        device: torch.device | str | None,
        block: int | None,
    ) -> None:
        self.pixels = pixels
        self.queries, self.pool = np.asarray(queries, dtype=np.int64), np.asarray(pool, dtype=np.int64)
        self.device = torch.device(device or "cpu")
        if pixels.dtype != np.uint8:
            raise ValueError(f"pixels must be uint8, but are {pixels.dtype}")
        for rows in (self.queries, self.pool):
            if len(rows) and not 0 <= rows.min() <= rows.max() < len(pixels):
                raise IndexError(f"rows must lie in 0..{len(pixels) - 1}, but reach {rows.min()}..{rows.max()}")
        if len(np.unique(self.pool)) != len(self.pool):
            raise ValueError("a row is more than once in the pool; give each row once")
        if block is not None and block < 1:
            raise ValueError(f"block must be at least 1, but is {block}")
        self.n_available = n_others(self.queries, self.pool)
        self.n_features = max(1, int(np.prod(pixels.shape[1:])))
        self.piece = max(1, min(_LARGEST_PIECE, _PIECE_BYTES // self.n_features, block or _LARGEST_PIECE))
        if block is None:
            block = max(self.piece, min(_KEYS // self.piece, _BLOCK_BYTES // self.n_features))
        # Whole pieces, so that a piece of common rows lies in one block.
        self.block = block // self.piece * self.piece

        rows, self._where = np.unique(self.queries, return_inverse=True)
        common = np.isin(rows, self.pool)
        order = np.argsort(~common, kind="stable")
        self.rows = rows[order]  # queries, each once
        self._where = np.argsort(order)[self._where]
        self.n_common = int(common.sum())
        by_row = np.argsort(self.pool)
        common_places = by_row[np.searchsorted(self.pool, self.rows[: self.n_common], sorter=by_row)]
        rest_places = by_row[~np.isin(self.pool[by_row], rows)]
        self.rest = self.pool[rest_places]
        self._common_keys, self._rest_keys = (
            torch.from_numpy(places).to(self.device) for places in (common_places, rest_places)
        )

    def require(self, k: int, largest: int) -> None:
        if not 1 <= k <= largest:
            raise ValueError(f"k must lie in 1..{largest}, the other images of the pool, but is {k}")

    def nearest(self, keys: torch.Tensor) -> np.ndarray:
        """(Q, k) rows, from the (Q', k) keys of the distinct queries."""
        return self.pool[keys.remainder(len(self.pool)).cpu().numpy()][self._where]

    def run(self, k_common: int, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The smallest keys of each distinct query, in order: (Q', k) of the pool, (Q', k_common) of common rows."""
        with torch.inference_mode():
            best_common = self._no_keys(k_common)
            best_rest = self._no_keys(k)
            sizes = (min(self.block, len(self.rows)), self.piece)
            held, passing = (np.empty((size, self.n_features), dtype=np.uint8) for size in sizes)
            for start in range(0, len(self.rows), self.block):
                images_QF = self._read(self.rows[start : start + self.block], held)
                self._add_norms(self._common_keys, start, images_QF[: max(0, self.n_common - start)])
                for first in range(0, min(start + self.block, self.n_common), self.piece):
                    self._meet_common(best_common, images_QF, start, first, passing)
                for first in range(0, len(self.rest), self.piece):
                    images_PF = self._read(self.rest[first : first + self.piece], passing)
                    if start == 0:
                        self._add_norms(self._rest_keys, first, images_PF)
                    keys = self._keys(self._rest_keys[first : first + len(images_PF)], products(images_QF, images_PF))
                    _keep_smallest(best_rest[start : start + self.block], keys)
            best = torch.cat([best_common, best_rest], dim=1).topk(k, dim=1, largest=False, sorted=True).values
        return best, best_common

    def _meet_common(
        self, best: torch.Tensor, images_QF: torch.Tensor, start: int, first: int, passing: np.ndarray
    ) -> None:
        """The block of queries from ``start`` and the piece of common rows from ``first``, each for the other."""
        end, last = start + len(images_QF), min(first + self.piece, self.n_common)
        inside = first >= start
        images_PF = images_QF[first - start : last - start] if inside else self._read(self.rows[first:last], passing)
        # A block's rows before the piece met it when they were the piece.
        after = max(start, first)
        products_QP = products(images_QF[after - start :], images_PF)
        keys = self._keys(self._common_keys[first:last], products_QP)
        if inside:
            keys[: last - first].fill_diagonal_(_EXCLUDED)
        _keep_smallest(best[after:end], keys)
        after_piece, end = max(start, last), min(end, self.n_common)
        if after_piece < end:
            back_PQ = products_QP[after_piece - after : end - after].T
            _keep_smallest(best[first:last], self._keys(self._common_keys[after_piece:end], back_PQ))

    def _no_keys(self, k: int) -> torch.Tensor:
        return torch.full((len(self.rows), k), _EXCLUDED, device=self.device)

    def _read(self, rows: np.ndarray, buffer: np.ndarray) -> torch.Tensor:
        """(n, F) int8 on the device, valid until the buffer is read into again."""
        # One buffer for all: the pages of a fresh one take longer to get than the images.
        target = buffer[: len(rows)]
        images = target.reshape(len(rows), *self.pixels.shape[1:])
        if self.pixels.flags.c_contiguous:
            self.pixels.take(rows, axis=0, out=images, mode="clip")  # other modes go through a copy
        else:
            images[...] = self.pixels[rows]
        return signed(torch.from_numpy(target).to(self.device))

    def _add_norms(self, places: torch.Tensor, first: int, images: torch.Tensor) -> None:
        """Turns the places of these images into |p|^2 * P + place; each image comes here once."""
        if len(images):
            places[first : first + len(images)] += squared_norms(images) * len(self.pool)

    def _keys(self, norm_keys_P: torch.Tensor, products_QP: torch.Tensor) -> torch.Tensor:
        return torch.add(norm_keys_P, products_QP, alpha=-2 * len(self.pool))


def _keep_smallest(best_QK: torch.Tensor, keys_QP: torch.Tensor) -> None:
    """The smallest of both stay in ``best_QK``, in order."""
    k = best_QK.shape[1]
    few = keys_QP.topk(min(k, keys_QP.shape[1]), dim=1, largest=False, sorted=False).values
    best_QK.copy_(torch.cat([best_QK, few], dim=1).topk(k, dim=1, largest=False, sorted=True).values)
