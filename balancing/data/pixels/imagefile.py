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
_MOST_BUILT_UP = 8 * MOST_PIXELS  # pixels of the frames before the one that is meant: each is painted over the last

# What people have and we don't read, by the first bytes: what it is, and what to do.
_AS_PICTURES = "save it as PNG or JPEG"
_UNREAD = (
    (0, b"\xff\x0a", "JPEG XL", _AS_PICTURES),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL", _AS_PICTURES),
    (0, b"II\xbc", "JPEG XR", _AS_PICTURES),
    (344, b"n+1\0", "NIfTI, a volume", "save the slices that are meant as PNG"),
    (344, b"ni1\0", "NIfTI, a volume", "save the slices that are meant as PNG"),
    (0, b"\x1f\x8b", "packed by gzip (as NIfTI volumes are)", "unpack it, and save the slices of a volume as PNG"),
    (0, b"NRRD", "NRRD, a volume", "save the slices that are meant as PNG"),
    (0, b"ObjectType", "MetaImage, a volume", "save the slices that are meant as PNG"),
    (0, b"%PDF", "PDF", _AS_PICTURES),
    (0, b"8BPS", "a Photoshop document", _AS_PICTURES),
    (0, b"PK\x03\x04", "a zip file", "unpack it"),
    (0, b"\x93NUMPY", "an array of NumPy", "save all of them as one .npz, or as PNG"),
    (0, b"\x89HDF", "HDF5", "save its images as PNG"),
    (0, b"II*\0", "a TIFF whose kind of pixels is not known", "save it with 8 or 16 bits a value, or as PNG"),
    (0, b"MM\0*", "a TIFF whose kind of pixels is not known", "save it with 8 or 16 bits a value, or as PNG"),
    (0, b"II+\0", "a BigTIFF, as slides of tissue are", "save the parts that are meant as PNG or JPEG"),
    (0, b"MM\0+", "a BigTIFF, as slides of tissue are", "save the parts that are meant as PNG or JPEG"),
)
_HEIF = {b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"avif": "AVIF"}


SEVERAL = (
    "it holds several images (pages or frames); name the one that is meant by --page N, counted from 1, or save it as "
    "a file"
)


class BrokenImageError(Exception):
    """Carries the reason, one sentence that begins with "it"."""


def no_such_page(page: int) -> BrokenImageError:
    return BrokenImageError(f"it has no page {page}, which --page asks for")


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
def opened_image(content: bytes, page: int | None = None) -> Iterator[Image.Image]:
    """The image of a file's bytes, its header read and nothing else.

    Args:
        content: of the file.
        page: which of several pages or frames, counted from 1; None where a file holds one.
    Raises:
        BrokenImageError: no pixels, too many of them, several images in one file and no ``page``, fewer than ``page``,
            or 16-bit greys whose 0 is white.
        PIL.UnidentifiedImageError: it is in none of ``FORMATS``.
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        _check_area(image)
        # The first of an MPO is the picture; others are the same for a screen, or its depth.
        several = image.format != "MPO" and getattr(image, "is_animated", False)
        if page is not None and page > 1:
            _turn_to(image, page, several=several)
        elif page is None and several and not _only_thumbnails(image, content):
            raise BrokenImageError(SEVERAL)
        # Pillow turns those of 8 bits round, and takes these for black where they are white.
        if image.mode.startswith("I;16") and _tags(image).get(_PHOTOMETRIC) == 0:
            raise BrokenImageError(
                "its 16-bit greys run from white to black (a TIFF's WhiteIsZero), which is not read; save it with "
                "black as 0"
            )
        yield image


def unread_format(content: bytes) -> str | None:
    """Why a file can't be read, by the first bytes of formats that are known and not read; None of any other."""
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF:
        return f"it is {_HEIF[content[8:12]]}, which is not read; {_AS_PICTURES}"
    for offset, begins, what, advice in _UNREAD:
        if content.startswith(begins, offset):
            return f"it is {what}, which is not read; {advice}"
    return None


def _turn_to(image: Image.Image, page: int, *, several: bool) -> None:
    """Opens another page; those of a TIFF stand for themselves, frames of others are painted over each other."""
    if several and image.format != "TIFF" and page * image.width * image.height > _MOST_BUILT_UP:
        raise BrokenImageError(f"its {page:,} frames up to --page {page} have too many pixels; save that one as a file")
    try:
        if not several:
            raise EOFError
        image.seek(page - 1)
    except EOFError:
        raise no_such_page(page) from None
    _check_area(image)


def _check_area(image: Image.Image) -> None:
    if image.width == 0 or image.height == 0:
        raise BrokenImageError(f"it is empty: {image.width} x {image.height} pixels")
    check_pixels(image.width, image.height)


def stored_bits(image: Image.Image, content: bytes) -> int:
    """How many bits a value has in a file that is opened and not yet loaded."""
    bits = _tags(image).get(_BITS)
    if bits:
        return int(bits[0])
    if content[12:16] == b"IHDR":
        return content[24]  # of its first chunk, IHDR
    if image.mode == "1":
        return 1
    if image.mode == "F":
        return 32
    if image.mode.startswith("I") or any(";16" in str(tile.args) for tile in getattr(image, "tile", ())):
        return 16
    return 8


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
