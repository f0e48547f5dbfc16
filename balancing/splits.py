"""Which rows train, validate and test: patient-safe and stratified; the official test split is never touched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Three disjoint sets of rows.

    Args:
        train, validation, test: (n,) int64, sorted rows of the image set.
        notes: sentences on what was taken from where and why; the run prints them.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...] = ()
