"""What a frozen body made of the images of a set, as heads are given it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Source:
    """Where trials find the body, for what they look at besides the images as they are.

    Args:
        run: the run folder, which keeps the body.
        folder: where its vectors are kept; see ``frozen.store``.
        device: the kind of device that it computes on, ``cpu`` or ``cuda``.
        also: where others may lie, and nothing is written; "" for nowhere.
    """

    run: str
    folder: str
    device: str = "cpu"
    also: str = ""


@dataclass(frozen=True)
class Vectors:
    """The features of all images of a set.

    Args:
        rows: (N, D) float32, a row for each image, as the body gave them; may be memory-mapped or read-only.
        mean, std: (D,) float32, of the training rows; std is 1 where all training rows are alike.
        source: where views and mixtures of images come from; None where nothing but the images is looked at.
        kept: trial id -> what the trial was made of them; see ``frozen.rows``.
    """

    rows: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    source: Source | None = None
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, rows: np.ndarray, train: np.ndarray, source: Source | None = None) -> Vectors:
        """Those of an image set, standardised by some of its rows.

        Args:
            rows: (N, D) float32.
            train: (T,) int64, the training rows.
            source: of views and mixtures.
        """
        seen = np.asarray(rows[train], dtype=np.float64)
        mean, std = seen.mean(axis=0), seen.std(axis=0)
        std[std <= 1e-6 * np.maximum(1.0, np.abs(mean))] = 1.0
        return cls(rows, mean.astype(np.float32), std.astype(np.float32), source)

    @cached_property
    def standard(self) -> np.ndarray:
        """(N, D) float32: standardised, as heads see them and as distances are measured."""
        return (np.asarray(self.rows) - self.mean) / self.std
