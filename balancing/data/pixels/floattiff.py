"""TIFFs of floating-point pixels that Pillow does not know: 16 or 64 bits, or colours; uncompressed, in strips."""

from __future__ import annotations

import math

import numpy as np

from balancing.data.pixels.imagefile import (
    MOST_MEMORY,
    SEVERAL,
    BrokenImageError,
    check_pixels,
    no_such_page,
)

_WIDTH, _HEIGHT, _BITS, _PACKED, _WHITE, _OFFSETS, _SAMPLES, _LENGTHS, _PLANES, _PREDICTED, _FORMAT = (
    *(256, 257, 258, 259, 262, 273, 277, 279, 284, 317, 339),
)
_USUAL = {_BITS: [1], _PACKED: [1], _SAMPLES: [1], _PLANES: [1], _PREDICTED: [1], _FORMAT: [1], _WHITE: [1]}
_TYPES = {3: "u2", 4: "u4"}  # SHORT and LONG
_MOST_PAGES = 10_000  # passed over


def read_float_tiff(content: bytes, page: int | None = None) -> np.ndarray | None:
    """(H, W) or (H, W, 3) floats of a TIFF, or of its page ``page`` (counted from 1); None for any other file.

    Raises:
        BrokenImageError: it is cut off or too large, holds several pages and no ``page``, or fewer than ``page``.
    """
    if content[:4] not in (b"II*\0", b"MM\0*"):
        return None
    if page is not None and page > _MOST_PAGES:
        raise no_such_page(page)
    order = "<" if content[:2] == b"II" else ">"
    try:
        place = int(_numbers(content, 4, order + "u4", 1)[0])
        for _ in range((page or 1) - 1):
            place = _directory(content, place, order)[1]
            if not place:
                raise no_such_page(page or 1)
        tags, following = _directory(content, place, order)
    except ValueError:  # cut off
        return None
    if not _is_read(tags):
        return None
    if page is None and following:
        raise BrokenImageError(SEVERAL)
    width, height, samples = (int(tags[name][0]) for name in (_WIDTH, _HEIGHT, _SAMPLES))
    check_pixels(width, height)
    value = np.dtype(f"{order}f{tags[_BITS][0] // 8}")
    needed = width * height * samples * value.itemsize
    if 4 * needed > MOST_MEMORY:
        raise BrokenImageError(
            f"decoding its {width:,} x {height:,} floating-point pixels would take {4 * needed >> 20:,} MiB of memory; "
            f"at most {MOST_MEMORY >> 20} are given to an image: save it smaller"
        )
    strips = zip(tags[_OFFSETS], tags[_LENGTHS], strict=False)
    data = b"".join(content[start : start + min(length, needed)] for start, length in strips)[:needed]
    if len(data) < needed:
        raise BrokenImageError(f"it is truncated: {len(data):,} of {needed:,} bytes of its pixels are there")
    pixels = np.frombuffer(data, value).reshape((height, width, samples)[: 2 + (samples > 1)])
    return pixels.astype(value.newbyteorder("="))


def _is_read(tags: dict[int, list[int]]) -> bool:
    """Whether a page is of floats, in a form that is read."""
    bits, samples = tags[_BITS], tags[_SAMPLES][0]
    return (
        bool(tags.get(_WIDTH, [0])[0] and tags.get(_HEIGHT, [0])[0])
        and samples in (1, 3)
        and set(bits) in ({16}, {32}, {64})
        and set(tags[_FORMAT]) == {3}
        and tags[_PACKED] == tags[_PLANES] == tags[_PREDICTED] == [1]
        and tags[_WHITE] in ([1], [2])
        and 0 < len(tags.get(_OFFSETS, ())) == len(tags.get(_LENGTHS, ()))
        and sum(tags[_LENGTHS]) <= 2 * math.prod((tags[_WIDTH][0], tags[_HEIGHT][0], samples, bits[0] // 8))
    )


def _directory(content: bytes, place: int, order: str) -> tuple[dict[int, list[int]], int]:
    """A page's tags of whole numbers, and where the next page's begin (0: nowhere).

    Raises:
        ValueError: it lies behind the end of the file.
    """
    count = int(_numbers(content, place, order + "u2", 1)[0])
    tags = {name: list(values) for name, values in _USUAL.items()}
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        name, kind = _numbers(content, entry, order + "u2", 2).tolist()
        if (name in _USUAL or name in (_WIDTH, _HEIGHT, _OFFSETS, _LENGTHS)) and kind in _TYPES:
            number = int(_numbers(content, entry + 4, order + "u4", 1)[0])
            value = order + _TYPES[kind]
            inline = number * np.dtype(value).itemsize <= 4
            at = entry + 8 if inline else int(_numbers(content, entry + 8, order + "u4", 1)[0])
            tags[name] = _numbers(content, at, value, number).tolist() or [0]
    return tags, int(_numbers(content, place + 2 + 12 * count, order + "u4", 1)[0])


def _numbers(content: bytes, place: int, value: str, count: int) -> np.ndarray:
    """``count`` whole numbers of a file; ValueError where they lie behind its end."""
    if place + count * np.dtype(value).itemsize > len(content):
        raise ValueError("behind the end")
    return np.frombuffer(content, value, count, place)
