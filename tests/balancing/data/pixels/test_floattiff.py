"""TIFFs of floats that Pillow does not know, against the array they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from balancing.data.pixels.decoding import Decoded, Manner, decode
from balancing.data.pixels.floattiff import read_float_tiff
from tests.balancing.samples import encoded, float_tiff, noise, png


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strips", [1, 4])
def test_the_array_comes_back(dtype: type, order: str, channels: int, strips: int) -> None:
    pixels = (noise(1, 13, 9, channels) / 255).astype(dtype)
    found = read_float_tiff(float_tiff(pixels, order=order, strips=strips))
    assert found is not None
    np.testing.assert_array_equal(found, pixels)


def test_pillow_reads_what_it_knows_alike() -> None:
    pixels = (noise(2, 13, 9) / 255).astype(np.float32)
    by_pillow, by_us = (decode(data, 9) for data in (encoded(Image.fromarray(pixels), "TIFF"), float_tiff(pixels)))
    assert isinstance(by_pillow, Decoded)
    assert isinstance(by_us, Decoded)
    np.testing.assert_array_equal(by_pillow.pixels, by_us.pixels)
    sixty_four = decode(float_tiff(pixels.astype(np.float64)), 9)
    assert isinstance(sixty_four, Decoded)
    np.testing.assert_array_equal(sixty_four.pixels, by_us.pixels)
    assert (sixty_four.format, sixty_four.depth, by_us.depth) == ("TIFF", 64, 32)


def test_pages() -> None:
    pages = [noise(i, 9, 9) / 255 for i in range(3)]
    content = float_tiff(*pages)
    assert "name the one that is meant by --page N" in str(decode(content, 9))
    for page in (1, 2, 3):
        found = decode(content, Manner(9, page=page))
        assert isinstance(found, Decoded)
        np.testing.assert_array_equal(found.pixels, noise(page - 1, 9, 9))
    assert decode(content, Manner(9, page=4)) == "it has no page 4, which --page asks for"


def test_others_are_left_alone() -> None:
    pixels = noise(3) / 255
    for content in (b"", b"II*\0", png(1), float_tiff(pixels, predictor=3), encoded(noise(1), "TIFF")):
        assert read_float_tiff(content) is None
    assert "a TIFF whose kind of pixels is not known" in str(decode(float_tiff(pixels, predictor=3), 9))


def test_damage_never_raises() -> None:
    content = float_tiff(noise(4, 20, 20) / 255, strips=3)
    rng = np.random.default_rng(0)
    damaged = [content[:cut] for cut in rng.integers(0, len(content), 50)]
    for place in [*range(8), *rng.integers(len(content) - 200, len(content), 300)]:
        changed = bytearray(content)
        changed[place] = rng.integers(256)
        damaged.append(bytes(changed))
    reasons = [found for found in (decode(one, 9) for one in damaged) if isinstance(found, str)]
    assert len(reasons) > 50
    assert all(reason and "\n" not in reason for reason in reasons)
    assert "it is truncated" in " ".join(reasons)
