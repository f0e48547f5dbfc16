"""Opens one image file, whoever it came from: few formats, no program of others, bounds before anything is decoded."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image, TiffImagePlugin

# Pillow reads many more. Left out is what runs another program (EPS runs Ghostscript), what no images of patients come
# in, and what is hardly looked after. JPEG stands for MPO, too: JPEGs in a row, as cameras write them.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000", "PPM")

MOST_PIXELS = 89_478_485  # where Pillow begins to warn
MOST_MEMORY = 512 << 20  # bytes that decoding one image may take: each thread decodes one
MOST_ENCODED = 512 << 20  # bytes of an image's file

# What decoding takes at its peak, in bytes a pixel, with the copies that turning and converting make.
_MEMORY = {"1": 3, "L": 2, "P": 9, "I;16": 14, "I;16B": 14, "I;16L": 14, "RGB": 8}
_MEMORY_OTHERS, _MEMORY_TRANSPARENT = 18, 17
# Tags of TIFF.
_SUBFILE, _BITS, _PHOTOMETRIC, _TILE_WIDTH, _TILE_LENGTH = 254, 258, 262, 322, 323
_THUMBNAIL = 1  # the bit of a TIFF page's NewSubfileType that says it is another page in fewer pixels
_MOST_PAGES = 64  # looked at


class BrokenImageError(Exception):
    """Carries the reason, one sentence that begins with "it"."""


def read_image_file(path: Path) -> bytes:
    """All bytes of a regular file, at most ``MOST_ENCODED`` of them.

    Raises:
        BrokenImageError: it is a folder, a device or a pipe, or larger.
        OSError: it cannot be read.
    """
    # A pipe that nobody writes to would be waited for, a device never end.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise BrokenImageError("it is no file, but a folder, a device or a pipe")
        check_encoded(found.st_size)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MOST_ENCODED)
    finally:
        os.close(descriptor)


def check_encoded(size: int) -> None:
    """Raises BrokenImageError for a file of too many bytes."""
    if size > MOST_ENCODED:
        raise BrokenImageError(f"its file has {size:,} bytes; at most {MOST_ENCODED:,} are read")


@contextlib.contextmanager
def opened_image(content: bytes) -> Iterator[Image.Image]:
    """The image of a file's bytes, its header read and nothing else.

    Raises:
        BrokenImageError: no pixels, too many of them, several images in one file, or 16-bit greys whose 0 is white.
        PIL.UnidentifiedImageError: it is in none of ``FORMATS``.
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if image.width == 0 or image.height == 0:
            raise BrokenImageError(f"it is empty: {image.width} x {image.height} pixels")
        check_pixels(image.width, image.height)
        # The first of an MPO is the picture; others are the same for a screen, or its depth.
        if image.format != "MPO" and getattr(image, "is_animated", False) and not _only_thumbnails(image, content):
            raise BrokenImageError("it holds several images (pages or frames); save the one that is meant as a file")
        # Pillow turns those of 8 bits round, and takes these for black where they are white.
        if image.mode.startswith("I;16") and _tags(image).get(_PHOTOMETRIC) == 0:
            raise BrokenImageError(
                "its 16-bit greys run from white to black (a TIFF's WhiteIsZero), which is not read; save it with "
                "black as 0"
            )
        yield image


def check_pixels(width: int, height: int) -> None:
    """Raises BrokenImageError for more than ``MOST_PIXELS``."""
    if width * height > MOST_PIXELS:
        raise BrokenImageError(f"it claims more than {MOST_PIXELS:,} pixels: {width:,} x {height:,}")


def check_memory(image: Image.Image, stored: tuple[int, int]) -> None:
    """Raises BrokenImageError where decoding would take more than ``MOST_MEMORY``, by the header alone.

    Args:
        image: not yet loaded; a JPEG as large as it will be decoded.
        stored: its width and height in the file.
    """
    a_pixel = _MEMORY_TRANSPARENT if image.has_transparency_data else _MEMORY.get(image.mode, _MEMORY_OTHERS)
    needed = image.width * image.height * a_pixel
    if image.info.get("progressive"):  # all coefficients are kept, two bytes each
        needed += stored[0] * stored[1] * len(image.getbands()) * 2
    # A tile is decoded whole, however little of it lies within the image.
    tags = _tags(image)
    bits = tags.get(_BITS, (8,))
    tile = int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_LENGTH, 0)) * sum(bits) // 8
    if tile > MOST_MEMORY:
        raise BrokenImageError(
            f"its tiles of {tile >> 20:,} MiB are larger than the {MOST_MEMORY >> 20} given to an image"
        )
    if needed > MOST_MEMORY:
        raise BrokenImageError(
            f"decoding its {stored[0]:,} x {stored[1]:,} pixels ({image.mode}) would take {needed >> 20:,} MiB of "
            f"memory; at most {MOST_MEMORY >> 20} are given to an image: save it smaller"
        )


def _tags(image: Image.Image) -> Mapping[int, Any]:
    """A TIFF's tags by number; none of any other file."""
    return image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}


def _only_thumbnails(image: Image.Image, content: bytes) -> bool:
    """Whether all further pages of a TIFF say that they are the first one in fewer pixels."""
    if image.format != "TIFF":
        return False
    with Image.open(io.BytesIO(content), formats=("TIFF",)) as pages:
        assert isinstance(pages, TiffImagePlugin.TiffImageFile)
        for page in range(1, _MOST_PAGES):
            try:
                pages.seek(page)
            except EOFError:
                return True
            if not int(pages.tag_v2.get(_SUBFILE, 0)) & _THUMBNAIL:
                return False
    return False
