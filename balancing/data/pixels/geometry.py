"""From a picture of any shape to a square: squashed, padded with black, or its middle cut out."""

from __future__ import annotations

from PIL import Image


def kept_part(width: int, height: int, resize: str) -> tuple[int, int, int, int]:
    """What of a picture is kept: all of it, or with ``crop`` the square in its middle; (left, top, right, bottom)."""
    if resize != "crop":
        return 0, 0, width, height
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def picture_size(width: int, height: int, size: int, resize: str) -> tuple[int, int]:
    """Width and height of the picture within the square of ``size`` pixels: all of it, but for ``pad``."""
    if resize != "pad" or width == height:
        return size, size
    if width > height:
        return size, max(1, round(height / width * size))
    return max(1, round(width / height * size)), size


def to_square(image: Image.Image, size: int, resize: str, filtered: Image.Resampling) -> Image.Image:
    """The picture as (size, size), by ``resize``: ``squash``, ``pad`` or ``crop``; a square of that size as it is."""
    part = kept_part(image.width, image.height, resize)
    if part != (0, 0, image.width, image.height):
        image = image.crop(part)
    inner = picture_size(image.width, image.height, size, resize)
    if image.size != inner:
        image = image.resize(inner, filtered)
    if inner == (size, size):
        return image
    square = Image.new(image.mode, (size, size))  # black
    square.paste(image, (round((size - inner[0]) / 2), round((size - inner[1]) / 2)))
    return square
