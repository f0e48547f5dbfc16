"""Squash, pad and crop equal Pillow's own operations by hand, for files, arrays, drafted JPEGs and masks alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from balancing.data.images import load_images
from balancing.data.masks import fitted_mask, load_masks, read_mask
from balancing.data.options import RESIZE
from balancing.data.pixels.decoding import Decoded, Manner, decode
from balancing.errors import UserError
from tests.balancing.samples import encoded, noise, write_files

SIZE = 16
SHAPES = [(40, 30), (31, 50), (16, 16), (16, 9), (7, 7), (5, 90)]


def by_hand(image: Image.Image, resize: str, size: int = SIZE, filtered: int = Image.Resampling.BILINEAR) -> np.ndarray:
    if resize == "pad":
        return np.asarray(ImageOps.pad(image, (size, size), Image.Resampling(filtered), color=0))
    if resize == "crop":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    return np.asarray(image.resize((size, size), filtered))


def read(content: bytes | np.ndarray, resize: str, size: int = SIZE) -> np.ndarray:
    found = decode(content, Manner(size, resize=resize))
    assert isinstance(found, Decoded), found
    return found.pixels


@pytest.mark.parametrize("resize", RESIZE)
@pytest.mark.parametrize(("height", "width"), SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_files_and_arrays_are_pillows(resize: str, height: int, width: int, channels: int) -> None:
    pixels = noise(1, height, width, channels)
    expected = by_hand(Image.fromarray(pixels), resize)
    np.testing.assert_array_equal(read(encoded(pixels), resize), expected)
    np.testing.assert_array_equal(read(pixels, resize), expected)


def test_a_line_of_pixels_keeps_one_line() -> None:
    found = read(np.full((5, 900), 200, dtype=np.uint8), "pad")
    assert (found.any(axis=1).sum(), found.max()) == (1, 200)


def test_16_bit_greys_and_turned_images_are_padded_alike() -> None:
    deep = (noise(2, 24, 40).astype(np.uint16) * 257).astype(np.uint16)
    expected = by_hand(Image.fromarray((deep // 257).astype(np.uint8)), "pad")
    np.testing.assert_array_equal(read(encoded(deep), "pad"), expected)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying
    image = Image.fromarray(noise(3, 24, 40))
    turned = image.transpose(Image.Transpose.ROTATE_270)
    for resize in RESIZE:
        np.testing.assert_array_equal(read(encoded(image, exif=exif), resize), by_hand(turned, resize))


@pytest.mark.parametrize(("height", "width"), [(1000, 1300), (1900, 500), (400, 2200), (820, 819)])
@pytest.mark.parametrize("resize", RESIZE)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_drafted_jpeg_is_near_the_exact_one(height: int, width: int, resize: str, orientation: int) -> None:
    rows, columns = np.mgrid[:height, :width]
    smooth = 127 + 60 * np.sin(rows / 40) + 60 * np.cos(columns / 55)
    image = Image.fromarray(smooth.astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read(encoded(image, "JPEG", quality=92, exif=exif), resize, 96).astype(int)
    upright = image.transpose(Image.Transpose.ROTATE_270) if orientation == 6 else image
    exact = by_hand(upright, resize, 96)
    assert np.abs(found - exact).mean() < 1.5
    if resize == "pad":  # what is black beside the picture
        inside = np.zeros((96, 96), dtype=bool)
        long = max(height, width)
        high, wide = round(96 * upright.height / long), round(96 * upright.width / long)
        top, left = round((96 - high) / 2), round((96 - wide) / 2)
        inside[top : top + high, left : left + wide] = True
        assert not found[~inside].any()
        assert (found[inside] > 0).mean() > 0.95


@pytest.mark.parametrize("resize", RESIZE)
@pytest.mark.parametrize(("height", "width"), SHAPES[:4])
def test_masks_follow_their_images(tmp_path: Path, resize: str, height: int, width: int) -> None:
    inside = noise(4, height, width) > 127
    (tmp_path / "m.png").write_bytes(encoded(inside))
    expected = by_hand(Image.fromarray(inside), resize, filtered=Image.Resampling.NEAREST)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png", SIZE, resize), expected)
    np.testing.assert_array_equal(fitted_mask(inside, SIZE, resize), expected)


@pytest.mark.parametrize("resize", RESIZE)
def test_a_set_and_its_masks_have_one_geometry(tmp_path: Path, resize: str) -> None:
    """A bright square, and its mask, come to lie on each other."""
    files, masks = {}, {}
    for i in range(6):
        pixels = np.full((60, 40), 20, dtype=np.uint8)
        pixels[20 + i : 40 + i, 10:30] = 220
        files[f"{'ab'[i % 2]}/{i}.png"] = encoded(pixels)
        masks[f"{i}.png"] = encoded(pixels > 100)
    write_files(tmp_path / "masks", masks)
    found = load_images(str(write_files(tmp_path / "set", files)), image_size=32, workers=1, resize=resize)
    inside = load_masks(tmp_path / "masks", found).of(np.arange(6))
    assert (inside == (found.pixels > 120)).mean() > 0.97
    assert inside.any()
    squashed = load_images(str(tmp_path / "set"), image_size=32, workers=1)
    assert (found.fingerprint == squashed.fingerprint) == (resize == "squash")


def test_another_word_is_refused() -> None:
    with pytest.raises(UserError, match="--resize can't be 'stretch'"):
        load_images("x", image_size=32, resize="stretch")
