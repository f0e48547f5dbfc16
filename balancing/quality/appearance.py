"""What an image looks like where no disease is: its corners, its border, and marks or burnt-in text near the border."""

from __future__ import annotations

import numpy as np

from balancing.data.pixels.pooling import pooled

CORNERS = ("top left", "top right", "bottom left", "bottom right")
CORNER_NAMES = tuple(f"corner brightness at {corner}" for corner in CORNERS)
BORDER, BORDER_CONTRAST, MARKS = "border brightness", "border contrast", "marks or text near the border"
# A corner is an eighth of the side, the border's frame a thirty-second of it.
CORNER, FRAME = 8, 32
# A stroke is brighter by this than what lies on both sides of it, a sixty-fourth of the side away (2 pixels at least),
# and nearly as bright as anything in the image: ribs are not.
STROKE, BRIGHT = 75, 0.9
_STROKE_SIDE, _LEAST_SIDE = 64, 2
# Strokes are counted in fields of a grid, of which the outer two rings are looked at: text stands near the border.
_FIELDS, _RINGS = 8, 2


def corner_side(side: int) -> int:
    """Pixels of a corner's side in an image of so many."""
    return max(1, side // CORNER)


def frame_width(side: int) -> int:
    """Pixels of the border's frame in an image of so many a side."""
    return max(1, side // FRAME)


def grey(pixels: np.ndarray) -> np.ndarray:
    """(N, H, W) uint8 of (N, H, W) or (N, H, W, 3) uint8: the mean of the channels, cut to whole levels."""
    return pixels if pixels.ndim == 3 else (pixels.sum(axis=3, dtype=np.uint16) // 3).astype(np.uint8)


def appearance(pixels: np.ndarray, block: int = 16) -> dict[str, np.ndarray]:
    """Numbers of each image, read once in blocks that fit a processor's cache.

    Args:
        pixels: (N, H, W) or (N, H, W, 3) uint8; may be memory-mapped.
    Returns:
        Name -> (N,) float64: ``CORNER_NAMES`` and ``BORDER`` (means of levels 0..255), ``BORDER_CONTRAST`` (standard
        deviation of the frame; 0 where it is of one level), ``MARKS`` (see ``marks``).
    """
    found = {name: np.empty(len(pixels)) for name in (*CORNER_NAMES, BORDER, BORDER_CONTRAST, MARKS)}
    for start in range(0, len(pixels), block):
        part = grey(np.asarray(pixels[start : start + block]))
        rows = slice(start, start + len(part))
        ring = _ring(part)
        values = [*_corners(part), ring.mean(axis=1), ring.std(axis=1), marks(part)]
        for column, value in zip(found.values(), values, strict=True):
            column[rows] = value
    return found


def _corners(images: np.ndarray) -> list[np.ndarray]:
    """(N,) mean of each of ``CORNERS``."""
    high, wide = (corner_side(side) for side in images.shape[1:])
    halves = (images[:, :high], images[:, -high:])
    return [part.mean(axis=(1, 2)) for half in halves for part in (half[:, :, :wide], half[:, :, -wide:])]


def _ring(images: np.ndarray) -> np.ndarray:
    """(N, P) the pixels of the border's frame."""
    high, wide = (frame_width(side) for side in images.shape[1:])
    middle = images[:, high:-high]
    parts = (images[:, :high], images[:, -high:], middle[:, :, :wide], middle[:, :, -wide:])
    return np.concatenate([part.reshape(len(images), -1) for part in parts], axis=1)


def strokes(images: np.ndarray) -> np.ndarray:
    """Which pixels are of thin bright strokes, as letters and rulers have them.

    A stroke's pixel is brighter by ``STROKE`` than both what lies left and right of it, or above and below, at a small
    distance, and has ``BRIGHT`` of the image's highest level or more. So a lesion, which is wider than a letter's line,
    has none, nor has the edge of a collimator, which is bright on one side, nor have most ribs.

    Args:
        images: (N, H, W) uint8.
    Returns:
        (N, H, W) bool.
    """
    found = np.zeros(images.shape, dtype=bool)
    for axis in (1, 2):
        apart = max(_LEAST_SIDE, images.shape[axis] // _STROKE_SIDE)
        if images.shape[axis] <= 2 * apart:
            continue
        before, middle, after = (_cut(images, axis, start, apart) for start in range(3))
        beside = np.maximum(before, after)
        # Levels are whole numbers of one byte, so what is added must not run over.
        brighter = (middle >= np.minimum(beside, 255 - STROKE) + STROKE) & (beside < 255 - STROKE)
        _cut(found, axis, 1, apart)[...] |= brighter
    return found & (images >= BRIGHT * images.max(axis=(1, 2), keepdims=True))


def marks(images: np.ndarray) -> np.ndarray:
    """The largest share of ``strokes`` in any field near the border.

    Args:
        images: (N, H, W) uint8.
    Returns:
        (N,) float64 in 0..1.
    """
    shares = pooled(strokes(images), _FIELDS)
    inner = tuple(slice(_RINGS, side - _RINGS) for side in shares.shape[1:])
    shares[(slice(None), *inner)] = 0
    return shares.max(axis=(1, 2))


def _cut(images: np.ndarray, axis: int, start: int, apart: int) -> np.ndarray:
    """A view of all but two steps of an axis, from step 0, 1 or 2."""
    length = images.shape[axis] - 2 * apart
    cut = [slice(None)] * images.ndim
    cut[axis] = slice(start * apart, start * apart + length)
    return images[tuple(cut)]


def corner_of(images: np.ndarray, corner: str) -> np.ndarray:
    """(..., h, w) the box of one of ``CORNERS`` in images of (..., H, W), as it is measured."""
    high, wide = (corner_side(side) for side in images.shape[-2:])
    rows = slice(0, high) if corner.startswith("top") else slice(-high, None)
    columns = slice(0, wide) if corner.endswith("left") else slice(-wide, None)
    return images[..., rows, columns]
