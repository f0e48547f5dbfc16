"""What a source gives of one image, before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Unreadable:
    """Stands for an image that the source could not even fetch.

    Args:
        reason: one sentence.
    """

    reason: str


# Encoded bytes, a file holding them, or pixels: (H, W) or (H, W, 3), uint8, uint16, bool or floats.
Content = bytes | Path | np.ndarray | Unreadable
