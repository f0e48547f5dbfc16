"""What a frozen body made of the images of a set, as heads are given it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Vectors:
    """The features of all images of a set.

    Args:
        rows: (N, D) float32, a row for each image, as the body gave them; may be memory-mapped or read-only.
        mean, std: (D,) float32, of the training rows; std is 1 where all training rows are alike.
    """

    rows: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, train: np.ndarray) -> Vectors:
        """Those of an image set, standardised by some of its rows.

        Args:
            rows: (N, D) float32.
            train: (T,) int64, the training rows.
        """
        seen = np.asarray(rows[train], dtype=np.float64)
        mean, std = seen.mean(axis=0), seen.std(axis=0)
        std[std <= 1e-6 * np.maximum(1.0, np.abs(mean))] = 1.0
        return cls(rows, mean.astype(np.float32), std.astype(np.float32))

    @cached_property
    def standard(self) -> np.ndarray:
        """(N, D) float32: standardised, as heads see them and as distances are measured."""
        return (np.asarray(self.rows) - self.mean) / self.std
