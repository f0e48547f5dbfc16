"""TrainingPlan: what a technique on the data does, as rows and weights instead of copied pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrainingPlan:
    """Which rows train, and which synthetic ones are made between which parents.

    Training row m is ``pixels[base[m]] + weight[m] * (pixels[mate[m]] - pixels[base[m]])``, in the 0..255 scale
    of the stored pixels; where ``base[m] == mate[m]`` the row is a real image. Nothing is materialised: a trial
    mixes each batch when it is needed, on its device. Of a sampler on features, these stand in place of pixels.

    Args:
        base: (M,) int64, rows of the image set.
        mate: (M,) int64, rows of the image set.
        weight: (M,) float64 in [-1, 1]; 0 for real rows. Below 0 a row lies beyond its base, away from its mate, and
            pixels are clipped to their scale.
        labels: (M,) int64, the class of each training row.
    Raises:
        ValueError: the four arrays differ in length, or a weight leaves [-1, 1].
    """

    base: np.ndarray
    mate: np.ndarray
    weight: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        lengths = {len(self.base), len(self.mate), len(self.weight), len(self.labels)}
        if len(lengths) != 1:
            raise ValueError(f"base, mate, weight and labels must be equally long, but have lengths {sorted(lengths)}")
        if len(self.weight) and not (self.weight.min() >= -1.0 and self.weight.max() <= 1.0):
            raise ValueError(f"weights must lie in [-1, 1], but reach {self.weight.min()}..{self.weight.max()}")

    def __len__(self) -> int:
        return len(self.base)

    @classmethod
    def of_rows(cls, rows: np.ndarray, labels: np.ndarray) -> TrainingPlan:
        """A plan of real images alone.

        Args:
            rows: (M,) int, rows of the image set, repeats allowed.
            labels: (M,) int, their classes.
        """
        rows = np.asarray(rows, dtype=np.int64)
        return cls(rows, rows.copy(), np.zeros(len(rows)), np.asarray(labels, dtype=np.int64))

    @classmethod
    def joined(cls, plans: Sequence[TrainingPlan]) -> TrainingPlan:
        """The rows of several plans for the same image set, one plan after the other; at least one plan."""
        return cls(
            np.concatenate([plan.base for plan in plans]),
            np.concatenate([plan.mate for plan in plans]),
            np.concatenate([plan.weight for plan in plans]),
            np.concatenate([plan.labels for plan in plans]),
        )

    @property
    def synthetic(self) -> np.ndarray:
        """(M,) bool: the row is made between two images."""
        return self.base != self.mate

    def class_counts(self, n_classes: int) -> np.ndarray:
        """(C,) int64: how many rows of each class a training epoch sees."""
        return np.bincount(self.labels, minlength=n_classes)

    def realise(self, pixels: np.ndarray, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """The training rows as arrays, for tests, galleries and other tools.

        Args:
            pixels: (N, ...) the image set's pixels, any real dtype.
            rows: which of the M training rows; all by default.
        Returns:
            (M', ...) float64 in the scale of ``pixels``.
        """
        base = pixels[self.base[rows]].astype(np.float64)
        mate = pixels[self.mate[rows]].astype(np.float64)
        weight = self.weight[rows].reshape(-1, *[1] * (base.ndim - 1))
        rows_of_pixels = base + weight * (mate - base)
        return np.clip(rows_of_pixels, 0, 255) if pixels.dtype == np.uint8 else rows_of_pixels


@dataclass(frozen=True)
class EpochPlans:
    """A plan for each epoch, drawn anew: equal arguments give equal plans, so that a resumed trial needs no state.

    Args:
        of: epoch, from 1 -> its plan.
    """

    of: Callable[[int], TrainingPlan]

    @classmethod
    def always(cls, plan: TrainingPlan) -> EpochPlans:
        """The same plan in each epoch."""
        return cls(lambda epoch: plan)
