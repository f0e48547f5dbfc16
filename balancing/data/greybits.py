"""How many of its 16 bits a set of images uses: one factor takes the greys of all of them to 8 bits.

Scanners measure 10, 12 or 14 bits, and converters from DICOM write them into 16-bit files as they are. Divided by 257,
as full 16-bit greys are, 12 bits would keep 17 grey levels, nearly black. Scaled by what each image uses, the images
would lose how bright they are beside each other. So the whole set has one factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

BITS = (8, 10, 12, 14, 16)  # as detectors and formats have them


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
