"""How many of its 16 bits a set of images uses: one factor takes the greys of all of them to 8 bits.

Scanners measure 10, 12 or 14 bits, and converters from DICOM write them into 16-bit files as they are. Divided by 257,
as full 16-bit greys are, 12 bits would keep 17 grey levels, nearly black. Scaled by what each image uses, the images
would lose how bright they are beside each other. So the whole set has one factor.

Floating-point pixels have one range for the whole set, too: 0..1, -1..1, or that of so many bits (0..255, 0..4095 ...),
the first of these that holds them all. Where a set fits two of them (its largest is 1.3) nothing is guessed.

DICOM images stand apart: each brings its own window, by which it becomes 8 bits (see ``dicom_grey``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

BITS = (8, 10, 12, 14, 16)  # as detectors and formats have them
UNIT = (0.0, 1.0)
_SIGNED = (-1.0, 1.0)
_ROUNDING = 1e-3  # that floats may lie outside of 0..1 and -1..1
_DOUBTFUL = 16  # floats from 1 to here are too bright for 0..1, where filters overshoot, and too dark for 0..255
_SURELY_SIGNED = -0.25  # floats from here to 0 may be what filters undershoot


def bits_for(brightest: int) -> int:
    """The fewest of ``BITS`` that hold a grey of 0..65535."""
    return next(bits for bits in BITS if brightest < 1 << bits)


@cache
def to_8_bits(bits: int) -> np.ndarray:
    """(65536,) uint8: each 16-bit grey as 255 * grey / (2 ** bits - 1), rounded; greys beyond that are white."""
    largest = (1 << bits) - 1
    greys = np.minimum(np.arange(1 << 16, dtype=np.int64), largest)
    table = ((2 * 255 * greys + largest) // (2 * largest)).astype(np.uint8)
    table.setflags(write=False)
    return table


def float_range(lowest: float, highest: float) -> tuple[float, float] | None:
    """(black, white) of a set of floating-point images by its least and largest value; None where they tell none."""
    if lowest < -_ROUNDING:
        return _SIGNED if lowest <= _SURELY_SIGNED and holds(_SIGNED, lowest, highest) else None
    if 1 + _ROUNDING < highest <= _DOUBTFUL:
        return None
    ranges = [UNIT, *((0.0, float((1 << bits) - 1)) for bits in BITS)]
    return next((one for one in ranges if holds(one, lowest, highest)), None)


def holds(scale: tuple[float, float], lowest: float, highest: float) -> bool:
    """Whether values from ``lowest`` to ``highest`` lie between black and white, but for rounding."""
    slack = _ROUNDING if scale[1] <= 1 else 0.5
    return scale[0] - _ROUNDING <= lowest and highest <= scale[1] + slack


def floats_to_8_bits(pixels: np.ndarray, black: float, white: float) -> np.ndarray:
    """uint8 of the same shape: ``black`` as 0, ``white`` as 255, rounded; what lies beyond is cut."""
    scaled = (pixels.astype(np.float32) - np.float32(black)) * np.float32(255 / (white - black))
    scaled += np.float32(0.5)
    np.clip(scaled, 0, 255, out=scaled)
    return scaled.astype(np.uint8)


def float_note(images: int, total: int, black: float, white: float) -> str:
    """What a user should know of a set with floating-point images."""
    of = f"The {images:,} images" if images == total else f"{images:,} of {total:,} images"
    return f"{of} with floating-point pixels lie within {black:g}..{white:g}: {black:g} is black, {white:g} white."


def grey_note(used: Mapping[int, int], total: int) -> str:
    """What a user should know of a set with 16-bit greys.

    Args:
        used: number of bits -> how many images with 16-bit greys use so many.
        total: all images.
    """
    deep, bits = sum(used.values()), max(used)
    of = f"The {deep:,} images" if deep == total else f"{deep:,} of {total:,} images"
    use = f"use all {bits} bits" if bits == 16 else f"use {bits} bits"
    note = f"{of} with 16-bit greys {use}: all of them are scaled alike, so that {(1 << bits) - 1:,} is white."
    if len(used) > 1:
        each = ", ".join(f"{images:,} use {n}" for n, images in sorted(used.items()))
        note += f" By their brightest greys {each}: see that those of fewer bits are no others that stay dark."
    if deep < total:
        note += " The others have 8 bits and stay as they are: see that both kinds are equally bright."
    return note
