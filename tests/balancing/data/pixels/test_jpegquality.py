"""The quality that is told is the one a JPEG was saved with."""

from __future__ import annotations

import io
import math

import pytest
from PIL import Image

from balancing.data.pixels.decoding import Decoded, decode
from balancing.data.pixels.jpegquality import quality_of
from tests.balancing.samples import encoded, noise

SIZE = 16


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", range(10, 100, 5))
def test_it_is_pillows_within_1(quality: int, channels: int) -> None:
    found = decode(encoded(noise(1, 40, 30, channels), "JPEG", quality=quality), SIZE)
    assert isinstance(found, Decoded)
    assert abs(found.quality - quality) <= 1
    assert (found.format, found.depth) == ("JPEG", 8)


def test_a_drafted_and_a_progressive_one_tell_it_too() -> None:
    for more in ({}, {"progressive": True}):
        found = decode(encoded(noise(2, 400, 400), "JPEG", quality=70, **more), SIZE)
        assert isinstance(found, Decoded)
        assert found.quality == 70


def test_other_tables_give_the_nearest() -> None:
    flat = [7] * 64
    with Image.open(io.BytesIO(encoded(noise(3, 16, 16), "JPEG", qtables=[flat]))) as image:
        found = quality_of(image)
    assert 85 <= found <= 97


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "GIF", "WEBP", "BMP"])
def test_other_files_have_none(kind: str) -> None:
    found = decode(encoded(noise(4), kind), SIZE)
    assert isinstance(found, Decoded)
    assert math.isnan(found.quality)
    assert found.format == kind
