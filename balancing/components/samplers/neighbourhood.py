"""What cleaning samplers share: neighbours among rows that become fewer, majorities, and refusals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balancing.components.axes import TrainingData
from balancing.errors import UserError

# Neighbours that are looked up of each row at once, so that most still have enough when some are gone.
_DEPTH = 16


class Neighbourhood:
    """Nearest neighbours among the training rows, by their positions 0..T-1, and among parts of them.

    Args:
        data: T training rows.
    """

    def __init__(self, data: TrainingData) -> None:
        self.data, self.labels, self.n_classes = data, data.train_labels, data.n_classes
        self._order = np.argsort(data.rows)
        self._nearest = np.empty((len(data.rows), 0), dtype=np.int64)

    def nearest(self, kept: np.ndarray, k: int) -> np.ndarray:
        """The k nearest others among (K,) int64 positions, none twice: (K, k) positions, nearest first; k < K."""
        if self._nearest.shape[1] < k:
            depth = max(k, min(_DEPTH, len(self.labels) - 1))
            self._nearest = self._positions(self.data.nearest(self.data.rows, self.data.rows, depth))
        inside = np.zeros(len(self.labels), dtype=bool)
        inside[kept] = True
        known = self._nearest[kept]
        there = inside[known]
        found = np.take_along_axis(known, np.argsort(~there, axis=1, kind="stable")[:, :k], axis=1)
        short = there.sum(axis=1) < k
        if short.any():
            pool = self.data.rows[inside]
            found[short] = self._positions(self.data.nearest(self.data.rows[kept[short]], pool, k))
        return found

    def _positions(self, rows: np.ndarray) -> np.ndarray:
        return self._order[np.searchsorted(self.data.rows, rows, sorter=self._order)]


def agree(own: np.ndarray, neighbours: np.ndarray, kind_sel: str) -> np.ndarray:
    """Whether neighbours are of one's own class.

    Args:
        own: (K,) int64, classes.
        neighbours: (K, k) int64, the classes of the neighbours.
        kind_sel: "all" of them, or their "mode", of equally frequent classes the first.
    Returns:
        (K,) bool.
    """
    if kind_sel == "all":
        same: np.ndarray = (neighbours == own[:, None]).all(axis=1)
        return same
    majority: np.ndarray = most_frequent(neighbours) == own
    return majority


def most_frequent(labels: np.ndarray) -> np.ndarray:
    """(K,) int64: the most frequent of (K, k) int64 labels in each row, of equally frequent ones the lowest."""
    times = (labels[:, :, None] == np.arange(int(labels.max(initial=0)) + 1)).sum(axis=1)
    found: np.ndarray = times.argmax(axis=1)
    return found


def first_smallest(labels: np.ndarray) -> int:
    """Of the smallest classes among (T,) int64 labels the one whose first row comes first."""
    classes, first, counts = np.unique(labels, return_index=True, return_counts=True)
    return int(classes[min(range(len(classes)), key=lambda i: (counts[i], first[i]))])


def check_rows(name: str, counts: Mapping[str, int], parameter: str, k: int) -> None:
    """Raises UserError where there are too few training images for k neighbours of each."""
    n_images = sum(counts.values())
    if n_images <= k:
        raise UserError(
            f"there are {n_images} training images, but {name} with {parameter}={k} needs at least {k + 1}; choose "
            "undersampling or add images"
        )


def refuse_empty(name: str, data: TrainingData, counts: np.ndarray) -> None:
    """Raises UserError where a class has none of the (C,) int64 rows that are left."""
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        label = int(empty[0])
        raise UserError(
            f"{name} would leave none of the {data.class_counts[label]} training images of class "
            f"{data.class_name(label)}, judged by their nearest neighbours; choose undersampling, or another sampler "
            "that cleans less"
        )


def refuse_few(name: str, data: TrainingData, kept: np.ndarray, k: int) -> None:
    """Raises UserError where of (K,) int64 positions there are too few for k neighbours of each."""
    if len(kept) <= k:
        raise UserError(
            f"{name} would leave {len(kept)} of the {len(data.rows)} training images before it is done, too few to ask "
            f"{k} neighbours of each; choose undersampling, or another sampler that cleans less"
        )
