"""Image sets by hand, for the checks of quality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from balancing.data.images import ImageSet


def image_set(labels: np.ndarray, pixels: np.ndarray | None = None, **other: Any) -> ImageSet:
    """Images of the given classes; grey noise of 16 pixels a side, where none are given."""
    n = len(labels)
    noise = np.random.default_rng(0).integers(0, 256, (n, 16, 16), dtype=np.uint8)
    given: dict[str, Any] = {
        "pixels": noise if pixels is None else pixels,
        "labels": labels,
        "class_names": ("healthy", "ill", "worse")[: max(2, int(labels.max()) + 1)],
        "splits": np.full(n, "train"),
        "names": np.array([f"{i}.png" for i in range(n)]),
        "patients": None,
        "sha256": np.array([f"{i:064x}" for i in range(n)]),
        "widths": np.full(n, 100),
        "heights": np.full(n, 100),
        "channels": np.ones(n, dtype=np.int64),
        "masks_path": None,
        "source": "drawn",
        "fingerprint": "f" * 16,
        "pixels_path": Path("none.npy"),
    }
    return ImageSet(**{**given, **other})
