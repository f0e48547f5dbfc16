"""How many rows each class should have: ``sampling_strategy``, shared by all samplers.

``sampling_strategy`` r in (0, 1] is the wanted ratio of a smaller class to the largest. For two classes it is
imbalanced-learn's float; 1 is its ``"auto"`` for any number of classes. Where imbalanced-learn refuses because a class
is already beyond the ratio, that class is left alone here.
"""

from __future__ import annotations

import numpy as np

from balancing.components.ranges import FloatRange

SAMPLING_STRATEGY = FloatRange(0.5, 1.0, default=1.0, minimum=0.001)


def rows_to_add(class_counts: np.ndarray, sampling_strategy: float) -> np.ndarray:
    """Over-sampling: how many rows raise each class to ``int(sampling_strategy * largest)``.

    Args:
        class_counts: (C,) int64.
        sampling_strategy: in (0, 1].
    Returns:
        (C,) int64 >= 0; 0 for the largest class and for every class already there.
    """
    missing = np.max(class_counts) * sampling_strategy - class_counts
    return np.maximum(missing, 0).astype(np.int64)


def most_rows(class_counts: np.ndarray, sampling_strategy: float) -> int:
    """Under-sampling: how many rows a class may keep, ``int(smallest / sampling_strategy)``.

    Args:
        class_counts: (C,) int64.
        sampling_strategy: in (0, 1].
    """
    return int(np.min(class_counts) / sampling_strategy)
