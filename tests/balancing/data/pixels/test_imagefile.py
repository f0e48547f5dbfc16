"""Pages by number, formats that are known and not read, and what is told of each file."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from balancing.data.pixels import imagefile
from balancing.data.pixels.decoding import Manner, decode
from tests.balancing.samples import encoded, noise, png


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_the_page_that_is_asked_for(kind: str) -> None:
    frames = [Image.fromarray(noise(i, 12, 12) // 16 * 16) for i in range(3)]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
    for page in (1, 2, 3):
        found = decode(content, Manner(12, page=page))
        assert not isinstance(found, str)
        np.testing.assert_array_equal(found.pixels, np.asarray(frames[page - 1]))
    for lacks in (content, png(1)):
        assert decode(lacks, Manner(12, page=4)) == "it has no page 4, which --page asks for"
    assert not isinstance(decode(png(1), Manner(12, page=1)), str)


def test_pages_of_a_tiff_have_sizes_of_their_own() -> None:
    pages = [Image.fromarray(noise(1, 9, 14)), Image.fromarray(noise(2, 12, 12).astype(np.uint16) * 257)]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    found = decode(content, Manner(12, page=2))
    assert not isinstance(found, str)
    np.testing.assert_array_equal(found.pixels, noise(2, 12, 12))
    assert (found.width, found.height, found.depth) == (12, 12, 16)


def test_a_late_frame_of_many_pixels_is_not_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.fromarray(noise(i)) for i in range(9)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    monkeypatch.setattr(imagefile, "_MOST_BUILT_UP", 500)
    assert "frames up to --page 9 have too many pixels" in str(decode(content, Manner(12, page=9)))


def test_the_first_of_an_mpo_is_the_picture() -> None:
    frames = [Image.fromarray(noise(i, 12, 12)) for i in range(2)]
    content = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    for page in (None, 1):
        found = decode(content, Manner(12, page=page))
        assert not isinstance(found, str)
        assert found.format == "MPO"
    assert "no page 2" in str(decode(content, Manner(12, page=2)))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "it is HEIC, which is not read; save it as PNG or JPEG"),
        (b"\0\0\0\x18ftypmif1" + b"\0" * 40, "it is HEIF, which"),
        (b"\0\0\0\x1cftypavif" + b"\0" * 40, "it is AVIF, which"),
        (b"\xff\x0a\x00\x10" + b"\0" * 40, "it is JPEG XL, which is not read; save it as PNG or JPEG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0" * 40, "it is JPEG XL, which"),
        (
            b"\x5c\x01\0\0" + b"\0" * 340 + b"n+1\0" + b"\0" * 90,
            "it is NIfTI, a volume, which is not read; save the slices",
        ),
        (b"\x1f\x8b\x08" + b"\0" * 40, "it is packed by gzip (as NIfTI volumes are), which"),
        (b"%PDF-1.7" + b"\0" * 40, "it is PDF, which"),
        (b"II+\0\x08\0\0\0" + b"\0" * 40, "it is a BigTIFF, as slides of tissue are, which"),
    ],
)
def test_formats_that_are_known_and_not_read(content: bytes, what: str) -> None:
    found = decode(content, 12)
    assert isinstance(found, str)
    assert found.startswith(what)


@pytest.mark.parametrize(
    ("pixels", "kind", "depth"),
    [
        (Image.fromarray(noise(1)).convert("1"), "PNG", 1),
        (Image.fromarray(noise(1)).convert("1"), "TIFF", 1),
        (Image.fromarray(noise(1)), "PNG", 8),
        (Image.fromarray(noise(1, channels=3)), "TIFF", 8),
        (Image.fromarray(noise(1).astype(np.uint16)), "PNG", 16),
        (Image.fromarray(noise(1).astype(np.uint16)), "TIFF", 16),
        (Image.fromarray(noise(1).astype(np.uint16)), "JPEG2000", 16),
        (Image.fromarray(noise(1) / np.float32(255)), "TIFF", 32),
    ],
)
def test_the_bits_of_a_value(pixels: Image.Image, kind: str, depth: int) -> None:
    found = decode(encoded(pixels, kind), 12)
    assert not isinstance(found, str)
    assert (found.depth, found.format) == (depth, kind)


def test_the_bits_of_arrays() -> None:
    for dtype, depth in ((bool, 1), (np.uint8, 8), (np.uint16, 16)):
        found = decode(noise(1).astype(dtype), 12)
        assert not isinstance(found, str)
        assert (found.depth, found.format) == (depth, "array")
