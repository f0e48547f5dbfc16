"""Keeps nearest neighbours, so that a sweep searches once and not in every trial."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from balancing.components.neighbours.real import nearest_real
from balancing.components.neighbours.search import n_others, nearest_in_both, nearest_neighbours
from balancing.components.neighbours.spaces import VectorSpace

if TYPE_CHECKING:
    from balancing.components.axes import TrainingData

# At least so many are kept of each query, where there are: a later, larger k is then mostly there, and costs nothing.
_KEPT = 16
_VERSION = b"1"
# Of what is kept of vectors, this much stays in memory beside the folder: trials of one process ask for the same.
_MEMORY_BYTES = 64 * 2**20


class NeighbourStore:
    """Nearest neighbours by the rows that were asked for, in memory or in a folder shared by processes.

    The first k of a query's neighbours are its k nearest, so one entry serves every smaller k. Files are written under
    another name and renamed, so none is ever half-made; processes that search for the same at once write the same.
    A file that is damaged, or that cannot be written, costs a search and nothing else.

    Args:
        folder: of ONE set of pixels, made where it is missing; the store does not look at pixels, so its name should
            tell which they are (``ImageSet.fingerprint``). None keeps the entries in memory, for this process. Of
            vectors there may be several sets: their entries are named by what the vectors are.
        device: where to search; the CPU by default.
    """

    def __init__(self, folder: Path | None = None, *, device: torch.device | str | None = None) -> None:
        self.folder = folder
        self.device = device
        self._memory: dict[str, np.ndarray] = {}

    def nearest(self, pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray:
        """As `balancing.components.neighbours.search.nearest_neighbours`."""
        key = _key(_of_pixels(pixels), queries, pool)
        found = self._find(key, queries, pool, k)
        if found is None:
            found = nearest_neighbours(pixels, queries, pool, _to_keep(queries, pool, k), device=self.device)
            self._keep(key, found)
        return found[:, :k]

    def nearest_in_both(
        self, pixels: np.ndarray, queries: np.ndarray, pool: np.ndarray, k_pool: int, k_queries: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `balancing.components.neighbours.search.nearest_in_both`; shares its entries with ``nearest``."""
        in_pool_key, among_key = (_key(_of_pixels(pixels), queries, rows) for rows in (pool, queries))
        asked = ((in_pool_key, pool, k_pool), (among_key, queries, k_queries))
        if any(self._find(key, queries, rows, k) is not None for key, rows, k in asked):
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
        self._keep(in_pool_key, in_pool)
        self._keep(among_key, among_queries)
        return in_pool[:, :k_pool], among_queries[:, :k_queries]

    def nearest_vectors(self, space: VectorSpace, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray:
        """As `balancing.components.neighbours.real.nearest_real`."""
        key = _key(_of_vectors(space), queries, pool)
        found = self._find(key, queries, pool, k)
        if found is None:
            found = nearest_real(space, queries, pool, _to_keep(queries, pool, k))
            self._keep(key, found)
        self._remember(key, found)
        return found[:, :k]

    def rows_once(
        self, space: VectorSpace, what: str, given: np.ndarray, pool: np.ndarray, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """Rows that follow from vectors alone, whatever the random state: made once.

        Args:
            what: what is made, and its parameters.
            given: (G,) int64, what else they follow from.
            pool: (P,) int64, rows that they are among.
            make: returns (n,) int64.
        Returns:
            (n,) int64.
        """
        key = _key(_of_vectors(space) + what.encode(), given, pool)
        found = self._read(key)
        if found is None or found.ndim != 1 or found.dtype != np.int64 or not np.isin(found, pool).all():
            found = make()
            self._keep(key, found)
        self._remember(key, found)
        return found

    def _find(self, key: str, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray | None:
        """(Q, >= k) int64, or None where nothing is kept, or too little, or not what was written."""
        if k < 1:
            return None
        found = self._read(key)
        if found is None:
            return None
        if key not in self._memory and (
            found.ndim != 2 or len(found) != len(queries) or found.dtype != np.int64 or not np.isin(found, pool).all()
        ):
            return None
        return found if found.shape[1] >= k else None

    def _read(self, key: str) -> np.ndarray | None:
        if key in self._memory or self.folder is None:
            return self._memory.get(key)
        try:
            found: np.ndarray = np.load(self._path(key), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return found

    def _remember(self, key: str, found: np.ndarray) -> None:
        """Keeps it in memory beside the folder; what was asked for longest ago goes."""
        if self.folder is None:
            return
        self._memory.pop(key, None)
        self._memory[key] = found
        while sum(kept.nbytes for kept in self._memory.values()) > _MEMORY_BYTES:
            self._memory.pop(next(iter(self._memory)))

    def _keep(self, key: str, found: np.ndarray) -> None:
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


def rows_once(data: TrainingData, what: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Training rows that follow from vectors and labels alone: kept where neighbours are; of pixels made each time.

    Args:
        what: what is made, with all parameters that change it.
        make: returns (n,) int64.
    """
    if data.neighbours is None or not isinstance(data.space, VectorSpace):
        return make()
    return data.neighbours.rows_once(data.space, what, data.train_labels, data.rows, make)


def _to_keep(queries: np.ndarray, pool: np.ndarray, k: int) -> int:
    # A k that does not fit stays, for the search to name it.
    return k if k < 1 else max(k, min(_KEPT, n_others(queries, pool)))


def _of_pixels(pixels: np.ndarray) -> bytes:
    return _bytes_of(np.array(pixels.shape))


def _of_vectors(space: VectorSpace) -> bytes:
    return b"vectors" + bytes.fromhex(space.fingerprint)


def _key(of: bytes, queries: np.ndarray, pool: np.ndarray) -> str:
    return hashlib.sha256(_VERSION + of + _bytes_of(queries) + _bytes_of(pool)).hexdigest()[:32]


def _bytes_of(array: np.ndarray) -> bytes:
    rows = np.ascontiguousarray(array, dtype=np.int64)
    return len(rows).to_bytes(8, "little") + rows.astype("<i8").tobytes()
