"""How the stored greys of a DICOM image become 8 bits, as a viewer shows them.

Modality comes first (rescale slope and intercept, or its table), then

- ``window``: the first window of the file (C.11.2.1.2 of PS3.3: LINEAR, LINEAR_EXACT or SIGMOID);
- ``table``: without a window, the first VOI LUT;
- ``stored``: without either, 8 bits or fewer as they are;
- ``percentiles``: without either, deeper values from the image's own 0.5th percentile (black) to its 99.5th (white),
  and so too where the window shows none of the image's values.

MONOCHROME1 is turned round after that, padding is black. So every file brings its own scale, made by those who took the
image, and the one factor of a set's 16-bit greys (see ``greybits``) is not for them: values of scanners in
Hounsfield units or in those of a detector have no common white. Colours are cut to their upper 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from balancing.data.pixels.imagefile import BrokenImageError

_LOWEST, _HIGHEST = 0.005, 0.995  # of the values that are shown where no window tells
_WAYS = {
    "window": "by the first window in the file",
    "table": "by the table in the file",
    "stored": "as they are stored",
    "percentiles": "stretched from their own 0.5th to 99.5th percentile, for no window fits",
}


def window_note(shown_by: Mapping[str, int], total: int) -> str:
    """What a user should know of how a set's DICOM images became 8 bits.

    Args:
        shown_by: as ``DicomFrame`` has it -> how many images.
        total: all images.
    """
    images = sum(shown_by.values())
    of = f"The {images:,} images" if images == total else f"{images:,} of {total:,} images"
    ways = [f"{shown_by[way]:,} {words}" for way, words in _WAYS.items() if shown_by.get(way)]
    note = f"{of} in DICOM became 8 bits: {', '.join(ways)}."
    if shown_by.get("percentiles"):
        note += " Stretched ones can't be compared in brightness."
    if images < total:
        note += " The others are no DICOM: see that both kinds look alike."
    return note


def to_grey(found: Any, pixels: np.ndarray, frame: int, *, inverted: bool) -> tuple[np.ndarray, str]:
    """(H, W) uint8, and how it is shown; each stored value is looked up once."""
    if int(found.BitsAllocated) == 32:
        stored, codes = np.unique(pixels, return_inverse=True)
        codes = codes.reshape(pixels.shape)
        counts = np.bincount(codes.ravel(), minlength=len(stored))
    else:
        bits = int(found.BitsStored)
        codes = (pixels.view(f"u{pixels.itemsize}") & ((1 << bits) - 1)).astype(np.uint16)
        stored = np.arange(1 << bits, dtype=np.int64)
        if int(found.get("PixelRepresentation") or 0):
            stored[1 << (bits - 1) :] -= 1 << bits
        counts = np.bincount(codes.ravel(), minlength=len(stored))
    padding = _padding(found, stored)
    counts[padding] = 0
    there = counts > 0
    values = _modality(found, stored, frame)
    share, shown_by = _share(found, values, counts, frame)
    if there.any() and shown_by in ("window", "table") and np.ptp(share[there]) == 0 and np.ptp(values[there]) > 0:
        share, shown_by = _percentiles(values, counts), "percentiles"  # it is another image's, or nonsense
    table = np.floor((1 - share if inverted else share) * 255 + 0.5).astype(np.uint8)
    table[padding] = 0
    return table[codes], shown_by


def _padding(found: Any, stored: np.ndarray) -> np.ndarray:
    """Which stored values stand for no image."""
    value = found.get("PixelPaddingValue")
    if value is None:
        return np.zeros(len(stored), dtype=bool)
    limit = found.get("PixelPaddingRangeLimit")
    ends = sorted((int(value), int(value if limit is None else limit)))
    return np.asarray((stored >= ends[0]) & (stored <= ends[1]))


def _of_frame(found: Any, frame: int, group: str, name: str) -> Any:
    """An element of the whole file, or of one frame where it is an enhanced one."""
    value = found.get(name)
    if value is not None:
        return value
    for groups, place in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        items = found.get(groups) or ()
        inner = items[place].get(group) if place < len(items) else None
        if inner and inner[0].get(name) is not None:
            return inner[0].get(name)
    return None


def _number(value: Any) -> float | None:
    """The first of one or several numbers."""
    if value is None or value == "":
        return None
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        return float(value)
    return float(value[0]) if len(value) else None


def _modality(found: Any, stored: np.ndarray, frame: int) -> np.ndarray:
    """Stored values in the units of what was measured, float64."""
    if found.get("ModalityLUTSequence"):
        from pydicom.pixels import apply_modality_lut

        return np.asarray(apply_modality_lut(stored, found), dtype=np.float64)
    slope = _number(_of_frame(found, frame, "PixelValueTransformationSequence", "RescaleSlope"))
    intercept = _number(_of_frame(found, frame, "PixelValueTransformationSequence", "RescaleIntercept"))
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if slope == 0 or not np.isfinite([slope, intercept]).all():
        raise BrokenImageError(f"its values are rescaled by {slope:g} and {intercept:g}, which leaves no image")
    return np.asarray(stored * slope + intercept, dtype=np.float64)


def _share(found: Any, values: np.ndarray, counts: np.ndarray, frame: int) -> tuple[np.ndarray, str]:
    """How white each value is, 0..1, and what tells it."""
    centre = _number(_of_frame(found, frame, "FrameVOILUTSequence", "WindowCenter"))
    width = _number(_of_frame(found, frame, "FrameVOILUTSequence", "WindowWidth"))
    if centre is not None and width is not None and width > 0 and np.isfinite([centre, width]).all():
        function = _of_frame(found, frame, "FrameVOILUTSequence", "VOILUTFunction")
        return windowed(values, centre, width, str(function or "LINEAR").strip().upper()), "window"
    if found.get("VOILUTSequence"):
        from pydicom.pixels import apply_voi

        bits = int(found.VOILUTSequence[0].LUTDescriptor[2])
        whole = np.clip(np.rint(values), -(1 << 31), (1 << 31) - 1).astype(np.int64)
        return np.clip(apply_voi(whole, found) / ((1 << bits) - 1), 0, 1), "table"
    if int(found.BitsStored) <= 8:
        return (values - values.min()) / np.ptp(values), "stored"
    return _percentiles(values, counts), "percentiles"


def windowed(values: np.ndarray, centre: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """How white each value is within a window, 0..1 float64.

    Reference: PS3.3, C.11.2.1.2 and C.11.2.1.3.
    """
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))
    if function == "LINEAR_EXACT" or width < 1:
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return np.asarray(values > centre - 0.5, dtype=np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _percentiles(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """From the image's own 0.5th percentile to its 99.5th.

    Args:
        values: (V,) that can be.
        counts: (V,) pixels that have each.
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order])
    low, high = (values[order][np.searchsorted(below, part * below[-1])] for part in (_LOWEST, _HIGHEST))
    if high <= low:  # nearly all pixels are the same
        present = values[counts > 0]
        low, high = (present.min(), present.max()) if len(present) else (0.0, 1.0)
    return np.clip((values - low) / max(high - low, 1e-12), 0, 1)
