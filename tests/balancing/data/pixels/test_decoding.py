"""Pixels equal Pillow's own, whatever the file's mode; broken files give a reason, never an exception."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from balancing.data.phantom import Phantom
from balancing.data.pixels import decoding
from balancing.data.pixels.decoding import BadImage, BadImages, Decoded, decode, decode_all
from tests.balancing.samples import encoded, noise, png

SIZE = 16


def decoded(content: bytes | np.ndarray | Path, size: int = SIZE) -> Decoded:
    result = decode(content, size)
    assert isinstance(result, Decoded), result
    return result


def resized(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_grey_is_pillows_antialiased_bilinear(kind: str) -> None:
    data = encoded(noise(1, 40, 30), kind)
    result = decoded(data)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(result.pixels, resized(image))
    assert (result.width, result.height, result.channels) == (30, 40, 1)
    assert result.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_colour_is_pillows(kind: str) -> None:
    data = encoded(noise(2, 40, 30, 3), kind)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(decoded(data).pixels, resized(image))


def radiograph(height: int, width: int, channels: int = 1) -> np.ndarray:
    """(H, W) or (H, W, channels) uint8: a drawing enlarged, with grain; the channels differ."""
    drawing = Image.fromarray(Phantom(48, 400).draw(5)).resize((width, height), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 2, (height, width))
    grey = np.clip(np.asarray(drawing) + grain, 0, 255).astype(np.uint8)
    if channels == 1:
        return grey
    return np.stack([grey, 255 - grey, grey // 2, np.roll(grey, 40, axis=1)][:channels], axis=-1)


@pytest.mark.parametrize(
    ("height", "width"),
    [(1000, 1300), (700, 2000), (1900, 500), (480, 1500), (494, 494), (895, 901), (1801, 1001), (2200, 3001)],
)
@pytest.mark.parametrize(("mode", "orientation"), [("L", 1), ("L", 3), ("L", 6), ("RGB", 1), ("RGB", 8), ("CMYK", 1)])
def test_a_large_jpeg_is_near_the_exact_resize(height: int, width: int, mode: str, orientation: int) -> None:
    stored = Image.fromarray(radiograph(height, width, len(mode)), mode="CMYK" if mode == "CMYK" else None)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, "JPEG", quality=90, exif=exif)
    result = decoded(data, 224)
    with Image.open(io.BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened)
        if mode == "CMYK":
            upright = upright.convert("RGB")
        exact = np.asarray(upright.resize((224, 224), Image.Resampling.BILINEAR))
    assert result.pixels.shape == exact.shape
    far = np.abs(result.pixels.astype(np.int16) - exact)
    if min(height, width) < 2.2 * 224:
        assert far.max() == 0  # decoded in full
    else:
        assert 0 < far.mean() < 1
        assert far.max() < 50
    assert (result.width, result.height, result.channels) == (width, height, len(mode))
    assert result.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(("height", "width"), [(10, 12), (SIZE, SIZE), (17, 19), (35, 300)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_small_jpeg_is_exact(height: int, width: int, channels: int) -> None:
    data = encoded(noise(14, height, width, channels), "JPEG")
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened) if opened.size == (SIZE, SIZE) else resized(opened)
    np.testing.assert_array_equal(decoded(data).pixels, expected)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_other_large_images_are_exact(kind: str) -> None:
    image = Image.fromarray(noise(15, 200, 300, 3))
    np.testing.assert_array_equal(decoded(encoded(image, kind)).pixels, resized(image))


def test_equal_channels_become_one() -> None:
    grey = noise(3, 20, 20)
    result = decoded(encoded(np.repeat(grey[..., None], 3, axis=-1)))
    np.testing.assert_array_equal(result.pixels, decoded(encoded(grey)).pixels)
    assert result.channels == 3


def test_an_image_of_the_wanted_size_is_untouched() -> None:
    grey = noise(4, SIZE, SIZE)
    np.testing.assert_array_equal(decoded(encoded(grey)).pixels, grey)
    np.testing.assert_array_equal(decoded(grey).pixels, grey)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_is_scaled_over_its_full_range(kind: str) -> None:
    deep = np.random.default_rng(5).integers(0, 65536, (SIZE, SIZE), dtype=np.uint16)
    deep[0, :4] = 0, 65535, 128, 129
    result = decoded(encoded(deep, kind)).pixels
    np.testing.assert_array_equal(result, np.floor(deep / 257 + 0.5).astype(np.uint8))
    assert result[0, :4].tolist() == [0, 255, 0, 1]
    np.testing.assert_array_equal(decoded(deep).pixels, result)


def test_transparency_lies_over_black() -> None:
    rgba = noise(6, SIZE, SIZE, 4)
    expected = np.round(rgba[..., :3].astype(float) * rgba[..., 3:] / 255)
    assert np.abs(decoded(encoded(rgba)).pixels.astype(float) - expected).max() <= 1
    grey_alpha = Image.fromarray(noise(7, SIZE, SIZE)).convert("LA")
    grey_alpha.putalpha(0)
    result = decoded(encoded(grey_alpha)).pixels
    assert result.shape == (SIZE, SIZE)
    assert not result.any()


def test_palettes_one_bit_and_cmyk_are_converted() -> None:
    colour = Image.fromarray(noise(8, SIZE, SIZE, 3))
    palette = colour.convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(decoded(encoded(palette)).pixels, np.asarray(palette.convert("RGB")))
    assert decoded(encoded(palette)).channels == 1
    palette.info["transparency"] = 0
    clear = np.asarray(palette) == 0
    assert not decoded(encoded(palette, transparency=0)).pixels[clear].any()
    one_bit = colour.convert("1")
    np.testing.assert_array_equal(decoded(encoded(one_bit)).pixels, np.asarray(one_bit.convert("L")))
    data = encoded(colour.convert("CMYK"), "JPEG")
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(decoded(data).pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = noise(9, SIZE, SIZE)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = Image.fromarray(upright)
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decoded(encoded(stored, exif=exif)).pixels, upright)


def test_files_arrays_and_bytes_agree(tmp_path: Path) -> None:
    data = png(10)
    (tmp_path / "x.png").write_bytes(data)
    of_bytes, of_file, of_array = decoded(data), decoded(tmp_path / "x.png"), decoded(noise(10))
    np.testing.assert_array_equal(of_bytes.pixels, of_file.pixels)
    np.testing.assert_array_equal(of_bytes.pixels, of_array.pixels)
    assert of_bytes.sha256 == of_file.sha256
    assert of_array.sha256 == hashlib.sha256(noise(10).tobytes()).hexdigest()
    assert decoded(np.ones((3, 3), dtype=bool)).pixels.min() == 255


def _bomb() -> bytes:
    """A PNG of a few bytes that claims 30000 x 30000 pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 10000, 10000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty: 0 bytes"),
        (b"no image at all", "it is no image in a format that can be read"),
        (encoded(noise(11, 200, 200), "JPEG")[:3000], "truncated"),
        (encoded(noise(12, 200, 200), "PNG")[:3000], "truncated"),
        (np.zeros((0, 4), dtype=np.uint8), "it is empty: 0 x 4 pixels"),
        (np.zeros((4, 4), dtype=np.complex64), "its pixels are complex64"),
        (encoded(Image.new("I", (4, 4), 70000), "TIFF"), "its pixels are int32 and not all in 0..65535"),
        (Path("does-not-exist.png"), "its file does not exist"),
        (_bomb(), "it claims more than 89,478,485 pixels"),
    ],
)
def test_what_cannot_be_read_gives_its_reason(content: bytes | np.ndarray | Path, reason: str) -> None:
    [result] = decode_all([content], SIZE, workers=1)
    assert isinstance(result, str)
    assert reason in result


def test_order_is_kept_and_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = 0
    most = 0
    lock = threading.Lock()

    def slow(content: bytes, size: int, bits: int) -> str:
        time.sleep(0.001 * (content[0] % 3))
        return str(content[0])

    def contents():  # type: ignore[no-untyped-def]
        nonlocal ahead, most
        for i in range(100):
            with lock:
                ahead += 1
                most = max(most, ahead)
            yield bytes([i])

    monkeypatch.setattr(decoding, "decode", slow)
    results = []
    for result in decode_all(contents(), SIZE, workers=3):
        with lock:
            ahead -= 1
        results.append(result)
    assert results == [str(i) for i in range(100)]
    assert most <= 4 * 3


def test_the_list_of_bad_images_is_cut_in_the_message_only() -> None:
    error = BadImages([BadImage(f"x{i}.png", "it is empty") for i in range(25)], 100)
    assert len(error.bad) == 25
    text = str(error)
    assert text.startswith(
        "25 of 100 images cannot be read; repair or remove them, or go on without them with --skip-bad"
    )
    assert "x19.png: it is empty" in text
    assert "x20.png" not in text
    assert "... and 5 more" in text
