"""How strongly a JPEG was compressed, told by the tables that its coefficients were divided by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
from PIL import Image

# The table for brightness that the standard gives as an example, and that nearly all programs scale by the quality:
# ITU-T T.81, table K.1.
_STANDARD = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def quality_of(image: Image.Image) -> float:
    """The quality, 1..100, at which libjpeg's table for brightness is nearest to that of a JPEG; NaN of other files."""
    tables = getattr(image, "quantization", None)
    if not tables:
        return math.nan
    table = tables[min(tables)]
    return float(_nearest(tuple(table))) if len(table) == 64 else math.nan


@lru_cache(maxsize=256)  # most sets have few tables
def _nearest(table: Sequence[int]) -> int:
    far = np.abs(_tables() - np.array(table, dtype=np.int64)).sum(axis=1)
    return 1 + int(far.argmin())


@cache
def _tables() -> np.ndarray:
    """(100, 64) int64: libjpeg's table for each quality, 1..100."""
    quality = np.arange(1, 101)[:, None]
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.asarray(np.clip((np.array(_STANDARD).reshape(1, 64) * percent + 50) // 100, 1, 255))
