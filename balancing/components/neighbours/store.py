"""Keeps nearest neighbours, so that a sweep searches once and not in every trial."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from pathlib import Path

import numpy as np
import torch

from balancing.components.neighbours.search import n_others, nearest_in_both, nearest_neighbours

# At least so many are kept of each query, where there are: a later, larger k is then mostly there, and costs nothing.
_KEPT = 16
_VERSION = b"1"


class NeighbourStore:
    """Nearest neighbours by the rows that were asked for, in memory or in a folder shared by processes.

    The first k of a query's neighbours are its k nearest, so one entry serves every smaller k. Files are written under
    another name and renamed, so none is ever half-made; processes that search for the same at once write the same.
    A file that is damaged, or that cannot be written, costs a search and nothing else.

    Args:
        folder: of ONE set of pixels, made where it is missing; the store does not look at pixels, so its name should
            tell which they are (``ImageSet.fingerprint``). None keeps the entries in memory, for this process.
        device: where to search; the CPU by default.
    """

    def __init__(self, folder: Path | None = None, *, device: torch.device | str | None = None) -> None:
        self.folder = folder
        self.device = device
        self._memory: dict[str, np.ndarray] = {}

    def nearest(self, pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray:
        """As `balancing.components.neighbours.search.nearest_neighbours`."""
        found = self._find(pixels, queries, pool, k)
        if found is None:
            found = nearest_neighbours(pixels, queries, pool, _to_keep(queries, pool, k), device=self.device)
            self._keep(pixels, queries, pool, found)
        return found[:, :k]

    def nearest_in_both(
        self, pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray, k_pool: int, k_queries: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `balancing.components.neighbours.search.nearest_in_both`; shares its entries with ``nearest``."""
        if any(self._find(pixels, queries, rows, k) is not None for rows, k in ((pool, k_pool), (queries, k_queries))):
            in_pool = self.nearest(pixels, queries, pool, k_pool)
            return in_pool, self.nearest(pixels, queries, queries, k_queries)
        in_pool, among_queries = nearest_in_both(
            pixels,
            queries,
            pool,
            _to_keep(queries, pool, k_pool),
            _to_keep(queries, queries, k_queries),
            device=self.device,
        )
        self._keep(pixels, queries, pool, in_pool)
        self._keep(pixels, queries, queries, among_queries)
        return in_pool[:, :k_pool], among_queries[:, :k_queries]

    def _find(self, pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray | None:
        """(Q, >= k) int64, or None where nothing is kept, or too little, or not what was written."""
        if k < 1:
            return None
        key = _key(pixels, queries, pool)
        if self.folder is None:
            found = self._memory.get(key)
        else:
            try:
                found = np.load(self._path(key), allow_pickle=False)
            except (OSError, ValueError, EOFError):
                return None
            if (
                found.ndim != 2
                or len(found) != len(queries)
                or found.dtype != np.int64
                or not np.isin(found, pool).all()
            ):
                return None
        return found if found is not None and found.shape[1] >= k else None

    def _keep(self, pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray, found: np.ndarray) -> None:
        key = _key(pixels, queries, pool)
        if self.folder is None:
            self._memory[key] = found
            return
        path = self._path(key)
        # Named so that what a killed process leaves is known for what it is: see sweep.runs.files.is_unfinished.
        new = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with new.open("xb") as file:
                np.save(file, found, allow_pickle=False)
            os.replace(new, path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / f"nearest-{key}.npy"


def _to_keep(queries: np.ndarray, pool: np.ndarray, k: int) -> int:
    # A k that does not fit stays, for the search to name it.
    return k if k < 1 else max(k, min(_KEPT, n_others(queries, pool)))


def _key(pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray) -> str:
    parts = hashlib.sha256(_VERSION)
    for array in (np.array(pixels.shape), queries, pool):
        rows = np.ascontiguousarray(array, dtype=np.int64)
        parts.update(len(rows).to_bytes(8, "little") + rows.astype("<i8").tobytes())
    return parts.hexdigest()[:32]
